"""The order of the blogs, and who has a place on the list."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from buzz.core.ranking.posts import Post
from buzz.core.ranking.scoring import age, score, scored_on
from buzz.model import Blog, BlogStatus, Feed, FeedState, LeftOut, RankedBlog, Ranking

ACTIVE_WINDOW_DAYS = 30
ENTER_PERCENT = 90  # of the list's size: a newcomer enters at this rank or better
STAY_PERCENT = 115  # a member stays up to this rank

_NEVER = datetime.min.replace(tzinfo=UTC)


def rank(
    blogs: Iterable[Blog],
    feeds: Mapping[str, Feed],
    registered: Mapping[str, datetime],
    posts: Sequence[Post],
    marks: Sequence[LeftOut | None],
    *,
    as_of: datetime,
    size: int,
    half_life_days: float,
    former: Collection[str] = (),
    held: Mapping[str, int | None] | None = None,
) -> Ranking:
    """Return the ranking of all blogs that are not paused.

    Ties: more active days in 30, then the later entry, then registered earlier, then the slug.

    Args:
        blogs: the registry.
        feeds: by slug; a blog without one was never polled.
        registered: by slug, when the blog came into the registry.
        posts: of the last :func:`reading_days` days, known at ``as_of``.
        marks: what :func:`eligible` says of them.
        as_of: aware UTC.
        size: places of the list, > 0.
        half_life_days: more than 0.
        former: slugs of the list before this one.
        held: by slug, the rank at which a blog is held; None: it had none, and comes last.
    """
    days: defaultdict[str, Counter[date]] = defaultdict(Counter)
    latest: dict[str, datetime] = {}
    for post, mark in zip(posts, marks, strict=True):
        if mark is None:
            days[post.blog][post.day] += 1
            latest[post.blog] = max(post.at, latest.get(post.blog, post.at))
    unplaced = [
        _scored(
            blog.slug,
            feeds.get(blog.slug),
            days[blog.slug],
            latest.get(blog.slug),
            as_of=as_of,
            half_life_days=half_life_days,
        )
        for blog in blogs
        if blog.status is not BlogStatus.PAUSED
    ]
    unplaced.sort(
        key=lambda b: (
            -b.score,
            -b.active_days_30,
            -(b.last_published or _NEVER).timestamp(),
            registered.get(b.slug, as_of),
            b.slug,
        )
    )
    held = held or {}
    ordered = _with_held(unplaced, held)
    order = [blog.slug for blog in ordered if blog.score > 0 or blog.held]
    listed = places(order, former, size, held)
    return Ranking(
        as_of=as_of,
        size=size,
        half_life_days=half_life_days,
        blogs=tuple(
            replace(blog, rank=number, listed=blog.slug in listed)
            for number, blog in enumerate(ordered, 1)
        ),
    )


def _scored(
    slug: str,
    feed: Feed | None,
    posts_a_day: Mapping[date, int],
    last_published: datetime | None,
    *,
    as_of: datetime,
    half_life_days: float,
) -> RankedBlog:
    """Return a blog with its score and figures, before it has a rank."""
    on = scored_on(feed, as_of)
    recent = [posts for day, posts in posts_a_day.items() if age(day, on) < ACTIVE_WINDOW_DAYS]
    return RankedBlog(
        rank=0,
        slug=slug,
        score=score(posts_a_day, on, half_life_days),
        listed=False,
        active_days_30=len(recent),
        entries_30=sum(recent),
        last_published=last_published,
        status=feed.state if feed else FeedState.NEW,
        scored_on=on,
    )


def _with_held(blogs: Sequence[RankedBlog], held: Mapping[str, int | None]) -> list[RankedBlog]:
    """Return the blogs, best first, with those that are held at the ranks that they had."""
    ordered = [blog for blog in blogs if blog.slug not in held]
    waiting = [replace(blog, held=True) for blog in blogs if blog.slug in held]
    last = len(blogs)
    for blog in sorted(waiting, key=lambda blog: (held[blog.slug] or last, blog.slug)):
        ordered.insert((held[blog.slug] or last) - 1, blog)
    return ordered


def places(
    order: Sequence[str], former: Collection[str], size: int, held: Collection[str] = ()
) -> frozenset[str]:
    """Return who has a place: ``size`` of those in the order, or all where there are fewer.

    A newcomer enters at rank <= 0.90 size and a member stays while <= 1.15 size, so that a blog at
    the edge does not come and go each night. Three classes of claim make exactly ``size`` places:
    first ranks up to 0.90 size, whoever they are; then members up to 1.15 size; then, where places
    are left, the others. Within a class the better rank wins. Doing it again changes nothing.
    Before them all, who is held keeps the place that it had, or gets none.

    Args:
        order: slugs of blogs with a score, best first.
        former: slugs of the list before.
        size: places, > 0.
        held: slugs of those that are held.
    """
    enter, stay = thresholds(size)
    members, waiting = frozenset(former), frozenset(held)

    def claim(numbered: tuple[int, str]) -> tuple[int, int]:
        number, slug = numbered
        if slug in waiting:
            return -1, number
        if number <= enter:
            return 0, number
        return (1 if slug in members and number <= stay else 2), number

    claims = (pair for pair in enumerate(order, 1) if pair[1] in members or pair[1] not in waiting)
    return frozenset(slug for _, slug in sorted(claims, key=claim)[:size])


def thresholds(size: int) -> tuple[int, int]:
    """Return the rank at which a newcomer surely enters, and that up to which a member may stay.

    >>> thresholds(1500)
    (1350, 1725)
    """
    return size * ENTER_PERCENT // 100, size * STAY_PERCENT // 100
