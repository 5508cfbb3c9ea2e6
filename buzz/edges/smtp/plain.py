"""A connection that sends each command and waits for its answer, by aiosmtplib's own means."""

import asyncio
import contextlib
from typing import Final

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from buzz.core.delivery import Exchange
from buzz.edges.smtp.connection import (
    DONE,
    GO_AHEAD,
    PLAUSIBLE,
    QUIT_TIMEOUT_S,
    Connection,
    Server,
    words,
)
from buzz.edges.smtp.envelope import Envelope
from buzz.model import Phase

MAX_REPLY_BYTES: Final = 8192
MAX_REPLY_LINES: Final = 50


class Plain(Connection):
    """One command after the other: four round trips a message."""

    pipelines = False

    def __init__(self, client: aiosmtplib.SMTP, protocol: "Protocol", server: Server) -> None:
        self._client = client
        self._protocol = protocol
        self._said = ""
        self.server = server

    @property
    def is_open(self) -> bool:
        """Tell whether another message can be handed over this connection."""
        return self._client.is_connected and not self._protocol.fault

    async def begin(self, envelope: Envelope) -> Exchange | None:
        """Offer a recipient; return where that was stopped, or None: the server waits."""
        problem = envelope.problem(self._client.esmtp_extensions)
        if problem is not None:
            return problem
        for phase, command, wanted in (
            (Phase.MAIL, envelope.mail(self._client.esmtp_extensions), DONE),
            (Phase.RCPT, envelope.rcpt(), DONE),
            (Phase.DATA, "DATA", GO_AHEAD),
        ):
            exchange = await self._command(phase, command)
            if (exchange.reply_code or 0) // 100 != wanted or self._protocol.fault:
                await self._reset(exchange)
                return exchange
        return None

    async def finish(self, body: bytes, following: Envelope | None = None) -> Exchange:
        """Send the body with its final dot, and return what the server made of it."""
        del following  # its turn comes
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

    async def _command(self, phase: Phase, command: str) -> Exchange:
        try:
            reply = await self._client.execute_command(
                command.encode(), timeout=self.server.timeout_s
            )
        except (aiosmtplib.SMTPException, OSError) as exc:
            return self._lost(phase, exc)
        if self._protocol.fault or reply.code not in PLAUSIBLE:
            return self._lost(phase, None)
        self._said = words(f"{reply.code} {reply.message}")
        return Exchange(phase=phase, reply_code=reply.code, text=words(reply.message))

    async def _reset(self, exchange: Exchange) -> None:
        """Make the connection fit for the next message, or hang up."""
        if exchange.phase is Phase.MAIL or not self.is_open:
            return
        reply = await self._command(Phase.MAIL, "RSET")
        if (reply.reply_code or 0) // 100 != DONE:
            self.abort()

    def _lost(self, phase: Phase, exc: Exception | None) -> Exchange:
        """Hang up, and return that no sound reply came."""
        why = self._protocol.fault or _why(exc)
        self.abort()
        return Exchange(phase=phase, text=why, last_words=self._said)


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
        # Also one that is closing: TLS waits for the server's good-bye, longer than the loop lives.
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        elif self.transport is not None:
            self.transport.close()


def _why(exc: Exception | None) -> str:
    """Return the code for a missing reply: timeout, lost or malformed."""
    if isinstance(exc, TimeoutError):
        return "timeout"
    if exc is None or isinstance(exc, aiosmtplib.SMTPResponseException):
        return "malformed"
    return "lost"
