"""The lanes of a run: each hands one letter after the other to the next hop.

A lane takes its next letter from the queue; there is no task per recipient. Whatever goes wrong
with one recipient is recorded and the lane goes on; whatever would go wrong with all of them stops
the run, and what is in flight is finished first.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from buzz.core import delivery as core
from buzz.edges import smtp
from buzz.edges.store.leases import LEASE
from buzz.errors import BuzzError, PartialFailure, TemporaryFailure
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.model import Attempt, CampaignState, Delivery, DeliveryId, DeliveryState, Phase, Receiver
from buzz.pipeline.send.ledger import Ledger, Outcome
from buzz.pipeline.send.queue import Queue
from buzz.pipeline.send.snapshot import Snapshot

BACKOFF_S = (0.5, 2.0)  # between the tries to connect; then it is left to a later run
PROBE_S = 30.0  # between further tries, where a run waits for the server
GRACE_S = 30.0  # for what is in flight when the run is told to stop
HEARTBEAT_S = LEASE.total_seconds() / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How many at a time, how long and how patiently a run sends; how fast is the queue's."""

    connections: int
    messages: int = 0  # over one connection; 0: no limit
    quiet_hours: str = ""
    not_after: datetime | None = None
    backoff_s: tuple[float, ...] = BACKOFF_S
    wait: bool = False  # for what is put off, and for a server that is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One recipient's letter, made and ready to go."""

    delivery: Delivery
    receiver: Receiver
    envelope: smtp.Envelope
    body: bytes  # as it goes over the wire
    started_at: datetime


@dataclass(slots=True, kw_only=True)
class Line:
    """A lane's connection, and what has gone over it."""

    connection: smtp.Connection
    sent: int = 0
    sent_to: Counter[str] = field(default_factory=Counter)  # by receiver

    def carries(self, receiver: Receiver, most: int) -> bool:
        """Tell whether one more letter, to this receiver, may go over it."""
        to_receiver = self.sent_to[receiver.name] if receiver.messages else 0
        return (
            self.connection.is_open
            and not (most and self.sent >= most)
            and not (receiver.messages and to_receiver >= receiver.messages)
        )


