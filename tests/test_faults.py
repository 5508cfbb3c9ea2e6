"""What goes wrong when sending, by the rows of the matrix in docs/testing.md.

Each row is a whole campaign to three recipients: what becomes of them, how the command ends, what
it says. Where a server is at fault, both ways of speaking to it are tested; what becomes of one
exchange, at each phase, is in test_smtp, and what takes a process of its own in test_kill.
"""

import asyncio
import json
import os
import pty
import re
import resource
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sending import SLUG, Desk, people, planned
from servers import (
    CERTIFICATE,
    DROP,
    STALL,
    Act,
    BadServer,
    Postbox,
    Proxy,
    bad,
    client_context,
    free_port,
    postbox,
)

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.core.delivery import Exchange, judge
from buzz.edges import smtp
from buzz.edges.store import open_store, suppressions
from buzz.errors import ConfigurationError
from buzz.model import CampaignState, DeliveryState, Phase
from buzz.pipeline import send
from buzz.pipeline.send import lanes

S = DeliveryState
THREE = people(3)
BOTH_LANES = pytest.mark.parametrize("pipelining", [False, True], ids=["plain", "pipelined"])
SHORT: dict[str, object] = {"smtp_timeout_s": 0.1}  # 5 minutes in real life
TLS: dict[str, object] = {"smtp_tls": "starttls", "smtp_host": "localhost"}
LOGIN: dict[str, object] = {"smtp_username": "u", "smtp_password": "p"}


