"""Sketches: by what the ranking knows a near-copy again, made once of each text."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import upsert
from buzz.edges.store.schema import entries
from buzz.edges.store.schema import sketches as table
from buzz.model import EntryId

BATCH = 500  # texts in memory at a time, of at most 100,000 characters each


class Unsketched(NamedTuple):
    """An entry whose text has no sketch yet, or another one now."""

    entry: EntryId
    content_hash: str
    text: str


def missing(
    tx: Transaction, since: date, min_length: int, after: EntryId
) -> tuple[Unsketched, ...]:
    """Return the next entries without a sketch of their present text, by id, a batch at a time.

    Args:
        tx: the transaction.
        since: first day.
        min_length: visible characters; shorter texts get no sketch.
        after: the last id of the batch before; 0 for the first.
    """
    query = (
        sa.select(entries.c.id, entries.c.content_hash, entries.c.text)
        .outerjoin(table, table.c.entry == entries.c.id)
        .where(
            entries.c.id > after,
            entries.c.day >= since,
            entries.c.length >= min_length,
            sa.or_(table.c.entry.is_(None), table.c.content_hash != entries.c.content_hash),
        )
        .order_by(entries.c.id)
        .limit(BATCH)
    )
    return tuple(Unsketched(EntryId(id_), hash_, text) for id_, hash_, text in tx.execute(query))


def save(tx: Transaction, made: Mapping[EntryId, tuple[str, bytes]]) -> None:
    """Store sketches, each with the hash of the text that it was made from."""
    rows = [
        {"entry": entry, "content_hash": content_hash, "sketch": sketch}
        for entry, (content_hash, sketch) in made.items()
    ]
    if rows:
        tx.execute(upsert(tx, table), rows)


def of_entries(tx: Transaction, since: date) -> dict[EntryId, bytes]:
    """Return the sketches of the entries since a day; those of texts without one are left out."""
    query = (
        sa.select(table.c.entry, table.c.sketch)
        .join(entries, entries.c.id == table.c.entry)
        .where(entries.c.day >= since, sa.func.length(table.c.sketch) > 0)
    )
    return {EntryId(entry): sketch for entry, sketch in tx.execute(query)}
