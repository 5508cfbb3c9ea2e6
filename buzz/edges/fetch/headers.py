"""What headers say about when to come again."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def retry_after(value: str, date: str = "") -> timedelta | None:
    """Return the wait a server asks for in seconds or as a date (RFC 9110 §10.2.3), or None.

    Args:
        value: the Retry-After header.
        date: the Date header: the server's own clock, by which its dates are meant.

    >>> retry_after("120")
    datetime.timedelta(seconds=120)
    >>> retry_after("Mon, 02 Mar 2026 10:00:00 GMT", "Mon, 02 Mar 2026 09:00:00 GMT")
    datetime.timedelta(seconds=3600)
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = _http_date(value)
    if until is None:
        return None
    return max(until - (_http_date(date) or datetime.now(UTC)), timedelta())


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def max_age(cache_control: str, age: str = "") -> timedelta | None:
    """Return how long an answer stays fresh from now on (RFC 9111 §5.2.2.1), or None.

    Args:
        cache_control: the Cache-Control header.
        age: the Age header: how long a cache on the way has had the answer.

    >>> max_age("public, max-age=3600", "600")
    datetime.timedelta(seconds=3000)
    >>> max_age("no-cache, max-age=3600") is None
    True
    """
    found = _MAX_AGE.search(cache_control)
    if found is None or "no-cache" in cache_control.lower() or "no-store" in cache_control.lower():
        return None
    passed = int(age[:9]) if age.isascii() and age[:9].isdigit() else 0
    return timedelta(seconds=max(int(found[1]) - passed, 0))
