"""The one writer of a run: claims, dots and results, in the order in which they happened.

A body may be sent when its dot is committed. Whatever comes while a commit is under way shares
the next one, so that the price of an fsync is divided by the lanes. A result is never committed
later than the next dot of its lane: at most one delivery a lane can be left in the state *dot* by
a crash. Everything runs in one thread, since the store blocks; each transaction first makes sure
that the lease is still ours.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from buzz.core import delivery as core
from buzz.core.delivery import Exchange
from buzz.edges.store import Store, Transaction, deliveries, instances, leases, suppressions
from buzz.edges.store.deliveries import Result
from buzz.model import Attempt, CampaignState, Delivery, DeliveryId, DeliveryState

T = TypeVar("T")
HARD_BOUNCE = "hard-bounce"
GATHER_S = 0.0005  # a commit waits so long for further lanes, as long as more are on their way


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an exchange made of a delivery, before it is written down."""

    attempt: Attempt
    email: str
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is wanted next."""

    limit: int
    without: tuple[str, ...] = ()  # domains to which nothing may be sent just now
    found: "asyncio.Future[tuple[Delivery, ...]]"


@dataclass(slots=True, kw_only=True)
class Batch:
    """What shares one commit."""

    dots: dict[DeliveryId, "asyncio.Future[None]"] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to be committed."""
        return not (self.dots or self.outcomes or self.claims)

    @property
    def waiting(self) -> "list[asyncio.Future[None] | asyncio.Future[tuple[Delivery, ...]]]":
        """Return those who wait for the commit."""
        return [*self.dots.values(), *(claim.found for claim in self.claims)]


