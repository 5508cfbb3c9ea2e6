"""The ranking: which blogs are alive, judged by what their feeds show, post by post.

Decided from posts, the registry and the state of each feed: what counts (:func:`eligible`), the
score (:func:`score`), the order (:func:`rank`), who has a place (:func:`places`), and why
(:func:`explain`). Days are those of Europe/Paris. Nothing depends on the order of the input:
scores are exact sums (``math.fsum``) and every tie is broken. Whether a blog relays our letters is
never looked at: a list that rewards whoever it already favours goes stale.

docs/ranking.md has the formula with what was measured, tried and dropped.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from buzz.locales.formats import PARIS
from buzz.model import (
    Blog,
    BlogStatus,
    EntryId,
    Feed,
    FeedState,
    LeftOut,
    RankedBlog,
    Ranking,
)

VALUES = (0.0, 1.0, 1.5, 2.0)  # of a day with 0, 1, 2, 3 or more posts: a flood gains nothing
HORIZON_HALF_LIVES = 8  # what is older weighs less than 1/256 of a post of today
FREEZE_DAYS = 14  # an unreachable blog keeps its score so long: unreachable is not inactive
ACTIVE_WINDOW_DAYS = 30
ENTER_PERCENT = 90  # of the list's size: a newcomer enters at this rank or better
STAY_PERCENT = 115  # a member stays up to this rank
SAME_TITLE_DAYS = 7
OWN_COPY_DAYS = 60
COPY_MIN_LENGTH = 80  # visible characters: below, equal texts say nothing (two bare podcasts)

REACHED = frozenset({FeedState.NEW, FeedState.OK, FeedState.MOVED})
_NEVER = datetime.min.replace(tzinfo=UTC)


class Post(NamedTuple):
    """What the ranking looks at of an entry; a tuple, because a night reads 150,000 of them."""

    id: EntryId
    blog: str  # slug
    day: date  # Europe/Paris
    at: datetime  # when it was published, but not after it was first seen; aware UTC
    title: str = ""
    content_hash: str = ""
    length: int = 0  # visible characters
    left_out: LeftOut | None = None  # what the poll already found


def today(as_of: datetime) -> date:
    """Return the day of a ranking: the date in Paris at that time."""
    return as_of.astimezone(PARIS).date()


def horizon_days(half_life_days: float) -> int:
    """Return how many days back a post still counts."""
    return math.ceil(HORIZON_HALF_LIVES * half_life_days)


def reading_days(half_life_days: float) -> int:
    """Return how many days back posts must be read, frozen blogs included."""
    return horizon_days(half_life_days) + FREEZE_DAYS


# --- what counts ------------------------------------------------------------------------------


def eligible(posts: Sequence[Post]) -> tuple[LeftOut | None, ...]:
    """Return for each post why it does not count, or None where it does, in the given order.

    What the poll left out stays out. A text that another blog had before, or the blog itself in
    the last 60 days, is a near-copy; for now only a text that folds to the same hash is one. Of a
    blog's posts with one title, one in 7 days counts.
    """
    marks = [post.left_out for post in posts]
    for group in _alike(posts, lambda post: post.length >= COPY_MIN_LENGTH and post.content_hash):
        for index in _copies(posts, group):
            marks[index] = marks[index] or LeftOut.NEAR_COPY
    for group in _alike(posts, lambda post: post.title and (post.blog, _folded(post.title))):
        counted: date | None = None
        for index in group:
            if marks[index]:
                continue
            if counted and (posts[index].day - counted).days < SAME_TITLE_DAYS:
                marks[index] = LeftOut.REPEATED_TITLE
            else:
                counted = posts[index].day
    return tuple(marks)


def _alike(posts: Sequence[Post], key: Callable[[Post], Hashable]) -> Iterator[list[int]]:
    """Yield the indices of posts that share a key, earliest first; a false key is no key."""
    keys = [key(post) for post in posts]
    shared = {key for key, times in Counter(keys).items() if key and times > 1}
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, own in enumerate(keys):
        if own in shared:
            groups[own].append(index)
    for group in groups.values():
        yield sorted(group, key=lambda i: (posts[i].at, posts[i].blog, posts[i].id))


def _copies(posts: Sequence[Post], group: Sequence[int]) -> Iterator[int]:
    """Yield those of one text's posts, earliest first, that are copies."""
    author = posts[group[0]].blog
    last = posts[group[0]].day
    for index in group[1:]:
        post = posts[index]
        if post.blog != author:
            yield index
            continue
        if (post.day - last).days <= OWN_COPY_DAYS:
            yield index
        last = post.day


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())


