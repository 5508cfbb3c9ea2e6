"""When to ask a feed again: as often as it writes, within manners and what the server asks for.

At most one conditional request an hour and one unconditional a day (Rachel Kroll's reader test);
cron is expected every hour.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

MIN_INTERVAL = timedelta(hours=1)
MAX_INTERVAL = timedelta(hours=24)
FULL_EVERY = timedelta(hours=24)  # between two requests without validators
UNDATED_GAP = timedelta(hours=8)  # between posts, of a feed without dates: it does not show it
BACK_OFF = timedelta(hours=1)  # times the failures in a row
GONE_PROBE = timedelta(days=7)
# A run of cron that starts a little earlier in its hour than the last must not leave out a feed
# for a whole hour.
EARLY = timedelta(minutes=1)
JITTER = 0.1  # share of what a wait has beyond the shortest; spreads the feeds of one import
RECENT = 20  # entries that tell how often a blog writes
GAP_MEMORY = timedelta(days=14)  # for so long a feed that lost posts is asked twice as often

_WHOLE = re.compile(r"[0-9]{1,7}")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}


def clamped(interval: timedelta) -> timedelta:
    """Return an interval within bounds."""
    return min(max(interval, MIN_INTERVAL), MAX_INTERVAL)


class Pace(NamedTuple):
    """What a document shows of how often its blog writes."""

    since: datetime  # of the oldest of its recent posts
    posts: int


def pace_of(published: Iterable[datetime], now: datetime) -> Pace:
    """Return the pace of a blog whose document is read now.

    Args:
        published: times of its entries, in any order, none after ``now``.
        now: aware UTC.
    """
    recent = sorted(published, reverse=True)[:RECENT]
    if not recent:
        return Pace(now - RECENT * UNDATED_GAP, RECENT)
    return Pace(recent[-1], len(recent))


def interval_of(pace: Pace, now: datetime) -> timedelta:
    """Return how long to wait for a feed's next post: half its mean gap, from 1 h to 24 h.

    The silence up to now is a gap as well, be it told by a document or by a 304: a blog that falls
    asleep is asked less and less, once a day in the end.
    """
    return clamped((now - pace.since) / pace.posts / 2)


def spread(wait: timedelta, jitter: float) -> timedelta:
    """Return a wait, longer by chance where it is more than the shortest.

    The shortest stays: longer by a minute, it would be two hours to an hourly cron.
    """
    return wait + max(wait - MIN_INTERVAL, timedelta()) * JITTER * jitter


def asked_for(channel: Mapping[str, Any]) -> timedelta | None:
    """Return the shortest interval a feed asks for, or None where it asks for nothing.

    ``ttl`` is in minutes (RSS 2.0); ``sy:updatePeriod`` is divided by ``sy:updateFrequency``
    (the syndication module of RSS 1.0).

    >>> asked_for({"ttl": "90"})
    datetime.timedelta(seconds=5400)
    >>> asked_for({"sy_updateperiod": "daily", "sy_updatefrequency": "4"})
    datetime.timedelta(seconds=21600)
    """
    wishes = []
    if minutes := _number(channel.get("ttl")):
        wishes.append(timedelta(minutes=minutes))
    period = _PERIODS.get(str(channel.get("sy_updateperiod", "")).strip().lower())
    if period:
        wishes.append(period / (_number(channel.get("sy_updatefrequency")) or 1))
    return max(wishes, default=None)


def _number(text: Any) -> int:
    """Return a whole number from 1 to 10 million as a feed writes it; 0: it is none."""
    digits = str(text or "").strip()
    return int(digits) if _WHOLE.fullmatch(digits) else 0
