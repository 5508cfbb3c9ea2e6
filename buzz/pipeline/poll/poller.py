"""One run: many feeds at the same time, stored batch by batch as they come."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from buzz.config import Settings
from buzz.core import feeds as decide
from buzz.edges import files
from buzz.edges.fetch import Fetcher
from buzz.edges.parser import Document, Parsers
from buzz.edges.store import Store
from buzz.errors import TemporaryFailure
from buzz.model import Feed, FetchOutcome, FetchResult, ParsedFeed
from buzz.pipeline.poll import saving
from buzz.pipeline.poll.saving import ANOTHER_BLOG
from buzz.pipeline.poll.tally import Tally

SAVE_EVERY_S = 0.25
FEEDS_PER_TRANSACTION = 20
# Bodies that wait for a parser or, parsed, for the store, in bytes; beyond, no further request
# starts, and slow feeds are waited for at the end. So few bodies are in memory, and many on disk:
# one there counts as little as the files that we may have open allow, or a share of its size.
ROOM_BYTES = 4 << 20
MOST_FILES = 500
DISK_SHARE = 50


def _size(result: FetchResult) -> int:
    """Return how much room a body takes."""
    if result.large is None:
        return len(result.body)
    return max(ROOM_BYTES // MOST_FILES, result.large.tell() // DISK_SHARE)


class Poller:
    """One run: what it works with, and what came of it.

    Attributes:
        tally: what was counted so far.
        is_our_outage: nobody answered; no feed's state has changed.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        now: datetime,
        *,
        owners: decide.Owners,
        held: Mapping[str, datetime],
        advance: Callable[[int], None],
    ) -> None:
        self.tally = Tally()
        self.is_our_outage = False
        self._settings = settings
        self._store = store
        self._now = now
        self._owners = owners
        self._held = held
        self._advance = advance
        self._silent: list[saving.Outcome] | None = []  # None: somebody has answered
        self._stopped_by: signal.Signals | None = None
        self._pending: set[asyncio.Task[saving.Outcome]] = set()
        self._ended: list[asyncio.Task[saving.Outcome]] = []

    async def run(self, due: Sequence[Feed]) -> signal.Signals | None:
        """Poll these feeds; return the signal that ended the run early, if one did."""
        if not due:
            return None
        self._room = _Room(ROOM_BYTES)
        self._all_ended = asyncio.Event()
        poll = self._settings.poll
        async with (
            Fetcher(
                user_agent=self._settings.user_agent,
                concurrency=poll.concurrency,
                timeout_s=poll.timeout_s,
                max_bytes=poll.max_bytes,
                allow_networks=poll.allow_networks,
                pause_s=poll.host_pause_s,
                holds={host: until - self._now for host, until in self._held.items()},
                spool=files.private_folder(self._settings.data),
                before_request=self._room.wait,
            ) as fetcher,
            Parsers() as parsers,
        ):
            self._pending = {
                asyncio.create_task(self._one(feed, fetcher, parsers))
                for feed in decide.in_order(due, poll.host_pause_s)
            }
            for task in self._pending:
                task.add_done_callback(self._end)
            with self._heeding_signals():
                await self._store_as_they_come()
                await self._store_silence(len(due))
        return self._stopped_by

    async def _one(self, feed: Feed, fetcher: Fetcher, parsers: Parsers) -> saving.Outcome:
        """Poll one feed."""
        validators = decide.validators_for(feed, self._now)
        result = self._unasked(feed) or await fetcher.fetch(feed.address, validators)
        size = _size(result)
        self._room.take(size)
        try:
            parsed = await self._parsed(feed, result, parsers)
        finally:
            if result.large is not None:
                result.large.close()
        result = replace(result, body=b"", large=None)
        self._advance(1)
        return saving.Outcome(
            feed=feed,
            size=size,
            polled=decide.Polled(
                result=result,
                conditional=any((validators.etag, validators.last_modified)),
                parsed=parsed,
            ),
        )

    def _unasked(self, feed: Feed) -> FetchResult | None:
        """Return why a feed is not asked at all, or None: it is."""
        whose = self._owners.other(feed.blog, feed.address)
        if not whose:
            return None
        return FetchResult(
            url=feed.address,
            outcome=FetchOutcome.FAILED,
            final_url=feed.address,
            error=ANOTHER_BLOG,
            detail=whose,
        )

    async def _parsed(self, feed: Feed, result: FetchResult, parsers: Parsers) -> ParsedFeed | None:
        """Return what an answer's document says; None: there is none, or it is the last one."""
        if result.outcome not in {FetchOutcome.FETCHED, FetchOutcome.NOT_MODIFIED}:
            return None
        if whose := self._owners.other(feed.blog, result.final_url):
            return ParsedFeed(error=ANOTHER_BLOG, detail=whose)
        if result.outcome is FetchOutcome.NOT_MODIFIED or decide.is_unchanged(feed, result):
            return None
        document = Document(
            blog=feed.blog,
            url=result.final_url,
            content_type=result.content_type,
            body=result.body,
            large=result.large,
            now=self._now,
            first=feed.last_success is None,
        )
        parsed = await parsers.parse(document)
        if not parsed.error:
            return parsed
        if result.large is not None:
            result.large.seek(0)
            result = replace(result, body=result.large.read(decide.PARKING_READ))
        return ParsedFeed(error="parked") if decide.is_parked(result) else parsed

    async def _store_as_they_come(self) -> None:
        broken: BaseException | None = None
        while self._pending or self._ended:
            # Not asyncio.wait: it looks at each of 1,500 tasks, four times a second.
            with suppress(TimeoutError):
                async with asyncio.timeout(SAVE_EVERY_S):
                    await self._all_ended.wait()
            ended = [task for task in self._ended if not task.cancelled()]
            self._ended.clear()  # a task holds its result: nothing may hold the task
            broken = broken or next(filter(None, (task.exception() for task in ended)), None)
            outcomes = [task.result() for task in ended if task.exception() is None]
            del ended
            await self._store_all(self._with_silence(outcomes))
            if broken and not isinstance(broken, TemporaryFailure):
                self._cancel()
        if broken:  # not a feed's failure: ours; for want of a file or a socket the rest goes on
            raise broken

    def _end(self, task: asyncio.Task[saving.Outcome]) -> None:
        self._pending.discard(task)
        self._ended.append(task)
        if not self._pending:
            self._all_ended.set()

    def _cancel(self) -> None:
        for task in self._pending:
            task.cancel()

    def _with_silence(self, outcomes: Sequence[saving.Outcome]) -> list[saving.Outcome]:
        """Return what may be stored: nothing until somebody has answered."""
        if self._silent is None:
            return list(outcomes)
        kept = [*self._silent, *outcomes]
        if any(decide.has_answered(outcome.polled) for outcome in outcomes):
            self._silent = None
            return kept
        self._silent = kept
        return []

    async def _store_silence(self, due: int) -> None:
        """Store that nobody answered, unless the silence is ours."""
        kept = self._silent or []
        silent = [outcome for outcome in kept if decide.is_silence(outcome.polled)]
        hosts = [decide.courtesy_host(outcome.feed.address) for outcome in silent]
        self.is_our_outage = decide.is_our_outage(hosts, due)
        if self.is_our_outage or self._stopped_by:
            for outcome in silent:
                self.tally.feed(outcome.feed.blog, outcome.polled)
            kept = [outcome for outcome in kept if not decide.is_silence(outcome.polled)]
        await self._store_all(kept)

    async def _store_all(self, outcomes: Sequence[saving.Outcome]) -> None:
        for start in range(0, len(outcomes), FEEDS_PER_TRANSACTION):
            batch = outcomes[start : start + FEEDS_PER_TRANSACTION]
            await asyncio.to_thread(
                saving.save, self._store, batch, self._now, self._settings.now(), self.tally
            )
            self._room.give(sum(outcome.size for outcome in batch))

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM: cancel what is on its way, keep what has come."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            self._stopped_by = number
            self._cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, partial(stop, number))
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class _Room:
    """How much may be here at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._free = asyncio.Event()
        self._free.set()

    async def wait(self) -> None:
        """Return as soon as there is room."""
        await self._free.wait()

    def take(self, n: int) -> None:
        """Take so much, even if there is not enough: it is here already."""
        self._change(n)

    def give(self, n: int) -> None:
        """Give so much back."""
        self._change(-n)

    def _change(self, n: int) -> None:
        self._taken += n
        if self._taken < self._most:
            self._free.set()
        else:
            self._free.clear()
