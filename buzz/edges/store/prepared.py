"""Statements of a hot path: compiled once, then run on the driver's own cursor.

A sender commits several hundred times a second. To look a statement up, to bind its values and to
wrap its result costs SQLAlchemy 70-90 µs a time, the driver 5 (measured with SQLite). What is
prepared here is the same Core expression; but values are what the driver stores (numbers, text,
None): a column's type converts nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

Values = Mapping[str, object]


class Prepared:
    """One statement, for every database it is run on."""

    def __init__(self, statement: "sa.Select[Any] | sa.UpdateBase") -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}  # by the dialect's name

    def many(self, tx: Connection, rows: Sequence[Values]) -> int:
        """Run it with each of these values, and return how many rows it has touched in all."""
        compiled = self._for(tx)
        cursor = tx.connection.cursor()
        try:
            cursor.executemany(compiled.text, list(map(compiled.bound, rows)))
        except compiled.error as exc:
            raise _foreign(exc, tx) from exc
        else:
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def first(self, tx: Connection, values: Values) -> tuple[Any, ...] | None:
        """Run it, and return the first row as the driver has it, or None."""
        compiled = self._for(tx)
        cursor = tx.connection.cursor()
        try:
            cursor.execute(compiled.text, compiled.bound(values))
            row: tuple[Any, ...] | None = cursor.fetchone()
        except compiled.error as exc:
            raise _foreign(exc, tx) from exc
        else:
            return row
        finally:
            cursor.close()

    def _for(self, tx: Connection) -> "_Compiled":
        found = self._compiled.get(tx.dialect.name)
        if found is None:
            found = self._compiled[tx.dialect.name] = _Compiled(self._statement, tx.dialect)
        return found


class _Compiled:
    """A statement as text of one database's dialect."""

    def __init__(self, statement: "sa.Select[Any] | sa.UpdateBase", dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
        self.text = str(compiled)
        self.error: type[Exception] = dialect.loaded_dbapi.Error
        self._fixed = {k: v for k, v in compiled.params.items() if v is not None}
        self._positions = compiled.positiontup  # None: the driver wants names

    def bound(self, values: Values) -> Any:
        """Return the values as this database's driver wants them."""
        named = {**self._fixed, **values}
        if self._positions is None:
            return named
        return tuple(map(named.__getitem__, self._positions))


def _foreign(exc: Exception, tx: Connection) -> BaseException:
    """Return the driver's error as SQLAlchemy would have raised it: the store translates those."""
    return sa.exc.DBAPIError.instance(
        None, None, exc, tx.dialect.loaded_dbapi.Error, dialect=tx.dialect
    )
