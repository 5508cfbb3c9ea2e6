"""How blogs move: between two rankings, and who comes up from outside the list."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from buzz.core.ranking.posts import Post, today
from buzz.core.ranking.scoring import score
from buzz.model import LeftOut, RankedBlog, Ranking

RISING_HALF_LIFE_DAYS = 7.0  # picks best who will be on the list in two to four weeks
EXACT_RANKS = 100  # below, a few hundredths of a point part the ranks: they are told in bands
BAND = 100  # ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One blog in two rankings."""

    slug: str
    rank: int | None  # None: not in the ranking any more
    former_rank: int | None  # None: was not in it yet
    listed: bool
    was_listed: bool

    @property
    def gain(self) -> int:
        """Return by how many ranks it rose; less than 0: it fell. 0 where it was in one only."""
        return self.former_rank - self.rank if self.rank and self.former_rank else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rising:
    """A blog outside the list that comes up."""

    blog: RankedBlog  # its place in the ranking
    score: float  # with the shorter half-life


def changes(ranking: Ranking, former: Ranking) -> tuple[Change, ...]:
    """Return every blog of two rankings, by its rank now; those that left the ranking last."""
    now, before = _by_slug(ranking.blogs), _by_slug(former.blogs)
    found = []
    for slug in (*now, *(slug for slug in before if slug not in now)):
        new, old = now.get(slug), before.get(slug)
        found.append(
            Change(
                slug=slug,
                rank=new.rank if new else None,
                former_rank=old.rank if old else None,
                listed=bool(new and new.listed),
                was_listed=bool(old and old.listed),
            )
        )
    return tuple(found)


def _by_slug(blogs: Iterable[RankedBlog]) -> Mapping[str, RankedBlog]:
    return {blog.slug: blog for blog in blogs}


def rising(
    ranking: Ranking, posts: Sequence[Post], marks: Sequence[LeftOut | None]
) -> tuple[Rising, ...]:
    """Return the blogs outside the list that have a score, best first.

    The score is that of the list with a half-life of 7 days. Who is held does not rise.

    Args:
        ranking: the latest.
        posts: as they were handed to :func:`~buzz.core.ranking.rank`.
        marks: what :func:`~buzz.core.ranking.eligible` says of them.
    """
    outside = {blog.slug for blog in ranking.blogs if not blog.listed and not blog.held}
    days: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for post, mark in zip(posts, marks, strict=True):
        if mark is None and post.blog in outside:
            days[post.blog][post.day] += 1
    found = [
        Rising(
            blog=blog,
            score=score(
                days[blog.slug], blog.scored_on or today(ranking.as_of), RISING_HALF_LIFE_DAYS
            ),
        )
        for blog in ranking.blogs
        if blog.slug in days
    ]
    return tuple(sorted((r for r in found if r.score > 0), key=lambda r: (-r.score, r.blog.rank)))


def band(rank: int) -> tuple[int, int]:
    """Return the ranks among which a rank is told; one rank among the first 100.

    >>> band(7), band(101), band(300)
    ((7, 7), (101, 200), (201, 300))
    """
    if rank <= EXACT_RANKS:
        return rank, rank
    first = (rank - 1) // BAND * BAND + 1
    return first, first + BAND - 1