@dataclass(kw_only=True)
class Lanes:
    """One run over the lanes. :meth:`run` returns when there is nothing left to do now."""

    ledger: Ledger
    queue: Queue
    snapshot: Snapshot
    server: smtp.Server
    manners: Manners
    receiver_of: Callable[[str], Receiver]
    clock: Callable[[], datetime]
    on_progress: Callable[[int], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: BuzzError | None = None  # what stopped the run
    is_unwelcome: bool = False  # too many refuse us for what we are
    _failure: BaseException | None = None  # a fault of this program
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)  # one lane connects at a time
    _open: int = 0  # lanes with a connection
    _lost: Counter[DeliveryId] = field(default_factory=Counter)
    _answers: int = 0
    _refused_by_policy: int = 0

    async def run(self) -> None:
        """Send until nothing is left to do now (or, waiting, at all), or until told to stop.

        Raises:
            Exception: a fault of this program, after everything in flight was finished.
        """
        await self._once()
        while self.manners.wait and not self.stopping.is_set():
            due = await self.ledger.next_due()
            if due is None:
                return
            await self._wait_until(due)
            await self._once()

    async def _once(self) -> None:
        """Send until nothing is left to do now."""
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
            await self.queue.close()
        if self._failure is not None:
            raise self._failure

    def stop(self, trouble: BuzzError | None = None) -> None:
        """Begin nothing new; the first trouble is the one that is told."""
        self.trouble = self.trouble or trouble
        self.stopping.set()
        self.queue.wake()

    # One lane.

    async def _lane(self) -> None:
        line: Line | None = None
        letter: Letter | None = None
        try:
            while True:
                letter = letter or await self._next()
                if letter is None:
                    return
                line = await self._line_for(letter, line)
                if line is None:
                    self.queue.put_back(letter.delivery)
                    return
                letter = await self._send(line, letter)
        except BuzzError as exc:
            self.stop(exc)
        except Exception as exc:  # noqa: BLE001  (raised again by run, when all lanes are at rest)
            self._failure = exc
            self.stop()
        finally:
            await self._hang_up(line)

    async def _next(self) -> Letter | None:
        """Return the next letter, claimed; None when there is none or the run stops."""
        self._look_around()
        delivery = await self.queue.next(self.stopping)
        return self._letter(delivery) if delivery is not None else None

    def _follower(self, line: Line) -> Letter | None:
        """Return the letter whose envelope may travel with a body over this line, if there is one.

        Raises:
            CheckRefused: its bytes are not those that were checked.
        """
        if not line.connection.pipelines:
            return None
        self._look_around()
        if self.stopping.is_set():
            return None
        delivery = self.queue.at_once()
        if delivery is None:
            return None
        letter = self._letter(delivery)
        if not line.carries(letter.receiver, self.manners.messages):
            self.queue.put_back(delivery)
            return None
        return letter

    def _letter(self, delivery: Delivery) -> Letter:
        now = self.clock()
        message = self.snapshot.message(delivery, now)
        return Letter(
            delivery=delivery,
            receiver=self.receiver_of(delivery.email),
            envelope=smtp.Envelope.of(self.snapshot.mail_from(delivery), delivery.email, message),
            body=smtp.stuffed(message),  # the plan has made sure that it can be sent as it is
            started_at=now,
        )

    async def _send(self, line: Line, letter: Letter) -> Letter | None:
        """Hand a letter on, and return the one that has been offered to the server after it."""
        connection = line.connection
        try:
            stopped = await connection.begin(letter.envelope)
            if stopped is not None:
                self._settle(letter, stopped)
                return None
            line.sent += 1
            line.sent_to[letter.receiver.name] += 1
            follower = self._follower(line)
            await self.ledger.dot(letter.delivery.id)
            following = follower.envelope if follower is not None else None
            exchange = await connection.finish(letter.body, following)
        except BaseException:
            # Cancelled too: the ledger keeps what was committed, so nothing is sent twice, and
            # nobody can tell any more where the dialogue stands.
            connection.abort()
            raise
        self._settle(letter, exchange)
        return follower

    def _settle(self, letter: Letter, exchange: core.Exchange) -> None:
        """Have it recorded what became of a letter, and draw the conclusions for the run.

        Raises:
            ConfigurationError: the server's answer would meet every other recipient as well.
        """
        delivery, verdict = letter.delivery, core.judge(exchange)
        attempt = Attempt(
            delivery=delivery.id,
            started_at=letter.started_at,
            ended_at=self.clock(),
            phase=exchange.phase,
            outcome=self._patience(delivery.id, verdict),
            reply_code=exchange.reply_code,
            enhanced_code=core.enhanced_code(exchange),
            reply_text=exchange.text,
            last_words=exchange.last_words,
            next_hop=self.server.name,
        )
        self.ledger.record(Outcome(attempt=attempt, email=delivery.email, exchange=exchange))
        self.queue.has_left(delivery)
        if verdict.stops_run:
            raise smtp.configuration_refused(exchange, self.server)
        if core.wants_less(exchange):
            self.queue.slow_down(None if exchange.phase is Phase.MAIL else delivery)
        self._watch(exchange)
        self.on_progress(attempt.outcome is not DeliveryState.PLANNED)

    def _patience(self, id_: DeliveryId, verdict: core.Verdict) -> DeliveryState:
        """Return the outcome; a recipient at whom the line is lost each time is put off."""
        if verdict.state is DeliveryState.PLANNED and not verdict.stops_run:
            self._lost[id_] += 1
            if self._lost[id_] >= core.LOST_IN_A_ROW:
                return DeliveryState.DEFERRED
        return verdict.state

    # Connections.

    async def _line_for(self, letter: Letter, line: Line | None) -> Line | None:
        """Return a line for this letter, the lane's own or a new one; None: see :meth:`_connect`.

        Raises:
            BuzzError: the server cannot be used, now or at all.
        """
        if line is not None and line.carries(letter.receiver, self.manners.messages):
            return line
        await self._hang_up(line)
        connection = await self._connect()
        return Line(connection=connection) if connection is not None else None

    async def _hang_up(self, line: Line | None) -> None:
        if line is not None:
            self._count(-1)
            await line.connection.close()

    async def _connect(self) -> smtp.Connection | None:
        """Return a new connection, or None when this lane is one too many or the run stops.

        Raises:
            BuzzError: the server cannot be used, now or at all.
        """
        async with self._door:
            for wait_s in self._waits():
                self._look_around()
                if self.stopping.is_set():
                    return None
                found = await smtp.connect(self.server)
                if isinstance(found, smtp.Connection):
                    self._count(1)
                    return found
                if not found.is_temporary:
                    raise found.error
                if self._open:  # the server wants fewer connections: the others go on
                    return None
                if wait_s is None:
                    raise found.error
                await self._pause(wait_s)
        return None

    def _waits(self) -> Iterator[float | None]:
        """Yield how long to wait after each try to connect that fails; None: give up."""
        yield from self.manners.backoff_s
        while self.manners.wait:
            yield PROBE_S
        yield None

    def _count(self, opened: int) -> None:
        self._open += opened
        self.ledger.lanes = self._open

    # The run as a whole.

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

    def _watch(self, exchange: core.Exchange) -> None:
        """Stop when many refuse us for what we are: more of the same would do harm."""
        self._answers += exchange.phase in {Phase.RCPT, Phase.DATA, Phase.REPLY}
        if not core.is_refused_by_policy(exchange):
            return
        self._refused_by_policy += 1
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

    async def _wait_until(self, due: datetime) -> None:
        """Wait for what is put off, holding the lease and looking around."""
        while not self.stopping.is_set() and (now := self.clock()) < due:
            await self._pause(min((due - now).total_seconds(), HEARTBEAT_S))
            try:
                await self.ledger.renew()
            except BuzzError as exc:
                self.stop(exc)
            self._look_around()

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


def warmed_up() -> TemporaryFailure:
    """Return the error that says that a new sender has sent enough for today."""
    return TemporaryFailure(
        _("as many letters have left today as a new sender should send"),
        place="buzz.toml [send] warm_up_since",
        remedy=_("run the command again tomorrow; cron does it by itself"),
    )
