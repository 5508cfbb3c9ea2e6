"""The one model that every form of the report shows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median

from buzz.core.report.facts import Facts, Seen
from buzz.core.text import one_line
from buzz.model import Relay, RelayMode, Stance, Verdict, Waiver

PRIOR_LETTERS = 5  # how many average letters weigh in a blog's rate: 1 of 1 is not yet 100 %


class Step(StrEnum):
    """The steps of the funnel, in order."""

    TARGETED = "targeted"
    ACCEPTED = "accepted"
    OPENED = "opened"
    CLICKED = "clicked"
    VISITED = "visited"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """One step, with its own denominator: who could have got there at all."""

    step: Step
    count: int
    of: int  # 0: nobody could be measured
    machine: int = 0  # beside ``count``: reached by machines only

    @property
    def share(self) -> float | None:
        """Return count / of, or None where nothing was measured: that is not 0 %."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The posts found, by what they do. The first four add up to all of them."""

    relayed: tuple[Relay, ...]  # earliest first, as all here
    to_check: tuple[Relay, ...]
    mentioned: tuple[Relay, ...]
    dismissed: tuple[Relay, ...]  # "not": by the judge or by a person
    opposed: tuple[Relay, ...]  # against us; also among those to check or mentioned


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFate:
    """What became of one talking point."""

    number: int
    text: str
    posts: int  # relays that carry it
    blogs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogFate:
    """One blog that relayed this campaign."""

    slug: str
    name: str
    rank: int | None
    written_to: bool  # its letter was accepted
    relays: int
    share: float  # of all relays of this campaign
    median_lag_s: int
    received: int  # letters accepted so far, all campaigns
    carried: int  # of them relayed
    rate: float | None  # carried / received, drawn towards the mean; None: never written to


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One campaign, told: what the store counted and what follows from it."""

    facts: Facts
    made_at: datetime
    version: str  # of the product
    funnel: tuple[FunnelStep, ...]
    found: Found
    points: tuple[PointFate, ...]
    blogs: tuple[BlogFate, ...]  # most relays first, then the quickest

    @property
    def sent_at(self) -> datetime | None:
        """Return when the sending began; None: it has not."""
        return self.facts.campaign.started_at

    @property
    def waived(self) -> tuple[Waiver, ...]:
        """Return which rules of the check were waived for what was sent, by rule."""
        sent = self.sent_at
        return tuple(w for w in self.facts.waivers if sent is None or w.at <= sent)

    @property
    def lags_s(self) -> tuple[int, ...]:
        """Return the seconds from the send to each relay, ascending."""
        return tuple(relay.lag_s for relay in self.found.relayed)

    @property
    def first_lag_s(self) -> int | None:
        """Return the seconds from the send to the first relay."""
        return self.lags_s[0] if self.lags_s else None

    @property
    def median_lag_s(self) -> int | None:
        """Return the seconds after which half of the relays had come."""
        return round(median(self.lags_s)) if self.lags_s else None


def build(facts: Facts, *, now: datetime, version: str) -> Report:
    """Return the report that follows from the facts."""
    found = _found(facts.relays)
    return Report(
        facts=facts,
        made_at=now,
        version=version,
        funnel=_funnel(facts, found.relayed),
        found=found,
        points=_points(facts.talking_points, found.relayed),
        blogs=_blogs(facts, found.relayed),
    )


def by_mode(relays: Iterable[Relay]) -> dict[RelayMode, int]:
    """Return how many relays there are of each mode, in the modes' own order."""
    counted = Counter(relay.mode for relay in relays)
    return {mode: counted[mode] for mode in RelayMode}


def cumulative(lags_s: Sequence[int], hours: Iterable[int]) -> list[tuple[int, int]]:
    """Return for each of the hours since the send how many relays had come by then.

    >>> cumulative([60, 3700, 90_000], [1, 24, 48])
    [(1, 1), (24, 2), (48, 3)]
    """
    return [(hour, sum(1 for lag in lags_s if lag <= hour * 3600)) for hour in hours]


MARKS_H = (1, 3, 6, 12, 24, 48, 72, 120, 168, 336, 720)