class Ledger:
    """The database as one run of a sender sees it."""

    def __init__(
        self,
        store: Store,
        slug: str,
        fence: int,
        *,
        secret: bytes,
        clock: Callable[[], datetime],
        not_after: datetime | None,
        instance_file: Path,
    ) -> None:
        self._store = store
        self._slug = slug
        self._fence = fence
        self._secret = secret
        self._clock = clock
        self._not_after = not_after
        self._instance_file = instance_file
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._next = Batch()
        self._pump: asyncio.Task[None] | None = None
        self.state = CampaignState.SENDING  # as of the last transaction
        self.lanes = 1  # how many dots may come together

    async def claim(self, limit: int, without: Iterable[str] = ()) -> tuple[Delivery, ...]:
        """Return the next deliveries to be sent, claimed; none when there is nothing to do now.

        Raises:
            Fenced: another sender has taken over.
            BuzzError: the database cannot be written.
        """
        found: asyncio.Future[tuple[Delivery, ...]] = asyncio.get_running_loop().create_future()
        self._next.claims.append(Claim(limit=limit, without=tuple(without), found=found))
        self._start_pump()
        return await found

    async def dot(self, id_: DeliveryId) -> None:
        """Return when it is committed that this delivery's body may be sent.

        Raises:
            Fenced: another sender has taken over.
            BuzzError: the database cannot be written; nothing may be sent.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next.dots[id_] = committed
        self._start_pump()
        await committed

    def record(self, outcome: Outcome) -> None:
        """Have an outcome written down with the next commit."""
        self._next.outcomes.append(outcome)
        self._start_pump()

    async def next_due(self) -> datetime | None:
        """Return when the first of those put off is due, or None."""
        await self.flush()
        return await self._in_thread(self._next_due)

    async def renew(self) -> None:
        """Hold the lease for longer.

        Raises:
            Fenced: another sender has taken over.
        """
        await self._in_thread(self._renew)

    async def flush(self) -> None:
        """Return when everything is written down that was given.

        Raises:
            BuzzError: it cannot be.
        """
        while self._pump is not None:
            await asyncio.shield(self._pump)
        if self._next.outcomes:  # a commit has failed: once more
            batch, self._next = Batch(outcomes=self._next.outcomes), Batch()  # others go on adding
            try:
                await self._in_thread(self._commit, batch)
            except BaseException:  # an interrupt too: what is not committed stays to be committed
                self._next.outcomes[:0] = batch.outcomes
                raise

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown()

    def _start_pump(self) -> None:
        if self._pump is None:
            self._pump = asyncio.create_task(self._commit_all())

    async def _commit_all(self) -> None:
        """Commit what is waiting, and what comes meanwhile; a failure goes to those who wait."""
        try:
            while not self._next.is_empty:
                await self._gather()
                batch, self._next = self._next, Batch()
                try:
                    found = await self._in_thread(self._commit, batch)
                except Exception as exc:  # noqa: BLE001  (handed to those who wait)
                    self._next.outcomes[:0] = batch.outcomes
                    for waiting in (*batch.waiting, *self._next.waiting):
                        if not waiting.done():
                            waiting.set_exception(exc)
                    self._next.dots, self._next.claims = {}, []
                    return
                for committed in batch.dots.values():
                    if not committed.done():
                        committed.set_result(None)
                for claim, deliveries_ in zip(batch.claims, found, strict=True):
                    if not claim.found.done():
                        claim.found.set_result(deliveries_)
        finally:
            self._pump = None

    async def _gather(self) -> None:
        """Wait a moment for lanes that are about to come, to share the commit with them."""
        await asyncio.sleep(0)  # those whose answer has come in this very moment
        if len(self._next.dots) < self.lanes:
            await asyncio.sleep(GATHER_S)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # What follows runs in the thread.

    def _commit(self, batch: Batch) -> list[tuple[Delivery, ...]]:
        """Write a batch down; return what each of its claims has got."""
        now = self._clock()
        with self._store.write() as tx:
            state = leases.hold(tx, self._slug, self._fence)
            if batch.outcomes:
                self._record(tx, batch.outcomes, now)
            deliveries.mark_dots(tx, batch.dots, self._fence, now)
            may_go_on = state is CampaignState.SENDING
            found = [self._claim(tx, c, now) if may_go_on else () for c in batch.claims]
            epoch = instances.advance(tx) if batch.claims else 0
        if epoch:
            instances.note(self._instance_file, epoch)
        self.state = state
        return found

    def _claim(self, tx: Transaction, claim: Claim, now: datetime) -> tuple[Delivery, ...]:
        while found := deliveries.next_planned(
            tx, self._slug, now, claim.limit, without=claim.without
        ):
            wanted = self._not_suppressed(tx, found, now)
            if wanted:
                deliveries.claim(tx, [delivery.id for delivery in wanted], self._fence, now)
                return wanted
        return ()

    def _not_suppressed(
        self, tx: Transaction, found: tuple[Delivery, ...], now: datetime
    ) -> tuple[Delivery, ...]:
        """Take out whom nobody may write to any more, and return the others."""
        hashes = {d.id: core.address_hash(self._secret, d.email) for d in found}
        suppressed = suppressions.contains(tx, hashes.values())
        gone = [id_ for id_, hash_ in hashes.items() if hash_ in suppressed]
        if gone:
            deliveries.suppress(tx, gone, now)
        return tuple(d for d in found if hashes[d.id] not in suppressed)

    def _record(self, tx: Transaction, outcomes: list[Outcome], now: datetime) -> None:
        deferred = [
            outcome.attempt.delivery
            for outcome in outcomes
            if outcome.attempt.outcome is DeliveryState.DEFERRED
        ]
        before = deliveries.deferrals(tx, deferred) if deferred else {}
        results = [self._result(outcome.attempt, before) for outcome in outcomes]
        deliveries.record(tx, results, self._fence)
        for outcome in outcomes:
            if core.is_hard_bounce(outcome.exchange):
                hash_ = core.address_hash(self._secret, outcome.email)
                suppressions.add(tx, hash_, HARD_BOUNCE, self._slug, now)

    def _result(self, attempt: Attempt, before: Mapping[DeliveryId, int]) -> Result:
        """Return an attempt with what it makes of the delivery: deferred too often is refused."""
        if attempt.outcome is not DeliveryState.DEFERRED:
            return Result(attempt=attempt, state=attempt.outcome)
        next_at = core.next_attempt(
            before.get(attempt.delivery, 0) + 1,
            attempt.ended_at,
            random.random(),  # noqa: S311  (spreads retries; no secret)
            self._not_after,
        )
        state = DeliveryState.REFUSED if next_at is None else DeliveryState.DEFERRED
        return Result(attempt=attempt, state=state, next_at=next_at)

    def _next_due(self) -> datetime | None:
        with self._store.read() as tx:
            return deliveries.next_due(tx, self._slug)

    def _renew(self) -> None:
        with self._store.write() as tx:
            self.state = leases.renew_lease(tx, self._slug, self._fence, self._clock())
