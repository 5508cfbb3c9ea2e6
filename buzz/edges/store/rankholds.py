"""Holds: blogs that keep their former rank after a flood, and who has released them."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import rank_holds as table
from buzz.model import Hold

_COLUMNS = [column for column in table.c if column.name != "id"]


def add(tx: Transaction, holds: Iterable[Hold]) -> None:
    """Store new holds."""
    rows = [asdict(hold) for hold in holds]
    if rows:
        tx.execute(sa.insert(table), rows)


def waiting(tx: Transaction) -> tuple[Hold, ...]:
    """Return the holds that nobody has released, oldest first."""
    query = sa.select(*_COLUMNS).where(table.c.released_at.is_(None))
    return _holds(tx, query)


def of_blog(tx: Transaction, slug: str) -> tuple[Hold, ...]:
    """Return all holds of a blog, oldest first."""
    return _holds(tx, sa.select(*_COLUMNS).where(table.c.blog == slug))


def released(tx: Transaction) -> tuple[Hold, ...]:
    """Return the holds that a person has released, oldest first."""
    return _holds(tx, sa.select(*_COLUMNS).where(table.c.released_at.is_not(None)))


def release(tx: Transaction, slug: str, now: datetime, who: str) -> int:
    """Release a blog; return how many holds it had."""
    return tx.execute(
        sa.update(table)
        .where(table.c.blog == slug, table.c.released_at.is_(None))
        .values(released_at=now, released_by=who)
    ).rowcount


def _holds(tx: Transaction, query: "sa.Select[tuple[object, ...]]") -> tuple[Hold, ...]:
    rows = tx.execute(query.order_by(table.c.since, table.c.blog)).mappings()
    return tuple(Hold(**row) for row in rows)
