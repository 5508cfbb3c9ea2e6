"""Poll: ask every feed that is due, and store what came, as it comes.

Fetching is asynchronous, parsing happens in processes of its own, storing in a thread, half a
second's worth at a time: a run that is killed at feed 700 has stored nearly 700, and the next run
goes on with the rest. A feed's failure is a state of that feed and never stops the others. Where
nobody answers, the failure is ours, and no feed is blamed for it.
"""

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from buzz.config import Settings
from buzz.core import feeds as decide
from buzz.core import urls
from buzz.edges import files
from buzz.edges.fetch import Fetcher, is_reserved_name
from buzz.edges.parser import Document, Parsers
from buzz.edges.store import Store, entries, feeds, runs
from buzz.errors import BuzzError, Interrupted, TemporaryFailure
from buzz.locales import gettext as _
from buzz.model import Feed, FeedState, FetchOutcome, FetchResult, ParsedFeed, Run
from buzz.pipeline import registry

COMMAND = "poll"
SAVE_EVERY_S = 0.5
FEEDS_PER_TRANSACTION = 50
# Bodies that wait for a parser, in bytes; beyond, no further request starts. Real feeds have 80 KB.
ROOM_BYTES = 16 << 20

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One feed that could not be read, and why."""

    blog: str  # slug
    url: str
    reason: str  # a code, as in Feed.reason
    detail: str  # the library's own words


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one run did."""

    feeds: int = 0  # active blogs with an address
    due: int = 0
    fetched: int = 0  # answered with a document that was read, or is the one read last
    not_modified: int = 0  # 304
    failed: int = 0
    entries_seen: int = 0
    entries_new: int = 0
    entries_changed: int = 0
    seconds: float = 0.0
    states: Mapping[str, int] = field(default_factory=dict)  # of all feeds, after the run
    failures: tuple[Failed, ...] = ()  # by slug