@pytest.fixture
def desk(
    settings: Settings,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """A desk at which a campaign to three is planned."""
    desk = planned(settings, run, monkeypatch, tmp_path_factory, THREE)
    yield desk
    desk.store.close()


def say(text: str, then: str = "go on") -> Act:
    return Act(text.encode() + b"\r\n", then)


def counts(account: object) -> dict[str, int]:
    """Return how many are in which state, without the states in which there are none."""
    return {k: n for k in dir(account) if isinstance(n := getattr(account, k), int) and n}


# --- the server is at fault ----------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What the server does, and what a campaign to three must then come to."""

    acts: dict[Phase, Act]
    code: int
    account: dict[str, int]
    says: str = ""  # what the person is told
    times: int = 1
    settings: dict[str, object] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("8BITMIME",)
    state: str = ""
    suppressed: int = 0


ALWAYS = 99
ALL_PLANNED, ALL_ACCEPTED = {"planned": 3}, {"accepted": 3}
ONE_DEFERRED = {"accepted": 2, "deferred": 1}
ONE_REFUSED = {"accepted": 2, "refused": 1}
ONE_UNCERTAIN = {"accepted": 2, "uncertain": 1}
G, R, D, B, E = Phase.GREETING, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.REPLY

ROWS = {
    "04-no-greeting": Row({G: STALL}, 75, ALL_PLANNED, "does not answer (GREETING)", 9, SHORT),
    "05-greeting-421-always": Row({G: say("421 busy", "drop")}, 75, ALL_PLANNED, "421 busy", 99),
    "05-greeting-421-once": Row({G: say("421 busy", "drop")}, 0, ALL_ACCEPTED),
    "05-greeting-554": Row({G: say("554 go away", "drop")}, 7, ALL_PLANNED, "554 go away", 99),
    "06-greeting-then-drop": Row({G: say("220 hello", "drop")}, 0, ALL_ACCEPTED, "", 2),
    "06-always": Row({G: say("220 hello", "drop")}, 75, ALL_PLANNED, "closed the line", 99),
    "07-no-starttls": Row({}, 7, ALL_PLANNED, 'port = 465, tls = "implicit"', 1, TLS),
    "08-text-after-starttls": Row(
        {Phase.STARTTLS: say("220 go\r\n250 injected")},
        7, ALL_PLANNED, "slipped in before encryption", 99, TLS, ("STARTTLS",),
    ),
    "10-auth-535": Row(
        {Phase.AUTH: say("535 5.7.8 no")},
        7, ALL_PLANNED, "BUZZ_SMTP_PASSWORD", 99, LOGIN, ("AUTH PLAIN LOGIN",),
    ),
    "10-auth-454-always": Row(
        {Phase.AUTH: say("454 4.7.0 later")},
        75, ALL_PLANNED, "no time for us", 99, LOGIN, ("AUTH PLAIN",),
    ),
    "10-auth-454-once": Row(
        {Phase.AUTH: say("454 4.7.0 later")}, 0, ALL_ACCEPTED, "", 1, LOGIN, ("AUTH PLAIN",)
    ),
    "11-size": Row({}, 7, ALL_PLANNED, "the server takes 100 bytes", extensions=("SIZE 100",)),
    "12-mail-451": Row({Phase.MAIL: say("451 4.3.0 x")}, 75, ONE_DEFERRED),
    "12-mail-530": Row({Phase.MAIL: say("530 5.7.0 x")}, 7, ALL_PLANNED, "530 5.7.0 x", 99),
    "12-mail-550": Row({Phase.MAIL: say("550 5.1.8 x")}, 7, ALL_PLANNED, "550 5.1.8 x", 99),
    "13-rcpt-450": Row({R: say("450 4.2.0 greylisted")}, 75, ONE_DEFERRED),
    "13-rcpt-451": Row({R: say("451 4.3.0 x")}, 75, ONE_DEFERRED),
    "13-rcpt-452": Row({R: say("452 4.5.3 x")}, 75, ONE_DEFERRED),
    "14-rcpt-421-and-close": Row({R: say("421 4.3.2 x", "drop")}, 75, ONE_DEFERRED),
    "15-rcpt-550": Row({R: say("550 5.1.1 x")}, 3, ONE_REFUSED, suppressed=1),
    "16-rcpt-552": Row({R: say("552 5.2.2 full")}, 75, ONE_DEFERRED),
    "17-rcpt-554-policy": Row({R: say("554 5.7.1 x")}, 3, ONE_REFUSED),
    "18-rcpt-454": Row({R: say("454 4.7.0 too fast")}, 75, ONE_DEFERRED, state="sending"),
    "18-dot-454-always": Row(
        {E: say("454 4.7.0 too fast")}, 75, {"deferred": 3}, "", 99, state="sending"
    ),
    "19-ehlo-endless": Row({Phase.EHLO: say("250-x\r\n" * 60 + "250 x")}, 0, ALL_ACCEPTED),
    "19-ehlo-long": Row({Phase.EHLO: say("250 " + "x" * 9000)}, 0, ALL_ACCEPTED),
    "19-rcpt-minus-one": Row({R: say("-1 what")}, 0, ALL_ACCEPTED),
    "19-rcpt-endless": Row({R: say("250-x\r\n" * 99)}, 0, ALL_ACCEPTED),
    "19-dot-gibberish": Row({E: say("fine")}, 9, ONE_UNCERTAIN),
    "20-data-554": Row({D: say("554 5.5.1 x")}, 3, ONE_REFUSED),
    "21-mail-drop": Row({Phase.MAIL: DROP}, 0, ALL_ACCEPTED, "", 2),
    "21-rcpt-drop": Row({R: DROP}, 0, ALL_ACCEPTED, "", 2),
    "21-rcpt-drop-always": Row({R: DROP}, 75, {"deferred": 3}, "", 99),
    "21-data-drop": Row({D: DROP}, 0, ALL_ACCEPTED),
    "21-half-a-354": Row({D: Act(b"35", "drop")}, 0, ALL_ACCEPTED),
    "22-body-drop": Row({B: DROP}, 9, ONE_UNCERTAIN),
    "22-dot-drop": Row({E: DROP}, 9, {"accepted": 1, "uncertain": 2}, "", 2),
    "22-half-a-reply": Row({E: Act(b"250-a\r\n25", "drop")}, 9, ONE_UNCERTAIN),
    "22-no-reply": Row({E: STALL}, 9, ONE_UNCERTAIN, "", 1, SHORT),
    "23-dot-421": Row({E: say("421 4.3.2 x")}, 75, ONE_DEFERRED),
    "23-dot-451": Row({E: say("451 4.3.0 x")}, 75, ONE_DEFERRED),
    "24-dot-550": Row({E: say("550 5.7.1 x")}, 3, ONE_REFUSED),
    "24-dot-552": Row({E: say("552 5.3.4 x")}, 3, ONE_REFUSED),
    "24-dot-554": Row({E: say("554 x")}, 3, ONE_REFUSED),
    "25-quit-drop": Row({Phase.QUIT: DROP}, 0, ALL_ACCEPTED, "", 99),
    "26-rcpt-a-byte-at-a-time": Row(
        {R: Act(b"250 " + b"x" * 1000, "drip")}, 0, ALL_ACCEPTED, "", 1, SHORT
    ),
    "26-dot-a-byte-at-a-time": Row(
        {E: Act(b"250 " + b"x" * 1000, "drip")}, 9, ONE_UNCERTAIN, "", 1, SHORT
    ),
    "27-250-with-354": Row({D: say("354 x\r\n250 x")}, 0, ALL_ACCEPTED),
}  # fmt: skip


@BOTH_LANES
@pytest.mark.parametrize("row", ROWS)
def test_a_server_at_fault(desk: Desk, row: str, *, pipelining: bool) -> None:
    want = ROWS[row]
    extensions = (*want.extensions, *(["PIPELINING"] if pipelining else []))
    host = BadServer(want.acts, times=want.times, extensions=extensions)
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=1, **want.settings)
        result = desk.start()
    assert result.exit_code == want.code, result.trouble
    assert counts(result.account) == {**want.account, "targeted": 3}
    assert want.says in str(result.trouble or "")
    assert (result.trouble is not None) == (want.code == 7 or want.account == ALL_PLANNED)
    if want.state:
        assert result.state.value == want.state
    assert len(host.accepted) == len(set(host.accepted)) == result.account.accepted
    assert len(host.complete) == len(set(host.complete))  # nobody twice, whatever was answered
    assert sum(line.startswith("AUTH") for line in host.commands) <= (want.code == 7 or 9)
    if want.account == ALL_PLANNED and Phase.MAIL not in want.acts:
        assert not [line for line in host.commands if line.startswith("MAIL")]
    for one in desk.rows:
        if one.state is S.DEFERRED:
            assert one.next_at is not None
            assert one.updated_at is not None
            assert one.next_at - one.updated_at >= timedelta(minutes=5)
    with desk.store.read() as tx:
        assert len(suppressions.all_suppressions(tx)) == want.suppressed


