"""A workspace of one's own for each test, and the product's front door.

Tests of a module marked ``both_databases`` run on SQLite, and on PostgreSQL too where
``BUZZ_TEST_POSTGRESQL`` names a server (``postgresql+psycopg://user@host/database``).
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from chromium import AXE, CHROMIUM

from buzz import config
from buzz.cli import main
from buzz.config import Settings
from buzz.edges import files
from buzz.edges.store import Store, open_store

# A noisy machine is no reason to fail: no promise of ours is about the time of one example.
hypothesis.settings.register_profile(
    "noisy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("noisy")

POSTGRESQL = os.environ.get("BUZZ_TEST_POSTGRESQL", "")
SECRET = "a-secret-for-tests-only"
TOML = """
[sender]
from = "La Lettre du Buzz <lettre@parti.example>"
organisation = "Parti de l'Exemple"
postal_address = "1 rue de l'Exemple, 75001 Paris"
controller = "Parti de l'Exemple, dpo@parti.example"
[smtp]
tls = "none"
[poll]
allow_networks = ["127.0.0.0/8"]
[send]
rate_per_s = 0
undo_delay_s = 0
"""


@dataclass(frozen=True)
class Result:
    """What one command did: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace in which commands run."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "buzz.toml").write_text(TOML)
    files.write(files.private_folder(folder / "data") / "secret.key", SECRET)
    monkeypatch.chdir(folder)
    ours = [name for name in os.environ if name.startswith("BUZZ_")]
    for name in (*ours, "LC_ALL", "LC_MESSAGES", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BUZZ_LANG", "en")
    return folder


_EYES = {
    "Chromium": CHROMIUM,
    "axe (BUZZ_TEST_AXE)": AXE,
    "SpamAssassin": shutil.which("spamassassin"),
    "mutt": shutil.which("mutt"),
}


def pytest_report_header() -> list[str]:
    """Say in a line each on which databases the store is tested, and on which documents."""
    return [
        "databases: SQLite"
        + (", PostgreSQL" if POSTGRESQL else " (PostgreSQL: set BUZZ_TEST_POSTGRESQL)"),
        f"development data: {os.environ.get('BUZZ_DATA') or 'none (set BUZZ_DATA)'}",
        f"crontab: {shutil.which('crontab') or 'a fake one alone (Debian: cron)'}",
        "letters are seen by: "
        + ", ".join(name if there else f"no {name}" for name, there in _EYES.items()),
        f"Postfix: {shutil.which('postfix') or 'none'}" + (" (wants root)" if os.geteuid() else ""),
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests marked ``both_databases`` on each database there is."""
    if (
        metafunc.definition.get_closest_marker("both_databases")
        and "database_url" in metafunc.fixturenames
    ):
        databases = ["sqlite", "postgresql"] if POSTGRESQL else ["sqlite"]
        metafunc.parametrize("database_url", databases, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the test's own database; empty: the workspace's SQLite file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
        return
    import sqlalchemy as sa

    schema = f"test_{uuid.uuid4().hex}"
    server = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        yield f"{POSTGRESQL}?options=-csearch_path%3D{schema}"
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


@pytest.fixture
def settings(workspace: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    if database_url:
        monkeypatch.setenv("BUZZ_DATABASE_URL", database_url)
    return config.load(workspace)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.database_url)
    yield store
    store.close()


@pytest.fixture
def run(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run one command through the front door, as a person would type it."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run
