"""Why a blog stands where it stands, post by post."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from buzz.core.ranking.order import places, thresholds
from buzz.core.ranking.posts import Post, today
from buzz.core.ranking.scoring import age, horizon_days, score, value, weight
from buzz.model import LeftOut, RankedBlog, Ranking


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
    silence_days: int | None  # after so many days without a post the place is lost; None: no
    # place, or one that is held


def explain(
    ranking: Ranking,
    slug: str,
    posts: Sequence[Post],
    marks: Sequence[LeftOut | None],
    former: Ranking | None = None,
) -> Explanation | None:
    """Return why a blog has its rank, or None where it has none.

    Args:
        ranking: the one to explain.
        slug: of the blog.
        posts: of all blogs, as they were handed to :func:`~buzz.core.ranking.rank`.
        marks: what :func:`~buzz.core.ranking.eligible` says of them.
        former: the ranking before.
    """
    blog = next((blog for blog in ranking.blogs if blog.slug == slug), None)
    if blog is None:
        return None
    on = blog.scored_on or today(ranking.as_of)
    marked = sorted(
        (
            (post, mark)
            for post, mark in zip(posts, marks, strict=True)
            if post.blog == slug and weight(age(post.day, on), ranking.half_life_days)
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
                age_days=age(day, on),
                posts=count,
                value=value(count),
                weight=weight(age(day, on), ranking.half_life_days),
            )
            for day, count in sorted(posts_a_day.items(), reverse=True)
        ),
        left_out=tuple((post, mark) for post, mark in marked if mark),
        enter_rank=enter,
        enter_score=_score_at(ranking, enter),
        stay_rank=stay,
        stay_score=_score_at(ranking, stay),
        silence_days=(
            _silence_days(ranking, blog, posts_a_day, on) if blog.listed and not blog.held else None
        ),
    )


def _score_at(ranking: Ranking, number: int) -> float | None:
    return next((blog.score for blog in ranking.blogs if blog.rank == number), None)


def _silence_days(
    ranking: Ranking, blog: RankedBlog, posts_a_day: Mapping[date, int], on: date
) -> int:
    """Return after how many days without a post a listed blog loses its place.

    The others are taken to go on as they do: their scores stand still, who is held stays held.
    """
    rivals = [
        other
        for other in ranking.blogs
        if other.slug != blog.slug and other.score > 0 and not other.held
    ]
    held = {other.slug: other.rank for other in ranking.blogs if other.held}
    former = [other.slug for other in ranking.blogs if other.listed]

    def lost(silence_days: int) -> bool:
        left = score(posts_a_day, on + timedelta(days=silence_days), ranking.half_life_days)
        better = bisect_left(rivals, -left, key=lambda other: -other.score)
        order = [other.slug for other in rivals]
        order[better:better] = [blog.slug] if left > 0 else []
        for slug, number in held.items():  # by rank
            order.insert(number - 1, slug)
        return blog.slug not in places(order, former, ranking.size, held)

    days = range(horizon_days(ranking.half_life_days) + 2)
    return days[bisect_left(days, x=True, key=lost)]
