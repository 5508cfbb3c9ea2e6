"""Floods: a blog whose feed suddenly brings far more than it ever did waits for a person's look.

The score gains nothing by a flood, so this accuses nobody: the blog keeps the rank that it had.
Copies count here as well, for they are what a flood is made of; what is short, or old, does not.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from buzz.core.ranking.posts import Post, today
from buzz.model import LeftOut

WINDOW_DAYS = 7  # in which a flood is looked for
FLOOD_DAYS = 2  # in the window: one busy day is an election
FLOOD_POSTS = 10  # a day
AT_ONCE = 30  # a day: so many need no second one
TIMES_USUAL = 5  # or more than so many times a full day of the blog's own
USUAL_PERCENT = 95  # of its days with a post before the window
_NO_FLOOD = {LeftOut.SHORT, LeftOut.BACKFILL, LeftOut.REDATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A blog that brought far more than it usually does."""

    blog: str  # slug
    day: date  # the fullest
    posts: int  # of that day
    usual: int  # posts of a full day before


def floods(
    posts: Sequence[Post],
    marks: Sequence[LeftOut | None],
    as_of: datetime,
    looked_at: Mapping[str, int],
) -> tuple[Flood, ...]:
    """Return the blogs that flooded their feeds in the last 7 days, by slug.

    Two days of at least 10 posts, or of more than five times the blog's own 95th percentile; or
    one of 30.

    Args:
        posts: as they were handed to :func:`~buzz.core.ranking.eligible`.
        marks: what it returned.
        as_of: of the ranking, aware UTC.
        looked_at: by slug, how many posts a day a person has found to be right.
    """
    since = today(as_of) - timedelta(days=WINDOW_DAYS - 1)
    recent: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for post, mark in zip(posts, marks, strict=True):
        if post.day >= since and mark not in _NO_FLOOD:
            recent[post.blog][post.day] += 1
    suspects = {blog for blog, days in recent.items() if max(days.values()) > TIMES_USUAL}
    before: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for post in posts:
        if post.blog in suspects and post.day < since:
            before[post.blog][post.day] += 1
    found = (
        _flood(blog, recent[blog], _usual(before[blog].values()), looked_at.get(blog, 0))
        for blog in sorted(suspects)
    )
    return tuple(flood for flood in found if flood)


def _flood(blog: str, days: Mapping[date, int], usual: int, looked_at: int) -> Flood | None:
    full = {
        day: posts
        for day, posts in days.items()
        if posts > looked_at and (posts >= FLOOD_POSTS or posts > TIMES_USUAL * usual)
    }
    if len(full) < FLOOD_DAYS and max(full.values(), default=0) < AT_ONCE:
        return None
    posts, day = max((posts, day) for day, posts in full.items())
    return Flood(blog=blog, day=day, posts=posts, usual=usual)


def _usual(posts_a_day: Collection[int]) -> int:
    """Return the 95th percentile of the days with a post; 1 where there are none."""
    ordered = sorted(posts_a_day)
    return ordered[(len(ordered) - 1) * USUAL_PERCENT // 100] if ordered else 1
