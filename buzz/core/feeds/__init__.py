"""Feeds: from a document to entries, and from a poll to what it means for the feed.

``unfit`` and ``read`` judge one document, ``after_poll`` the feed's health. What an entry's reader
sees, and nothing else, is its text (:mod:`buzz.core.feeds.html`).
"""

from buzz.core.feeds.document import MAX_ENTRIES, content_hash, entry_day, mended, read, unfit
from buzz.core.feeds.health import (
    after_poll,
    failure,
    is_outage,
    is_silent,
    is_unchanged,
    validators_for,
)
from buzz.core.feeds.html import visible_text

__all__ = [
    "MAX_ENTRIES",
    "after_poll",
    "content_hash",
    "entry_day",
    "failure",
    "is_outage",
    "is_silent",
    "is_unchanged",
    "mended",
    "read",
    "unfit",
    "validators_for",
    "visible_text",
]
