"""Column types that hand out our values: aware UTC times, tuples, enums."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcTime(sa.TypeDecorator[datetime]):
    """Microseconds since 1970 in an integer: aware UTC in, aware UTC out, sorts everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Return the integer that is stored."""
        del dialect
        if value is None:
            return None
        return stored(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return the time that was stored."""
        del dialect
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


def stored(value: datetime) -> int:
    """Return the integer by which a time is stored."""
    assert value.tzinfo is not None, "a time without a zone"
    return round(value.timestamp() * 1_000_000)
