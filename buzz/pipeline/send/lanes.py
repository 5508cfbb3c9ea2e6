"""The lanes of a run: each hands one letter after the other to the next hop.

A lane takes its next delivery from a queue that claims a few at a time; there is no task per
recipient. Whatever goes wrong with one recipient is recorded and the lane goes on; whatever would
go wrong with all of them stops the run, and what is in flight is finished first.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from buzz.core import delivery as core
from buzz.edges import smtp
from buzz.edges.store.leases import LEASE
from buzz.errors import BuzzError, PartialFailure, TemporaryFailure
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.model import Attempt, CampaignState, Delivery, DeliveryId, DeliveryState, Phase
from buzz.pipeline.send.ledger import Ledger, Outcome
from buzz.pipeline.send.snapshot import Snapshot

BACKOFF_S = (0.5, 2.0)  # between the tries to connect; then it is left to a later run
GRACE_S = 30.0  # for what is in flight when the run is told to stop
CLAIM_PER_LANE = 4  # deliveries claimed ahead: few, for suppression is looked up at claim time
HEARTBEAT_S = LEASE.total_seconds() / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How fast, how long and how patiently a run sends."""

    connections: int
    rate_per_s: float  # of all lanes together; 0: no limit
    quiet_hours: str = ""
    not_after: datetime | None = None
    backoff_s: tuple[float, ...] = BACKOFF_S


