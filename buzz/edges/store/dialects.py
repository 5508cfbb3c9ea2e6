"""What SQLite and PostgreSQL both can, but SQLAlchemy only offers per dialect."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

T = TypeVar("T")
PER_STATEMENT = 500  # bound parameters in one IN (...); SQLite allows 32,766 in all


def batches(values: Iterable[T]) -> Iterator[tuple[T, ...]]:
    """Yield the distinct values in the given order, as many at a time as fit an ``IN (...)``."""
    remaining = iter(dict.fromkeys(values))
    while batch := tuple(islice(remaining, PER_STATEMENT)):
        yield batch


def insert(tx: Connection, table: sa.Table) -> Any:
    """Return the INSERT of the database at hand, which knows ``ON CONFLICT``."""
    dialect = import_module(f"sqlalchemy.dialects.{tx.dialect.name}")  # one of them, at need
    return dialect.insert(table)


def upsert(tx: Connection, table: sa.Table, *, keep: frozenset[str] = frozenset()) -> Any:
    """Return an INSERT that replaces the row with the same primary key.

    Args:
        tx: the transaction it will be executed in.
        table: its primary key decides what is the same row.
        keep: columns that an existing row keeps.
    """
    statement = insert(tx, table)
    key = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=key,
        set_={
            column.name: statement.excluded[column.name]
            for column in table.columns
            if column.name not in keep and column.name not in key
        },
    )