ACTS = {
    "drop": DROP,
    "stall": STALL,
    "421": say("421 4.3.2 x"),
    "421-drop": say("421 4.3.2 x", "drop"),
    "451": say("451 4.3.0 x"),
    "550": say("550 5.7.1 x"),
    "250": say("250 x"),
    "354": say("354 x"),
    "gibberish": say("what is that"),
    "minus-one": say("-1 x"),
    "999": say("999 x"),
    "nothing but ends": Act(b"\r\n\r\n"),
    "not-utf-8": say("250 \udcff".encode("utf-8", "surrogateescape").decode("latin-1")),
    "zero-byte": Act(b"2\x0050 ok\r\n"),
    "endless": say("250-x\r\n" * 99),
    "long": say("250 " + "x" * 9000),
    "half": Act(b"250-x\r\n25", "drop"),
    "twice": say("250 x\r\n250 x"),
    "five-times": say("250 x\r\n250 x\r\n354 x\r\n250 x\r\n354 x"),
    "drip": Act(b"250 " + b"x" * 1000, "drip"),
}
MESSAGE = b"Subject: bonjour\r\n\r\n" + b"une ligne\r\n.un point\r\n" * 20


@BOTH_LANES
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("at", [phase for phase in Phase if phase is not Phase.CONNECT])
def test_any_fault_at_any_phase(at: Phase, act: str, *, pipelining: bool) -> None:
    """Rows 4-27: whatever a server says, wherever, means what it can mean and no more."""
    lane = ["PIPELINING"] if pipelining else []
    host = BadServer({at: ACTS[act]}, extensions=("AUTH PLAIN", "8BITMIME", "STARTTLS", *lane))
    tls: Any = "starttls" if at in {Phase.STARTTLS, Phase.AUTH} else "none"
    is_slow = act in {"stall", "drip", "nothing but ends", "half"}

    async def run(port: int) -> None:
        to = smtp.Server(
            host="localhost", port=port, tls=tls, timeout_s=0.1 if is_slow else 10,
            tls_context=client_context(), username="u", password="p",
        )  # fmt: skip
        for number in range(2):
            connection = await smtp.connect(to)
            if isinstance(connection, smtp.NoConnection):
                assert connection.error.remedy
                assert host.complete == []
                continue
            people_ = [
                smtp.Envelope.of("l@p.example", f"{number}{n}@x.example", MESSAGE) for n in range(3)
            ]
            for envelope, following in zip(people_, [*people_[1:], None], strict=True):
                exchange = await connection.begin(envelope)
                if exchange is None:
                    exchange = await connection.finish(smtp.wire(MESSAGE), following)
                is_what_can_be_known(host, envelope.rcpt_to, exchange)
                if not connection.is_open:
                    break
            await connection.close()

    with bad(host) as port:
        asyncio.run(run(port))
    assert host.connections == 2