@contextmanager
def _silent(_total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _n: None


def poll(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    every: bool = False,
    only: str = "",
    progress: Progress = _silent,
) -> PollReport:
    """Ask the feeds that are due and store what they say.

    Args:
        settings: of the workspace.
        store: its database.
        now: aware UTC; entries found are first seen then.
        every: those that are not due as well.
        only: slug of the one blog to ask, due or not.
        progress: called with the number of feeds; gives what to call with each step.

    Raises:
        LockHeld: another run is at it.
        Interrupted: a signal came; what was there has been stored.
        UsageError: there is no blog of this slug.
        TemporaryFailure: not one of many feeds answered: the network is away, and no feed's state
            was touched; or the database is.
    """
    if only:
        with store.read() as tx:
            registry.find(tx, only)
    with files.lock(settings.lock(COMMAND)):
        with store.read() as tx:
            due = feeds.due(tx, now, every=every, only=only)
            total = feeds.count(tx)
        with progress(len(due)) as advance:
            poller = _Poller(settings, store, now, advance)
            stopped_by = asyncio.run(poller.run(due))
        with store.read() as tx:
            states = Counter(feed.state.value for feed in feeds.all_feeds(tx).values())
        report = poller.report(feeds=total, due=len(due), states=dict(states))
        error = _error(report, stopped_by, is_outage=poller.is_outage)
        _record(settings, store, now, report, error.exit_code if error else 0)
    if error:
        raise error
    return report


def _error(
    report: PollReport, stopped_by: signal.Signals | None, *, is_outage: bool
) -> BuzzError | None:
    """Return what the run as a whole must end with; failing feeds are not it."""
    if stopped_by is not None:
        return Interrupted(
            _("interrupted; what was done so far is kept"),
            exit_code=128 + stopped_by,
            remedy=_("the next run goes on with the rest"),
        )
    if is_outage:
        return TemporaryFailure(
            _("not one of {n} feeds answered").format(n=report.due),
            place=COMMAND,
            remedy=_remedy(report.failures),
        )
    return None


def _remedy(failures: Sequence[Failed]) -> str:
    """Return what to do when all of these failed without an answer."""
    if all(is_reserved_name(urls.host(failed.url)) for failed in failures):
        return _(
            "these are the made-up blogs of the sample; import your own: "
            "buzz blogs import FILE, or see it at work: buzz demo"
        )
    if all(failed.reason == "forbidden-address" for failed in failures):
        return _("they are inside private networks: name those in [poll] allow_networks")
    return _("check the network and the name server of this machine")


def _record(
    settings: Settings, store: Store, started_at: datetime, report: PollReport, exit_code: int
) -> None:
    summary = asdict(report)
    del summary["states"], summary["failures"]
    with store.write() as tx:
        runs.add(
            tx,
            Run(
                command=COMMAND,
                started_at=started_at,
                ended_at=settings.now(),
                exit_code=exit_code,
                summary=summary,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One feed after its poll; the body has been forgotten."""

    before: Feed
    feed: Feed
    result: FetchResult
    parsed: ParsedFeed | None


class _Poller:
    """One run: what it works with, and its counters."""

    def __init__(
        self, settings: Settings, store: Store, now: datetime, advance: Callable[[int], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._advance = advance
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._failures: list[Failed] = []
        self._stopped_by: signal.Signals | None = None
        self._withheld: list[_Outcome] = []  # silent feeds, as long as nobody has answered
        self._is_answered = False
        self.is_outage = False

    def report(self, **totals: Any) -> PollReport:
        """Return what the run did so far."""
        figures: dict[str, Any] = {**totals, **self._counts}
        return PollReport(
            **figures,
            seconds=round(time.monotonic() - self._began, 2),
            failures=tuple(sorted(self._failures, key=lambda failed: failed.blog)),
        )

    async def run(self, due: Sequence[Feed]) -> signal.Signals | None:
        """Poll these feeds; return the signal that ended the run early, if one did."""
        if not due:
            return None
        self._room = _Room(ROOM_BYTES)
        poll = self._settings.poll
        async with (
            Fetcher(
                user_agent=self._settings.user_agent,
                concurrency=poll.concurrency,
                timeout_s=poll.timeout_s,
                max_bytes=poll.max_bytes,
                allow_networks=poll.allow_networks,
                before_request=self._room.wait,
            ) as fetcher,
            Parsers() as parsers,
        ):
            tasks = {
                asyncio.create_task(self._one(feed, fetcher, parsers))
                for feed in sorted(due, key=_slowest_first)
            }
            with self._heeding_signals(tasks):
                await self._store_as_they_come(tasks)
        return self._stopped_by

    async def _store_as_they_come(self, pending: "set[asyncio.Task[_Outcome]]") -> None:
        broken: BaseException | None = None
        while pending:
            done, pending = await asyncio.wait(pending, timeout=SAVE_EVERY_S)
            ended = [task for task in done if not task.cancelled()]
            outcomes = [task.result() for task in ended if task.exception() is None]
            await self._keep(outcomes)
            broken = broken or next(filter(None, (task.exception() for task in ended)), None)
            if broken:  # not a feed's failure: ours
                for task in pending:
                    task.cancel()
        if broken:
            raise broken
        self.is_outage = decide.is_outage(outcome.before for outcome in self._withheld)
        if not self.is_outage:
            await self._save_all(self._withheld)

    async def _keep(self, outcomes: Sequence[_Outcome]) -> None:
        """Store what came, once anybody has answered: until then the silence may be ours."""
        for outcome in outcomes:
            self._count(outcome)
            self._is_answered |= not decide.is_silent(outcome.result)
        self._withheld += outcomes
        if self._is_answered:
            withheld, self._withheld = self._withheld, []
            await self._save_all(withheld)

    async def _save_all(self, outcomes: Sequence[_Outcome]) -> None:
        for start in range(0, len(outcomes), FEEDS_PER_TRANSACTION):
            batch = outcomes[start : start + FEEDS_PER_TRANSACTION]
            await asyncio.to_thread(self._save, batch)

    async def _one(self, feed: Feed, fetcher: Fetcher, parsers: Parsers) -> _Outcome:
        """Poll one feed."""
        result = await fetcher.fetch(feed.url, decide.validators_for(feed))
        parsed = None
        if result.outcome is FetchOutcome.FETCHED and not decide.is_unchanged(feed, result):
            with self._room.taken(len(result.body)):
                parsed = await parsers.parse(
                    Document(
                        blog=feed.blog,
                        url=result.final_url,
                        content_type=result.content_type,
                        body=result.body,
                        now=self._now,
                        first=feed.last_success is None,
                    )
                )
        jitter = random.random()  # noqa: S311  (spreads requests; nothing secret in it)
        after = decide.after_poll(feed, result, parsed, now=self._now, jitter=jitter)
        self._advance(1)
        return _Outcome(before=feed, feed=after, result=replace(result, body=b""), parsed=parsed)

    def _save(self, batch: Sequence[_Outcome]) -> None:
        """Store a batch in one transaction."""
        with self._store.write() as tx:
            known = feeds.registered(tx, (outcome.feed.blog for outcome in batch))
            kept = [outcome for outcome in batch if outcome.feed.blog in known]
            feeds.save(tx, (outcome.feed for outcome in kept))
            new, changed = entries.save(
                tx, (entry for o in kept if o.parsed for entry in o.parsed.entries)
            )
        self._counts["entries_new"] += new
        self._counts["entries_changed"] += changed

    def _count(self, outcome: _Outcome) -> None:
        result, parsed = outcome.result, outcome.parsed
        reason = decide.failure(result, parsed)
        if reason:
            self._counts["failed"] += 1
            detail = parsed.detail if parsed else result.detail
            self._failures.append(
                Failed(blog=outcome.feed.blog, url=result.url, reason=reason, detail=detail)
            )
        elif result.outcome is FetchOutcome.NOT_MODIFIED:
            self._counts["not_modified"] += 1
        else:
            self._counts["fetched"] += 1
        self._counts["entries_seen"] += len(parsed.entries) if parsed else 0

    @contextmanager
    def _heeding_signals(self, tasks: "set[asyncio.Task[_Outcome]]") -> Iterator[None]:
        """Stop at SIGINT and SIGTERM: cancel what is on its way, keep what has come."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            self._stopped_by = number
            for task in tasks:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, partial(stop, number))
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _slowest_first(feed: Feed) -> tuple[bool, int, str]:
    """Return a key that starts the slow ones early, so that the run does not wait for them.

    What was never asked may be slow as well.
    """
    return feed.state is not FeedState.NEW, -feed.duration_ms, feed.blog


class _Room:
    """How much may wait for the parsers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._free = asyncio.Event()
        self._free.set()

    async def wait(self) -> None:
        """Return as soon as there is room."""
        await self._free.wait()

    @contextmanager
    def taken(self, n: int) -> Iterator[None]:
        """Take so much room for the block."""
        self._change(n)
        try:
            yield
        finally:
            self._change(-n)

    def _change(self, n: int) -> None:
        self._taken += n
        if self._taken < self._most:
            self._free.set()
        else:
            self._free.clear()
