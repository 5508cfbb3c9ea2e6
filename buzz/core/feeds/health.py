"""What a poll means for a feed: its state, why, and when to ask again.

Every state is polled again and none deletes anything: the dead return. A failure keeps the
validators and the body's hash, so that a feed that comes back unchanged costs one 304; a
document that could not be read leaves the old ones, lest a 304 vouch for it. Validators lie:
about once a day a feed is asked without, and one whose validator stayed while its posts changed
is asked without for good.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from buzz.core.feeds.identity import Settled
from buzz.core.feeds.manners import MAX_HOLD, hold
from buzz.core.feeds.moves import after_redirect, without_move
from buzz.core.feeds.timing import (
    BACK_OFF,
    FULL_EVERY,
    GAP_MEMORY,
    GONE_PROBE,
    MAX_INTERVAL,
    Pace,
    clamped,
    interval_of,
    pace_of,
    spread,
)
from buzz.model import (
    Feed,
    FeedState,
    FetchOutcome,
    FetchResult,
    ParsedFeed,
    Validators,
)

# From so many due feeds on, "nobody answered" says something about us and not about them.
TOO_MANY_SILENT = 5
_MAX_DETAIL = 300  # characters

# Codes of the fetcher and the parser, by what they mean; all others are failures of the moment.
# No site was reached: where that is so of all, it is our network or our settings.
_SILENCE = frozenset(
    ("dns", "refused", "timeout", "dropped", "tls", "not-http", "forbidden-address")
)
# Answers that were not read to their end.
_CUT_SHORT = frozenset(("too-large", "encoding", "redirects"))
_WALLS = frozenset(("challenge", "http-401"))
_REFUSED = frozenset(
    ("forbidden-address", "forbidden-port", "forbidden-url", "entities", "depth", "cpu", "memory",
     "parser-died", "another-blog", "moved-elsewhere")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What one poll of a feed brought."""

    result: FetchResult
    conditional: bool = True  # the request carried validators
    parsed: ParsedFeed | None = None  # None: nothing was parsed: not modified, unchanged, failed
    settled: Settled | None = None  # its entries beside those of the store

    @property
    def failure(self) -> str:
        """Return the code of what went wrong, or an empty string."""
        return failure(self.result, self.parsed)

    @property
    def detail(self) -> str:
        """Return what the failure is about: a slug, an address, a library's words."""
        return self.parsed.detail if self.parsed else self.result.detail


def validators_for(feed: Feed, now: datetime) -> Validators:
    """Return what a request for the feed should carry.

    Nothing before a body was read, nothing for a feed whose validators lie, and nothing once a
    day, so that a liar is found out.
    """
    if not feed.body_hash or feed.validators_lie:
        return Validators()
    is_full = feed.last_full is None or now - feed.last_full >= FULL_EVERY
    return Validators() if is_full else feed.validators


def is_unchanged(feed: Feed, result: FetchResult) -> bool:
    """Tell whether a full answer has the very body that was read last: nothing to parse."""
    return result.outcome is FetchOutcome.FETCHED and result.digest == feed.body_hash


def failure(result: FetchResult, parsed: ParsedFeed | None) -> str:
    """Return the code of what went wrong in a poll, or an empty string."""
    if result.outcome is FetchOutcome.FAILED:
        return f"http-{result.status}" if result.error == "http" else result.error
    return "" if parsed is None else parsed.error


def has_answered(polled: Polled) -> bool:
    """Tell whether an answer of HTTP came: our own network is there.

    What was not asked at all (its host wants peace, its address is no good) proves nothing.
    """
    return bool(polled.result.status) or polled.result.error in _CUT_SHORT


def is_silence(polled: Polled) -> bool:
    """Tell whether no answer of HTTP came: the feed's fault, or our own network's."""
    return not polled.result.status and polled.failure in _SILENCE


def is_our_outage(silent_hosts: Collection[str], due: int) -> bool:
    """Tell whether the silence of all feeds that were asked is ours: nothing is known of them.

    Args:
        silent_hosts: of each feed that was asked, none of which answered.
        due: how many were to be asked.
    """
    return due >= TOO_MANY_SILENT and len(set(silent_hosts)) >= TOO_MANY_SILENT


def is_stranger(feed: Feed, polled: Polled) -> bool:
    """Tell whether a document shares nothing with the feed we know: neither posts nor title."""
    settled, parsed = polled.settled, polled.parsed
    if settled is None or parsed is None or not settled.entries or not settled.had_posts:
        return False
    return not settled.known and bool(feed.title) and feed.title != parsed.title


def has_lost_posts(feed: Feed, now: datetime) -> bool:
    """Tell whether posts were lost between two polls of late: counts are lower bounds."""
    return feed.gap_at is not None and now - feed.gap_at < GAP_MEMORY


def rejected(polled: Polled, reason: str, detail: str) -> Polled:
    """Return a poll whose document is not this blog's, so that nothing of it is kept."""
    return replace(polled, parsed=ParsedFeed(error=reason, detail=detail), settled=None)


