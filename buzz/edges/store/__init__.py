"""The database: one :class:`Store`, transactions, and one module of functions per noun.

``with store.write() as tx: blogs.save(tx, ...)``. A ``Transaction`` is opaque outside this
package: nobody else imports SQLAlchemy. SQLite is WAL, ``synchronous=FULL``, ``BEGIN IMMEDIATE``
for writes (a deferred transaction that upgrades fails at once, whatever the time-out) and
``busy_timeout`` 30 s; PostgreSQL needs nothing of this. Foreign errors become ours here, once.
The store is synchronous: async code calls it through a thread at the edges of a batch.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url

from buzz.edges import files
from buzz.edges.store.schema import instance
from buzz.errors import BuzzError, ConfigurationError, TemporaryFailure
from buzz.locales import gettext as _
from buzz.locales import system

Transaction = Connection
REVISION = "0006"  # the newest migration; tests hold it to migrations/versions
BUSY_TIMEOUT_MS = 30_000
_UPGRADE = 0x62757A7A  # "buzz": the lock of who creates or upgrades the tables

__all__ = ["Store", "Transaction", "open_store"]


class Store:
    """A database that is ready for use."""

    def __init__(self, engine: sa.Engine, url: URL) -> None:
        self._engine = engine
        self._url = url
        # SQLite's transactions see one state by themselves; PostgreSQL's each statement another.
        is_sqlite = engine.dialect.name == "sqlite"
        self._reading = {} if is_sqlite else {"isolation_level": "REPEATABLE READ"}

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that only reads and sees one state of the database."""
        with self._translated(), self._engine.connect() as connection:
            yield connection.execution_options(**self._reading)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that commits at the end of the block, or leaves nothing behind."""
        with self._translated(), self._engine.connect() as connection:
            options = connection.execution_options(buzz_write=True)
            with options.begin():
                yield options

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as exc:
            raise _translate(exc, str(self._url.database or "")) from exc


def open_store(url: str) -> Store:
    """Return the store at this address; a new or older database is brought up to date.

    Raises:
        ConfigurationError: the database cannot be opened, or is from a newer buzz.
        TemporaryFailure: it is locked or away.
    """
    engine, parsed = _engine_at(url)
    store = Store(engine, parsed)
    try:
        with store.read() as tx:
            found = _revision(tx)
        if found != REVISION:
            _upgrade(store, found, parsed)
    except BaseException:  # an interrupt too: connections close; a migration is one transaction
        engine.dispose()
        raise
    return store


def _engine_at(url: str) -> tuple[sa.Engine, URL]:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            _prepare_file(Path(parsed.database or ":memory:"))
        return _engine(parsed), parsed
    except (sa.exc.ArgumentError, ImportError) as exc:
        raise ConfigurationError(
            _("no database can be reached by this address: {why}").format(why=exc),
            place="[database] url",
            remedy=_("leave it empty for data/buzz.db, or see: buzz config show"),
        ) from exc


def _prepare_file(path: Path) -> None:
    """Make the SQLite file private before SQLite makes it 0644."""
    if path.name == ":memory:":  # would be forgotten with the process
        raise sa.exc.ArgumentError(_("SQLite wants the path of a file"))
    try:
        files.private_folder(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, files.PRIVATE))
        elif not path.is_file():
            raise ConfigurationError(
                _("this is no file, and no database can be there"),
                place=str(path),
                remedy=_("move it away, or change [database] url"),
            )
    except OSError as exc:
        raise ConfigurationError(
            _("cannot make the database: {why}").format(why=system.words(exc)),
            place=str(path),
            remedy=_("check the owner and mode of the file and of its folder"),
        ) from exc


def _engine(url: URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,  # addresses have no place in a traceback
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("buzz_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _revision(tx: Transaction) -> str | None:
    """Return the migration the database stands at; None: it is empty."""
    if not sa.inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(store: Store, found: str | None, url: URL) -> None:
    from alembic import command  # noqa: PLC0415  (slow to import, needed once)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            _("the database is from a newer buzz (version {found})").format(found=found),
            place=str(url.database),
            remedy=_("install that version, or restore a backup"),
        )
    with store.write() as tx:
        if tx.dialect.name == "postgresql":  # SQLite has locked the database already
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE)))
        if _revision(tx) == REVISION:  # another process was faster
            return
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        if found is None:
            tx.execute(instance.insert().values(id=secrets.token_hex(16)))


def _translate(exc: sa.exc.DBAPIError, place: str) -> BuzzError:
    """Return our error for the driver's: locked and away are temporary, the rest is not."""
    words = str(exc.orig)
    code = getattr(exc.orig, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return TemporaryFailure(
            _("the database is locked by another process"),
            place=place,
            remedy=_("wait for the other command to finish and try again; nothing was changed"),
        )
    if code.startswith("SQLITE_FULL"):
        return TemporaryFailure(
            _("the disk is full"), place=place, remedy=_("make room and try again")
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return ConfigurationError(
            _("the database cannot be written: {why}").format(why=words),
            place=place,
            remedy=_("check the owner and mode of the file and of its folder"),
        )
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return ConfigurationError(
            _("this is not a sound database: {why}").format(why=words),
            place=place,
            remedy=_("restore a backup, or move the file away to begin anew"),
        )
    if isinstance(exc, sa.exc.OperationalError):
        return TemporaryFailure(words, place=place, remedy=_("check the database and try again"))
    return BuzzError(words, place=place)
