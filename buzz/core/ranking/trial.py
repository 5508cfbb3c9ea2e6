"""The backtest: how each way to rank would have done on days whose week after is known.

The list of a day is judged by what came after it (:class:`Figures`), beside simpler ways to rank
and beside the same formula without hysteresis; the picks of ``rank rising`` beside the next in
rank and beside chance. Nothing here is drawn by lot: chance is its expected value.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from buzz.core.ranking.movement import RISING_HALF_LIFE_DAYS
from buzz.core.ranking.order import ACTIVE_WINDOW_DAYS, places, thresholds
from buzz.core.ranking.posts import Post
from buzz.core.ranking.scoring import HORIZON_HALF_LIVES, value
from buzz.model import LeftOut

SHARE = Fraction(157, 1000)  # K where none is given: what 1,500 was of the 9,530 blogs measured
DAYS = 25  # on which lists are made
WEEK = 7  # days after, by which a list is judged
BURST_POSTS = 30  # that an outsider adds on one day
BURST_EVERY = 6  # days: every outsider is tried, on each sixth day
PICKS = 100  # of those outside the list
RISES = range(14, 29)  # days after, on one of which a pick is to be on the list
WHOLE_DAY = 4  # the last day is one with this part of the fullest's posts: a crawl fades out

Days = Sequence[tuple[int, int]]  # (ordinal of the day, posts that count), by day
Order = Sequence[tuple[str, float]]  # slugs with their scores, best first
Week = Mapping[str, tuple[int, int]]  # slug -> (days with a post, posts) that count in a week


class TrialImpossible(Exception):
    """There are too few days for a list and the week after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one way to rank did, on average over the days."""

    alive: float  # share of the list that posts at all in the week after
    precision: float  # share of the list among the K with the most posts that count in that week
    ndcg: float  # of the list's order, by days with a post that counts in that week
    churn: float  # blogs that enter or leave the list a day
    burst: float  # share of those outside the list and its margin whom 30 posts in one day bring in


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a backtest found."""

    blogs: int
    k: int
    days: tuple[date, ...]  # on which lists were made
    methods: Mapping[str, Figures]
    rising: Mapping[str, float]  # share of the picks that come onto the list; empty: too few days


