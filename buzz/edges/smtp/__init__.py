"""The next hop: connections over which one message after the other is handed on (RFC 5321).

aiosmtplib speaks EHLO, STARTTLS and AUTH; the mail transaction is driven here, because the library
raises the same exception before 354, inside the body and after the final dot, and the difference
decides whether a message may be sent again. Where the server offers PIPELINING, ``pipelined``
needs one round trip a message, else ``plain`` needs four; both keep the promises of
:class:`Connection`. Nothing is raised for one recipient: an exchange says how far it came. A server
that cannot be used is a value as well, :class:`NoConnection`, which says what to do.

TLS is not optional: without STARTTLS there is no AUTH and no MAIL, unless the settings say
``tls = "none"``, which they may only say of loopback.
"""

import asyncio

from buzz.core.delivery import Exchange, judge
from buzz.edges.smtp.connection import BeforeBody, Connection, Server, stuffed, wire
from buzz.edges.smtp.envelope import Envelope
from buzz.edges.smtp.opening import NoConnection, connect
from buzz.errors import BuzzError, ConfigurationError, TemporaryFailure
from buzz.locales import gettext as _
from buzz.model import DeliveryState

__all__ = [
    "BeforeBody",
    "Connection",
    "Envelope",
    "NoConnection",
    "Server",
    "configuration_refused",
    "connect",
    "send_one",
    "stuffed",
    "wire",
]


def send_one(server: Server, *, mail_from: str, rcpt_to: str, message: bytes) -> str:
    """Send one message that no campaign accounts for, and return the server's words.

    Raises:
        ConfigurationError: the server refuses us.
        TemporaryFailure: the server is away, or put the message off.
        BuzzError: the server refuses this recipient or message; or the line was lost after the
            final dot, and it may have arrived.
    """

    async def nothing() -> None:
        pass

    async def exchange() -> Exchange:
        connection = await connect(server)
        if isinstance(connection, NoConnection):
            raise connection.error
        try:
            return await connection.deliver(mail_from, rcpt_to, message, nothing)
        finally:
            await connection.close()

    result = asyncio.run(exchange())
    verdict = judge(result)
    said = f"{result.reply_code or ''} {result.text}".strip()
    match verdict.state:
        case DeliveryState.ACCEPTED:
            return said
        case DeliveryState.REFUSED:
            what = _("the server refused the message: {said}").format(said=said)
            raise BuzzError(what, place=rcpt_to, remedy=_("check the address"))
        case DeliveryState.UNCERTAIN:
            what = _("the line was lost after the message: it may have arrived ({said})")
            raise BuzzError(what.format(said=said), place=rcpt_to)
        case _ if verdict.stops_run:
            raise configuration_refused(result, server)
        case _:
            what = _("the server did not take the message now: {said}").format(said=said)
            raise TemporaryFailure(what, place=rcpt_to, remedy=_("try again later"))


def configuration_refused(exchange: Exchange, server: Server) -> ConfigurationError:
    """Return the error for a reply that would meet every other recipient as well."""
    return ConfigurationError(
        _("the mail server refuses us ({phase}): {code} {said}").format(
            phase=exchange.phase.upper(), code=exchange.reply_code or "", said=exchange.text
        ),
        place=server.name,
        remedy=_("check [sender] from and [smtp] username with whoever runs the server"),
    )