def marks(lags_s: Sequence[int]) -> list[int]:
    """Return the hours at which a table of the time course has a line, up to the last relay."""
    if not lags_s:
        return []
    last = -(-max(lags_s) // 3600)
    kept = [mark for mark in MARKS_H if mark < last]
    return [*kept, next((mark for mark in MARKS_H if mark >= last), last)]


def _found(relays: Iterable[Relay]) -> Found:
    ordered = sorted(relays, key=lambda relay: (relay.lag_s, relay.entry))
    by_verdict: dict[Verdict, list[Relay]] = {verdict: [] for verdict in Verdict}
    for relay in ordered:
        by_verdict[relay.settled].append(relay)
    return Found(
        relayed=tuple(by_verdict[Verdict.RELAYED]),
        to_check=tuple(by_verdict[Verdict.TO_CHECK]),
        mentioned=tuple(by_verdict[Verdict.MENTIONED]),
        dismissed=tuple(by_verdict[Verdict.NOT]),
        opposed=tuple(filter(_is_opposed, ordered)),
    )


def _is_opposed(relay: Relay) -> bool:
    """Tell whether a post is listed as opposition; a person who said "relayed" knew better."""
    return (
        relay.stance is Stance.AGAINST
        and relay.label is not Verdict.RELAYED
        and relay.settled is not Verdict.NOT
    )


def _funnel(facts: Facts, relayed: Iterable[Relay]) -> tuple[FunnelStep, ...]:
    account = facts.account
    carriers = {relay.blog for relay in relayed if facts.blog(relay.blog).accepted}
    steps = [
        FunnelStep(step=Step.TARGETED, count=account.targeted, of=account.targeted),
        FunnelStep(step=Step.ACCEPTED, count=account.accepted, of=account.targeted),
        _seen(Step.OPENED, facts.opened),
        _seen(Step.CLICKED, facts.clicked),
    ]
    if facts.visits:  # none at all: the letter may have no share link, which is not 0 %
        steps.append(FunnelStep(step=Step.VISITED, count=facts.visited, of=account.accepted))
    steps.append(FunnelStep(step=Step.RELAYED, count=len(carriers), of=account.accepted))
    return tuple(steps)


def _seen(step: Step, seen: Seen) -> FunnelStep:
    return FunnelStep(step=step, count=seen.person, of=seen.tracked, machine=seen.machine)


def _points(texts: Sequence[str], relayed: Iterable[Relay]) -> tuple[PointFate, ...]:
    posts: Counter[int] = Counter()
    blogs: dict[int, set[str]] = {}
    for relay in relayed:
        for number in set(relay.talking_points):
            posts[number] += 1
            blogs.setdefault(number, set()).add(relay.blog)
    return tuple(
        PointFate(
            number=number,
            text=one_line(text),
            posts=posts[number],
            blogs=len(blogs.get(number, ())),
        )
        for number, text in enumerate(texts, start=1)
    )


def _blogs(facts: Facts, relayed: Sequence[Relay]) -> tuple[BlogFate, ...]:
    lags: dict[str, list[int]] = {}
    for relay in relayed:
        lags.setdefault(relay.blog, []).append(relay.lag_s)
    fates = (_blog(facts, slug, lags_s, len(relayed)) for slug, lags_s in lags.items())
    return tuple(sorted(fates, key=lambda fate: (-fate.relays, fate.median_lag_s, fate.slug)))


def _blog(facts: Facts, slug: str, lags_s: Sequence[int], all_relays: int) -> BlogFate:
    known = facts.blog(slug)
    return BlogFate(
        slug=slug,
        name=one_line(known.name),
        rank=known.rank,
        written_to=known.accepted,
        relays=len(lags_s),
        share=len(lags_s) / all_relays,
        median_lag_s=round(median(lags_s)),
        received=known.received,
        carried=known.carried,
        rate=shrunk(known.carried, known.received, facts.mean_rate) if known.received else None,
    )


def shrunk(carried: int, received: int, mean: float) -> float:
    """Return a blog's relay rate, drawn towards the mean of all (Beta prior, posterior mean).

    >>> round(shrunk(1, 1, 0.1), 2), round(shrunk(20, 20, 0.1), 2)
    (0.25, 0.82)
    """
    return (carried + PRIOR_LETTERS * mean) / (received + PRIOR_LETTERS)
