"""Manners: which addresses share a server, how long a host wants to be left alone, who goes first.

Over-blog, Blogger, WordPress.com or hautetfort carry a third of the French political blogs: to
them a poll is one visitor, whatever the names (``platforms.json``).
"""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import cache, lru_cache
from importlib.resources import files

from buzz.core.urls import REMEMBERED, host
from buzz.model import Feed, FeedState, FetchResult

MAX_HOLD = timedelta(hours=24)  # a server may not switch itself off for a year
DEFAULT_HOLD = timedelta(hours=1)  # of a 429 that does not say how long
UNKNOWN_MS = 1000  # a feed that was never asked may be slow
TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503


@lru_cache(REMEMBERED)
def courtesy_host(url: str) -> str:
    """Return the name under which an address is treated with courtesy: platform, or host.

    >>> courtesy_host("https://karim.over-blog.com/rss"), courtesy_host("http://lea.overblog.fr/")
    ('over-blog', 'over-blog')
    >>> courtesy_host("https://www.karim.example/feed")
    'karim.example'
    """
    name = host(url)
    if name.endswith(".localhost"):  # RFC 6761 §6.3: this machine, and no platform's servers
        return name
    labels = name.split(".")
    for start in range(len(labels)):
        tail = ".".join(labels[start:])
        # "over-blog.com" and, with any national ending, "over-blog."
        for key in (tail, f"{labels[start]}." if start >= len(labels) - 3 else ""):
            if platform := _platforms().get(key):
                return platform
    return name


def hold(result: FetchResult) -> timedelta | None:
    """Return for how long a host wants no request at all (RFC 6585 §4, RFC 9110 §15.6.4)."""
    if result.status == TOO_MANY_REQUESTS:
        return min(result.retry_after or DEFAULT_HOLD, MAX_HOLD)
    if result.status == UNAVAILABLE and result.retry_after:
        return min(result.retry_after, MAX_HOLD)
    return None


def in_order(feeds: Iterable[Feed], pause_s: float) -> list[Feed]:
    """Return feeds in the order in which to start them, so that nobody is waited for at the end.

    First the hosts that will take longest by the last poll's durations, then their slow feeds.

    Args:
        feeds: in any order.
        pause_s: between two starts at one host.
    """
    named = [(courtesy_host(feed.address), feed) for feed in feeds]
    load: Counter[str] = Counter()
    for name, feed in named:
        load[name] += round(max(_duration_ms(feed) / 2, pause_s * 1000))
    named.sort(key=lambda pair: (-max(load[pair[0]], _duration_ms(pair[1])), pair[1].blog))
    return [feed for _name, feed in named]


def _duration_ms(feed: Feed) -> int:
    return UNKNOWN_MS if feed.state is FeedState.NEW else feed.duration_ms


@cache
def _platforms() -> dict[str, str]:
    read = json.loads(files(__package__).joinpath("platforms.json").read_text(encoding="utf-8"))
    del read["note"]
    return {name: platform for platform, names in read.items() for name in names}
