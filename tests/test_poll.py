"""``buzz poll`` through the front door, over a real server: what is stored, said and survived."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Result
from feed_server import FeedServer, Handler, Reply, Request, document, item, rss

from buzz.edges import files
from buzz.edges.store import Store, blogs, entries, feeds, runs
from buzz.model import (
    Blog,
    BlogStatus,
    Entry,
    EntryId,
    Feed,
    FeedState,
    LeftOut,
    Validators,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEYS = {
    *("v", "feeds", "due", "fetched", "not_modified", "failed", "held", "entries_seen"),
    *("entries_new", "entries_changed", "seconds", "states"),
}
Run = Callable[..., Result]
GOOD = rss(item("a"), item("b"))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def register(store: Store, server: FeedServer) -> Callable[..., None]:
    """Put blogs into the registry, each with a host that behaves as given."""

    def register(**hosts: Handler | Reply | str) -> None:
        known = [
            Blog(slug=slug, name=slug, feed_url=it if isinstance(it, str) else server.set(slug, it))
            for slug, it in hosts.items()
        ]
        with store.write() as tx:
            blogs.save(tx, known, NOW)

    return register


def known_feeds(store: Store) -> dict[str, Feed]:
    with store.read() as tx:
        return feeds.all_feeds(tx)


def known_entries(store: Store, slug: str) -> tuple[Entry, ...]:
    with store.read() as tx:
        return entries.of_blog(tx, slug)


def facts(result: Result) -> dict[str, int]:
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found.keys() == KEYS
    return {key: found[key] for key in ("due", "fetched", "not_modified", "failed", "entries_new")}


def poll(run: Run, *options: str) -> tuple[int, ...]:
    """Return (due, fetched, not modified, failed, new entries) of a run."""
    return tuple(facts(run("poll", "--json", *options)).values())


# --- what is stored ----------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_poll_stores_what_is_new_once(
    run: Run, register: Callable[..., None], store: Store
) -> None:
    register(karim=document(GOOD), lea=document(rss(item("c"))))
    assert poll(run) == (2, 2, 0, 0, 3)
    assert poll(run) == (0, 0, 0, 0, 0)
    assert poll(run, "--all") == (2, 0, 2, 0, 0)
    assert [entry.identity for entry in known_entries(store, "karim")] == ["b", "a"]


def test_without_validators_the_body_itself_tells(run: Run, register: Callable[..., None]) -> None:
    register(karim=Reply(200, {"Content-Type": "application/rss+xml"}, GOOD))
    assert poll(run) == (1, 1, 0, 0, 2)
    assert poll(run, "--all") == (1, 1, 0, 0, 0)


@pytest.mark.both_databases
def test_an_edited_post_stays_the_same_post(
    run: Run, register: Callable[..., None], store: Store, server: FeedServer
) -> None:
    register(karim=document(rss(item("a", "Avant", published="Sun, 01 Mar 2026 10:00:00 GMT"))))
    poll(run)
    before = known_entries(store, "karim")[0]
    edited = item("a", "Après", published="Mon, 02 Mar 2026 10:00:00 GMT")
    server.set("karim", document(rss(item("b"), edited)))
    result = run("poll", "--all", "--json")
    assert json.loads(result.out)["entries_changed"] == 1
    assert facts(result)["entries_new"] == 1
    after = {entry.identity: entry for entry in known_entries(store, "karim")}["a"]
    assert after == replace(before, title="Après", updated=after.updated)


def test_paused_blogs_and_those_without_address_are_not_asked(
    run: Run, register: Callable[..., None], store: Store, server: FeedServer
) -> None:
    register(karim=document(GOOD))
    with store.write() as tx:
        paused = Blog(slug="p", name="p", feed_url=server.url("p"), status=BlogStatus.PAUSED)
        blogs.save(tx, [paused, Blog(slug="n", name="n")], NOW)
    assert poll(run, "--all") == (1, 1, 0, 0, 2)
    assert known_feeds(store).keys() == {"karim"}
    assert server.asked("p") == []


def test_a_new_address_is_asked_at_once_and_afresh(
    run: Run, register: Callable[..., None], store: Store, server: FeedServer
) -> None:
    register(karim=document(GOOD))
    poll(run)
    moved = server.set("elsewhere", document(GOOD))
    register(karim=moved)
    assert poll(run) == (1, 1, 0, 0, 0)
    assert known_feeds(store)["karim"].url == moved
    assert "if-none-match" not in server.asked("elsewhere")[0].headers


def test_one_blog_is_asked_due_or_not(
    run: Run, register: Callable[..., None], server: FeedServer
) -> None:
    register(karim=document(GOOD), lea=document(GOOD))
    poll(run)
    assert poll(run, "--blog", "lea") == (1, 0, 1, 0, 0)
    assert len(server.asked("karim")) == 1


def test_an_unknown_blog_is_a_usage_error(run: Run) -> None:
    result = run("poll", "--blog", "nobody")
    assert result.code == 2
    assert "no blog nobody (see: buzz blogs list)" in result.err


def test_an_empty_registry_says_what_to_do(run: Run) -> None:
    result = run("poll")
    assert (result.code, result.out) == (0, "")
    assert "buzz blogs import blogs.csv" in result.err


def test_a_run_is_recorded(run: Run, register: Callable[..., None], store: Store) -> None:
    register(karim=document(GOOD))
    poll(run)
    with store.read() as tx:
        last = runs.last(tx, "poll")[0]
    assert (last.exit_code, last.summary["entries_new"]) == (0, 2)
    assert last.started_at <= last.ended_at


def test_quiet_prints_nothing(run: Run, register: Callable[..., None]) -> None:
    register(karim=document(GOOD))
    assert run("poll", "--quiet") == Result(0, "", "")


def test_posts_found_at_the_first_import_without_dates_count_for_nothing(
    run: Run, register: Callable[..., None], store: Store, server: FeedServer
) -> None:
    register(karim=document(rss(item("old"))))
    poll(run)
    server.set("karim", document(rss(item("new"), item("old", "Un autre titre"))))
    poll(run, "--all")
    left_out = {entry.identity: entry.left_out for entry in known_entries(store, "karim")}
    assert left_out == {"old": LeftOut.BACKFILL, "new": None}


# --- what fails --------------------------------------------------------------------------------

FAILURES = [
    pytest.param(Reply(404), FeedState.SOFT, "http-404", id="404"),
    pytest.param(Reply(410), FeedState.GONE, "http-410", id="410"),
    pytest.param(Reply(401), FeedState.BLOCKED, "http-401", id="401"),
    pytest.param(
        Reply(403, {"cf-mitigated": "challenge"}), FeedState.BLOCKED, "challenge", id="challenge"
    ),
    pytest.param(Reply(429, {"Retry-After": "7200"}), FeedState.SOFT, "http-429", id="429"),
    pytest.param(Reply(200, {}, b"<!doctype html><html>"), FeedState.SOFT, "html", id="html"),
    pytest.param(Reply(200, {}, b""), FeedState.SOFT, "empty", id="empty"),
    pytest.param(Reply(200, {}, b"{}"), FeedState.SOFT, "json", id="json"),
    pytest.param(Reply(delay_s=None), FeedState.SOFT, "timeout", id="silent"),
    pytest.param(Reply(raw=b"nonsense\r\n\r\n"), FeedState.SOFT, "not-http", id="nonsense"),
    pytest.param(
        Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(8 << 20))),
        FeedState.SOFT,
        "too-large",
        id="bomb",
    ),
    pytest.param(
        Reply(200, {}, b"<rss>" + b"<a>" * 5000), FeedState.QUARANTINED, "depth", id="deep"
    ),
    pytest.param(
        Reply(302, {"Location": "http://10.0.0.1/"}),
        FeedState.QUARANTINED,
        "forbidden-address",
        id="private",
    ),
]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Result, Store]]:
    """One poll of all failures at once, with sound feeds among them."""
    from conftest import TOML

    from buzz.edges.store import open_store

    folder = tmp_path_factory.mktemp("workspace")
    (folder / "buzz.toml").write_text(TOML)
    store = open_store(f"sqlite:///{folder / 'data' / 'buzz.db'}")
    with FeedServer() as server:
        hosts = {f"bad{n}": parameters.values[0] for n, parameters in enumerate(FAILURES)}
        hosts |= {f"good{n}": document(GOOD) for n in range(20)}
        with store.write() as tx:
            blogs.save(
                tx,
                [
                    Blog(slug=slug, name=slug, feed_url=server.set(slug, handler))  # type: ignore[arg-type]
                    for slug, handler in hosts.items()
                ],
                NOW,
            )
        done = subprocess.run(
            [sys.executable, "-m", "buzz", "poll"],
            cwd=folder,
            env=os.environ
            | {"BUZZ_POLL_TIMEOUT_S": "2", "BUZZ_POLL_MAX_BYTES": "1000000", "BUZZ_LANG": "en"},
            capture_output=True,
            text=True,
            check=False,
        )
    yield Result(done.returncode, done.stdout, done.stderr), store
    store.close()


@pytest.mark.parametrize(
    ("number", "state", "reason"),
    [
        pytest.param(n, *parameters.values[1:], id=parameters.id)
        for n, parameters in enumerate(FAILURES)
    ],
)
def test_a_failure_is_a_state_of_its_feed(
    number: int, state: FeedState, reason: str, aftermath: tuple[Result, Store]
) -> None:
    feed = known_feeds(aftermath[1])[f"bad{number}"]
    assert (feed.state, feed.reason, feed.failures) == (state, reason, 1)
    assert feed.next_due is not None
    assert feed.last_polled is not None
    assert feed.next_due >= feed.last_polled + timedelta(hours=1)


def test_failures_leave_the_others_alone(aftermath: tuple[Result, Store]) -> None:
    result, store = aftermath
    states = known_feeds(store)
    assert all(states[f"good{n}"].state is FeedState.OK for n in range(20))
    assert sum(len(known_entries(store, f"good{n}")) for n in range(20)) == 40
    assert (result.code, result.out) == (0, "")


def test_failures_are_told_briefly_and_without_a_traceback(
    aftermath: tuple[Result, Store],
) -> None:
    said = aftermath[0].err
    assert "33 of 33 feeds asked" in said
    assert f"20 read, 0 not modified, {len(FAILURES)} failed; 40 new entries" in said
    assert "  bad0: nothing is at this address any more" in said
    assert "  and 3 more" in said
    assert "see: buzz blogs check" in said
    assert "Traceback" not in said


def test_when_nobody_answers_it_is_us(
    run: Run, register: Callable[..., None], store: Store
) -> None:
    register(**{f"b{n}": f"http://b{n}.localhost:1/" for n in range(6)})
    result = run("poll")
    assert result.code == 75
    assert "not one of 6 feeds answered (check the network" in result.err
    assert known_feeds(store) == {}, "none of them is blamed"
    assert facts(run("poll", "--json", "--blog", "b1"))["failed"] == 1
    assert known_feeds(store)["b1"].state is FeedState.SOFT


def test_where_one_answers_the_silent_ones_are_silent(
    run: Run, register: Callable[..., None], store: Store
) -> None:
    silent = {f"b{n}": f"http://b{n}.localhost:1/" for n in range(6)}
    register(**silent, karim=document(GOOD))
    assert facts(run("poll", "--json"))["failed"] == 6
    assert {known_feeds(store)[slug].state for slug in silent} == {FeedState.SOFT}
    # They are failing now; that they go on to do so says nothing of the network.
    register(**silent)
    again = run("poll", "--all", "--json")
    assert (again.code, facts(again)["failed"]) == (0, 6)
    assert {known_feeds(store)[slug].failures for slug in silent} == {2}


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("b{n}.wordpress.example", "made-up blogs of the sample; import your own: buzz blogs"),
        ("10.0.0.{n}", "private networks: name those in [poll] allow_networks"),
    ],
    ids=["the sample", "private networks"],
)
def test_when_nobody_can_answer_it_says_so(
    run: Run, register: Callable[..., None], host: str, remedy: str
) -> None:
    """The sample's blogs were asked for minutes, and the network was blamed."""
    register(**{f"b{n}": f"http://{host.format(n=n)}/feed" for n in range(1, 7)})
    result = run("poll")
    assert result.code == 75
    assert remedy in result.err


