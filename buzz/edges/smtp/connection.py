"""An open connection: one mail transaction after the other, each phase marked (RFC 5321 §3.3)."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from buzz.core.delivery import Exchange
from buzz.core.text import one_line
from buzz.model import Phase

MAX_REPLY_BYTES: Final = 8192
MAX_REPLY_LINES: Final = 50
QUIT_TIMEOUT_S: Final = 5.0
MAX_WORDS: Final = 500  # characters kept of what a server says
GO_AHEAD: Final = 3  # 354
DONE: Final = 2
PLAUSIBLE: Final = range(200, 600)

# No white space, no angle brackets, no controls: refused rather than rewritten (`"b\r\n"@y`).
_SAFE_ADDRESS = re.compile(r"[^\s<>\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")

BeforeBody = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to hand messages to, and how."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 300.0  # for one command in all; RFC 5321 §4.5.3.2
    connect_timeout_s: float = 30.0
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)  # None: the system's CAs

    @property
    def name(self) -> str:
        """Return ``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def reply_timeout_s(self) -> float:
        """Return how long the answer to the final dot may take: twice a command's time.

        RFC 5321 §4.5.3.2.6 wants 10 minutes, because giving up early makes doubles.
        """
        return 2 * self.timeout_s


class Connection:
    """An open, encrypted, authenticated connection that is ready for MAIL."""

    def __init__(self, client: aiosmtplib.SMTP, protocol: "Protocol", server: Server) -> None:
        self._client = client
        self._protocol = protocol
        self.server = server

    @property
    def is_open(self) -> bool:
        """Tell whether another message can be handed over this connection."""
        return self._client.is_connected and not self._protocol.fault

    async def deliver(
        self, mail_from: str, rcpt_to: str, message: bytes, before_body: BeforeBody
    ) -> Exchange:
        """Hand one message on, and return how far it came.

        Args:
            mail_from: envelope sender; empty for the null sender.
            rcpt_to: the one recipient.
            message: RFC 5322 bytes with CRLF line ends.
            before_body: awaited after 354 and before the first byte of the body. What it raises
                is passed on, and then no byte of the body has been sent.

        Raises:
            ValueError: the message has a bare CR or LF (it could smuggle a second one).
        """
        body = wire(message)
        try:
            stopped = await self._envelope(mail_from, rcpt_to, message)
            if stopped is not None:
                return stopped
            await before_body()
            return await self._body(body)
        except BaseException:
            # Cancelled too: the ledger keeps what was committed, so nothing is sent twice, and
            # nobody can tell any more where the dialogue stands.
            self.abort()
            raise

    async def close(self) -> None:
        """Say QUIT and hang up. What the server says to that changes nothing any more."""
        if self.is_open:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await self._client.quit(timeout=min(self.server.timeout_s, QUIT_TIMEOUT_S))
        self.abort()

    def abort(self) -> None:
        """Hang up at once."""
        self._protocol.hang_up("")
        self._client.close()

    async def _envelope(self, mail_from: str, rcpt_to: str, message: bytes) -> Exchange | None:
        """Return where the envelope was stopped, or None when the server waits for the body."""
        options, problem = self._options(rcpt_to, message)
        if problem is not None:
            return problem
        sender, recipient = f"FROM:<{mail_from}>".encode(), f"TO:<{rcpt_to}>".encode()
        for phase, command, wanted in (
            (Phase.MAIL, (b"MAIL", sender, *options), DONE),
            (Phase.RCPT, (b"RCPT", recipient), DONE),
            (Phase.DATA, (b"DATA",), GO_AHEAD),
        ):
            exchange = await self._command(phase, *command)
            if (exchange.reply_code or 0) // 100 != wanted or self._protocol.fault:
                await self._reset(exchange)
                return exchange
        return None

    async def _command(self, phase: Phase, *command: bytes) -> Exchange:
        try:
            reply = await self._client.execute_command(*command, timeout=self.server.timeout_s)
        except (aiosmtplib.SMTPException, OSError) as exc:
            return self._lost(phase, exc)
        if self._protocol.fault or reply.code not in PLAUSIBLE:
            return self._lost(phase, None)
        return Exchange(phase=phase, reply_code=reply.code, text=words(reply.message))

    async def _body(self, body: bytes) -> Exchange:
        """Send the body with its final dot, and return what the server made of it."""
        try:
            self._protocol.write(body)
            reply = await self._protocol.read_response(timeout=self.server.reply_timeout_s)
        except (aiosmtplib.SMTPException, OSError) as exc:
            return self._lost(Phase.BODY, exc)
        if reply.code not in PLAUSIBLE:
            return self._lost(Phase.BODY, None)
        if reply.code == aiosmtplib.SMTPStatus.domain_unavailable:
            self.abort()
        return Exchange(phase=Phase.REPLY, reply_code=reply.code, text=words(reply.message))

    async def _reset(self, exchange: Exchange) -> None:
        """Make the connection fit for the next message, or hang up."""
        if exchange.phase is Phase.MAIL or not self.is_open:
            return
        reply = await self._command(Phase.MAIL, b"RSET")
        if (reply.reply_code or 0) // 100 != DONE:
            self.abort()

    def _lost(self, phase: Phase, exc: Exception | None) -> Exchange:
        """Hang up, and return that no sound reply came."""
        why = self._protocol.fault or _why(exc)
        self.abort()
        return Exchange(phase=phase, text=why)

    def _options(self, rcpt_to: str, message: bytes) -> tuple[list[bytes], Exchange | None]:
        """Return the parameters of MAIL, or why this recipient or message is not even offered."""
        client = self._client
        options = []
        if _SAFE_ADDRESS.fullmatch(rcpt_to) is None:
            return [], _own(Phase.RCPT, 553, "5.1.3 not a safe address (not offered)")
        if not rcpt_to.isascii():
            if not client.supports_extension("smtputf8"):
                return [], _own(Phase.RCPT, 553, "5.6.7 the server has no SMTPUTF8 (not offered)")
            options.append(b"SMTPUTF8")
        if client.supports_extension("size"):
            limit = client.esmtp_extensions["size"].strip()
            if limit.isdigit() and 0 < int(limit) < len(message):
                said = f"5.3.4 the server takes {limit} bytes, the letter has {len(message)}"
                return [], _own(Phase.MAIL, 552, said)
            options.append(b"SIZE=%d" % len(message))
        if not message.isascii() and client.supports_extension("8bitmime"):
            options.append(b"BODY=8BITMIME")
        return options, None


