"""Who decided what is kept, whoever asks the environment to say otherwise."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Result

from buzz.edges.store import Store, audit
from buzz.model import Deed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.both_databases
def test_the_last_deed_of_a_command_on_a_campaign(store: Store) -> None:
    with store.write() as tx:
        audit.add(tx, "send cancel", NOW, campaign="a", who="rosa")
        audit.add(tx, "send cancel", NOW + timedelta(hours=1), campaign="a", detail="x", who="jean")
        audit.add(tx, "send cancel", NOW, campaign="b", who="rosa")
        assert audit.last(tx, "send cancel", "a") == Deed(
            at=NOW + timedelta(hours=1),
            who="jean",
            command="send cancel",
            campaign="a",
            detail="x",
        )
        assert audit.last(tx, "send cancel") is None
        assert audit.last(tx, "send start", "a") is None


def test_a_name_in_the_environment_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = audit.own_name()
    for name in ("USER", "LOGNAME", "USERNAME", "LNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert audit.own_name() == before


def test_who_removed_a_blog(workspace: Path, store: Store, run: Callable[..., Result]) -> None:
    (workspace / "blogs.csv").write_text("name,url\nA,https://a.example\nB,https://b.example\n")
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    with store.read() as tx:
        assert audit.last(tx, "blogs remove") is None
    assert run("blogs", "remove", "a", "--dry-run").code == 0
    assert run("blogs", "remove", "a", "b", "--yes").code == 0
    with store.read() as tx:
        deed = audit.last(tx, "blogs remove")
    assert deed is not None
    assert (deed.who, deed.detail) == (audit.own_name(), "a, b")
