"""Who must never be written to again: keyed hashes of addresses, with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction, dialects
from buzz.edges.store.schema import suppressions as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One address that is not written to."""

    address_hash: str
    reason: str  # unsubscribe, hard-bounce, complaint, erased, by-hand
    campaign: str  # on account of which; may be empty
    at: datetime


def add(tx: Transaction, address_hash: str, reason: str, campaign: str, now: datetime) -> bool:
    """Suppress an address; tell whether it is new. The first reason given stays."""
    statement = dialects.insert(tx, table).values(
        address_hash=address_hash, reason=reason, campaign=campaign, at=now
    )
    added = statement.on_conflict_do_nothing().returning(table.c.address_hash)
    return tx.execute(added).first() is not None


def contains(tx: Transaction, hashes: Iterable[str]) -> set[str]:
    """Return those of the hashes that are suppressed."""
    return {
        row.address_hash
        for batch in dialects.batches(hashes)
        for row in tx.execute(
            sa.select(table.c.address_hash).where(table.c.address_hash.in_(batch))
        )
    }


def remove(tx: Transaction, address_hash: str) -> bool:
    """Lift a suppression; tell whether there was one."""
    return bool(tx.execute(sa.delete(table).where(table.c.address_hash == address_hash)).rowcount)


def all_suppressions(tx: Transaction) -> tuple[Suppression, ...]:
    """Return all suppressions, oldest first."""
    return tuple(map(_suppression, tx.execute(sa.select(table).order_by(table.c.at))))


def _suppression(row: sa.Row[Any]) -> Suppression:
    return Suppression(
        address_hash=row.address_hash, reason=row.reason, campaign=row.campaign, at=row.at
    )
