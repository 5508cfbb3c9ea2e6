"""A sender that is killed, frozen or interrupted loses nobody and writes to nobody twice."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from conftest import Result
from sending import SLUG, Desk, people
from servers import Postbox, postbox

from buzz.config import Settings
from buzz.edges.store import Store
from buzz.model import DeliveryState

CONNECTIONS = 5
S = DeliveryState


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    return Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)


@contextmanager
def sender(desk: Desk) -> Iterator["subprocess.Popen[str]"]:
    """Start a sender in a process of its own; it is gone when the block ends."""
    process = subprocess.Popen(
        (sys.executable, "-m", "buzz", "send", "start", SLUG, "--confirm", SLUG, "--json"),
        cwd=desk.settings.workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def freeze_for_ten_minutes(process: "subprocess.Popen[str]", desk: Desk) -> None:
    """Stop a sender, though not inside a transaction, and let its lease run out."""
    path = desk.settings.data / "buzz.db"
    for _try in range(200):
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(path, timeout=0.05)) as database, database:
            try:
                database.execute("UPDATE campaigns SET held_until = 0")
            except sqlite3.OperationalError:  # it holds the database's lock: not now
                process.send_signal(signal.SIGCONT)
            else:
                return
    pytest.fail("the sender cannot be stopped outside of a transaction")


def integrity(desk: Desk) -> str:
    """Return what SQLite says of the database file."""
    with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database:
        (found,) = database.execute("PRAGMA integrity_check").fetchone()
        return str(found)


@pytest.mark.parametrize(
    ("pipelining", "kills", "size"),
    [("true", 5, 500), ("false", 2, 200)],
    ids=["pipelined", "plain"],
)
def test_kills_lose_nobody_and_double_nobody(
    desk: Desk, pipelining: str, kills: int, size: int
) -> None:
    seed = int(os.environ.get("BUZZ_KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"seed {seed} (BUZZ_KILL_SEED={seed} plays it again)")  # noqa: T201  (shown on failure)
    chance = random.Random(seed)
    addresses = people(size)
    desk.campaign(addresses)
    box = Postbox(delay_s=0.002)
    uncertain = 0
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=CONNECTIONS, smtp_pipelining=pipelining)
        desk.plan()
        for _kill in range(kills):
            with sender(desk) as process:
                assert box.wait_for(len(box.received) + chance.randrange(90))
                threading.Event().wait(chance.random() * 0.02)  # anywhere in the dialogue
                process.kill()
                process.wait()
            assert integrity(desk) == "ok"
            assert f"{process.pid} on" not in desk.run("send", "status", SLUG).err  # it is dead
            dots = [d for d in desk.rows if d.state is S.DOT]
            assert len(dots) <= CONNECTIONS
            uncertain += len(dots)
            assert desk.account.targeted == len(addresses)
        found = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
    facts = json.loads(found.out)
    assert facts["targeted"] == len(addresses)
    assert facts["accepted"] + facts["uncertain"] == len(addresses)
    assert facts["uncertain"] == uncertain
    assert found.code == (9 if uncertain else 0)
    assert max(box.count.values()) == 1  # nobody twice
    accepted = {address for address, state in desk.states.items() if state is S.ACCEPTED}
    assert accepted <= box.count.keys()  # nobody is lost
    listed = json.loads(desk.run("send", "uncertain", SLUG, "--json").out)["uncertain"]
    assert {one["address"] for one in listed} == set(addresses) - accepted


def test_a_frozen_sender_is_fenced_when_another_has_taken_over(desk: Desk) -> None:
    desk.campaign(people(120))
    box = Postbox(delay_s=0.002)
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=CONNECTIONS)
        with sender(desk) as frozen:
            assert box.wait_for(20)
            freeze_for_ten_minutes(frozen, desk)
            result = desk.start()
            frozen.send_signal(signal.SIGCONT)
            _out, err = frozen.communicate()
            assert frozen.returncode == 6, err
            assert "taken over" in err
    assert result.account.planned == 0
    assert result.account.uncertain <= CONNECTIONS
    assert max(box.count.values()) == 1
    assert {a for a, s in desk.states.items() if s is S.ACCEPTED} <= box.count.keys()
    assert desk.account == result.account


def test_a_second_sender_is_told_who_is_at_work(desk: Desk) -> None:
    desk.campaign(people(150))
    box = Postbox(delay_s=0.005)
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        with sender(desk) as first:
            assert box.wait_for(5)
            second = desk.run("send", "start", SLUG, "--confirm", SLUG)
            _out, err = first.communicate()
            assert first.returncode == 0, err
    assert second.code == 6
    assert f"{first.pid} on {os.uname().nodename}, since " in second.err
    assert max(box.count.values()) == 1
    assert len(box.count) == 150


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_signal_finishes_what_is_in_flight(desk: Desk, number: signal.Signals, code: int) -> None:
    desk.campaign(people(150))
    box = Postbox(delay_s=0.005)
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=CONNECTIONS)
        with sender(desk) as process:
            assert box.wait_for(10)
            process.send_signal(number)
            out, err = process.communicate()
        assert process.returncode == code, err
        facts = json.loads(out)
        assert facts["claimed"] == facts["uncertain"] == 0
        assert facts["accepted"] == len(box.received) < 150
        assert f"buzz send resume {SLUG}" in err
        assert "Traceback" not in err
        result = desk.start()
    assert (result.exit_code, result.account.accepted) == (0, 150)
    assert set(box.count.values()) == {1}
