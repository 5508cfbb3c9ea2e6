"""What the rows say: each delivery, the account of all, the attempts at one."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import sqlalchemy as sa

from buzz.core import delivery as core
from buzz.edges.store import Transaction
from buzz.edges.store.deliveries.rows import SELECT, as_attempt, as_delivery
from buzz.edges.store.schema import attempts
from buzz.edges.store.schema import deliveries as table
from buzz.model import Account, Attempt, Delivery, DeliveryId, DeliveryState


def get(tx: Transaction, id_: DeliveryId) -> Delivery | None:
    """Return one delivery, or None."""
    row = tx.execute(SELECT.where(table.c.id == id_)).one_or_none()
    return as_delivery(row) if row else None


def of_campaign(
    tx: Transaction, slug: str, state: DeliveryState | None = None
) -> tuple[Delivery, ...]:
    """Return a campaign's deliveries in the order of the plan; those in one state if named."""
    query = SELECT.where(table.c.campaign == slug).order_by(table.c.id)
    if state is not None:
        query = query.where(table.c.state == state)
    return tuple(map(as_delivery, tx.execute(query)))


def in_batches(tx: Transaction, slug: str, size: int = 500) -> Iterator[tuple[Delivery, ...]]:
    """Yield a campaign's deliveries in the order of the plan, so many at a time."""
    last = 0
    query = SELECT.where(table.c.campaign == slug).order_by(table.c.id).limit(size)
    while batch := tuple(map(as_delivery, tx.execute(query.where(table.c.id > last)))):
        yield batch
        last = batch[-1].id


def account(tx: Transaction, slug: str) -> Account:
    """Return how many of a campaign's deliveries are in each state."""
    rows = tx.execute(
        sa.select(table.c.state, sa.func.count())
        .where(table.c.campaign == slug)
        .group_by(table.c.state)
    )
    return core.account({DeliveryState(state): count for state, count in rows})


def next_due(tx: Transaction, slug: str) -> datetime | None:
    """Return when the first deferred one is to be tried again, or None."""
    due: datetime | None = tx.execute(
        sa.select(table.c.next_at)
        .where(table.c.campaign == slug, table.c.state == DeliveryState.DEFERRED)
        .order_by(table.c.next_at)
        .limit(1)
    ).scalar()
    return due


def accepted_since(tx: Transaction, moment: datetime) -> int:
    """Return how many letters of all campaigns were accepted since then."""
    count = sa.select(sa.func.count()).where(
        attempts.c.outcome == DeliveryState.ACCEPTED, attempts.c.ended_at >= moment
    )
    return int(tx.execute(count).scalar_one())


def deferrals(tx: Transaction, ids: Collection[DeliveryId]) -> Mapping[DeliveryId, int]:
    """Return how often each of these was put off so far; those never put off are left out."""
    rows = tx.execute(
        sa.select(attempts.c.delivery, sa.func.count())
        .where(attempts.c.delivery.in_(ids), attempts.c.outcome == DeliveryState.DEFERRED)
        .group_by(attempts.c.delivery)
    )
    return {DeliveryId(id_): count for id_, count in rows}


def attempts_of(tx: Transaction, id_: DeliveryId) -> tuple[Attempt, ...]:
    """Return every attempt at one delivery, oldest first."""
    rows = tx.execute(sa.select(attempts).where(attempts.c.delivery == id_).order_by(attempts.c.id))
    return tuple(map(as_attempt, rows))