def test_a_blog_removed_meanwhile_takes_nobody_along(
    run: Run, register: Callable[..., None], store: Store
) -> None:
    def removed(request: Request) -> Reply:
        with store.write() as tx:
            blogs.remove(tx, [request.host])
        return Reply(200, {}, GOOD)

    register(gone=removed, karim=document(GOOD))
    assert poll(run) == (2, 2, 0, 0, 2)
    assert known_feeds(store).keys() == {"karim"}


# --- two at a time, signals, kills -------------------------------------------------------------


def test_a_second_run_says_so_and_leaves(
    run: Run, register: Callable[..., None], workspace: Path, server: FeedServer
) -> None:
    register(karim=document(GOOD))
    with files.lock(workspace / "data" / "locks" / "poll.lock"):
        result = run("poll", "--json")
    assert facts(result)["due"] == 0
    assert "another run is at work" in result.err
    assert server.asked("karim") == []


def test_a_lock_that_cannot_be_made_gets_a_clear_error(run: Run, workspace: Path) -> None:
    (workspace / "data" / "locks").write_text("in the way")
    result = run("poll")
    assert result.code == 7
    assert f"{workspace / 'data' / 'locks' / 'poll.lock'}: cannot write: " in result.err
    assert "(check its owner and mode)" in result.err


