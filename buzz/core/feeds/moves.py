"""Moves: when a permanent redirect is believed, so that the new address is asked.

Every hop must be permanent, the target must be a feed that shares an entry or the title with the
one we know, and several polls must have seen it: a lapsed domain redirects as permanently as a
blogger who knows what he does. ``blogs.csv`` stays as people wrote it; a move stands beside it, can
be undone, and is given up when the new address stops answering.
"""

from dataclasses import replace

from buzz.core.urls import canonical
from buzz.model import Feed, FetchResult

POLLS = 3  # that must have seen a redirect
GIVE_UP = 3  # failures in a row at a believed address


def after_redirect(feed: Feed, result: FetchResult, *, shares: bool) -> Feed:
    """Return a feed that was read, with what its redirect means.

    Its reason is ``moved`` while a move to another address is not believed yet, else empty. The
    same page under https or with ``www.`` is no news to anybody.

    Args:
        feed: after the poll.
        result: of the fetch, which followed the redirect.
        shares: whether the document shares an entry or the title with what was known.
    """
    target = result.final_url if result.permanent else ""
    if not target or target in {feed.address, feed.move_refused} or not shares:
        return replace(feed, reason="", move_target="", move_polls=0)
    polls = feed.move_polls + 1 if target == feed.move_target else 1
    if polls >= POLLS:
        moved_to = "" if target == feed.url else target
        return replace(feed, reason="", moved_to=moved_to, move_target="", move_polls=0)
    is_news = canonical(target) != canonical(feed.address)
    return replace(feed, reason="moved" if is_news else "", move_target=target, move_polls=polls)


def without_move(feed: Feed) -> Feed:
    """Return a feed that failed, at its registered address again where the move was no good."""
    if feed.moved_to and feed.failures >= GIVE_UP:
        return replace(feed, moved_to="", move_target="", move_polls=0)
    return feed


def undone(feed: Feed) -> Feed:
    """Return a feed at its registered address again; that target is not believed any more."""
    if not (feed.moved_to or feed.move_target):
        return feed
    return replace(
        feed,
        move_refused=feed.moved_to or feed.move_target,
        moved_to="",
        move_target="",
        move_polls=0,
        next_due=None,
    )
