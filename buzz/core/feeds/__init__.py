"""Feeds: from a document to entries, and from a poll to what it means for the feed.

``unfit`` and ``read`` judge one document, ``settle`` tells its new posts from those that only have
a new id, ``after_poll`` judges the feed's health. When to ask again (``timing``), which hosts are
one and how long they are left alone (``manners``), which redirects are believed (``moves``), whose
an address is (``owners``) and what a lost domain looks like (``parking``) stand in modules of their
own. What an entry's reader sees, and nothing else, is its text (:mod:`buzz.core.feeds.html`).
"""

from buzz.core.feeds.document import MAX_ENTRIES, content_hash, entry_day, mended, read, unfit
from buzz.core.feeds.health import (
    Polled,
    after_poll,
    failure,
    has_answered,
    has_lost_posts,
    is_our_outage,
    is_silence,
    is_stranger,
    is_unchanged,
    rejected,
    validators_for,
)
from buzz.core.feeds.html import visible_text
from buzz.core.feeds.identity import Settled, settle
from buzz.core.feeds.manners import courtesy_host, hold, in_order
from buzz.core.feeds.moves import undone
from buzz.core.feeds.owners import Owners
from buzz.core.feeds.parking import READ as PARKING_READ
from buzz.core.feeds.parking import is_parked
from buzz.core.feeds.timing import EARLY

__all__ = [
    "EARLY",
    "MAX_ENTRIES",
    "PARKING_READ",
    "Owners",
    "Polled",
    "Settled",
    "after_poll",
    "content_hash",
    "courtesy_host",
    "entry_day",
    "failure",
    "has_answered",
    "has_lost_posts",
    "hold",
    "in_order",
    "is_our_outage",
    "is_parked",
    "is_silence",
    "is_stranger",
    "is_unchanged",
    "mended",
    "read",
    "rejected",
    "settle",
    "undone",
    "unfit",
    "validators_for",
    "visible_text",
]
