"""The SMTP server of the small world: it takes letters, refuses unknown people, greylists some."""

import asyncio
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session

from buzz.demo.world import Mailbox

OK = "250 2.0.0 Ok"


@dataclass(kw_only=True)
class PostOffice:
    """What arrived, by recipient, and how each mailbox behaves.

    Attributes:
        mailboxes: address -> behaviour; an address that is not in it takes everything.
        arrived: address -> the messages taken for it, in order.
        breaks_at: the line drops after the final dot of this one, counted from 1: the letter
            arrived, the sender cannot know (RFC 1047). 0: never.
        broke: whether that has happened.
    """

    mailboxes: dict[str, Mailbox]
    breaks_at: int = 0
    broke: bool = False
    arrived: dict[str, list[bytes]] = field(default_factory=dict)
    _greylisted: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient, refuse one that is unknown, or send a stranger away for a while."""
        behaviour = self.mailboxes.get(address, "takes")
        if behaviour == "unknown":
            return "550 5.1.1 No such user here"
        if behaviour == "greylists" and address not in self._greylisted:
            self._greylisted.add(address)
            return "450 4.2.0 Greylisted, come back in five minutes"
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the message; for one recipient the line drops before the reply."""
        content = envelope.content
        assert isinstance(content, bytes)
        for address in envelope.rcpt_tos:
            self.arrived.setdefault(address, []).append(content)
        if len(self.arrived) == self.breaks_at and not self.broke:
            self.broke = True
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return OK


async def serve(office: PostOffice) -> tuple[asyncio.Server, int]:
    """Start the server on a free port of loopback, and return it with the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(office, hostname="mx.localhost", enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        0,
    )
    return server, server.sockets[0].getsockname()[1]
