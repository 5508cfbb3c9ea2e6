"""Mail servers for tests: a good one that answers by local part, and one that misbehaves.

Both run in a thread of their own on a free port of 127.0.0.1, so that tests may block.
"""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from buzz.model import Phase

HOST = "127.0.0.1"
CERTIFICATE = Path(__file__).parent / "data" / "localhost.pem"  # key and certificate, self-signed
USER, PASSWORD = "lettre", "mot de passe"


@dataclass(frozen=True)
class Received:
    """One message that a server has answered with 250."""

    mail_from: str
    rcpt_to: str
    content: bytes


class Postbox:
    """A server that takes everything, but for recipients whose local part says otherwise.

    ``450@…`` is answered 450 at RCPT; ``dot-451@…`` is answered 451 after the final dot.

    Args:
        answer: what to say to RCPT instead, by address; an empty string: as usual.
        delay_s: between a message's final dot and its answer.
    """

    def __init__(
        self, answer: Callable[[str], str] = lambda _rcpt_to: "", *, delay_s: float = 0
    ) -> None:
        self.received: list[Received] = []
        self.offered: Counter[str] = Counter()  # RCPT commands, by address
        self.sessions = 0
        self._answer = answer
        self._delay_s = delay_s
        self._changed = threading.Condition()

    @property
    def count(self) -> Counter[str]:
        """How many messages each recipient has got."""
        return Counter(message.rcpt_to for message in self.received)

    def wait_for(self, count: int, timeout_s: float = 30) -> bool:
        """Wait until so many messages have come; tell whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= count, timeout_s)

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's names)
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's names)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.offered[address] += 1
        local = address.partition("@")[0]
        said = self._answer(address) or _REPLIES.get(local, "")
        if said:
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        (rcpt_to,) = envelope.rcpt_tos
        local = rcpt_to.partition("@")[0]
        if local.startswith("dot-"):
            return _REPLIES[local.removeprefix("dot-")]
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        with self._changed:
            self._changed.notify_all()
            self.received.append(Received(envelope.mail_from, rcpt_to, envelope.original_content))
        return f"250 2.0.0 queued as {len(self.received)}"


_REPLIES = {
    "421": "421 4.3.2 shutting down",
    "450": "450 4.2.0 greylisted, come back later",
    "451": "451 4.3.0 not now",
    "452": "452 4.5.3 too many recipients",
    "550": "550 5.1.1 no such user",
    "552": "552 5.2.2 mailbox full",
    "554": "554 5.7.1 refused by policy",
}


class _Controller(Controller):
    """On port 0: the port is read from the socket before the server is probed."""

    def _trigger_server(self) -> None:
        listening: Any = self.server
        self.port = listening.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's


@contextmanager
def postbox(
    box: Postbox,
    *,
    tls: str = "none",
    auth: bool = False,
    context: ssl.SSLContext | None = None,
) -> Iterator[int]:
    """Run a good server, and give its port.

    Args:
        box: what it does and keeps.
        tls: none, starttls or implicit.
        auth: whether it wants :data:`USER` and :data:`PASSWORD`.
        context: with another certificate than the one that :func:`client_context` trusts.
    """

    def authenticate(_s: Any, _se: Any, _e: Any, _mechanism: str, data: Any) -> AuthResult:
        ok = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=ok, handled=False)

    options: dict[str, Any] = {"enable_SMTPUTF8": True, "decode_data": False}
    if tls == "starttls":
        options |= {"tls_context": context or server_context(), "require_starttls": True}
    if auth:
        options |= {"authenticator": authenticate, "auth_require_tls": tls == "starttls"}
    if tls == "implicit":
        options["ssl_context"] = context or server_context()
    controller = _Controller(box, hostname=HOST, port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def server_context() -> ssl.SSLContext:
    """Return the TLS context of a server with the self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def client_context() -> ssl.SSLContext:
    """Return the TLS context of a client that trusts that certificate and no other."""
    return ssl.create_default_context(cafile=CERTIFICATE)


@dataclass(frozen=True)
class Act:
    """What the bad server does instead of what it should."""

    say: bytes = b""
    then: str = "go on"  # or: drop, stall, drip (a byte at a time)


DROP = Act(then="drop")
STALL = Act(then="stall")