class Halfway:
    """A poll in a process of its own, caught when 30 feeds are stored and 20 do not answer."""

    def __init__(self, register: Callable[..., None], store: Store, workspace: Path) -> None:
        self.silent = threading.Event()
        self.hosts = {f"good{n}": document(GOOD) for n in range(30)}
        register(**self.hosts, **{f"silent{n}": Reply(delay_s=None) for n in range(20)})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "buzz", "poll"],
            cwd=workspace,
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(known_feeds(store)) < 30:
            assert self.process.poll() is None, self.process.communicate()
            threading.Event().wait(0.02)  # until the database shows it

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        _out, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_and_what_was_there_is_kept(
    number: signal.Signals,
    code: int,
    register: Callable[..., None],
    store: Store,
    workspace: Path,
) -> None:
    returned, err = Halfway(register, store, workspace).end(number)
    assert returned == code
    assert err.startswith("buzz: interrupted; what was done so far is kept")
    assert "Traceback" not in err
    assert len(known_feeds(store)) == 30
    with store.read() as tx:
        assert runs.last(tx, "poll")[0].exit_code == code


def test_a_killed_run_is_taken_up_by_the_next(
    run: Run, register: Callable[..., None], store: Store, workspace: Path, server: FeedServer
) -> None:
    Halfway(register, store, workspace).end(signal.SIGKILL)
    for n in range(20):
        server.set(f"silent{n}", document(GOOD))
    assert poll(run) == (20, 20, 0, 0, 40)
    assert sum(len(known_entries(store, slug)) for slug in known_feeds(store)) == 100