def after_poll(feed: Feed, polled: Polled, *, now: datetime, jitter: float) -> Feed:
    """Return the feed as it stands after a poll.

    Args:
        feed: as it stood before.
        polled: what the poll brought.
        now: end of the poll, aware UTC.
        jitter: in [0, 1), drawn by the caller.
    """
    result = polled.result
    if result.outcome is FetchOutcome.HELD:
        return replace(feed, next_due=now + (result.retry_after or timedelta()))
    before = feed
    feed = replace(feed, last_polled=now, duration_ms=result.duration_ms)
    if result.status and not polled.conditional:
        feed = replace(feed, last_full=now)
    reason = polled.failure
    if reason:
        return _failed(feed, polled, reason, now=now, jitter=jitter)
    if polled.parsed is not None:
        feed = _read(feed, polled, polled.parsed, now)
    shares = _shares(before, polled)
    feed = after_redirect(feed, result, shares=shares)
    state = FeedState.MOVED if feed.reason else FeedState.OK
    interval = _interval(feed, now)
    wait = max(clamped(max(interval, result.max_age or timedelta())), _wished(result))
    if not any((feed.validators.etag, feed.validators.last_modified)) or feed.validators_lie:
        wait = max(wait, FULL_EVERY)  # each request for it is a full one
    return replace(
        feed,
        state=state,
        since=feed.since if feed.state is state else now,
        detail=feed.move_target if feed.reason else "",
        failures=0,
        last_success=now,
        interval_s=round(interval.total_seconds()),
        next_due=now + spread(wait, jitter),
    )


def _read(feed: Feed, polled: Polled, parsed: ParsedFeed, now: datetime) -> Feed:
    """Return a feed with what its document shows."""
    settled = polled.settled or Settled(parsed.entries, len(parsed.entries), 0)
    is_gap = bool(settled.entries and settled.had_posts and not settled.known)
    has_lied = (
        feed.body_hash != ""
        and settled.new > 0
        and _is_same(feed.validators, polled.result.validators)
    )
    published = (e.published for e in parsed.entries if e.published and e.published <= now)
    pace = pace_of(published, now)
    return replace(
        feed,
        title=parsed.title,
        validators=polled.result.validators,
        validators_lie=feed.validators_lie or has_lied,
        gap_at=now if is_gap else feed.gap_at,
        body_hash=polled.result.digest,
        pace_since=pace.since,
        pace_posts=pace.posts,
        asks_s=round((parsed.asks_for or timedelta()).total_seconds()),
    )


def _interval(feed: Feed, now: datetime) -> timedelta:
    """Return how long a feed that is well may wait, by what its last document showed."""
    if feed.pace_since is None:  # no document was read since its pace is kept
        return timedelta(seconds=feed.interval_s)
    interval = interval_of(Pace(feed.pace_since, feed.pace_posts), now)
    if has_lost_posts(feed, now):
        interval = clamped(interval / 2)
    return clamped(max(interval, timedelta(seconds=feed.asks_s)))


def _is_same(old: Validators, new: Validators) -> bool:
    """Tell whether the validator that counts is the one we had (RFC 9110 §13.2.2: etag first)."""
    if old.etag or new.etag:
        return old.etag == new.etag
    return bool(old.last_modified) and old.last_modified == new.last_modified


def _shares(before: Feed, polled: Polled) -> bool:
    """Tell whether what was read is surely this blog: an entry or the title was there before."""
    if polled.result.outcome is FetchOutcome.NOT_MODIFIED:
        # A page that answers so to any validator is no feed: the address must have been read once.
        return polled.result.final_url in {before.address, before.move_target}
    if polled.parsed is None or not before.last_success:
        return True  # the very body that was read last; or nothing that it could share
    is_titled = bool(before.title) and before.title == polled.parsed.title
    return is_titled or bool(polled.settled and polled.settled.known)


def _failed(feed: Feed, polled: Polled, reason: str, *, now: datetime, jitter: float) -> Feed:
    result = polled.result
    failures = feed.failures + 1
    state = _state(reason)
    wait = _wait(state, failures)
    if result.status and not polled.conditional and not _wished(result):
        wait = max(wait, FULL_EVERY)  # the next request is a full one again
    return without_move(
        replace(
            feed,
            state=state,
            since=feed.since if feed.state is state else now,
            reason=reason,
            detail=polled.detail[:_MAX_DETAIL],
            failures=failures,
            next_due=now + spread(max(wait, _wished(result)), jitter),
        )
    )


def _state(reason: str) -> FeedState:
    match reason:
        case "http-410":
            return FeedState.GONE
        case "parked":
            return FeedState.PARKED
        case _ if reason in _WALLS:
            return FeedState.BLOCKED
        case _ if reason in _REFUSED:
            return FeedState.QUARANTINED
    return FeedState.SOFT


def _wait(state: FeedState, failures: int) -> timedelta:
    """Return the wait after failures in a row: linear for what may pass, long for the rest."""
    match state:
        case FeedState.GONE:
            return GONE_PROBE
        case FeedState.SOFT:
            return min(BACK_OFF * failures, MAX_INTERVAL)
        case _:
            return MAX_INTERVAL


def _wished(result: FetchResult) -> timedelta:
    """Return what the server asked for (RFC 9110 §10.2.3), at most a day."""
    return hold(result) or min(result.retry_after or timedelta(), MAX_HOLD)
