"""A connection that sends ahead (RFC 2920): [body . MAIL RCPT DATA], one round trip a message.

aiosmtplib has made the connection; from then on its transport speaks through :class:`Dialogue`.
The body of a message is still not sent before its own 354 and its ``dot`` commit; what is sent
ahead is the envelope of the next, together with the body of the one before.

Replies are matched with commands by their order, so a reply too many would shift all that follow:
the line is closed as soon as one comes that nothing was asked for, and nothing that came with it
is believed.
"""

import asyncio
import contextlib
from collections import deque

import aiosmtplib

from buzz.core.delivery import Exchange
from buzz.edges.smtp.connection import (
    DONE,
    GO_AHEAD,
    QUIT_TIMEOUT_S,
    Connection,
    Server,
    words,
)
from buzz.edges.smtp.envelope import Envelope
from buzz.edges.smtp.plain import Protocol
from buzz.edges.smtp.replies import Cutter, Malformed, Reply
from buzz.model import Phase

CLOSING = 421  # RFC 5321 §3.8: the server hangs up


class Pipelined(Connection):
    """Groups of commands, and the next envelope on the way with each body."""

    pipelines = True

    def __init__(self, client: aiosmtplib.SMTP, protocol: Protocol, server: Server) -> None:
        self.server = server
        self._client = client
        self._extensions = client.esmtp_extensions
        self._dialogue = Dialogue(protocol)
        self._ahead: Envelope | None = None  # whose commands have been sent, unanswered
        self._must_reset = False  # after a refusal (RFC 5321 §4.1.1.5)
        self._last: Reply | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether another message can be handed over this connection."""
        return self._dialogue.is_open

    async def begin(self, envelope: Envelope) -> Exchange | None:
        """Offer a recipient; return where that was stopped, or None: the server waits."""
        if envelope is not self._ahead:
            problem = envelope.problem(self._extensions)
            if problem is not None:
                return problem
            commands = self._commands(envelope)
            self._dialogue.write(commands, self._count, behind=len(commands))
        self._ahead = None
        try:
            return await self._offered()
        except _NoReply as exc:
            return self._without_reply(exc.phase)

    async def finish(self, body: bytes, following: Envelope | None = None) -> Exchange:
        """Send the body and the following envelope; return what the server made of the body."""
        if following is None or following.problem(self._extensions) is not None:
            self._dialogue.write(body, 1)
        else:
            self._ahead = following
            commands = self._commands(following)
            self._dialogue.write(body + commands, 1 + self._count, behind=len(commands))
        try:
            reply = await self._reply(Phase.BODY, self.server.reply_timeout_s)
        except _NoReply:
            return self._without_reply(Phase.BODY)
        if reply.code // 100 == GO_AHEAD:  # it answers something else than we have asked
            self._dialogue.hang_up("malformed")
        elif reply.code == CLOSING:
            self.abort()
        return Exchange(phase=Phase.REPLY, reply_code=reply.code, text=words(reply.text))

    async def close(self) -> None:
        """Say QUIT and hang up. What the server says to that changes nothing any more."""
        if self.is_open and self._ahead is None:
            self._dialogue.write(b"QUIT\r\n", 1)
            with contextlib.suppress(_NoReply):
                await self._reply(Phase.QUIT, min(self.server.timeout_s, QUIT_TIMEOUT_S))
        self.abort()

    def abort(self) -> None:
        """Hang up at once."""
        self._dialogue.hang_up("lost")
        self._client.close()

    def _commands(self, envelope: Envelope) -> bytes:
        """Return the group of commands that offers a recipient."""
        reset = "RSET\r\n" if self._must_reset else ""
        mail, rcpt = envelope.mail(self._extensions), envelope.rcpt()
        return f"{reset}{mail}\r\n{rcpt}\r\nDATA\r\n".encode()

    @property
    def _count(self) -> int:
        """Return how many replies such a group has."""
        return 4 if self._must_reset else 3

    async def _offered(self) -> Exchange | None:
        """Read the replies to a group; return the first refusal, or None.

        Raises:
            _NoReply: the line is lost, and nothing was refused before.
        """
        await self._has_reset()
        refusal: Exchange | None = None
        for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA):
            try:
                reply = await self._reply(phase, self.server.timeout_s)
            except _NoReply:
                if refusal is not None:
                    return refusal
                raise
            kind = reply.code // 100
            wanted = GO_AHEAD if phase is Phase.DATA else DONE
            if refusal is None and kind != wanted:
                refusal = Exchange(phase=phase, reply_code=reply.code, text=words(reply.text))
            if reply.code == CLOSING or (kind != wanted and kind < _LATER):
                self.abort()  # it goes, or answers something else than we have asked
                return refusal
        if refusal is not None:
            await self._take_back(kind)
        return refusal

    async def _has_reset(self) -> None:
        if self._must_reset:
            self._must_reset = False
            reply = await self._reply(Phase.MAIL, self.server.timeout_s)
            if reply.code // 100 != DONE:
                self._dialogue.hang_up("malformed")
                raise _NoReply(Phase.MAIL)

    async def _take_back(self, kind: int) -> None:
        """Make the connection fit for the next message after a refusal.

        A server may say 354 although it has taken no recipient; then a lone dot ends the message
        that never was (RFC 2920 §3.1).
        """
        self._must_reset = True
        if kind == GO_AHEAD:
            self._dialogue.write(b".\r\n", 1)
            with contextlib.suppress(_NoReply):
                await self._reply(Phase.DATA, self.server.reply_timeout_s)

    async def _reply(self, phase: Phase, timeout_s: float) -> Reply:
        reply = await self._dialogue.reply(timeout_s)
        if reply is None:
            self._client.close()
            raise _NoReply(phase)
        self._last = reply
        return reply

    def _without_reply(self, phase: Phase) -> Exchange:
        """Return that no sound reply came, and what the server had said before."""
        said = self._dialogue.unread or (
            f"{self._last.code} {self._last.text}" if self._last else ""
        )
        return Exchange(phase=phase, text=self._dialogue.fault, last_words=words(said))


_LATER = 4  # first digit of a refusal for now


class _NoReply(Exception):
    """The line is lost; the dialogue's ``fault`` says why."""

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self.phase = phase


