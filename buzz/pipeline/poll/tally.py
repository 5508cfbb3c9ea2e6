"""What one run did, counted feed by feed."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from buzz.core import feeds as decide
from buzz.model import FetchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One feed that could not be read, and why."""

    blog: str  # slug
    url: str
    reason: str  # a code, as in Feed.reason
    detail: str  # as in Feed.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one run did."""

    feeds: int = 0  # active blogs with an address
    due: int = 0
    fetched: int = 0  # answered with a document that was read, or is the one read last
    not_modified: int = 0  # 304
    failed: int = 0
    held: int = 0  # not asked: the host wants to be left alone
    entries_seen: int = 0
    entries_new: int = 0
    entries_changed: int = 0
    seconds: float = 0.0
    states: Mapping[str, int] = field(default_factory=dict)  # of all feeds, after the run
    failures: tuple[Failed, ...] = ()  # by slug


class Tally:
    """The counters of a run."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._failures: list[Failed] = []

    def entries(self, new: int, changed: int) -> None:
        """Count what was stored."""
        self._counts["entries_new"] += new
        self._counts["entries_changed"] += changed

    def feed(self, blog: str, polled: decide.Polled) -> None:
        """Count one feed."""
        result, parsed = polled.result, polled.parsed
        if polled.failure:
            self._counts["failed"] += 1
            self._failures.append(
                Failed(blog=blog, url=result.url, reason=polled.failure, detail=polled.detail)
            )
        elif result.outcome is FetchOutcome.HELD:
            self._counts["held"] += 1
        elif result.outcome is FetchOutcome.NOT_MODIFIED:
            self._counts["not_modified"] += 1
        else:
            self._counts["fetched"] += 1
        self._counts["entries_seen"] += len(parsed.entries) if parsed else 0

    def report(self, **totals: Any) -> PollReport:
        """Return what the run did so far."""
        figures: dict[str, Any] = {**totals, **self._counts}
        return PollReport(
            **figures,
            seconds=round(time.monotonic() - self._began, 2),
            failures=tuple(sorted(self._failures, key=lambda failed: failed.blog)),
        )