# --- the score --------------------------------------------------------------------------------


def score(posts_a_day: Mapping[date, int], on: date, half_life_days: float) -> float:
    """Return the tempered score: the sum over days of v(posts) * 2 ** (-age / half-life).

    Args:
        posts_a_day: eligible posts of each day.
        on: the day from which ages are counted; a later day has age 0.
        half_life_days: more than 0.

    >>> monday = date(2026, 3, 2)
    >>> score({monday: 30}, monday, 14), score({monday - timedelta(days=14): 1}, monday, 14)
    (2.0, 0.5)
    """
    return math.fsum(
        _value(posts) * _weight(_age(day, on), half_life_days) for day, posts in posts_a_day.items()
    )


def _value(posts: int) -> float:
    return VALUES[min(posts, len(VALUES) - 1)]


def _age(day: date, on: date) -> int:
    return max((on - day).days, 0)


def _weight(age_days: int, half_life_days: float) -> float:
    if age_days > horizon_days(half_life_days):
        return 0.0
    return math.exp2(-age_days / half_life_days)


def scored_on(feed: Feed | None, as_of: datetime) -> date:
    """Return the day from which a blog's ages are counted.

    That of the ranking; for a blog that cannot be reached, that of its last success, but at most
    14 days back: its score stands still, then decays.
    """
    now = today(as_of)
    if feed is None or feed.state in REACHED or feed.last_success is None:
        return now
    return min(now, max(today(feed.last_success), now - timedelta(days=FREEZE_DAYS)))


# --- the order and the list -------------------------------------------------------------------


