"""Faults that are ours and no feed's: the network is away, the disk full, another run at work."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Result
from feed_server import FeedServer, Handler, Reply, document, item, rss

from buzz.edges.store import Store, blogs, entries, feeds, holds, runs
from buzz.model import Blog, Feed, FeedState

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GOOD = rss(item("a"), item("b"))
QUIET = Result(75, "", "")
Run = Callable[..., Result]
Register = Callable[..., None]


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def register(store: Store, server: FeedServer) -> Register:
    """Put blogs into the registry, each with a host that behaves as given, or at an address."""

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


def cron(workspace: Path, **limits: tuple[int, int]) -> Result:
    """Poll in a process of its own, as cron does, within limits of the system."""

    def limited() -> None:
        for name, limit in limits.items():
            resource.setrlimit(getattr(resource, name), limit)

    done = subprocess.run(
        [sys.executable, "-m", "buzz", "poll", "--quiet"],
        cwd=workspace,
        env=os.environ,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


# --- the network -------------------------------------------------------------------------------

NOBODY = {f"b{n}": f"http://b{n}.localhost:1/" for n in range(6)}


@pytest.fixture
def at_hour(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda hours: monkeypatch.setenv("BUZZ_CLOCK_OFFSET_S", str(hours * 3600))


@pytest.mark.both_databases
def test_an_outage_is_said_when_it_begins_and_once_a_day(
    run: Run, register: Register, server: FeedServer, at_hour: Callable[[float], None]
) -> None:
    """Cron mails what a command says: an outage of a week-end was sixty mails."""
    register(**NOBODY)
    first = run("poll", "--quiet")
    assert first.code == 75
    assert first.err.startswith("buzz: poll: not one of 6 feeds answered (check the network")
    for hours in (1, 2, 23):
        at_hour(hours)
        assert run("poll", "--quiet") == QUIET
    at_hour(25)
    again = run("poll", "--quiet")
    assert again.code == 75
    assert "not one of 6 feeds answered, for 25 hours now (check the network" in again.err
    at_hour(26)
    assert run("poll", "--quiet") == QUIET
    assert "not one of 6 feeds answered, for 26 hours now" in run("poll").err, "a person is told"
    register(b0=document(GOOD))
    assert run("poll", "--quiet") == Result(0, "", "")
    at_hour(60)
    register(**NOBODY)
    assert "not one of 6 feeds answered (check" in run("poll", "--quiet").err, "another outage"


@pytest.mark.both_databases
def test_every_run_of_an_outage_is_recorded(run: Run, register: Register, store: Store) -> None:
    register(**NOBODY)
    for _ in range(3):
        run("poll", "--quiet")
    with store.read() as tx:
        found = runs.last(tx, "poll")
    assert [one.exit_code for one in found] == [75, 75, 75]
    assert len({one.summary["outage_since"] for one in found}) == 1


@pytest.mark.both_databases
def test_who_was_not_asked_has_not_answered(
    run: Run, register: Register, store: Store, server: FeedServer
) -> None:
    """One host that was left in peace, and all the others were blamed for our outage."""
    register(**NOBODY, weary=document(GOOD), twice=NOBODY["b0"])
    with store.write() as tx:
        holds.save(tx, {"weary.localhost": datetime(2999, 1, 1, tzinfo=UTC)}, NOW)
    assert run("poll").code == 75
    assert server.asked("weary") == []
    known = known_feeds(store)
    assert known.keys().isdisjoint(NOBODY), "none of them is blamed"
    assert known["twice"].reason == "another-blog", "that is known without asking"


# --- the disk, and what else the system may refuse ---------------------------------------------

LARGE = rss(item("large", text="mot " * 1_000_000))  # 4 MB; large documents are kept on disk
MOST = 3 << 20  # bytes of one file; the database and its log stay below it


def test_a_full_disk_is_our_failure_and_no_feeds(
    register: Register, store: Store, workspace: Path
) -> None:
    register(karim=document(LARGE), lea=document(GOOD))
    result = cron(workspace, RLIMIT_FSIZE=(MOST, MOST))
    assert result.code == 75
    folder = workspace / "data"
    assert result.err.startswith(f"buzz: {folder}: cannot keep a large document: ")
    assert result.err.endswith("(make room there; the next run goes on with the rest)\n")
    assert known_feeds(store).keys() == {"lea"}, "it is not blamed, and the others are read"
    assert list(folder.glob("tmp*")) == []
    with store.read() as tx:
        assert runs.last(tx, "poll")[0].exit_code == 75
    assert cron(workspace) == Result(0, "", "")
    assert known_feeds(store)["karim"].state is FeedState.OK
    with store.read() as tx:
        assert len(entries.of_blog(tx, "karim")) == 1


def test_too_many_open_files_are_our_failure_and_no_feeds(
    register: Register, store: Store, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_POLL_CONCURRENCY", "100")
    register(**{f"b{n}": Reply(delay_s=0.5, body=GOOD) for n in range(100)})
    result = cron(workspace, RLIMIT_NOFILE=(40, 40))
    assert result.code == 75
    assert "[poll] concurrency: no connection can be made: Too many open files" in result.err
    known = known_feeds(store)
    assert {feed.state for feed in known.values()} <= {FeedState.OK}, "nobody is blamed"
    assert len(known) < 100


# --- two at a time -----------------------------------------------------------------------------


def test_of_two_runs_the_second_leaves_with_one_line(
    run: Run, register: Register, store: Store, workspace: Path, server: FeedServer
) -> None:
    asked, answers = threading.Event(), threading.Event()

    def slow(_request: object) -> Reply:
        asked.set()
        answers.wait(20)
        return Reply(200, {"Content-Type": "application/rss+xml"}, GOOD)

    register(karim=slow)
    first = subprocess.Popen(
        [sys.executable, "-m", "buzz", "poll"], cwd=workspace, stderr=subprocess.PIPE, text=True
    )
    assert asked.wait(20)
    second = run("poll")
    assert (second.code, second.out) == (0, "")
    assert second.err == f"poll: another run is at work (process {first.pid})\n"
    assert run("poll", "--quiet") == Result(0, "", "")
    answers.set()
    said = first.communicate()[1]
    assert (first.returncode, len(server.asked("karim"))) == (0, 1), said
    assert known_feeds(store)["karim"].state is FeedState.OK


# --- in which order ----------------------------------------------------------------------------


def test_the_slowest_hosts_are_asked_first(
    run: Run,
    register: Register,
    store: Store,
    server: FeedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BUZZ_POLL_CONCURRENCY", "1")
    register(**{slug: document(GOOD) for slug in ("anne", "karim", "lea")})
    run("poll")
    known = known_feeds(store)
    with store.write() as tx:
        for slug, duration_ms in (("anne", 10), ("karim", 900), ("lea", 5000)):
            blogs_feed = known[slug]
            feeds.save(
                tx,
                [Feed(blog=slug, url=blogs_feed.url, state=FeedState.OK, duration_ms=duration_ms)],
            )
    server.requests.clear()
    run("poll", "--all")
    assert [request.host for request in server.requests] == ["lea", "karim", "anne"]
