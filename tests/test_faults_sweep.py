"""The n-th failure: each call to the database and to the network of a small send fails once.

As SQLite tests running out of memory and failing disks: the n-th call fails, for n from 1 on, until
a run has no n-th call. After each, nobody is lost, nobody is doubled, and whoever goes on finishes.
The calls are those of the driver (sqlite3) and of the operating system's sockets; nothing of ours
is replaced. A part of the sweep by default, all of it with ``BUZZ_SWEEP=all``.
"""

import os
import random
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import Result
from sending import Desk, people, planned
from servers import BadServer, bad

from buzz.config import Settings
from buzz.edges.store import open_store
from buzz.errors import BuzzError
from buzz.model import DeliveryState

TWENTY = people(20)
LANES = 3
S = DeliveryState
# How many of the failing calls are tried where not all are: one of so many, chosen by chance.
EVERY = 1 if os.environ.get("BUZZ_SWEEP") == "all" else 40
BOTH_LANES = pytest.mark.parametrize("pipelining", [False, True], ids=["plain", "pipelined"])


@dataclass
class Saboteur:
    """Lets the n-th call fail, counted from when it is armed."""

    nth: int = 0  # 0: none
    count: int = 0
    has_struck: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, nth: int) -> None:
        self.nth, self.count, self.has_struck = nth, 0, False

    def strikes(self) -> bool:
        """Count a call, and tell whether it is to fail."""
        with self.lock:
            if not self.nth or self.has_struck:
                return False
            self.count += 1
            self.has_struck = self.count == self.nth
            return self.has_struck


@pytest.fixture
def desk(
    settings: Settings,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """A desk at which a campaign to twenty is planned."""
    desk = planned(settings, run, monkeypatch, tmp_path_factory, TWENTY)
    yield desk
    desk.store.close()


def sweep(desk: Desk, saboteur: Saboteur, *, pipelining: bool) -> int:
    """Send with the n-th call failing, for each n; return how many calls there were."""
    seed = int(os.environ.get("BUZZ_SWEEP_SEED") or random.SystemRandom().randrange(10**6))
    print(f"seed {seed} (BUZZ_SWEEP_SEED={seed} plays it again)")  # noqa: T201  (shown on failure)
    chance = random.Random(seed)
    fresh = (desk.settings.data / "buzz.db").read_bytes()
    nth = 0
    while True:
        nth += chance.randint(1, 2 * EVERY - 1)
        desk.store.close()
        for file in desk.settings.data.glob("buzz.db*"):
            file.unlink()
        (desk.settings.data / "instance").unlink(missing_ok=True)
        (desk.settings.data / "buzz.db").write_bytes(fresh)
        desk.store = open_store(desk.settings.database_url)
        if not survives(desk, saboteur, nth, pipelining=pipelining):
            print(f"{saboteur.count} calls")  # noqa: T201  (with -rA)
            return saboteur.count


def survives(desk: Desk, saboteur: Saboteur, nth: int, *, pipelining: bool) -> bool:
    """Send once with the n-th call failing, then once more; tell whether it came to that call."""
    host = BadServer({}, extensions=("PIPELINING",) if pipelining else ())
    begun: list[tuple[str, str]] = []  # whose body began to come, and what the ledger said then

    def on_body(rcpt_to: str) -> None:
        with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database:
            query = "SELECT state FROM deliveries WHERE email = ?"
            begun.append((rcpt_to, *database.execute(query, (rcpt_to,)).fetchone()))

    host.on_body = on_body
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=LANES, smtp_timeout_s=10)
        saboteur.arm(nth)
        try:
            desk.start()
        except BuzzError:  # it says what and what to do; nothing else may escape
            said = True
        else:
            said = False
        struck = saboteur.has_struck
        assert struck or not said
        saboteur.nth = 0
        in_order(desk, host, nth)
        if desk.account.planned + desk.account.claimed + desk.account.deferred:
            desk.set(clock_offset_s=3600)
            desk.start()
            desk.set(clock_offset_s=0)
        in_order(desk, host, nth)
    account = desk.account
    assert account.accepted + account.uncertain == 20, (nth, account)
    assert account.uncertain <= LANES
    # Before the first byte of a body; the sender may have noticed by now that the line is lost.
    assert {state for _address, state in begun} <= {"dot", "uncertain"}, nth
    assert len(begun) == len(set(begun)), nth
    return struck