def is_what_can_be_known(host: BadServer, rcpt_to: str, exchange: Exchange) -> None:
    """Compare what is made of an exchange with what the server knows of it.

    One that answers in the middle of a letter is believed: when all of the letter has left,
    nobody can tell that from an answer to its end.
    """
    answers_early = Phase.BODY in host.acts and exchange.reply_code is not None
    state = judge(exchange).state
    if state is S.PLANNED:
        assert rcpt_to not in host.complete  # surely unsent
    if rcpt_to in host.accepted and not answers_early:
        assert state in {S.ACCEPTED, S.UNCERTAIN}
    if state is S.ACCEPTED and not answers_early:
        assert rcpt_to in host.complete
    if exchange.phase in {Phase.BODY, Phase.REPLY} and exchange.reply_code is None:
        assert state is S.UNCERTAIN


# --- the name, the certificate, the line ----------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "times", "code", "says"),
    [
        (socket.EAI_NONAME, 9, 7, "mend [smtp] host"),
        (socket.EAI_AGAIN, 9, 75, "name server does not answer"),
        (socket.EAI_AGAIN, 2, 0, ""),
    ],
    ids=["01-no-such-name", "02-no-answer", "02-no-answer-for-a-while"],
)
def test_a_name_that_is_not_found(desk: Desk, error: int, times: int, code: int, says: str) -> None:
    """It fails midway: the first letter has left, the second needs a new connection."""
    real, box = socket.getaddrinfo, Postbox()
    left = times

    def getaddrinfo(host: Any, *arguments: Any, **values: Any) -> Any:
        nonlocal left
        if host == "localhost" and box.received and left:
            left -= 1
            raise socket.gaierror(error, "as the test wants it")
        return real(host, *arguments, **values)

    desk.monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_host="localhost", smtp_messages=1, smtp_connections=1)
        result = desk.start()
    assert result.exit_code == code, result.trouble
    assert says in str(result.trouble or "")
    assert counts(result.account) == {
        **({"accepted": 1, "planned": 2} if code else ALL_ACCEPTED),
        "targeted": 3,
    }


