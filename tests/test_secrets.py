"""A secret is in no output, no traceback and no file but its own: canaries are looked for."""

import json
import traceback
from collections.abc import Callable

import pytest
from conftest import Result
from sending import SLUG, Desk
from servers import Postbox, free_port, postbox

from buzz.config import Settings
from buzz.edges.store import Store

CANARIES = ("canary-of-the-signature", "canary-of-the-mail-server", "canary-of-the-mailbox")


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    desk = Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)
    desk.campaign(["karim@karim.example"])
    desk.set(secret=CANARIES[0], smtp_password=CANARIES[1], smtp_username="lettre")
    desk.set(bounces_password=CANARIES[2])
    return desk


def told(desk: Desk, *command: str) -> str:
    """Return all that a command says, its traceback included."""
    try:
        result = desk.run(*command)
    except Exception as exc:  # noqa: BLE001  (--debug lets through whatever it is)
        return "".join(traceback.format_exception(exc))
    return result.out + result.err


COMMANDS = [
    "config show",
    "config show --json",
    "config check --json",
    "status --json",
    "campaign preview retraites --text",
    "campaign test retraites --to vous@parti.example",
    "send start retraites --json",
    "send start retraites --confirm retraites",
    "send status retraites --json",
    "bounces collect imaps://lettre@127.0.0.1:1/INBOX",
    "serve --bind nowhere",
]


@pytest.mark.parametrize(
    ("server", "debug"), [("is away", []), ("refuses the password", ["--debug"])]
)
def test_no_secret_is_told(desk: Desk, server: str, debug: list[str]) -> None:
    with postbox(Postbox(), auth=True) as port:
        desk.set(smtp_port=port if server == "refuses the password" else free_port())
        everything = {command: told(desk, *command.split(), *debug) for command in COMMANDS}
    assert ("refuses us" in everything[COMMANDS[5]]) is (server == "refuses the password")
    for command, text in everything.items():
        assert text, command
        assert not any(canary in text for canary in CANARIES), command
    for file in desk.settings.workspace.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(canary.encode() in content for canary in CANARIES), file


def test_a_refused_login_leaves_everything_to_be_sent(desk: Desk) -> None:
    with postbox(Postbox(), auth=True) as port:
        desk.set(smtp_port=port)
        result = desk.run("send", "start", SLUG, "--confirm", SLUG)
        assert result.code == 7
        assert "check [smtp] username and BUZZ_SMTP_PASSWORD" in result.err
    assert json.loads(desk.run("send", "status", SLUG, "--json").out)["planned"] == 1
