"""The one writer of a run: claims, dots and results, in the order in which they happened.

A body may be sent when its dot is committed. Dots and results that come while a commit is under
way share the next one, so that the price of an fsync is divided by the lanes. A result is never
committed later than the next dot of its lane: at most one delivery a lane can be left in the
state *dot* by a crash. Everything runs in one thread, since the store blocks; each transaction
first makes sure that the lease is still ours.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from buzz.core import delivery as core
from buzz.core.delivery import Exchange
from buzz.edges.store import Store, Transaction, deliveries, leases, suppressions
from buzz.edges.store.deliveries import Result
from buzz.model import Attempt, CampaignState, Delivery, DeliveryId, DeliveryState

T = TypeVar("T")
HARD_BOUNCE = "hard-bounce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an exchange made of a delivery, before it is written down."""

    attempt: Attempt
    email: str
    exchange: Exchange


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
    ) -> None:
        self._store = store
        self._slug = slug
        self._fence = fence
        self._secret = secret
        self._clock = clock
        self._not_after = not_after
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._dots: dict[DeliveryId, asyncio.Future[None]] = {}
        self._outcomes: list[Outcome] = []
        self._pump: asyncio.Task[None] | None = None
        self.state = CampaignState.SENDING  # as of the last transaction

    async def claim(self, limit: int) -> tuple[Delivery, ...]:
        """Return the next deliveries to be sent, claimed; none when there is nothing to do now.

        Raises:
            Fenced: another sender has taken over.
        """
        await self.flush()
        return await self._in_thread(self._claim, limit)

    async def dot(self, id_: DeliveryId) -> None:
        """Return when it is committed that this delivery's body may be sent.

        Raises:
            Fenced: another sender has taken over.
            BuzzError: the database cannot be written; nothing may be sent.
        """
        committed = asyncio.get_running_loop().create_future()
        self._dots[id_] = committed
        self._start_pump()
        await committed

    def record(self, outcome: Outcome) -> None:
        """Have an outcome written down with the next commit."""
        self._outcomes.append(outcome)
        self._start_pump()

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
        if self._outcomes:  # a commit has failed: once more
            outcomes, self._outcomes = self._outcomes, []  # others go on adding meanwhile
            try:
                self.state = await self._in_thread(self._commit, (), outcomes)
            except BaseException:  # an interrupt too: what is not committed stays to be committed
                self._outcomes = outcomes + self._outcomes
                raise

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown()

    def _start_pump(self) -> None:
        if self._pump is None:
            self._pump = asyncio.create_task(self._commit_all())

    async def _commit_all(self) -> None:
        """Commit what is waiting, and what comes meanwhile; a failure goes to the waiting dots."""
        try:
            while self._dots or self._outcomes:
                dots, self._dots = self._dots, {}
                outcomes, self._outcomes = self._outcomes, []
                try:
                    self.state = await self._in_thread(self._commit, tuple(dots), outcomes)
                except Exception as exc:  # noqa: BLE001  (handed to those who wait)
                    self._outcomes = outcomes + self._outcomes
                    for committed in (*dots.values(), *self._dots.values()):
                        if not committed.done():
                            committed.set_exception(exc)
                    self._dots = {}
                    return
                for committed in dots.values():
                    if not committed.done():
                        committed.set_result(None)
        finally:
            self._pump = None

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # What follows runs in the thread.

    def _claim(self, limit: int) -> tuple[Delivery, ...]:
        with self._store.write() as tx:
            self.state = leases.hold(tx, self._slug, self._fence)
            if self.state is not CampaignState.SENDING:
                return ()
            while found := deliveries.next_planned(tx, self._slug, self._clock(), limit):
                wanted = self._not_suppressed(tx, found)
                if wanted:
                    ids = [delivery.id for delivery in wanted]
                    deliveries.claim(tx, ids, self._fence, self._clock())
                    return wanted
            return ()

    def _not_suppressed(self, tx: Transaction, found: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        """Take out whom nobody may write to any more, and return the others."""
        hashes = {d.id: core.address_hash(self._secret, d.email) for d in found}
        suppressed = suppressions.contains(tx, hashes.values())
        gone = [id_ for id_, hash_ in hashes.items() if hash_ in suppressed]
        if gone:
            deliveries.suppress(tx, gone, self._clock())
        return tuple(d for d in found if hashes[d.id] not in suppressed)

    def _commit(self, dots: tuple[DeliveryId, ...], outcomes: list[Outcome]) -> CampaignState:
        with self._store.write() as tx:
            state = leases.hold(tx, self._slug, self._fence)
            if outcomes:
                deliveries.record(tx, self._results(tx, outcomes), self._fence)
                for outcome in outcomes:
                    if core.is_hard_bounce(outcome.exchange):
                        hash_ = core.address_hash(self._secret, outcome.email)
                        suppressions.add(tx, hash_, HARD_BOUNCE, self._slug, self._clock())
            if dots:
                deliveries.mark_dots(tx, dots, self._fence, self._clock())
            return state

    def _results(self, tx: Transaction, outcomes: list[Outcome]) -> list[Result]:
        deferred = [
            outcome.attempt.delivery
            for outcome in outcomes
            if outcome.attempt.outcome is DeliveryState.DEFERRED
        ]
        before = deliveries.deferrals(tx, deferred) if deferred else {}
        return [self._result(outcome.attempt, before) for outcome in outcomes]

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

    def _renew(self) -> None:
        with self._store.write() as tx:
            self.state = leases.renew_lease(tx, self._slug, self._fence, self._clock())
