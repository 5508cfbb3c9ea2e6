"""What a poll means for a feed: its state, why, and when to ask again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from feed_server import item, rss
from hypothesis import given
from hypothesis import strategies as st

from buzz.core import feeds
from buzz.core.feeds.health import (
    Polled,
    has_answered,
    is_our_outage,
    is_silence,
    is_stranger,
)
from buzz.core.feeds.identity import Settled
from buzz.core.feeds.timing import (
    FULL_EVERY,
    MAX_INTERVAL,
    MIN_INTERVAL,
    asked_for,
    interval_of,
    pace_of,
    spread,
)
from buzz.model import (
    Entry,
    Feed,
    FeedState,
    FetchOutcome,
    FetchResult,
    ParsedFeed,
    Validators,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "http://blog.example/feed.xml"
FEED = Feed(blog="karim", url=URL)
KNOWN = Feed(
    blog="karim",
    url=URL,
    title="Un blog",
    state=FeedState.OK,
    since=NOW - timedelta(days=9),
    validators=Validators(etag='"1"', last_modified="hier"),
    body_hash="ff",
    last_polled=NOW - timedelta(hours=2),
    last_success=NOW - timedelta(hours=2),
    last_full=NOW - timedelta(hours=20),
)
BODY = rss(item("a"))
HASH = "aa"
OK = FetchResult(
    url=URL,
    outcome=FetchOutcome.FETCHED,
    final_url=URL,
    status=200,
    body=BODY,
    digest=HASH,
    validators=Validators(etag='"1"'),
    duration_ms=42,
)
FRESH = replace(OK, validators=Validators(etag='"2"'))
PARSED = ParsedFeed(title="Un blog")
NOT_MODIFIED = FetchResult(
    url=URL, outcome=FetchOutcome.NOT_MODIFIED, final_url=URL, status=304, duration_ms=5
)
ENTRY = Entry(blog="karim", identity="a", first_seen=NOW, day=NOW.date())


def failed(error: str = "http", status: int = 0, retry: timedelta | None = None) -> FetchResult:
    return FetchResult(
        url=URL, outcome=FetchOutcome.FAILED, error=error, status=status, retry_after=retry
    )


def after(
    feed: Feed,
    result: FetchResult,
    parsed: ParsedFeed | None = None,
    *,
    jitter: float = 0,
    now: datetime = NOW,
    settled: Settled | None = None,
    **more: Any,
) -> Feed:
    """Return the feed after a poll that asked as the product would have."""
    asked = feeds.validators_for(feed, now)
    polled = Polled(
        result=result,
        conditional=bool(asked.etag or asked.last_modified),
        parsed=parsed,
        settled=settled,
        **more,
    )
    return feeds.after_poll(feed, polled, now=now, jitter=jitter)


def hours(feed: Feed) -> float:
    """Return after how many hours a feed is due."""
    assert feed.next_due
    return (feed.next_due - NOW) / timedelta(hours=1)


# --- what is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        pytest.param(FEED, Validators(), id="never read"),
        pytest.param(KNOWN, KNOWN.validators, id="read within the day"),
        pytest.param(replace(KNOWN, last_full=NOW - FULL_EVERY), Validators(), id="once a day"),
        pytest.param(replace(KNOWN, last_full=None), Validators(), id="never asked without"),
        pytest.param(replace(KNOWN, validators_lie=True), Validators(), id="a liar"),
        pytest.param(replace(KNOWN, body_hash=""), Validators(), id="no body"),
    ],
)
def test_validators(feed: Feed, expected: Validators) -> None:
    assert feeds.validators_for(feed, NOW) == expected


@pytest.mark.parametrize(
    ("validators", "settled", "lies"),
    [
        pytest.param(Validators(etag='"1"'), Settled((ENTRY,), 1, 0, True), True, id="new post"),
        pytest.param(Validators(etag='"1"'), Settled((ENTRY,), 0, 1, True), False, id="an edit"),
        pytest.param(Validators(etag='"2"'), Settled((ENTRY,), 1, 0, True), False, id="honest"),
        pytest.param(
            Validators(last_modified="hier"), Settled((ENTRY,), 1, 0, True), False, id="no etag now"
        ),
        pytest.param(Validators(), Settled((ENTRY,), 1, 0, True), False, id="none"),
    ],
)
def test_a_liar_is_found_out_by_the_daily_full_request(
    validators: Validators, settled: Settled, *, lies: bool
) -> None:
    due_for_full = replace(KNOWN, last_full=NOW - timedelta(days=1))
    feed = after(due_for_full, replace(OK, validators=validators), PARSED, settled=settled)
    assert feed.validators_lie is lies
    assert feed.last_full == NOW
    if lies:
        assert feeds.validators_for(feed, NOW) == Validators()
        assert hours(feed) == 24


def test_last_modified_alone_can_lie_too() -> None:
    feed = replace(KNOWN, validators=Validators(last_modified="hier"), last_full=None)
    same = replace(OK, validators=Validators(last_modified="hier"))
    assert after(feed, same, PARSED, settled=Settled((ENTRY,), 1, 0, True)).validators_lie


def test_without_validators_a_feed_is_asked_once_a_day() -> None:
    bare = replace(OK, validators=Validators())
    assert hours(after(FEED, bare, PARSED)) == 24
    assert hours(after(FEED, OK, PARSED)) == 4


# --- states -----------------------------------------------------------------------------------


def test_a_first_good_answer() -> None:
    assert after(FEED, OK, PARSED) == Feed(
        last_full=NOW,
        blog="karim",
        url=URL,
        title="Un blog",
        state=FeedState.OK,
        since=NOW,
        validators=Validators(etag='"1"'),
        body_hash=HASH,
        last_polled=NOW,
        last_success=NOW,
        next_due=NOW + timedelta(hours=4),
        interval_s=4 * 3600,
        pace_since=NOW - timedelta(hours=160),  # without dates: 20 posts, 8 hours apart
        pace_posts=20,
        duration_ms=42,
    )


def test_not_modified_keeps_what_is_known_and_when_it_began() -> None:
    good = after(FEED, OK, PARSED)
    later = after(good, NOT_MODIFIED, now=NOW + timedelta(hours=9))
    assert (later.since, later.validators, later.title) == (NOW, good.validators, "Un blog")
    assert later.last_success == NOW + timedelta(hours=9)
    assert later.last_full == NOW


def test_the_same_body_is_not_parsed_again() -> None:
    good = after(FEED, OK, PARSED)
    assert not feeds.is_unchanged(FEED, OK)
    assert feeds.is_unchanged(good, OK)
    assert not feeds.is_unchanged(good, replace(OK, body=b"x", digest="bb"))
    assert after(good, OK).state is FeedState.OK


def test_a_body_that_cannot_be_read_is_not_vouched_for_by_the_next_304() -> None:
    good = after(FEED, OK, PARSED)
    bad = after(
        good,
        replace(OK, body=b"<html>", validators=Validators(etag='"2"')),
        ParsedFeed(error="html"),
    )
    assert (bad.state, bad.reason) == (FeedState.SOFT, "html")
    assert feeds.validators_for(bad, NOW) == Validators(etag='"1"')
    never_read = after(FEED, replace(OK, body=b"<html>"), ParsedFeed(error="html"))
    assert feeds.validators_for(never_read, NOW) == Validators()


@pytest.mark.parametrize(
    ("result", "state", "reason", "wait"),
    [
        pytest.param(failed("dns"), FeedState.SOFT, "dns", 1, id="DNS"),
        pytest.param(failed("timeout"), FeedState.SOFT, "timeout", 1, id="time-out"),
        pytest.param(failed(status=404), FeedState.SOFT, "http-404", 1, id="404"),
        pytest.param(failed(status=500), FeedState.SOFT, "http-500", 1, id="500"),
        pytest.param(failed(status=403), FeedState.SOFT, "http-403", 1, id="403"),
        pytest.param(failed(status=401), FeedState.BLOCKED, "http-401", 24, id="401"),
        pytest.param(
            failed("challenge", status=403), FeedState.BLOCKED, "challenge", 24, id="challenge"
        ),
        pytest.param(failed(status=410), FeedState.GONE, "http-410", 168, id="410"),
        pytest.param(
            failed(status=429, retry=timedelta(hours=3)), FeedState.SOFT, "http-429", 3, id="429"
        ),
        pytest.param(
            failed(status=503, retry=timedelta(days=30)), FeedState.SOFT, "http-503", 24, id="503"
        ),
        pytest.param(
            failed(status=429, retry=timedelta(seconds=5)), FeedState.SOFT, "http-429", 1, id="soon"
        ),
        pytest.param(failed(status=429), FeedState.SOFT, "http-429", 1, id="429 without a word"),
        pytest.param(
            failed("forbidden-address"),
            FeedState.QUARANTINED,
            "forbidden-address",
            24,
            id="private address",
        ),
    ],
)
def test_failures(result: FetchResult, state: FeedState, reason: str, wait: int) -> None:
    feed = after(KNOWN, result)
    assert (feed.state, feed.reason, feed.failures, feed.since) == (state, reason, 1, NOW)
    assert hours(feed) == wait
    assert feed.last_success == KNOWN.last_success
    assert (feed.validators, feed.body_hash) == (KNOWN.validators, KNOWN.body_hash)


@pytest.mark.parametrize(
    ("result", "parsed", "wait"),
    [
        pytest.param(failed(status=404), None, 24, id="404"),
        pytest.param(OK, ParsedFeed(error="html"), 24, id="a page"),
        pytest.param(failed(status=500), None, 24, id="500"),
        pytest.param(failed(status=503, retry=timedelta(hours=2)), None, 2, id="told when"),
        pytest.param(failed("dns"), None, 1, id="nobody"),
    ],
)
def test_what_was_answered_without_validators_is_not_asked_again_that_day(
    result: FetchResult, parsed: ParsedFeed | None, wait: int
) -> None:
    assert hours(after(FEED, result, parsed)) == wait


@pytest.mark.parametrize(
    "code",
    ["entities", "depth", "cpu", "memory", "parser-died", "another-blog", "moved-elsewhere"],
)
def test_what_breaks_the_parser_or_is_not_this_blog_is_quarantined(code: str) -> None:
    assert after(FEED, OK, ParsedFeed(error=code)).state is FeedState.QUARANTINED


def test_a_parked_domain_is_a_state_of_its_own() -> None:
    feed = after(KNOWN, OK, ParsedFeed(error="parked"))
    assert (feed.state, feed.reason, hours(feed)) == (FeedState.PARKED, "parked", 24)


def test_back_off_is_linear_and_ends_with_the_first_success() -> None:
    feed, waits = FEED, []
    for _ in range(30):
        feed = after(feed, failed("dns"))
        assert feed.next_due
        waits.append((feed.next_due - NOW) / timedelta(hours=1))
    assert waits == [*range(1, 24), *[24] * 7]
    assert after(feed, OK, PARSED).failures == 0


@pytest.mark.parametrize(
    ("feed", "polled", "is_strange"),
    [
        pytest.param(KNOWN, Settled((ENTRY,), 1, 0, True), True, id="nothing shared"),
        pytest.param(KNOWN, Settled((ENTRY,), 0, 1, True), False, id="a post"),
        pytest.param(KNOWN, Settled((ENTRY,), 1, 0, False), False, id="it had no posts"),
        pytest.param(KNOWN, Settled((), 0, 0, True), False, id="empty"),
        pytest.param(
            replace(KNOWN, title="Ailleurs"), Settled((ENTRY,), 1, 0, True), False, id="title"
        ),
        pytest.param(replace(KNOWN, title=""), Settled((ENTRY,), 1, 0, True), False, id="untitled"),
    ],
)
def test_strangers(feed: Feed, polled: Settled, *, is_strange: bool) -> None:
    brought = Polled(result=OK, parsed=ParsedFeed(title="Ailleurs"), settled=polled)
    assert is_stranger(feed, brought) is is_strange


@pytest.mark.parametrize(
    ("polled", "is_silent"),
    [
        pytest.param(Polled(result=failed("dns")), True, id="dns"),
        pytest.param(Polled(result=failed("timeout")), True, id="time-out"),
        pytest.param(Polled(result=failed(status=500)), False, id="500"),
        pytest.param(Polled(result=failed("forbidden-address")), True, id="our own guard"),
        pytest.param(Polled(result=failed("tls")), True, id="TLS"),
        pytest.param(Polled(result=failed("not-http")), True, id="not HTTP"),
        pytest.param(Polled(result=failed("forbidden-port")), False, id="a port in the registry"),
        pytest.param(Polled(result=OK, parsed=ParsedFeed(error="html")), False, id="a page"),
        pytest.param(Polled(result=NOT_MODIFIED), False, id="304"),
    ],
)
def test_silence(polled: Polled, *, is_silent: bool) -> None:
    assert is_silence(polled) is is_silent


@pytest.mark.parametrize(
    ("result", "answered"),
    [
        pytest.param(OK, True, id="200"),
        pytest.param(failed(status=500), True, id="500"),
        pytest.param(failed("too-large"), True, id="more than we read"),
        pytest.param(failed("dns"), False, id="no name"),
        pytest.param(failed("forbidden-url"), False, id="not asked"),
        pytest.param(FetchResult(url=URL, outcome=FetchOutcome.HELD), False, id="left in peace"),
    ],
)
def test_what_was_not_asked_does_not_prove_a_network(
    result: FetchResult, *, answered: bool
) -> None:
    assert has_answered(Polled(result=result)) is answered


def test_the_silence_of_one_host_is_not_ours() -> None:
    assert is_our_outage([f"b{n}" for n in range(9)], 9)
    assert not is_our_outage(["over-blog"] * 9, 9)
    assert not is_our_outage(["a", "b"], 2)


# --- when --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ages_h", "hours"),
    [
        pytest.param([], 4, id="no dates"),
        pytest.param([0.1, 0.2, 0.3], 1, id="a flood"),
        pytest.param([5, 10, 15, 20], 2.5, id="every five hours"),
        pytest.param([24 * n for n in range(1, 20)], 12, id="daily"),
        pytest.param([24 * 400, 24 * 401], 24, id="asleep"),
    ],
)
def test_interval(ages_h: list[float], hours: float) -> None:
    pace = pace_of([NOW - timedelta(hours=h) for h in ages_h], NOW)
    assert interval_of(pace, NOW) == timedelta(hours=hours)


@given(
    ages_h=st.lists(st.floats(min_value=0, max_value=2000), max_size=30),
    waits_h=st.lists(st.floats(min_value=1, max_value=30), min_size=1, max_size=12),
    ttl_h=st.integers(min_value=0, max_value=30),
)
def test_a_304_tells_of_silence_what_the_document_itself_would(
    ages_h: list[float], waits_h: list[float], ttl_h: int
) -> None:
    """A blog that fell asleep behind its 304s was asked every hour for ever."""
    document = ParsedFeed(
        title="Un blog",
        entries=entries(*ages_h),
        asks_for=timedelta(hours=ttl_h) if ttl_h else None,
    )
    feed, now = after(KNOWN, FRESH, document), NOW
    for wait_h in waits_h:
        now += timedelta(hours=wait_h)
        before, feed = feed.interval_s, after(feed, NOT_MODIFIED, now=now)
        if ages_h:  # a document without dates says so anew at each reading
            assert feed.interval_s == after(KNOWN, FRESH, document, now=now).interval_s
        assert feed.interval_s >= before


def test_a_sleeping_blog_is_asked_once_a_day_in_the_end() -> None:
    hourly = ParsedFeed(title="Un blog", entries=entries(*(n / 2 for n in range(1, 20))))
    feed, now, asked = after(KNOWN, FRESH, hourly), NOW, 0
    assert feed.interval_s == 3600
    while now < NOW + timedelta(days=60):
        assert feed.next_due
        now, asked = feed.next_due, asked + 1
        feed = after(feed, NOT_MODIFIED, now=now)
    assert feed.interval_s == MAX_INTERVAL.total_seconds()
    assert asked < 200, "every hour it would be 1,440"


def test_a_feed_read_before_its_pace_was_kept_keeps_its_interval() -> None:
    assert after(replace(KNOWN, interval_s=7200), NOT_MODIFIED).interval_s == 7200


def entries(*ages_h: float) -> tuple[Entry, ...]:
    return tuple(
        replace(ENTRY, identity=f"{age}", published=NOW - timedelta(hours=age)) for age in ages_h
    )


BUSY = ParsedFeed(title="Un blog", entries=entries(0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("result", "parsed", "expected"),
    [
        pytest.param(FRESH, BUSY, 1, id="as often as it writes"),
        pytest.param(replace(FRESH, max_age=timedelta(hours=3)), BUSY, 3, id="max-age"),
        pytest.param(replace(FRESH, max_age=timedelta(days=365)), BUSY, 24, id="max-age of a year"),
        pytest.param(replace(FRESH, retry_after=timedelta(hours=2)), BUSY, 2, id="Retry-After"),
        pytest.param(FRESH, replace(BUSY, asks_for=timedelta(hours=6)), 6, id="ttl"),
        pytest.param(FRESH, replace(BUSY, asks_for=timedelta(days=30)), 24, id="monthly"),
        pytest.param(FRESH, replace(BUSY, asks_for=timedelta(minutes=5)), 1, id="too often"),
        pytest.param(replace(NOT_MODIFIED, max_age=timedelta(hours=5)), None, 5, id="of a 304"),
    ],
)
def test_what_the_server_asks_for(
    result: FetchResult, parsed: ParsedFeed | None, expected: float
) -> None:
    assert hours(after(KNOWN, result, parsed)) == expected


def test_an_hourly_cron_asks_an_hourly_feed_every_hour() -> None:
    feed = after(KNOWN, FRESH, BUSY, jitter=0.99)
    assert feed.next_due
    assert feed.next_due - feeds.EARLY < NOW + timedelta(minutes=59, seconds=50)
    assert spread(timedelta(hours=10), 1.0) > timedelta(hours=10)


def test_a_document_that_shares_no_post_with_the_last_is_a_gap() -> None:
    lost = after(KNOWN, FRESH, BUSY, settled=Settled(BUSY.entries, 3, 0, True))
    assert lost.gap_at == NOW
    assert after(KNOWN, FRESH, BUSY, settled=Settled(BUSY.entries, 2, 1, True)).gap_at is None
    assert after(KNOWN, FRESH, BUSY, settled=Settled(BUSY.entries, 3, 0, False)).gap_at is None


def test_after_a_gap_a_feed_is_asked_twice_as_often_for_a_while() -> None:
    daily = ParsedFeed(title="Un blog", entries=entries(*(24 * n for n in range(1, 20))))
    assert hours(after(KNOWN, FRESH, daily)) == 12
    assert hours(after(replace(KNOWN, gap_at=NOW - timedelta(days=3)), FRESH, daily)) == 6
    assert hours(after(replace(KNOWN, gap_at=NOW - timedelta(days=30)), FRESH, daily)) == 12


@pytest.mark.parametrize(
    ("channel", "wish"),
    [
        ({}, None),
        ({"ttl": "60"}, timedelta(hours=1)),
        ({"ttl": " 60 "}, timedelta(hours=1)),
        ({"ttl": "-5"}, None),
        ({"ttl": "0"}, None),
        ({"ttl": "soon"}, None),
        ({"ttl": "9" * 99}, None),
        ({"sy_updateperiod": "hourly"}, timedelta(hours=1)),
        ({"sy_updateperiod": " Daily\n", "sy_updatefrequency": "2"}, timedelta(hours=12)),
        ({"sy_updateperiod": "daily", "sy_updatefrequency": "0"}, timedelta(days=1)),
        ({"sy_updateperiod": "always"}, None),
        ({"ttl": "30", "sy_updateperiod": "daily"}, timedelta(days=1)),
    ],
)
def test_what_a_feed_asks_for(channel: dict[str, str], wish: timedelta | None) -> None:
    assert asked_for(channel) == wish


def test_a_held_feed_is_left_as_it_was() -> None:
    held = FetchResult(url=URL, outcome=FetchOutcome.HELD, retry_after=timedelta(hours=2))
    assert after(KNOWN, held) == replace(KNOWN, next_due=NOW + timedelta(hours=2))


results = st.builds(
    FetchResult,
    url=st.just(URL),
    outcome=st.sampled_from([o for o in FetchOutcome if o is not FetchOutcome.HELD]),
    status=st.sampled_from([0, 200, 304, 401, 403, 404, 410, 429, 500, 503]),
    body=st.binary(max_size=20),
    error=st.sampled_from(["dns", "http", "timeout", "challenge", "forbidden-address"]),
    retry_after=st.none() | st.timedeltas(min_value=timedelta(), max_value=timedelta(days=999)),
)


@given(
    results=st.lists(st.tuples(results, st.none() | st.builds(ParsedFeed)), max_size=8),
    jitter=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_every_feed_is_asked_again_and_none_too_often(
    results: list[tuple[FetchResult, ParsedFeed | None]], jitter: float
) -> None:
    feed = FEED
    for result, parsed in results:
        was_fetched = result.outcome is FetchOutcome.FETCHED
        feed = after(feed, result, parsed if was_fetched else None, jitter=jitter)
        assert feed.next_due
        assert MIN_INTERVAL <= feed.next_due - NOW <= timedelta(days=7.7)
        assert feed.state is not FeedState.NEW
        assert (feed.state is FeedState.OK) == (feed.failures == 0) == (feed.reason == "")
        if feed.state is FeedState.OK:
            assert feed.next_due - NOW <= MAX_INTERVAL * 1.1
