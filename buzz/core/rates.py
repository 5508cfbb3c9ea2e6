"""How fast letters leave: token buckets, receivers and their limits, slowing down, warming up.

Values and arithmetic only. Seconds are those of a monotonic clock, which the caller reads; the one
who holds the buckets for all lanes is :mod:`buzz.pipeline.send.queue`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from math import floor, inf

from buzz.model import Receiver

# Timers ring late by a millisecond or so; from 50 a second on a few letters may make up for it.
BURST = 0.02  # share of a second's letters
SLOWEST = 1 / 60  # letters a second: nobody is slowed down further
SLOWED_ONCE_S = 10.0  # complaints within this time are one complaint, heard by several lanes
RECOVERY_S = 300.0  # after so long without a complaint the rate has doubled again
_ENOUGH = 900  # doublings: more than any limit

# What a new sender may send on each of its first days; receivers distrust one that begins with
# thousands. About a doubling every day or two, as the large receivers advise.
WARM_UP = (100, 200, 400, 800, 1_500, 3_000, 6_000, 12_000, 25_000, 50_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A token bucket that refills with time, and slows down when the server complains.

    In no rolling second do more letters leave than ``limit``: as many as may leave at once (the
    bucket's size) are taken off the refill.
    """

    limit: float = inf  # letters a second
    tokens: float = 1.0  # at ``at``
    at: float = -inf  # seconds
    slowed_to: float = inf  # letters a second, at ``slowed_at``
    slowed_at: float = -inf  # seconds

    def rate(self, now: float) -> float:
        """Return how many letters a second may leave now."""
        if self.slowed_to == inf:
            return self.limit
        recovered = self.slowed_to * 2 ** min((now - self.slowed_at) / RECOVERY_S, _ENOUGH)
        return min(self.limit, recovered)

    def wait_s(self, now: float) -> float:
        """Return in how many seconds the next letter may leave; 0: now."""
        rate = self.rate(now)
        if rate == inf:
            return 0.0
        return max(0.0, (1 - self._tokens(now, rate)) / self._refill(rate))

    def took(self, now: float) -> "Pace":
        """Return the pace after a letter has left."""
        rate = self.rate(now)
        if rate == inf:
            return self
        return Pace(
            limit=self.limit,
            tokens=self._tokens(now, rate) - 1,
            at=now,
            slowed_to=self.slowed_to,
            slowed_at=self.slowed_at,
        )

    def slowed(self, now: float, measured: float) -> "Pace":
        """Return the pace after a complaint: half as fast.

        Args:
            now: seconds.
            measured: letters a second that have left of late; counts where there was no limit.
        """
        if now - self.slowed_at < SLOWED_ONCE_S:
            return self
        to = max(SLOWEST, min(self.rate(now), measured) / 2)
        return replace(self, slowed_to=to, slowed_at=now, tokens=min(self.tokens, 1.0), at=now)

    def _tokens(self, now: float, rate: float) -> float:
        if self.at == -inf:
            return float(self._size(rate))
        return min(float(self._size(rate)), self.tokens + (now - self.at) * self._refill(rate))

    def _size(self, rate: float) -> int:
        """Return how many letters may leave at once."""
        return 1 if rate < self.limit else 1 + floor(rate * BURST)

    def _refill(self, rate: float) -> float:
        """Return how many tokens come in a second."""
        return rate - self._size(rate) + 1


def pace(rate_per_s: float) -> Pace:
    """Return the pace of so many letters a second; 0: no limit."""
    return Pace(limit=rate_per_s or inf)


class Receivers:
    """Which provider an address belongs to; the rest is one more, without limits of its own."""

    def __init__(self, known: Iterable[Receiver]) -> None:
        self.rest = Receiver(name="")
        self._exact: dict[str, Receiver] = {}
        self._families: dict[str, Receiver] = {}  # "hotmail." of "hotmail.*"
        for receiver in known:
            for domain in receiver.domains:
                if domain.endswith(".*"):
                    self._families[domain.removesuffix("*")] = receiver
                else:
                    self._exact[domain] = receiver

    def of(self, email: str) -> Receiver:
        """Return the receiver of an address."""
        domain = email.rpartition("@")[2].lower()
        found = self._exact.get(domain)
        if found is None and self._families:
            found = self._families.get(domain.partition(".")[0] + ".")
        return found or self.rest


def warm_up_allowance(since: date, today: date, sent_today: int) -> int | None:
    """Return how many letters may still leave today; None: as many as one likes.

    Args:
        since: the first day of sending.
        today: the day it is; before ``since`` counts as the first day.
        sent_today: letters accepted so far on this day.

    >>> warm_up_allowance(date(2026, 3, 2), date(2026, 3, 3), 150)
    50
    """
    day = max(0, (today - since).days)
    return max(0, WARM_UP[day] - sent_today) if day < len(WARM_UP) else None