# --- the store ---------------------------------------------------------------------------------

FEED = Feed(
    blog="karim",
    url="http://b.example/feed",
    title="Un blog",
    state=FeedState.SOFT,
    since=NOW,
    reason="dns",
    validators=Validators(etag='W/"é"', last_modified="hier"),
    body_hash="ff",
    last_polled=NOW,
    last_success=NOW - timedelta(days=1),
    next_due=NOW + timedelta(hours=1),
    failures=3,
    duration_ms=42,
    interval_s=7200,
)
ENTRY = Entry(
    blog="karim",
    identity="a",
    link="http://b.example/a",
    title="Un titre",
    published=NOW,
    updated=NOW,
    first_seen=NOW,
    day=date(2026, 3, 2),
    text="un\ndeux",
    links=("http://c.example/", "http://d.example/"),
    content_hash="ff",
    length=7,
    enclosure=True,
    left_out=LeftOut.SHORT,
)


@pytest.fixture
def karim(store: Store) -> Store:
    with store.write() as tx:
        blogs.save(tx, [Blog(slug="karim", name="Karim", feed_url=FEED.url)], NOW)
    return store


@pytest.mark.both_databases
def test_feeds_come_back_as_they_were_stored(karim: Store) -> None:
    for feed in (Feed(blog="karim", url="http://b.example/"), FEED):
        with karim.write() as tx:
            feeds.save(tx, [feed])
        assert known_feeds(karim) == {"karim": feed}


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("now", "options", "is_due"),
    [
        (NOW, {}, False),
        (NOW + timedelta(hours=1), {}, True),
        (NOW, {"every": True}, True),
        (NOW, {"only": "karim"}, True),
        (NOW + timedelta(hours=1), {"only": "lea"}, False),
    ],
)
def test_due(now: datetime, options: dict[str, bool], *, is_due: bool, karim: Store) -> None:
    with karim.write() as tx:
        feeds.save(tx, [FEED])
        assert feeds.due(tx, now, **options) == ((FEED,) if is_due else ())  # type: ignore[arg-type]


