"""Holds: hosts that have told us to wait, and until when."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import upsert
from buzz.edges.store.schema import holds as table


def at(tx: Transaction, now: datetime) -> dict[str, datetime]:
    """Return until when each host wants to be left alone that still does."""
    query = sa.select(table.c.host, table.c.until).where(table.c.until > now)
    return {row.host: row.until for row in tx.execute(query)}


def save(tx: Transaction, holds: Mapping[str, datetime], now: datetime) -> None:
    """Record holds, and forget those that have ended."""
    tx.execute(sa.delete(table).where(table.c.until <= now))
    if holds:
        rows = [{"host": host, "until": until} for host, until in holds.items()]
        tx.execute(upsert(tx, table), rows)