@dataclass
class BadServer:
    """A server that misbehaves at given phases, so many times, and then is good.

    Phase BODY acts when the first bytes of the body have come, REPLY after the final dot. Where
    MAIL or RCPT was refused, DATA is, too, unless ``goes_ahead`` says 354 (RFC 2920 §3.1). After a
    good answer to STARTTLS the line is encrypted.
    """

    acts: Mapping[Phase, Act]
    times: int = 1  # how often it misbehaves in all
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME")
    goes_ahead: bool = False
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)  # recipients whose whole message came
    accepted: list[str] = field(default_factory=list)  # those answered 250
    port: int = 0
    on_stall: Callable[[], None] = lambda: None  # called in a thread when a stall begins
    # What it does for good to a recipient, whatever the phases say.
    to: dict[str, tuple[Phase, Act]] = field(default_factory=dict)
    on_body: Callable[[str], None] = lambda _rcpt_to: None  # called when a body begins to come

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one dialogue."""
        self.connections += 1
        try:
            await _Dialogue(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, _Dropped):  # OSError: TLS, too
            pass
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


class _Dropped(Exception):
    """The script says to hang up."""


class _Dialogue:
    """One connection to the bad server."""

    def __init__(
        self, server: BadServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.rcpt_to, self.has_sender, self.has_recipient = "", False, False

    async def run(self) -> None:
        await self.answer(Phase.GREETING, b"220 bad.example ESMTP\r\n")
        while line := (await self.reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            self.server.commands.append(line)
            match verb:
                case "EHLO":
                    lines = ["bad.example", *self.server.extensions]
                    said = "".join(f"250-{line}\r\n" for line in lines[:-1])
                    await self.answer(Phase.EHLO, f"{said}250 {lines[-1]}\r\n".encode())
                case "STARTTLS":
                    if await self.answer(Phase.STARTTLS, b"220 go ahead\r\n"):
                        await self.writer.start_tls(server_context())
                case "AUTH":
                    await self.answer(Phase.AUTH, b"235 2.7.0 welcome\r\n")
                case "MAIL" | "RCPT" | "DATA":
                    await self.transaction(verb, line)
                case "QUIT":
                    await self.answer(Phase.QUIT, b"221 bye\r\n")
                    return
                case _:
                    await self.say(b"250 ok\r\n")

    async def transaction(self, verb: str, line: str) -> None:
        match verb:
            case "MAIL":
                self.has_sender = await self.answer(Phase.MAIL, b"250 2.1.0 ok\r\n")
                self.has_recipient = False
            case "RCPT" if not self.has_sender:
                await self.say(b"503 5.5.1 MAIL first\r\n")
            case "RCPT":
                self.rcpt_to = line.partition("<")[2].partition(">")[0]
                self.has_recipient = await self.answer(Phase.RCPT, b"250 2.1.5 ok\r\n")
            case "DATA" if self.has_recipient:
                if await self.answer(Phase.DATA, b"354 go ahead\r\n"):
                    await self.body(self.rcpt_to)
            case "DATA" if not self.server.goes_ahead:
                await self.say(b"503 5.5.1 no valid recipients\r\n")
            case "DATA":
                await self.say(b"354 go ahead\r\n")
                self.server.commands.append((await self.reader.readline()).decode().strip())
                await self.say(b"554 5.5.1 no valid recipients\r\n")

    async def body(self, rcpt_to: str) -> None:
        await self.reader.readexactly(10)
        self.server.on_body(rcpt_to)
        await self.answer(Phase.BODY, b"")
        while (await self.reader.readline()) != b".\r\n":
            pass
        self.server.complete.append(rcpt_to)
        if await self.answer(Phase.REPLY, b"250 2.0.0 queued\r\n"):
            self.server.accepted.append(rcpt_to)

    async def answer(self, phase: Phase, good: bytes) -> bool:
        """Answer as one should, or as the script says; tell whether it was as one should."""
        act = self.act(phase)
        if act is None:
            await self.say(good)
            return True
        if act.then == "drip":
            await self.drip(act.say)
        await self.say(act.say)
        if act.then == "drop":
            raise _Dropped
        if act.then == "stall":
            asyncio.get_running_loop().run_in_executor(None, self.server.on_stall)
            await self.reader.read()  # until the client hangs up
            raise _Dropped
        return act.say.startswith(good[:3]) if good else True

    def act(self, phase: Phase) -> Act | None:
        """Return what is to be done instead of what is good; None: nothing."""
        at, act = self.server.to.get(self.rcpt_to, (None, None))
        if phase is at and phase in {Phase.RCPT, Phase.DATA, Phase.BODY, Phase.REPLY}:
            return act
        if phase not in self.server.acts or self.server.times <= 0:
            return None
        self.server.times -= 1
        return self.server.acts[phase]

    async def drip(self, text: bytes) -> None:
        for byte in text:
            await self.say(bytes([byte]))
            await asyncio.sleep(0.01)
        raise _Dropped

    async def say(self, text: bytes) -> None:
        if text:
            self.writer.write(text)
            await self.writer.drain()


@dataclass
class Proxy:
    """A line to a server that fails when so many bytes have gone over it from the client.

    It fails ``times`` times in all, then it is good: a ``reset`` ends both ways at once, a
    ``half-close`` the client's way only, as seen from the server; a ``stall`` lets nothing pass
    any more until the client hangs up.
    """

    server_port: int
    after: int = 0
    then: str = ""  # reset, half-close, stall; empty: nothing
    times: int = 1
    latency_s: float = 0  # each way
    connections: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.connections += 1
        there, back = await asyncio.open_connection(HOST, self.server_port)
        ways = [
            asyncio.create_task(self._carry(there, writer)),
            asyncio.create_task(self._carry(reader, back, left=self.after if self.then else None)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[1].done() and ways[1].exception() is None:  # what the server says is carried on
                await ways[0]
        except ConnectionError:
            pass
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()
            writer.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, left: int | None = None
    ) -> None:
        """Carry one way, ``left`` bytes of it before it fails; None: for ever."""
        while data := await source.read(2**16):
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if left is not None and self.times > 0:
                data, left = data[:left], left - len(data)
            to.write(data)
            await to.drain()
            if left is not None and left <= 0 < self.times:
                self.times -= 1
                if self.then == "reset":
                    raise ConnectionResetError
                while self.then == "stall" and await source.read(2**16):
                    pass
                break
        to.write_eof()


class Listener(Protocol):
    """What holds dialogues on a port of its own."""

    port: int

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one dialogue."""


@contextmanager
def bad(server: Listener) -> Iterator[int]:
    """Run a bad server or a bad line, and give its port."""
    ready = threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    dialogues: list[asyncio.Task[None]] = []
    lines: list[asyncio.StreamWriter] = []

    def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        dialogues.append(loop.create_task(server.serve(reader, writer)))

    async def main() -> None:
        listening = await asyncio.start_server(opened, HOST, 0)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        listening.close()
        for dialogue in dialogues:
            dialogue.cancel()
        await asyncio.gather(*dialogues, return_exceptions=True)
        for line in lines:  # also of those cancelled before their first step
            line.transport.abort()
        await asyncio.sleep(0)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    ready.wait()
    try:
        yield server.port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
