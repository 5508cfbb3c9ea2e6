"""An open connection to the next hop, and what both ways of using one promise.

A transaction has two halves: :meth:`Connection.begin` offers a recipient up to the server's 354,
:meth:`Connection.finish` sends the message with its final dot. Between the two the ledger commits
the *dot*. Whoever sends one message after the other names the following envelope to ``finish``,
so that a pipelined connection can have it on the way together with the body.
"""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from buzz.core.delivery import Exchange
from buzz.core.text import one_line
from buzz.edges.smtp.envelope import Envelope

QUIT_TIMEOUT_S: Final = 5.0
MAX_WORDS: Final = 500  # characters kept of what a server says
GO_AHEAD: Final = 3  # 354
DONE: Final = 2
PLAUSIBLE: Final = range(200, 600)

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
    pipelining: bool = True  # where the server offers it

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


class Connection(ABC):
    """An open, encrypted, authenticated connection that is ready for MAIL."""

    server: Server
    pipelines: ClassVar[bool]  # does it make use of the following envelope?

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Tell whether another message can be handed over this connection."""

    @abstractmethod
    async def begin(self, envelope: Envelope) -> Exchange | None:
        """Offer a recipient; return where that was stopped, or None: the server waits for the body.

        After None either :meth:`finish` follows, or :meth:`abort`.
        """

    @abstractmethod
    async def finish(self, body: bytes, following: Envelope | None = None) -> Exchange:
        """Send the body, and return what the server made of it.

        Args:
            body: as :func:`wire` returns it, with its final dot.
            following: what :meth:`begin` will be called with next, if that is known.
        """

    @abstractmethod
    async def close(self) -> None:
        """Say QUIT and hang up. What the server says to that changes nothing any more."""

    @abstractmethod
    def abort(self) -> None:
        """Hang up at once."""

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
            stopped = await self.begin(Envelope.of(mail_from, rcpt_to, message))
            if stopped is not None:
                return stopped
            await before_body()
            return await self.finish(body)
        except BaseException:
            # Cancelled too: the ledger keeps what was committed, so nothing is sent twice, and
            # nobody can tell any more where the dialogue stands.
            self.abort()
            raise


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
    return stuffed(message)


def stuffed(message: bytes) -> bytes:
    """Return what :func:`wire` does, of a message of which it is known to return anything."""
    # Looking first: most letters have no such line, and replacing costs ten times as much.
    if b"\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
    if message.startswith(b"."):
        message = b"." + message
    return message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")


def words(text: str) -> str:
    """Return what a server says on one printable line of bounded length."""
    return one_line(text)[:MAX_WORDS]
