"""What a poll means for a feed: its state, why, and when to ask again.

Every state is polled again and none deletes anything: the dead return. A failure keeps the
validators and the body's hash, so that a feed that comes back unchanged costs one 304; a
document that could not be read leaves the old ones, lest a 304 vouch for it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

from buzz.model import (
    Feed,
    FeedState,
    FetchOutcome,
    FetchResult,
    ParsedFeed,
    Validators,
)

MIN_INTERVAL = timedelta(hours=1)  # Rachel Kroll's reader test: one conditional request an hour
MAX_INTERVAL = timedelta(hours=24)
UNDATED_INTERVAL = timedelta(hours=4)  # a feed without dates does not show how often it writes
BACK_OFF = timedelta(hours=1)  # times the failures in a row
GONE_PROBE = timedelta(days=7)
MAX_RETRY_AFTER = timedelta(hours=24)  # a server may not switch itself off for a year
JITTER = 0.1  # share of a span; spreads the feeds of one first import
RECENT = 20  # entries that tell how often a blog writes

TOO_MANY_SILENT = 5  # feeds that were well until now; from so many on, silence speaks of us

# Codes of the fetcher and the parser, by what they mean; all others are failures of the moment.
# No site was reached: where that is so of all, it is our network or our settings.
_SILENCE = frozenset(
    ("dns", "refused", "timeout", "dropped", "tls", "not-http", "forbidden-address")
)
_WALLS = frozenset(("challenge", "http-401"))
_REFUSED = frozenset(
    ("forbidden-address", "forbidden-port", "forbidden-url", "entities", "depth", "cpu", "memory",
     "parser-died")
)  # fmt: skip


def body_hash(body: bytes) -> str:
    """Return what tells two bodies apart: 32 hex digits of BLAKE2b."""
    return blake2b(body, digest_size=16).hexdigest()


def validators_for(feed: Feed) -> Validators:
    """Return what a request for the feed should carry: nothing before a body was read."""
    return feed.validators if feed.body_hash else Validators()


def is_unchanged(feed: Feed, result: FetchResult) -> bool:
    """Tell whether a full answer has the very body that was read last: nothing to parse."""
    return result.outcome is FetchOutcome.FETCHED and body_hash(result.body) == feed.body_hash


def after_poll(
    feed: Feed, result: FetchResult, parsed: ParsedFeed | None, *, now: datetime, jitter: float
) -> Feed:
    """Return the feed as it stands after a poll.

    Args:
        feed: as it stood before.
        result: what the fetch brought.
        parsed: what the parser made of the body; None where nothing was parsed: not modified,
            unchanged, failed.
        now: end of the poll, aware UTC.
        jitter: in [0, 1), drawn by the caller.
    """
    feed = replace(feed, last_polled=now, duration_ms=result.duration_ms)
    reason = failure(result, parsed)
    if reason:
        return _failed(feed, result, reason, now=now, jitter=jitter)
    interval = feed.interval_s
    if parsed is not None:
        published = (e.published for e in parsed.entries if e.published and e.published <= now)
        interval = round(interval_of(published, now).total_seconds())
        feed = replace(
            feed,
            title=parsed.title,
            validators=result.validators,
            body_hash=body_hash(result.body),
        )
    return replace(
        feed,
        state=FeedState.OK,
        since=feed.since if feed.state is FeedState.OK else now,
        reason="",
        failures=0,
        last_success=now,
        interval_s=interval,
        next_due=now + _spread(max(timedelta(seconds=interval), _retry_after(result)), jitter),
    )


def failure(result: FetchResult, parsed: ParsedFeed | None) -> str:
    """Return the code of what went wrong in a poll, or an empty string."""
    if result.outcome is FetchOutcome.FAILED:
        return f"http-{result.status}" if result.error == "http" else result.error
    return "" if parsed is None else parsed.error


def is_silent(result: FetchResult) -> bool:
    """Tell whether a request brought no answer at all, which may be our own fault."""
    return result.outcome is FetchOutcome.FAILED and result.error in _SILENCE


def is_outage(before: Iterable[Feed]) -> bool:
    """Tell whether the fault is ours when not one feed answered: then nothing was learnt of any.

    Args:
        before: the feeds that were asked, as they stood; those that were failing already would
            have been silent in any case.
    """
    return sum(not feed.failures for feed in before) >= TOO_MANY_SILENT


def interval_of(published: Iterable[datetime], now: datetime) -> timedelta:
    """Return how long to wait for a feed's next post: half its mean gap, from 1 h to 24 h.

    The silence since the last post is a gap as well, so that a sleeping blog is asked less.

    Args:
        published: times of its entries, in any order, none after ``now``.
        now: aware UTC.
    """
    recent = sorted(published, reverse=True)[:RECENT]
    if not recent:
        return UNDATED_INTERVAL
    return min(max((now - recent[-1]) / len(recent) / 2, MIN_INTERVAL), MAX_INTERVAL)


def _failed(feed: Feed, result: FetchResult, reason: str, *, now: datetime, jitter: float) -> Feed:
    failures = feed.failures + 1
    state = _state(reason)
    return replace(
        feed,
        state=state,
        since=feed.since if feed.state is state else now,
        reason=reason,
        failures=failures,
        next_due=now + _spread(max(_wait(state, failures), _retry_after(result)), jitter),
    )


def _state(reason: str) -> FeedState:
    if reason == "http-410":
        return FeedState.GONE
    if reason in _WALLS:
        return FeedState.BLOCKED
    return FeedState.QUARANTINED if reason in _REFUSED else FeedState.SOFT


def _wait(state: FeedState, failures: int) -> timedelta:
    """Return the wait after failures in a row: linear for what may pass, long for the rest."""
    match state:
        case FeedState.GONE:
            return GONE_PROBE
        case FeedState.SOFT:
            return min(BACK_OFF * failures, MAX_INTERVAL)
        case _:
            return MAX_INTERVAL


def _retry_after(result: FetchResult) -> timedelta:
    """Return what the server asked for (RFC 9110 §10.2.3), at most a day."""
    return min(result.retry_after or timedelta(), MAX_RETRY_AFTER)


def _spread(wait: timedelta, jitter: float) -> timedelta:
    return wait * (1 + JITTER * jitter)