def backtest(
    posts: Sequence[Post],
    marks: Sequence[LeftOut | None],
    *,
    half_life_days: float,
    size: int | None = None,
) -> Trial:
    """Return how each way to rank would have done.

    Args:
        posts: of all blogs, and of all days that are known.
        marks: what :func:`~buzz.core.ranking.eligible` says of them.
        half_life_days: of the shipped formula.
        size: places of the list; None: 15.7 % of the blogs.

    Raises:
        TrialImpossible: there is no day with a list before it and a week after it.
    """
    past = _Past.of(posts, marks)
    on = past.days_of_lists(WEEK)
    k = size or max(1, round(SHARE * len(past.counted)))
    month = (1.0,) * ACTIVE_WINDOW_DAYS
    ways = {
        "raw_count_30": _Way(float, month),
        "active_days_30": _Way(lambda n: float(n > 0), month),
        "decayed_log": _Way(lambda n: math.log2(1 + n), _weights(half_life_days)),
        "tempered": _Way(value, _weights(half_life_days)),
    }
    orders = {name: [past.order(way, day) for day in on] for name, way in ways.items()}
    weeks = {day: past.week_after(day) for day in on}
    methods = {
        name: _judged(past, way, weeks, orders[name], k, is_sticky=False)
        for name, way in ways.items()
    }
    ours = ways["tempered"]
    methods["tempered_hysteresis"] = _judged(
        past, ours, weeks, orders["tempered"], k, is_sticky=True
    )
    return Trial(
        blogs=len(past.counted),
        k=k,
        days=tuple(map(date.fromordinal, on)),
        methods=methods,
        rising=_rising(past, ours, k),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to score: what a day is worth by its posts, times what is left of it at its age."""

    worth: Callable[[int], float]
    weights: Sequence[float]  # by age in days; beyond, a day counts nothing

    def score(self, days: Days, on: int) -> float:
        """Return a blog's score on a day."""
        ages = len(self.weights)
        return math.fsum(
            [self.worth(n) * self.weights[on - day] for day, n in days if 0 <= on - day < ages]
        )

    def gain(self, posts: int, more: int) -> float:
        """Return what more posts on the very day add to the score."""
        return (self.worth(posts + more) - self.worth(posts)) * self.weights[0]


def _weights(half_life_days: float) -> list[float]:
    """Return what is left of a day at each age up to the horizon."""
    ages = range(math.ceil(HORIZON_HALF_LIVES * half_life_days) + 1)
    return [math.exp2(-age / half_life_days) for age in ages]


# --- what is known ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Past:
    """The posts of each blog, by day."""

    counted: Mapping[str, Days]  # those that count, of every blog, by day
    any: Mapping[str, frozenset[int]]  # days with a post at all
    first: int
    last: int

    @classmethod
    def of(cls, posts: Sequence[Post], marks: Sequence[LeftOut | None]) -> "_Past":
        counted: defaultdict[str, Counter[int]] = defaultdict(Counter)
        seen: defaultdict[str, set[int]] = defaultdict(set)
        busy: Counter[int] = Counter()
        for post, mark in zip(posts, marks, strict=True):
            day = post.day.toordinal()
            seen[post.blog].add(day)
            busy[day] += 1
            if mark is None:
                counted[post.blog][day] += 1
        if not busy:
            raise TrialImpossible
        whole = [day for day, n in busy.items() if n * WHOLE_DAY >= max(busy.values())]
        return cls(
            counted={blog: sorted(counted[blog].items()) for blog in sorted(seen)},
            any={blog: frozenset(days) for blog, days in seen.items()},
            first=min(whole),
            last=max(whole),
        )

    def days_of_lists(self, after: int) -> range:
        """Return the last days, at most 25, that have a day before and so many days after."""
        end = self.last - after
        days = range(max(end - DAYS + 1, self.first + 1), end + 1)
        if not days:
            raise TrialImpossible
        return days

    def order(self, way: _Way, on: int) -> Order:
        """Return the blogs with a score on a day, best first."""
        scored = [(blog, way.score(days, on)) for blog, days in self.counted.items()]
        return sorted((pair for pair in scored if pair[1]), key=lambda pair: (-pair[1], pair[0]))

    def week_after(self, on: int) -> Week:
        """Return what counts in the week after a day, of the blogs that have anything."""
        found = {}
        for blog, days in self.counted.items():
            week = [n for day, n in days if on < day <= on + WEEK]
            if week:
                found[blog] = (len(week), sum(week))
        return found


# --- the lists --------------------------------------------------------------------------------


def _judged(
    past: _Past,
    way: _Way,
    weeks: Mapping[int, Week],
    orders: Sequence[Order],
    k: int,
    *,
    is_sticky: bool,
) -> Figures:
    alive, precision, ndcg, churn, burst = [], [], [], [], []
    former: frozenset[str] = frozenset()
    enter, stay = thresholds(k)
    edge = max(enter, 1) if is_sticky else k  # the rank that lets a newcomer in
    for number, (day, order) in enumerate(zip(weeks, orders, strict=True)):
        slugs = [blog for blog, _ in order]
        listed = places(slugs, former, k) if is_sticky else frozenset(slugs[:k])
        after = weeks[day]
        week = frozenset(range(day + 1, day + 1 + WEEK))
        alive.append(_share(sum(bool(past.any[blog] & week) for blog in listed), len(listed)))
        best = sorted(after, key=lambda blog: (-after[blog][1], blog))[:k]
        precision.append(_share(len(listed & frozenset(best)), len(listed)))
        ndcg.append(_ndcg([blog for blog in slugs if blog in listed], after, k))
        if number:
            churn.append(len(listed ^ former))
        if number % BURST_EVERY == 0:
            inside = listed | frozenset(slugs[:stay])
            cut = order[edge - 1][1] if len(order) >= edge else 0.0
            burst.append(_burst(past, way, day, dict(order), inside=inside, cut=cut))
        former = listed
    return Figures(
        alive=_mean(alive),
        precision=_mean(precision),
        ndcg=_mean(ndcg),
        churn=_mean(churn),
        burst=_mean(burst),
    )


def _ndcg(listed: Sequence[str], after: Week, k: int) -> float:
    """Return the normalised discounted cumulative gain (Järvelin & Kekäläinen 2002)."""
    gained = _dcg([after.get(blog, (0, 0))[0] for blog in listed])
    best = _dcg(sorted((days for days, _ in after.values()), reverse=True)[:k])
    return gained / best if best else 0.0


def _dcg(gains: Sequence[int]) -> float:
    return math.fsum(gain / math.log2(n + 1) for n, gain in enumerate(gains, 1))


def _burst(
    past: _Past,
    way: _Way,
    on: int,
    scores: Mapping[str, float],
    *,
    inside: frozenset[str],
    cut: float,
) -> float:
    """Return the share of outsiders whom 30 more posts on this day bring onto the list."""
    outside = past.counted.keys() - inside
    entered = sum(
        scores.get(blog, 0.0) + way.gain(dict(past.counted[blog]).get(on, 0), BURST_POSTS) > cut
        for blog in outside
    )
    return _share(entered, len(outside))


# --- those who rise ---------------------------------------------------------------------------


def _rising(past: _Past, ours: _Way, k: int) -> dict[str, float]:
    """Return for each way to pick how many of its picks are on the list two to four weeks on."""
    try:
        on = past.days_of_lists(RISES[-1])[::-BURST_EVERY]
    except TrialImpossible:
        return {}
    lists: dict[int, frozenset[str]] = {}

    def list_of(day: int) -> frozenset[str]:
        if day not in lists:
            lists[day] = frozenset(blog for blog, _ in past.order(ours, day)[:k])
        return lists[day]

    quick = _Way(value, _weights(RISING_HALF_LIFE_DAYS))
    hits: defaultdict[str, list[float]] = defaultdict(list)
    for day in on:
        there = frozenset().union(*(list_of(day + later) for later in RISES[::WEEK]))
        outside = [blog for blog, _ in past.order(ours, day)[k:]]
        waiting = set(outside)
        picks = {
            "half_life_7": [blog for blog, _ in past.order(quick, day) if blog in waiting],
            "next_in_rank": outside,
        }
        for name, best in picks.items():
            chosen = best[:PICKS]
            hits[name].append(_share(sum(blog in there for blog in chosen), len(chosen)))
        hits["random"].append(_share(sum(blog in there for blog in outside), len(outside)))
    return {name: _mean(found) for name, found in hits.items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
