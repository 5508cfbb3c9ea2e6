"""Which letter leaves next: claimed a little ahead, at the pace that all lanes share.

One bucket holds for all letters, and one for each receiver (Gmail, Orange, …), together with how
many letters may be under way to it at the same time. A letter whose receiver has had enough for
the moment lets those behind it pass; letters to such a receiver are not claimed any further ahead.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

from buzz.core import rates
from buzz.errors import BuzzError
from buzz.model import Delivery, Receiver

AHEAD_S = 1.0  # claimed ahead for about so long: suppression is looked up at claim time
FEWEST, MOST = 20, 500  # claimed at once
LOOK_AGAIN_S = 1.0  # for letters that may pass those that wait
MEASURED = 50  # the last letters, by which the rate is measured that a complaint halves

Claims = Callable[[int, tuple[str, ...]], Awaitable[tuple[Delivery, ...]]]


@dataclass(slots=True, kw_only=True)
class Line:
    """The letters that wait for one receiver."""

    receiver: Receiver
    pace: rates.Pace
    waiting: deque[Delivery] = field(default_factory=deque)
    under_way: int = 0

    def is_free(self, now: float) -> bool:
        """Tell whether a letter waits here that may leave now."""
        return bool(self.waiting) and not self.is_full and self.pace.wait_s(now) <= 0

    @property
    def is_full(self) -> bool:
        """Tell whether as many letters are under way as the receiver wants at most."""
        limit = self.receiver.connections
        return bool(limit) and self.under_way >= limit

    @property
    def has_plenty(self) -> bool:
        """Tell whether so many wait here that no more need be claimed for this receiver."""
        limit = self.receiver.connections or (FEWEST if self.receiver.rate_per_s else 0)
        return bool(limit) and len(self.waiting) >= limit


class Queue:
    """The letters of a run that have been claimed, for all lanes."""

    def __init__(
        self,
        claim: Claims,
        receivers: rates.Receivers,
        *,
        rate_per_s: float,
        time: Callable[[], float],
        allowance: int | None = None,
    ) -> None:
        """Make an empty queue.

        Args:
            claim: gets so many more from the ledger, but for these domains.
            receivers: the providers known.
            rate_per_s: of all letters together; 0: no limit.
            time: monotonic seconds.
            allowance: letters that may leave in this run; None: all.
        """
        self.allowance = allowance
        self._claim = claim
        self._receivers = receivers
        self._lines: dict[str, Line] = {}
        self._pace = rates.pace(rate_per_s)
        self._time = time
        self._claiming = asyncio.Lock()
        self._ahead: asyncio.Task[bool] | None = None
        self._size = FEWEST
        self._claimed_at = self._in_vain_at = -inf
        self._is_last = False
        self._left_at: deque[float] = deque(maxlen=MEASURED)
        self._changed = asyncio.Event()

    def at_once(self) -> Delivery | None:
        """Return a letter that may leave this very moment, or None."""
        now = self._time()
        if self.allowance == 0 or self._pace.wait_s(now) > 0:
            return None
        free = [line for line in self._lines.values() if line.is_free(now)]
        if not free:
            return None
        line = free[0] if len(free) == 1 else min(free, key=lambda line: line.waiting[0].id)
        self._pace = self._pace.took(now)
        line.pace = line.pace.took(now)
        line.under_way += 1
        self._left_at.append(now)
        if self.allowance is not None:
            self.allowance -= 1
        self._look_ahead()
        return line.waiting.popleft()

    async def next(self, stopping: asyncio.Event) -> Delivery | None:
        """Wait until a letter may leave, and return it; None: there is none, or the run stops.

        Raises:
            BuzzError: the ledger cannot be written.
        """
        while not stopping.is_set() and self.allowance != 0:
            changed = self._changed
            found = self.at_once()
            if found is not None:
                return found
            if self._wants_more and await self._claim_more():
                continue
            if not self._has_waiting:
                return None
            await self._until(changed)
        return None

    def has_left(self, delivery: Delivery) -> None:
        """Take notice that an exchange has ended: the next may go to that receiver."""
        self._line(delivery).under_way -= 1
        self.wake()

    def put_back(self, delivery: Delivery) -> None:
        """Take back a letter that did not leave; it is the next again."""
        line = self._line(delivery)
        line.under_way -= 1
        line.waiting.appendleft(delivery)
        if self.allowance is not None:
            self.allowance += 1
        self.wake()

    def slow_down(self, delivery: Delivery | None) -> None:
        """Write half as fast, to the receiver of this letter or, without one, to everybody."""
        now = self._time()
        line = self._line(delivery) if delivery else None
        if line is None or not line.receiver.name:
            self._pace = self._pace.slowed(now, self._measured)
        else:
            line.pace = line.pace.slowed(now, self._measured)

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        """End what goes on by itself."""
        if self._ahead is not None:
            self._ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError, BuzzError):
                await self._ahead

    # What follows claims.

    def _look_ahead(self) -> None:
        """Claim further letters meanwhile, when those at hand will not last."""
        is_claiming = self._ahead is not None and not self._ahead.done()
        if is_claiming or self._is_last:
            return
        if sum(len(line.waiting) for line in self._lines.values()) * 2 < self._size:
            self._ahead = asyncio.create_task(self._claim_more())
            self._ahead.add_done_callback(_heard)  # the lanes meet the same error by themselves

    async def _claim_more(self) -> bool:
        """Claim further letters; tell whether there are new ones."""
        before = self._claimed_at
        async with self._claiming:
            if self._claimed_at > before and self._has_waiting:
                return True  # another lane was faster
            full = [line.receiver.domains for line in self._lines.values() if line.has_plenty]
            found = await self._claim(self._size, tuple(sum(full, ())))
            now = self._time()
            self._is_last = len(found) < self._size
            if not self._is_last:  # as many as last a second
                was_quick = now - self._claimed_at < AHEAD_S
                self._size = (
                    min(MOST, self._size * 2) if was_quick else max(FEWEST, self._size // 2)
                )
            self._claimed_at = now
        for delivery in found:
            self._line(delivery).waiting.append(delivery)
        if found:
            self.wake()
        else:
            self._in_vain_at = now
        return bool(found)

    @property
    def _wants_more(self) -> bool:
        """Tell whether letters should be claimed that may pass those that wait, if any do."""
        waiting = [line for line in self._lines.values() if line.waiting]
        if any(not line.has_plenty for line in waiting):
            return False
        return not waiting or self._time() - self._in_vain_at >= LOOK_AGAIN_S

    @property
    def _has_waiting(self) -> bool:
        return any(line.waiting for line in self._lines.values())

    def _line(self, delivery: Delivery) -> Line:
        receiver = self._receivers.of(delivery.email)
        line = self._lines.get(receiver.name)
        if line is None:
            line = Line(receiver=receiver, pace=rates.pace(receiver.rate_per_s))
            self._lines[receiver.name] = line
        return line

    # What follows waits.

    async def _until(self, changed: asyncio.Event) -> None:
        """Wait until a letter may leave, or there is something to look at."""
        now = self._time()
        waits = [
            line.pace.wait_s(now)
            for line in self._lines.values()
            if line.waiting and not line.is_full
        ]
        wait_s = max(self._pace.wait_s(now), min(waits, default=inf))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), min(wait_s, LOOK_AGAIN_S))

    @property
    def _measured(self) -> float:
        """Return how many letters a second have left of late."""
        passed = self._left_at[-1] - self._left_at[0] if self._left_at else 0.0
        return (len(self._left_at) - 1) / passed if passed > 0 else inf


def _heard(task: "asyncio.Task[bool]") -> None:
    if not task.cancelled():
        task.exception()