def certificate(folder: Path, name: str, days: int) -> ssl.SSLContext:
    """Return a server's context with a certificate for this name that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("name", "days", "says"),
    [
        ("localhost", -1, "certificate has expired"),
        ("elsewhere.example", 9, "Hostname mismatch"),
        ("localhost", 9, ""),
    ],
    ids=["09-expired", "09-wrong-host", "09-but-a-good-one-of-a-ca-of-our-own"],
)
def test_a_certificate(tmp_path: Path, tls: Any, name: str, days: int, says: str) -> None:
    context = certificate(tmp_path, name, days)
    with postbox(Postbox(), tls=tls, context=context) as port:
        ours = ssl.create_default_context(cafile=tmp_path / f"{name}.pem")
        to = smtp.Server(host="localhost", port=port, tls=tls, tls_context=ours)
        if not says:
            smtp.send_one(to, mail_from="l@p.example", rcpt_to="k@x.example", message=MESSAGE)
            return
        with pytest.raises(ConfigurationError, match=says):
            smtp.send_one(to, mail_from="l@p.example", rcpt_to="k@x.example", message=MESSAGE)


def test_09_self_signed(desk: Desk) -> None:
    box = Postbox()
    with postbox(box, tls="starttls") as port:
        desk.set(smtp_port=port, **TLS)
        result = desk.start()
        assert (result.exit_code, result.account.planned, box.received) == (7, 3, [])
        assert "SSL_CERT_FILE" in str(result.trouble)
        desk.monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        code, _out, err = sent_by_a_process(desk)
        assert (code, len(box.received)) == (0, 3), err


@BOTH_LANES
def test_03_nobody_listens_for_a_while(desk: Desk, *, pipelining: bool) -> None:
    """After the back-off, a run that waits probes; 30 s apart in real life."""
    desk.set(smtp_port=free_port())
    result = desk.start()
    assert (result.exit_code, result.account.planned) == (75, 3)
    assert "Connection refused" in str(result.trouble)
    desk.monkeypatch.setattr(lanes, "PROBE_S", 0.01)
    lane = ("PIPELINING",) if pipelining else ()
    host = BadServer({G: DROP}, times=6, extensions=lane)
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        now = desk.settings.now()
        send.start(desk.settings, desk.store, SLUG, now, backoff_s=(0, 0), wait=True)
    assert desk.account.accepted == 3
    assert host.connections == 7


LENGTH = 9_000  # bytes, about, of one letter with its commands
CUTS = [0, 5, 30, 60, 120, 200, 400, 3_000, 8_000, LENGTH, 3 * LENGTH]


@BOTH_LANES
@pytest.mark.parametrize("then", ["reset", "half-close", "stall"])
def test_22_a_line_that_fails_after_so_many_bytes(
    desk: Desk, then: str, *, pipelining: bool
) -> None:
    """Wherever the line fails: who is accepted has it, who is planned again has not."""
    for number, after in enumerate(CUTS):
        box = Postbox()
        with postbox(box) as there, bad(Proxy(there, after, then)) as port:
            desk.set(smtp_port=port, smtp_connections=1, smtp_pipelining=pipelining, **SHORT)
            result = desk.start()
        account = result.account
        assert max(box.count.values(), default=1) == 1
        assert account.accepted + account.uncertain == 3, (after, result.trouble)
        assert account.uncertain <= 1
        assert {a for a, state in desk.states.items() if state is S.ACCEPTED} <= box.count.keys()
        if number + 1 < len(CUTS):
            anew(desk)


def anew(desk: Desk) -> None:
    """Let the same campaign be planned again, as if nothing had been sent."""
    with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database, database:
        database.execute("UPDATE deliveries SET state = 'planned', fence = 0, attempts = 0")
        database.execute("DELETE FROM attempts")
        database.execute("UPDATE campaigns SET state = 'checked', started_at = NULL")


# --- this machine is at fault ---------------------------------------------------------------------


def sent_by_a_process(
    desk: Desk, *options: str, limit: tuple[int, int] | None = None, **values: Any
) -> tuple[int, str, str]:
    """Send in a process of its own, perhaps with less of a resource than it would like."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(limit[0], (limit[1], limit[1]))

    process = subprocess.Popen(
        (sys.executable, "-m", "buzz", "send", "start", SLUG, "--confirm", SLUG, *options),
        cwd=desk.settings.workspace,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limited,  # noqa: PLW1509  (nothing of this process's threads is used in it)
        **{"stdout": subprocess.PIPE, **values},
    )
    out, err = process.communicate()
    assert "Traceback" not in err
    return process.returncode, out or "", err