def in_order(desk: Desk, host: BadServer, nth: int) -> None:
    """Make sure that the invariants hold: see docs/architecture.md."""
    states = desk.states
    assert desk.account.targeted == len(states) == 20, nth
    assert len(host.complete) == len(set(host.complete)), nth  # nobody is doubled
    has_it = {address for address, state in states.items() if state is S.ACCEPTED}
    assert has_it <= set(host.accepted), nth  # nobody is lost
    may_have_it = {S.ACCEPTED, S.UNCERTAIN, S.DOT}
    assert all(states[address] in may_have_it for address in host.complete), nth
    with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- the database ---------------------------------------------------------------------------------


DATABASE = Saboteur()
MOMENT = {"late": False}  # whether the failing call takes effect all the same


class Cursor(sqlite3.Cursor):
    """A cursor whose n-th statement fails, before or after it has taken effect."""

    def execute(self, *arguments: Any) -> Any:
        return sabotaged(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        return sabotaged(super().executemany, *arguments)


class Connection(sqlite3.Connection):
    """A connection whose n-th call fails."""

    def cursor(self, *_arguments: Any) -> Any:
        return super().cursor(Cursor)

    def commit(self) -> None:
        sabotaged(super().commit)


def sabotaged(call: Callable[..., Any], *arguments: Any) -> Any:
    if not DATABASE.strikes():
        return call(*arguments)
    if MOMENT["late"]:
        call(*arguments)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    raise error


@BOTH_LANES
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_each_call_to_the_database_fails_once(desk: Desk, *, late: bool, pipelining: bool) -> None:
    """Late: it has taken effect, a commit too, and is said to have failed."""
    MOMENT["late"] = late

    def connect(_dialect: Any, _record: Any, _arguments: Any, values: dict[str, Any]) -> None:
        values["factory"] = Connection

    sa.event.listen(sa.Engine, "do_connect", connect)
    try:
        calls = sweep(desk, DATABASE, pipelining=pipelining)
    finally:
        sa.event.remove(sa.Engine, "do_connect", connect)
    assert calls > 50


# --- the network ----------------------------------------------------------------------------------


NETWORK = Saboteur()
NETWORK_THREAD = [0]  # the sender's: the server's sockets are not counted


class Socket(socket.socket):
    """A socket of the sending thread whose n-th call fails once it has begun to connect."""

    _owner = 0

    def connect(self, address: Any) -> None:
        if threading.get_ident() == NETWORK_THREAD[0]:
            self._owner = NETWORK_THREAD[0]
            self._fail()
        super().connect(address)

    def send(self, *arguments: Any) -> int:
        if MOMENT["late"]:
            sent = super().send(*arguments)
            self._fail()
            return sent
        self._fail()
        return super().send(*arguments)

    def recv(self, *arguments: Any) -> bytes:
        self._fail()
        return super().recv(*arguments)

    def _fail(self) -> None:
        if self._owner == threading.get_ident() and NETWORK.strikes():
            raise ConnectionResetError("as the test wants it")


@BOTH_LANES
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_each_call_to_the_network_fails_once(desk: Desk, *, late: bool, pipelining: bool) -> None:
    """Late: the bytes have left, and the call says that they have not."""
    MOMENT["late"] = late
    NETWORK_THREAD[0] = threading.get_ident()
    desk.monkeypatch.setattr(socket, "socket", Socket)
    assert sweep(desk, NETWORK, pipelining=pipelining) > 50