class Dialogue(asyncio.Protocol):
    """Commands out, replies in, by their order; each awaited reply has a deadline of its own."""

    def __init__(self, before: Protocol) -> None:
        """Take a connection over from aiosmtplib's protocol."""
        self.fault = before.fault  # lost, timeout, malformed, unsolicited; empty: it is open
        self._loop = asyncio.get_running_loop()
        self._cutter = Cutter()
        self._replies: deque[Reply] = deque()
        self._missing = 0  # replies that were asked for and have not come
        self._behind = 0  # bytes of the last write that no reply needs to have waited for
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        transport = before.transport
        assert isinstance(transport, asyncio.Transport), "it is open"
        self._transport = transport
        transport.set_protocol(self)
        if transport.is_closing():
            self.fault = self.fault or "lost"

    @property
    def is_open(self) -> bool:
        """Tell whether anything can be said."""
        return not self.fault

    @property
    def unread(self) -> str:
        """Return what the server has said of a reply that did not come to its end."""
        return self._cutter.begun

    def write(self, data: bytes, replies: int, *, behind: int = 0) -> None:
        """Send, and expect so many replies.

        Args:
            data: whole commands, or a body with its final dot.
            replies: how many that will be.
            behind: bytes of ``data`` that may not have left yet when the first reply comes.
        """
        if self.fault:
            return
        self._missing += replies
        self._behind = behind
        self._transport.write(data)

    async def reply(self, timeout_s: float) -> Reply | None:
        """Return the next reply; None when none will come any more: see ``fault``."""
        if not self._replies and not self.fault:
            self._waiter = self._loop.create_future()
            self._watch(timeout_s)
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.fault == "unsolicited" or not self._replies:  # then nothing unread is believed
            return None
        return self._replies.popleft()

    def hang_up(self, fault: str) -> None:
        """Close the line at once, and remember why."""
        self.fault = self.fault or fault
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    # What the transport calls.

    def data_received(self, data: bytes) -> None:
        """Take in what the server says."""
        # While a part of what it would answer has not even left, it cannot be an answer.
        if not self._missing or self._transport.get_write_buffer_size() > self._behind:
            self.hang_up("unsolicited")
            return
        try:
            for reply in self._cutter.feed(data):
                if not self._missing:
                    self.hang_up("unsolicited")
                    return
                self._replies.append(reply)
                self._missing -= 1
        except Malformed:
            self.hang_up("malformed")  # what came before it was sound
            return
        if not self._missing and self._cutter.begun:
            self.hang_up("unsolicited")
        elif self._replies:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that the server has hung up; what it had said before that counts."""
        del exc
        self.hang_up("lost")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch(self, timeout_s: float) -> None:
        """Let this wait end after so long. One timer lives on from message to message."""
        self._deadline = self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() >= self._deadline:
            self.hang_up("timeout")
        else:
            self._timer = self._loop.call_at(self._deadline, self._ring)