@pytest.mark.parametrize("most_bytes", [20_000, 120_000], ids=["at-once", "midway"])
def test_33_a_disk_that_is_full(desk: Desk, most_bytes: int) -> None:
    """No file may grow beyond that: SQLite cannot write the next page of its log."""
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        code, _out, err = sent_by_a_process(desk, limit=(resource.RLIMIT_FSIZE, most_bytes))
        assert code == 75, err
        assert "disk" in err
        assert len(box.received) < 3
        assert desk.account.targeted == 3
        sent = desk.start().account
    assert sent.accepted + sent.uncertain == 3
    assert sent.uncertain <= 1
    assert set(box.count.values()) == {1}


def test_33_a_database_that_is_read_only(desk: Desk) -> None:
    file = desk.settings.data / "buzz.db"
    with postbox(Postbox()) as port:
        desk.set(smtp_port=port)
        desk.store.close()
        desk.store = open_store(f"sqlite:///file:{file}?mode=ro&uri=true")
        with pytest.raises(ConfigurationError, match="cannot be written"):
            desk.start()
    assert counts(desk.account) == {"planned": 3, "targeted": 3}


def test_33_a_database_that_is_deleted(desk: Desk) -> None:
    """What was sent is not sent again: the next database is not the one that sent before."""
    file = desk.settings.data / "buzz.db"
    with postbox(Postbox()) as port:
        desk.set(smtp_port=port)
        desk.start()
        for one in file.parent.glob("buzz.db*"):
            one.unlink()
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
        assert found.code != 0
        again = desk.run("blogs", "list", "--json")
        assert again.code == 0


@BOTH_LANES
def test_36_descriptors_run_out(
    settings: Settings,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    pipelining: bool,
) -> None:
    """More connections than files may be open: fewer are made, or it stops and can go on."""
    desk = planned(settings, run, monkeypatch, tmp_path_factory, people(40))
    box = Postbox(delay_s=0.02)
    with closing(desk.store), postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=40, smtp_pipelining=pipelining)
        code, out, err = sent_by_a_process(desk, "--json", limit=(resource.RLIMIT_NOFILE, 24))
        first = json.loads(out)
        assert first["targeted"] == 40
        assert (code, first["accepted"]) == (0, 40) or (code == 75 and "Too many open files" in err)
        desk.set(smtp_connections=5)
        assert first["accepted"] == 40 or desk.start().account.accepted + first["uncertain"] == 40
        has_it = {a for a, state in desk.states.items() if state is S.ACCEPTED}
        assert has_it <= box.count.keys()
    assert set(box.count.values()) == {1}


def test_34_the_clock_jumps(desk: Desk) -> None:
    """Waiting is by another clock: a day forth and back makes nobody wait, nor get it twice."""
    jumps = iter([0, 86_400, -86_400, 3_600, -3_600] * 99)

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Jumping(Settings):
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=next(jumps))

    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port, send_rate_per_s=50)
        values = {one.name: getattr(desk.settings, one.name) for one in fields(desk.settings)}
        desk.settings = Jumping(**values)
        begun = time.monotonic()
        result = desk.start()
    assert result.account.accepted == 3
    assert set(box.count.values()) == {1}
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-29T01:30+02:00", "2026-03-29T08:00+02:00"),  # an hour is missing: 2 is 3
        ("2026-03-28T23:30+01:00", "2026-03-29T08:00+02:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T08:00+01:00"),  # 2:30 for the first time
        ("2026-10-25T02:30+01:00", "2026-10-25T08:00+01:00"),  # and for the second
    ],
)
def test_34_quiet_hours_in_the_nights_when_the_clocks_change(now: str, until: str) -> None:
    found = core.quiet_until("21:00-08:00", datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(until)


def test_34_a_schedule_that_was_missed_is_not_made_up_for(desk: Desk) -> None:
    """A machine that slept over ``not_before`` sends nothing by itself: a person says so again."""
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port, clock_offset_s=2 * 3600)
        for command in (("send", "resume", "--due"), ("cron", "run")):
            assert desk.run(*command).code == 0
        assert box.received == []
        assert send.status(desk.settings, desk.store, SLUG).state is CampaignState.CHECKED
        assert desk.start().account.accepted == 3


