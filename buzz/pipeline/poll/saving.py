"""One batch of polled feeds into the store, in one transaction: what is new, what it means."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from buzz.core import feeds as decide
from buzz.edges.store import Store, Transaction, entries, feeds, holds, moves
from buzz.model import Feed, Move, MoveKind
from buzz.pipeline.poll.tally import Tally

ANOTHER_BLOG = "another-blog"
OTHERS_SHARE = 0.5  # of a strange document's texts that one other blog has: it is its feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One feed as it stood, and what its poll brought; the body has been forgotten."""

    feed: Feed
    polled: decide.Polled
    size: int = 0  # bytes of the body


def save(
    store: Store, batch: Sequence[Outcome], now: datetime, answered_at: datetime, tally: Tally
) -> None:
    """Store a batch, then count it. Of what the registry has lost meanwhile nothing is stored.

    Args:
        store: the database.
        batch: some outcomes of the run.
        now: when the run began.
        answered_at: the present: from then on counts what a host asked for.
        tally: the counters of the run.
    """
    with store.write() as tx:
        known = feeds.registered(tx, (outcome.feed.blog for outcome in batch))
        removed = [outcome for outcome in batch if outcome.feed.blog not in known]
        batch = [_settled(tx, outcome) for outcome in batch if outcome.feed.blog in known]
        after = [
            decide.after_poll(
                outcome.feed,
                outcome.polled,
                now=now,
                jitter=random.random(),  # noqa: S311  (spreads requests; nothing secret in it)
            )
            for outcome in batch
        ]
        feeds.save(tx, after)
        moves.add(tx, _moves(batch, after, now))
        new, changed = entries.save(
            tx, (e for o in batch if o.polled.settled for e in o.polled.settled.entries)
        )
        holds.save(tx, _holds(batch, answered_at), now)
    tally.entries(new, changed)
    for outcome in (*batch, *removed):
        tally.feed(outcome.feed.blog, outcome.polled)


def _settled(tx: Transaction, outcome: Outcome) -> Outcome:
    """Return an outcome with its entries compared to those of the store."""
    feed, polled = outcome.feed, outcome.polled
    if polled.parsed is None or polled.parsed.error:
        return outcome
    found = polled.parsed.entries
    stored = entries.candidates(tx, feed.blog, (entry.identity for entry in found))
    polled = replace(polled, settled=decide.settle(found, stored, feed.last_success))
    if decide.is_stranger(feed, polled) and (why := _not_this_blog(tx, feed, polled)):
        polled = decide.rejected(polled, *why)
    return replace(outcome, polled=polled)


def _not_this_blog(tx: Transaction, feed: Feed, polled: decide.Polled) -> tuple[str, str] | None:
    """Return why a document that shares nothing with its feed is not kept, and whose it is."""
    at = polled.result.final_url
    if decide.courtesy_host(at) != decide.courtesy_host(feed.address):
        return "moved-elsewhere", at
    hashes = {entry.content_hash for entry in polled.parsed.entries} - {""} if polled.parsed else ()
    if not hashes:
        return None
    whose, shared = entries.most_shared_with(tx, feed.blog, hashes)
    return (ANOTHER_BLOG, whose) if shared >= OTHERS_SHARE * len(hashes) else None


def _moves(batch: Sequence[Outcome], after: Sequence[Feed], now: datetime) -> Iterator[Move]:
    for outcome, feed in zip(batch, after, strict=True):
        before = outcome.feed
        if feed.address != before.address:
            yield Move(
                blog=feed.blog,
                at=now,
                from_url=before.address,
                to_url=feed.address,
                kind=MoveKind.GIVEN_UP if feed.failures else MoveKind.BELIEVED,
            )


def _holds(batch: Sequence[Outcome], answered_at: datetime) -> dict[str, datetime]:
    """Return which hosts want to be left alone, and until when."""
    found: dict[str, datetime] = {}
    for outcome in batch:
        result = outcome.polled.result
        if wait := decide.hold(result):
            host = decide.courtesy_host(result.final_url)
            found[host] = max(answered_at + wait, found.get(host, answered_at))
    return found
