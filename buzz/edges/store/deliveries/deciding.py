"""What a person decides: cancel, retry, resolve."""

from collections.abc import Collection
from datetime import datetime

from buzz.edges.store import Transaction
from buzz.edges.store.deliveries.rows import move
from buzz.edges.store.schema import deliveries as table
from buzz.model import DeliveryId, DeliveryState


def cancel(tx: Transaction, slug: str, now: datetime) -> int:
    """Cancel what is neither sent nor in flight; return how many."""
    return move(tx, DeliveryState.CANCELLED, now, table.c.campaign == slug)


def retry(tx: Transaction, slug: str, state: DeliveryState, now: datetime) -> int:
    """Plan those in this state (deferred or refused) again; return how many."""
    return move(tx, DeliveryState.PLANNED, now, table.c.campaign == slug, table.c.state == state)


def resolve(
    tx: Transaction,
    slug: str,
    ids: Collection[DeliveryId] | None,
    target: DeliveryState,
    now: datetime,
) -> int:
    """Settle uncertain deliveries as a person says; all of them where no ids are given.

    Args:
        tx: the transaction.
        slug: the campaign.
        ids: which ones.
        target: accepted (it arrived) or planned (send it again).
        now: the present.
    """
    which = [table.c.campaign == slug, table.c.state == DeliveryState.UNCERTAIN]
    if ids is not None:
        which.append(table.c.id.in_(ids))
    return move(tx, target, now, *which)