def test_42_stdout_is_closed(desk: Desk) -> None:
    """``buzz send start … | head -0``: the send goes on."""
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        read, write = os.pipe()
        os.close(read)
        code, _out, _err = sent_by_a_process(desk, "--json", stdout=write)
        os.close(write)
    assert len(box.received) == 3
    assert counts(desk.account) == {"accepted": 3, "targeted": 3}
    assert code in {0, 1, 141}


def test_42_the_terminal_is_gone(desk: Desk) -> None:
    """The window is closed during a send: what is in flight is finished, then it stops."""
    many = people(3)
    box = Postbox(delay_s=0.2)
    with postbox(box) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        pid, terminal = pty.fork()
        if pid == 0:
            arguments = ("-m", "buzz", "send", "start", SLUG, "--confirm", SLUG)
            os.execv(sys.executable, (sys.executable, *arguments))  # noqa: S606  (our own)
        assert box.wait_for(1)
        os.close(terminal)
        _pid, status = os.waitpid(pid, 0)
    account = desk.account
    assert account.uncertain == 0, os.waitstatus_to_exitcode(status)
    assert account.accepted == len(box.received)
    assert account.targeted == len(many)
    assert send.status(desk.settings, desk.store, SLUG).holder == ""


@BOTH_LANES
def test_40_an_address_that_needs_smtputf8(desk: Desk, *, pipelining: bool) -> None:
    """The server has none: refused, one line; the others go on."""
    with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database, database:
        database.execute(
            "UPDATE deliveries SET email = 'josé@blogs.example' WHERE email = ?", THREE[:1]
        )
    host = BadServer({}, extensions=("8BITMIME", *(["PIPELINING"] if pipelining else [])))
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        result = desk.start()
    assert counts(result.account) == {**ONE_REFUSED, "targeted": 3}
    assert result.exit_code == 3
    (refused,) = [row for row in desk.rows if row.state is S.REFUSED]
    assert (refused.email, refused.enhanced_code) == ("josé@blogs.example", "5.6.7")
    assert host.accepted == THREE[1:]


# --- the documents --------------------------------------------------------------------------------

TESTS = Path(__file__).parent
TABLE_ROW = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)
OF_A_SERVER = {*range(4, 9), *range(10, 28), 40}  # tested on both lanes


def test_the_matrix_in_the_documents_names_tests_that_there_are() -> None:
    text = (TESTS.parent / "docs" / "testing.md").read_text(encoding="utf-8")
    rows = {int(n): re.findall(r"`(.+?)`", names) for n, names in TABLE_ROW.findall(text)}
    assert list(rows) == list(range(1, 43))
    files = sorted({name.partition("::")[0] for names in rows.values() for name in names})
    collected = subprocess.run(
        (sys.executable, "-m", "pytest", "--collect-only", "-p", "no:randomly", *files),
        cwd=TESTS, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    there = [line.removeprefix("tests/") for line in collected]
    for number, names in rows.items():
        found = [one for name in names for one in there if one.startswith(name)]
        assert all(any(one.startswith(name) for one in there) for name in names), number
        if number in OF_A_SERVER:
            assert {re.split(r"[-\[]", one.removesuffix("]"))[-1] for one in found} >= {
                "plain",
                "pipelined",
            }, number
    numbered = {
        int(found) for one in there for found in re.findall(r"(?:\[|::test_)(\d\d)[-_]", one)
    }
    assert numbered <= rows.keys()