@dataclass(kw_only=True)
class Lanes:
    """One run over the lanes. :meth:`run` returns when there is nothing left to do now."""

    ledger: Ledger
    snapshot: Snapshot
    server: smtp.Server
    manners: Manners
    clock: Callable[[], datetime]
    on_progress: Callable[[int], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: BuzzError | None = None  # what stopped the run
    is_unwelcome: bool = False  # too many refuse us for what we are
    _failure: BaseException | None = None  # a fault of this program
    _ready: deque[Delivery] = field(default_factory=deque)
    _queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)  # one lane connects at a time
    _open: int = 0  # lanes with a connection
    _next_start: float = 0.0  # monotonic: when the next letter may leave
    _lost: Counter[DeliveryId] = field(default_factory=Counter)
    _answers: int = 0
    _refused_by_policy: int = 0

    async def run(self) -> None:
        """Send until nothing is left to do now, or until told to stop.

        Raises:
            Exception: a fault of this program, after everything in flight was finished.
        """
        lanes = [asyncio.create_task(self._lane()) for _n in range(self.manners.connections)]
        heartbeat = asyncio.create_task(self._heartbeat())
        stopping = asyncio.create_task(self.stopping.wait())
        try:
            working = asyncio.gather(*lanes)
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(lanes, timeout=GRACE_S)
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
        finally:
            for task in (heartbeat, stopping, *lanes):
                task.cancel()
            await asyncio.gather(heartbeat, stopping, *lanes, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    def stop(self, trouble: BuzzError | None = None) -> None:
        """Begin nothing new; the first trouble is the one that is told."""
        self.trouble = self.trouble or trouble
        self.stopping.set()

    async def _lane(self) -> None:
        connection: smtp.Connection | None = None
        try:
            while (delivery := await self._next()) is not None:
                if connection is not None and not connection.is_open:
                    self._open -= 1
                    connection = None
                connection = connection or await self._connect()
                if connection is None:
                    self._ready.appendleft(delivery)
                    return
                if not await self._turn():
                    return
                await self._send(connection, delivery)
        except BuzzError as exc:
            self.stop(exc)
        except Exception as exc:  # noqa: BLE001  (raised again by run, when all lanes are at rest)
            self._failure = exc
            self.stop()
        finally:
            if connection is not None:
                self._open -= 1
                await connection.close()

    async def _next(self) -> Delivery | None:
        """Return the next delivery, claimed; None when there is none or the run stops."""
        async with self._queue:
            self._look_around()
            if not self._ready and not self.stopping.is_set():
                limit = CLAIM_PER_LANE * self.manners.connections
                self._ready.extend(await self.ledger.claim(limit))
            if self.stopping.is_set() or not self._ready:
                return None
            return self._ready.popleft()

    def _look_around(self) -> None:
        """Stop when it is too late, too early, or a person says so."""
        now, manners = self.clock(), self.manners
        if manners.not_after is not None and now >= manners.not_after:
            self.stop()
        if self.ledger.state is not CampaignState.SENDING:  # a person has paused or cancelled it
            self.stop()
        until = core.quiet_until(manners.quiet_hours, now)
        if until is not None:
            self.stop(quiet(until))

    async def _connect(self) -> smtp.Connection | None:
        """Return a new connection, or None when this lane is one too many or the run stops.

        Raises:
            BuzzError: the server cannot be used, now or at all.
        """
        async with self._door:
            for wait_s in (*self.manners.backoff_s, None):
                if self.stopping.is_set():
                    return None
                found = await smtp.connect(self.server)
                if isinstance(found, smtp.Connection):
                    self._open += 1
                    return found
                if not found.is_temporary:
                    raise found.error
                if self._open:  # the server wants fewer connections: the others go on
                    return None
                if wait_s is None:
                    raise found.error
                await self._pause(wait_s)
        return None

    async def _turn(self) -> bool:
        """Return when the next letter may leave, whether it still may."""
        if self.manners.rate_per_s:
            now = asyncio.get_running_loop().time()
            start = max(now, self._next_start)
            self._next_start = start + 1 / self.manners.rate_per_s
            await self._pause(start - now)
        return not self.stopping.is_set()

    async def _send(self, connection: smtp.Connection, delivery: Delivery) -> None:
        started_at = self.clock()
        message = self.snapshot.message(delivery, started_at)
        exchange = await connection.deliver(
            self.snapshot.envelope.mail_from,
            delivery.email,
            message,
            partial(self.ledger.dot, delivery.id),
        )
        verdict = core.judge(exchange)
        attempt = Attempt(
            delivery=delivery.id,
            started_at=started_at,
            ended_at=self.clock(),
            phase=exchange.phase,
            outcome=self._patience(delivery.id, verdict),
            reply_code=exchange.reply_code,
            enhanced_code=core.enhanced_code(exchange),
            reply_text=exchange.text,
            next_hop=self.server.name,
        )
        self.ledger.record(Outcome(attempt=attempt, email=delivery.email, exchange=exchange))
        if verdict.stops_run:
            raise smtp.configuration_refused(exchange, self.server)
        self._watch(exchange)
        self.on_progress(attempt.outcome is not DeliveryState.PLANNED)

    def _patience(self, id_: DeliveryId, verdict: core.Verdict) -> DeliveryState:
        """Return the outcome; a recipient at whom the line is lost each time is put off."""
        if verdict.state is DeliveryState.PLANNED and not verdict.stops_run:
            self._lost[id_] += 1
            if self._lost[id_] >= core.LOST_IN_A_ROW:
                return DeliveryState.DEFERRED
        return verdict.state

    def _watch(self, exchange: core.Exchange) -> None:
        """Stop when many refuse us for what we are: more of the same would do harm."""
        self._answers += exchange.phase in {Phase.RCPT, Phase.DATA, Phase.REPLY}
        self._refused_by_policy += core.is_refused_by_policy(exchange)
        if core.is_unwelcome(self._refused_by_policy, self._answers) and not self.is_unwelcome:
            self.is_unwelcome = True
            said = f"{exchange.reply_code} {exchange.text}"
            self.stop(
                PartialFailure(
                    _("paused: {n} of {all} refused by policy, the last with: {said}").format(
                        n=self._refused_by_policy, all=self._answers, said=said
                    ),
                    place=self.server.name,
                    remedy=_("mend that first, then: buzz send resume {slug}").format(
                        slug=self.snapshot.slug
                    ),
                )
            )

    async def _heartbeat(self) -> None:
        """Hold the lease while the run goes on, also when the server is slow."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await self.ledger.renew()
            except BuzzError as exc:
                self.stop(exc)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when the run is told to stop."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), seconds)


def quiet(until: datetime) -> TemporaryFailure:
    """Return the error that says until when nothing is sent."""
    return TemporaryFailure(
        _("quiet hours: nothing is sent until {until}").format(until=formats.moment(until)),
        place="buzz.toml [send] quiet_hours",
        remedy=_("run the command again then"),
    )
