"""The store's promises: private, patient, honest about what it cannot do; blogs and runs."""

import json
import os
import sqlite3
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import Result
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from strategies import registries

from buzz import __version__
from buzz.config import Settings
from buzz.edges import store as edge
from buzz.edges.store import Store, blogs, feeds, open_store, runs
from buzz.errors import BuzzError, ConfigurationError, TemporaryFailure
from buzz.model import Blog, Feed, Run

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
KARIM = Blog(slug="karim", name="Le blog de Karim", url="https://karim.example/")
BREST = Blog(slug="brest", name="Vu de Brest", url="https://brest.example/", tags=("eau", "ecole"))
NOBODY = 65_534  # the user that owns nothing


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a lock, not half a minute."""
    monkeypatch.setattr(edge, "BUSY_TIMEOUT_MS", 20)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody whom file modes stop, also where the tests run as root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


# --- transactions -----------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_transaction_is_whole_or_not_at_all(store: Store) -> None:
    def fail_half_way() -> None:
        with store.write() as tx:
            blogs.save(tx, [KARIM], NOW)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    with store.read() as tx:
        assert blogs.all_blogs(tx) == ()


@pytest.mark.both_databases
def test_a_reader_sees_one_state(store: Store, settings: Settings) -> None:
    other = open_store(settings.database_url)
    with closing(other), store.read() as tx:
        assert blogs.all_blogs(tx) == ()
        with other.write() as writing:
            blogs.save(writing, [KARIM], NOW)
        assert blogs.all_blogs(tx) == ()
        with other.read() as reading:
            assert blogs.all_blogs(reading) == (KARIM,)


@pytest.mark.both_databases
def test_what_was_committed_is_there_when_it_is_opened_again(
    store: Store, settings: Settings
) -> None:
    with store.write() as tx:
        blogs.save(tx, [KARIM], NOW)
    store.close()
    with closing(open_store(settings.database_url)) as again, again.read() as tx:
        assert blogs.all_blogs(tx) == (KARIM,)


# --- the file ---------------------------------------------------------------------------------


def test_database_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "buzz.db"
    before = os.umask(0)  # the most careless one
    try:
        with closing(open_store(f"sqlite:///{path}")) as store, store.write() as tx:
            blogs.save(tx, [KARIM], NOW)
            assert path.parent.stat().st_mode & 0o777 == 0o700
            made = sorted(path.parent.iterdir())
            assert [file.name for file in made] == ["buzz.db", "buzz.db-shm", "buzz.db-wal"]
            assert {file.stat().st_mode & 0o777 for file in made} == {0o600}
    finally:
        os.umask(before)


def test_sqlite_is_durable_and_patient(settings: Settings, store: Store) -> None:
    with store.read() as tx:
        found = [
            tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert found == ["wal", 2, 30_000, 1]


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_temporary_and_nothing_is_lost(
    settings: Settings, run: Callable[..., Result]
) -> None:
    assert run("blogs", "add", "Karim", "--url", "https://karim.example/").code == 0
    with closing(sqlite3.connect(settings.data / "buzz.db")) as holder:
        holder.execute("BEGIN IMMEDIATE")
        result = run("blogs", "add", "Brest", "--url", "https://brest.example/")
        assert result.code == 75
        assert "the database is locked by another process" in result.err
        assert "nothing was changed" in result.err
        listed = json.loads(run("blogs", "list", "--json").out)["blogs"]  # readers go on
        assert [blog["slug"] for blog in listed] == ["karim"]
        holder.rollback()
    assert run("blogs", "add", "Brest", "--url", "https://brest.example/").code == 0
    assert settings.registry_file.read_text().count("\n") == 3


@pytest.mark.usefixtures("impatient")
def test_every_write_meets_a_locked_database_with_the_same_error(
    settings: Settings, store: Store
) -> None:
    writes: tuple[Callable[[edge.Transaction], object], ...] = (
        lambda tx: blogs.save(tx, [KARIM], NOW),
        lambda tx: blogs.remove(tx, ["karim"]),
        lambda tx: runs.add(tx, _run("poll")),
        lambda tx: feeds.save(tx, [Feed(blog="karim", url="https://karim.example/feed")]),
    )
    with closing(sqlite3.connect(settings.data / "buzz.db")) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for write in writes:
            with (
                closing(open_store(settings.database_url)) as other,
                pytest.raises(TemporaryFailure, match="locked"),
                other.write() as tx,
            ):
                write(tx)


def _write_into(path: Path) -> None:
    with closing(open_store(f"sqlite:///{path}")) as store, store.write() as tx:
        blogs.save(tx, [KARIM], NOW)


def test_a_read_only_database_is_a_matter_of_configuration() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_store(f"sqlite:///{folder / 'buzz.db'}").close()
        folder.chmod(0o555)
        (folder / "buzz.db").chmod(0o444)
        with unprivileged(), pytest.raises(ConfigurationError, match="cannot be written") as caught:
            _write_into(folder / "buzz.db")
        assert "owner and mode" in caught.value.remedy
        folder.chmod(0o755)


def test_a_database_from_a_newer_version_is_left_alone(
    settings: Settings, run: Callable[..., Result]
) -> None:
    open_store(settings.database_url).close()
    with closing(sqlite3.connect(settings.data / "buzz.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    before = (settings.data / "buzz.db").read_bytes()
    result = run("blogs", "list")
    assert result.code == 7
    assert "the database is from a newer buzz (version 9999)" in result.err
    assert "install that version" in result.err
    assert (settings.data / "buzz.db").read_bytes() == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_left_alone(
    settings: Settings, run: Callable[..., Result], make: Callable[[Path], object]
) -> None:
    make(settings.data / "buzz.db")
    result = run("blogs", "list")
    assert result.code == 7
    assert f"{settings.data / 'buzz.db'}: this is no file" in result.err
    assert "(move it away, or change [database] url)" in result.err


def test_a_traceback_names_nobody(store: Store) -> None:
    address = "karim@karim.example"
    with pytest.raises(BuzzError) as caught, store.read() as tx:
        tx.execute(sa.text("SELECT * FROM nowhere WHERE email = :e"), {"e": address})
    shown = "".join(traceback.format_exception(caught.value))
    assert "FROM nowhere WHERE email" in shown
    assert address not in shown


def test_what_is_no_database_is_left_alone(settings: Settings, run: Callable[..., Result]) -> None:
    path = settings.data / "buzz.db"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    result = run("blogs", "list")
    assert result.code == 7
    assert "this is not a sound database" in result.err
    assert path.read_bytes().endswith(b"xxx")


@pytest.mark.parametrize(
    "url",
    ["buzz.db", "mysql+nothing://localhost/x", "sqlite://", "sqlite:///:memory:", "sqlite:////proc/no/buzz.db"],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_store(url)


def test_a_server_that_is_away_is_temporary() -> None:
    with pytest.raises(BuzzError) as caught:
        open_store("postgresql+psycopg://buzz@127.0.0.1:1/buzz?connect_timeout=2")
    assert caught.value.exit_code in {7, 75}  # 7: the driver is an extra


def test_an_installation_has_an_id_of_its_own(tmp_path: Path) -> None:
    found = set()
    for name in ("a", "b"):
        with closing(open_store(f"sqlite:///{tmp_path / name / 'buzz.db'}")) as store:
            for _again in range(2):
                with store.read() as tx:
                    found.add(tx.exec_driver_sql("SELECT id FROM instance").scalar())
    assert len(found) == 2


# --- blogs ------------------------------------------------------------------------------------


@hypothesis(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(registry=registries(4))
def test_blogs_come_back_as_they_were_saved(store: Store, registry: tuple[Blog, ...]) -> None:
    with store.write() as tx:
        blogs.remove(tx, [blog.slug for blog in blogs.all_blogs(tx)])
        blogs.save(tx, reversed(registry), NOW)
    with store.read() as tx:
        assert blogs.all_blogs(tx) == registry
        assert all(blogs.get(tx, blog.slug) == blog for blog in registry)


@pytest.mark.both_databases
def test_saving_again_replaces_but_the_date_of_registration(store: Store) -> None:
    with store.write() as tx:
        blogs.save(tx, [KARIM, BREST], NOW)
    renamed = replace(KARIM, name="Karim", email="karim@karim.example")
    with store.write() as tx:
        blogs.save(tx, [renamed], NOW + timedelta(days=1))
        blogs.save(tx, [], NOW)
    with store.read() as tx:
        assert blogs.all_blogs(tx) == (BREST, renamed)
        assert blogs.registered(tx) == {"karim": NOW, "brest": NOW}
        assert blogs.get(tx, "nobody") is None


@pytest.mark.both_databases
def test_removing_takes_what_was_seen_of_the_blog_along(store: Store) -> None:
    many = [replace(KARIM, slug=f"blog-{n:04}") for n in range(1_200)]
    with store.write() as tx:
        blogs.save(tx, [*many, KARIM, BREST], NOW)
        feeds.save(tx, [Feed(blog=blog.slug, url=blog.url) for blog in (KARIM, BREST)])
    with store.write() as tx:
        blogs.remove(tx, [*(blog.slug for blog in many), "karim", "nobody"])
    with store.read() as tx:
        assert blogs.all_blogs(tx) == (BREST,)
        assert list(feeds.all_feeds(tx)) == ["brest"]


# --- runs -------------------------------------------------------------------------------------


def _run(command: str, minutes: int = 0) -> Run:
    start = NOW + timedelta(minutes=minutes)
    return Run(
        command=command,
        started_at=start,
        ended_at=start + timedelta(seconds=3),
        exit_code=0,
        summary={"fetched": 1, "seconds": 0.5, "by": __version__},
    )


@pytest.mark.both_databases
def test_runs_come_back_newest_first(store: Store) -> None:
    recorded = [_run("poll", 0), _run("rank", 1), _run("poll", 2), _run("poll", 2)]
    with store.write() as tx:
        for run in recorded:
            runs.add(tx, run)
    with store.read() as tx:
        assert runs.last(tx) == tuple(reversed(recorded))
        assert runs.last(tx, "poll", 1) == (recorded[3],)
        assert runs.last(tx, "rank") == (recorded[1],)
        assert runs.last(tx, "scan") == ()
