"""Moves: each change of the address at which a feed is asked, and what became of it."""

from collections.abc import Iterable

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import moves as table
from buzz.model import Move, MoveKind


def add(tx: Transaction, moves: Iterable[Move]) -> None:
    """Record moves."""
    rows = [
        {
            "blog": move.blog,
            "at": move.at,
            "from_url": move.from_url,
            "to_url": move.to_url,
            "kind": move.kind.value,
        }
        for move in moves
    ]
    if rows:
        tx.execute(table.insert(), rows)


def of_blog(tx: Transaction, slug: str) -> tuple[Move, ...]:
    """Return a blog's moves, oldest first."""
    rows = tx.execute(sa.select(table).where(table.c.blog == slug).order_by(table.c.id))
    return tuple(
        Move(
            blog=row.blog,
            at=row.at,
            from_url=row.from_url,
            to_url=row.to_url,
            kind=MoveKind(row.kind),
        )
        for row in rows
    )