def wire(message: bytes) -> bytes:
    r"""Return what is sent after 354: the message with its dots stuffed, and the final dot.

    RFC 5321 §4.5.2.

    Raises:
        ValueError: a CR or LF stands alone; some servers would see ``\n.\n`` as the end.

    >>> wire(b"Subject: a\r\n\r\n.b\r\n")
    b'Subject: a\r\n\r\n..b\r\n.\r\n'
    """
    ends = message.count(b"\r\n")
    if message.count(b"\n") != ends or message.count(b"\r") != ends:
        raise ValueError("the message has a bare CR or LF")
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


class Protocol(SMTPProtocol):
    """aiosmtplib's protocol, which hangs up on a server that talks out of turn.

    A line that came before it was asked for must never be taken for the answer to what is asked
    next: it would make an ``accepted`` out of nothing.
    """

    fault = ""  # unsolicited or malformed; empty: none

    def data_received(self, data: bytes) -> None:
        """Take in what the server says, if it is its turn."""
        waiter, transport = self._response_waiter, self.transport
        is_writing = isinstance(transport, asyncio.WriteTransport) and bool(
            transport.get_write_buffer_size()
        )
        if waiter is None or waiter.done() or not self._response_pending or is_writing:
            self.hang_up("unsolicited")
            return
        size, lines = len(self._buffer) + len(data), self._buffer.count(b"\n") + data.count(b"\n")
        if size > MAX_REPLY_BYTES or lines > MAX_REPLY_LINES:
            self.hang_up("malformed")
            return
        super().data_received(data)
        if waiter.done() and waiter.exception() is None and self._buffer:
            self.hang_up("unsolicited")

    def hang_up(self, fault: str) -> None:
        """Close the line at once, and remember why."""
        self.fault = self.fault or fault
        if self.transport is not None and not self.transport.is_closing():
            if isinstance(self.transport, asyncio.WriteTransport):
                self.transport.abort()
            else:
                self.transport.close()


def _own(phase: Phase, code: int, words: str) -> Exchange:
    """Return the answer a server would give, where it need not be asked."""
    return Exchange(phase=phase, reply_code=code, text=words)


def _why(exc: Exception | None) -> str:
    """Return the code for a missing reply: timeout, lost or malformed."""
    if isinstance(exc, TimeoutError):
        return "timeout"
    if exc is None or isinstance(exc, aiosmtplib.SMTPResponseException):
        return "malformed"
    return "lost"


def words(text: str) -> str:
    """Return what a server says on one printable line of bounded length."""
    return one_line(text)[:MAX_WORDS]
