"""Posts, blogs and feeds around one night, for the tests of the ranking."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count

from buzz.core.ranking import Post, eligible, rank, sketch
from buzz.model import Blog, BlogStatus, EntryId, Feed, FeedState, LeftOut, Ranking

AS_OF = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 31)
HALF_LIFE = 14.0
_ids = count(1)


def post(
    blog: str = "a",
    age: int = 0,
    *,
    title: str = "",
    text: str = "",
    words: str = "",
    link: str = "",
    length: int = 500,
    hour: int = 0,
    left_out: LeftOut | None = None,
) -> Post:
    """Return a post so many days before the ranking.

    Equal ``text`` means equal texts; ``words`` are a text that may be like another one.
    """
    day = TODAY - timedelta(days=age)
    return Post(
        id=EntryId(next(_ids)),
        blog=blog,
        day=day,
        at=datetime(day.year, day.month, day.day, hour, tzinfo=UTC),
        title=title,
        content_hash=text or words,
        length=len(words) if words else length,
        left_out=left_out,
        link=link,
        sketch=sketch(words),
    )


def blog(slug: str, status: BlogStatus = BlogStatus.ACTIVE) -> Blog:
    """Return a blog of the registry."""
    return Blog(slug=slug, name=slug.upper(), url=f"https://{slug}.example/", status=status)


def feed(slug: str, state: FeedState = FeedState.OK, success_age: int = 0) -> Feed:
    """Return a feed that was last reached so many days ago."""
    return Feed(
        blog=slug,
        url=f"https://{slug}.example/feed",
        state=state,
        last_success=AS_OF - timedelta(days=success_age),
    )


def ranking_of(
    posts: Sequence[Post],
    *,
    blogs: Sequence[Blog] = (),
    feeds: Sequence[Feed] = (),
    size: int = 10,
    former: Sequence[str] = (),
    registered: dict[str, datetime] | None = None,
    held: dict[str, int | None] | None = None,
) -> Ranking:
    """Return the ranking of these posts."""
    known = blogs or [blog(slug) for slug in sorted({p.blog for p in posts})]
    return rank(
        known,
        {f.blog: f for f in feeds},
        registered or {b.slug: AS_OF for b in known},
        posts,
        eligible(posts),
        as_of=AS_OF,
        size=size,
        half_life_days=HALF_LIFE,
        former=former,
        held=held,
    )


def order(ranking: Ranking) -> list[str]:
    """Return the slugs by rank."""
    return [b.slug for b in ranking.blogs]
