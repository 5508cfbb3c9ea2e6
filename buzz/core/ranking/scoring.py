"""The score: tempered days that halve every fortnight, counted from the day a blog was reached."""

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from buzz.core.ranking.posts import today
from buzz.model import Feed, FeedState

VALUES = (0.0, 1.0, 1.5, 2.0)  # of a day with 0, 1, 2, 3 or more posts: a flood gains nothing
HORIZON_HALF_LIVES = 8  # what is older weighs less than 1/256 of a post of today
FREEZE_DAYS = 14  # an unreachable blog keeps its score so long: unreachable is not inactive
REACHED = frozenset({FeedState.NEW, FeedState.OK, FeedState.MOVED})


def horizon_days(half_life_days: float) -> int:
    """Return how many days back a post still counts."""
    return math.ceil(HORIZON_HALF_LIVES * half_life_days)


def reading_days(half_life_days: float) -> int:
    """Return how many days back posts must be read, frozen blogs included."""
    return horizon_days(half_life_days) + FREEZE_DAYS


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
        value(posts) * weight(age(day, on), half_life_days) for day, posts in posts_a_day.items()
    )


def value(posts: int) -> float:
    """Return what a day with so many posts is worth."""
    return VALUES[min(posts, len(VALUES) - 1)]


def age(day: date, on: date) -> int:
    """Return how many days lie between a day and the one from which ages are counted, >= 0."""
    return max((on - day).days, 0)


def weight(age_days: int, half_life_days: float) -> float:
    """Return what is left of a day's value at this age; nothing beyond the horizon."""
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