def rank(
    blogs: Iterable[Blog],
    feeds: Mapping[str, Feed],
    registered: Mapping[str, datetime],
    posts: Sequence[Post],
    *,
    as_of: datetime,
    size: int,
    half_life_days: float,
    former: Collection[str] = (),
) -> Ranking:
    """Return the ranking of all blogs that are not paused.

    Ties: more active days in 30, then the later entry, then registered earlier, then the slug.

    Args:
        blogs: the registry.
        feeds: by slug; a blog without one was never polled.
        registered: by slug, when the blog came into the registry.
        posts: of the last :func:`reading_days` days, known at ``as_of``.
        as_of: aware UTC.
        size: places of the list, > 0.
        half_life_days: more than 0.
        former: slugs of the list before this one.
    """
    days: defaultdict[str, Counter[date]] = defaultdict(Counter)
    latest: dict[str, datetime] = {}
    for post, mark in zip(posts, eligible(posts), strict=True):
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
    listed = places([blog.slug for blog in unplaced if blog.score > 0], former, size)
    return Ranking(
        as_of=as_of,
        size=size,
        half_life_days=half_life_days,
        blogs=tuple(
            replace(blog, rank=number, listed=blog.slug in listed)
            for number, blog in enumerate(unplaced, 1)
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
    recent = [posts for day, posts in posts_a_day.items() if _age(day, on) < ACTIVE_WINDOW_DAYS]
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


def places(order: Sequence[str], former: Collection[str], size: int) -> frozenset[str]:
    """Return who has a place: ``size`` of those in the order, or all where there are fewer.

    A newcomer enters at rank <= 0.90 size and a member stays while <= 1.15 size, so that a blog at
    the edge does not come and go each night. Three classes of claim make exactly ``size`` places:
    first ranks up to 0.90 size, whoever they are; then members up to 1.15 size; then, where places
    are left, the others. Within a class the better rank wins. Doing it again changes nothing.

    Args:
        order: slugs of blogs with a score, best first.
        former: slugs of the list before.
        size: places, > 0.
    """
    enter, stay = thresholds(size)
    members = frozenset(former)

    def claim(numbered: tuple[int, str]) -> tuple[int, int]:
        number, slug = numbered
        if number <= enter:
            return 0, number
        return (1 if slug in members and number <= stay else 2), number

    return frozenset(slug for _, slug in sorted(enumerate(order, 1), key=claim)[:size])


def thresholds(size: int) -> tuple[int, int]:
    """Return the rank at which a newcomer surely enters, and that up to which a member may stay.

    >>> thresholds(1500)
    (1350, 1725)
    """
    return size * ENTER_PERCENT // 100, size * STAY_PERCENT // 100


# --- why --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredDay:
    """What one day gave to a score."""

    day: date
    age_days: int
    posts: int  # eligible ones
    value: float  # of so many posts
    weight: float  # 1 today, 0.5 a half-life ago

    @property
    def points(self) -> float:
        """Return what the day adds to the score."""
        return self.value * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a blog stands where it stands."""

    blog: RankedBlog
    former_rank: int | None  # in the ranking before
    size: int
    half_life_days: float
    days: tuple[ScoredDay, ...]  # those with a post that counts, latest first
    left_out: tuple[tuple[Post, LeftOut], ...]  # what does not count and why, latest first
    enter_rank: int
    enter_score: float | None  # of the blog at that rank; None: the ranking is shorter
    stay_rank: int
    stay_score: float | None
    silence_days: int | None  # after so many days without a post the place is lost; None: no place


def explain(
    ranking: Ranking, slug: str, posts: Sequence[Post], former: Ranking | None = None
) -> Explanation | None:
    """Return why a blog has its rank, or None where it has none.

    Args:
        ranking: the one to explain.
        slug: of the blog.
        posts: of all blogs, as they were handed to :func:`rank`.
        former: the ranking before.
    """
    blog = next((blog for blog in ranking.blogs if blog.slug == slug), None)
    if blog is None:
        return None
    on = blog.scored_on or today(ranking.as_of)
    marked = sorted(
        (
            (post, mark)
            for post, mark in zip(posts, eligible(posts), strict=True)
            if post.blog == slug and _weight(_age(post.day, on), ranking.half_life_days)
        ),
        key=lambda pair: (pair[0].at, pair[0].id),
        reverse=True,
    )
    posts_a_day = Counter(post.day for post, mark in marked if mark is None)
    enter, stay = thresholds(ranking.size)
    before = {b.slug: b.rank for b in former.blogs} if former else {}
    return Explanation(
        blog=blog,
        former_rank=before.get(slug),
        size=ranking.size,
        half_life_days=ranking.half_life_days,
        days=tuple(
            ScoredDay(
                day=day,
                age_days=_age(day, on),
                posts=count,
                value=_value(count),
                weight=_weight(_age(day, on), ranking.half_life_days),
            )
            for day, count in sorted(posts_a_day.items(), reverse=True)
        ),
        left_out=tuple((post, mark) for post, mark in marked if mark),
        enter_rank=enter,
        enter_score=_score_at(ranking, enter),
        stay_rank=stay,
        stay_score=_score_at(ranking, stay),
        silence_days=_silence_days(ranking, blog, posts_a_day, on) if blog.listed else None,
    )


def _score_at(ranking: Ranking, number: int) -> float | None:
    return next((blog.score for blog in ranking.blogs if blog.rank == number), None)


def _silence_days(
    ranking: Ranking, blog: RankedBlog, posts_a_day: Mapping[date, int], on: date
) -> int:
    """Return after how many days without a post a listed blog loses its place.

    The others are taken to go on as they do: their scores stand still.
    """
    others = [other for other in ranking.blogs if other.slug != blog.slug and other.score > 0]
    former = [other.slug for other in ranking.blogs if other.listed]

    def lost(silence_days: int) -> bool:
        left = score(posts_a_day, on + timedelta(days=silence_days), ranking.half_life_days)
        better = bisect_left(others, -left, key=lambda other: -other.score)
        order = [other.slug for other in others]
        order[better:better] = [blog.slug] if left > 0 else []
        return blog.slug not in places(order, former, ranking.size)

    days = range(horizon_days(ranking.half_life_days) + 2)
    return days[bisect_left(days, x=True, key=lost)]