@pytest.mark.both_databases
def test_entries_come_back_as_they_were_stored(karim: Store) -> None:
    bare = Entry(blog="karim", identity="b", first_seen=NOW, day=date(2026, 3, 1))
    with karim.write() as tx:
        assert entries.save(tx, [ENTRY, bare]) == (2, 0)
        found = entries.of_blog(tx, "karim")
        assert found == tuple(
            replace(entry, id=stored.id) for entry, stored in zip((ENTRY, bare), found, strict=True)
        )
        assert found[0].id is not None
        assert entries.get(tx, found[0].id) == found[0]
        assert entries.get(tx, EntryId(99)) is None


@pytest.mark.both_databases
def test_entries_are_counted_as_new_changed_or_neither(karim: Store) -> None:
    with karim.write() as tx:
        assert entries.save(tx, []) == (0, 0)
        assert entries.save(tx, [ENTRY, ENTRY]) == (1, 0)
        assert entries.save(tx, [ENTRY]) == (0, 0)
        many = [replace(ENTRY, identity=f"{n}") for n in range(3000)]
        assert entries.save(tx, many) == (3000, 0)
        edited = replace(ENTRY, text="trois", left_out=None, first_seen=NOW + timedelta(days=1))
        assert entries.save(tx, [edited, replace(ENTRY, identity="b")]) == (1, 1)
        stored = {entry.identity: entry for entry in entries.of_blog(tx, "karim")}["a"]
    assert (stored.text, stored.first_seen, stored.left_out) == ("trois", NOW, None)


@pytest.mark.both_databases
@pytest.mark.parametrize("reason", [LeftOut.BACKFILL, LeftOut.NEAR_COPY, LeftOut.REDATED])
def test_an_edit_does_not_make_up_for_a_bad_date_or_a_copy(reason: LeftOut, karim: Store) -> None:
    with karim.write() as tx:
        entries.save(tx, [replace(ENTRY, left_out=reason)])
        entries.save(tx, [replace(ENTRY, text="plus long", left_out=None)])
        assert entries.of_blog(tx, "karim")[0].left_out is reason
