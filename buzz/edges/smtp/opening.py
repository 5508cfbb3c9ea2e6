"""From a host name to a connection that is ready for MAIL, or to what must be done about it."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiosmtplib

from buzz.core.delivery import Exchange, judge
from buzz.edges.smtp.connection import PLAUSIBLE, Connection, Server, words
from buzz.edges.smtp.pipelined import Pipelined
from buzz.edges.smtp.plain import Plain, Protocol
from buzz.errors import BuzzError, ConfigurationError, TemporaryFailure
from buzz.locales import gettext as _
from buzz.locales import system
from buzz.model import Phase

READY = 220


@dataclass(frozen=True, slots=True, kw_only=True)
class NoConnection:
    """Why the server cannot be used. A temporary error may be tried again, another may not."""

    phase: Phase
    error: BuzzError  # ConfigurationError or TemporaryFailure, with what to do

    @property
    def is_temporary(self) -> bool:
        """Tell whether trying again later can help."""
        return isinstance(self.error, TemporaryFailure)


async def connect(server: Server) -> Connection | NoConnection:
    """Return a connection that is ready for MAIL, or why there is none."""
    opening = _Opening(server)
    try:
        return await opening.run()
    except (aiosmtplib.SMTPException, BuzzError, OSError, UnicodeError) as exc:
        opening.hang_up()
        return NoConnection(phase=opening.phase, error=_explain(exc, opening))
    except BaseException:
        # Cancelled too: nobody holds this line, and no mail was begun on it.
        opening.hang_up()
        raise


class _Opening:
    """The way from a host name to a connection that is ready for MAIL, phase by phase."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.phase = Phase.CONNECT
        self.protocol: Protocol | None = None
        self.client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout_s,
            tls_context=_context(server),
        )

    async def run(self) -> Connection:
        protocol = await self._connect()
        self.phase = Phase.GREETING
        greeting = await protocol.read_response(timeout=self.server.timeout_s)
        if greeting.code != READY:
            raise aiosmtplib.SMTPConnectResponseError(greeting.code, greeting.message)
        self.client.local_hostname = await asyncio.to_thread(_own_name)
        self.phase = Phase.EHLO
        await self.client.ehlo()
        if self.server.tls == "starttls":
            self.phase = Phase.STARTTLS
            await self._start_tls()
            self.phase = Phase.EHLO
            await self.client.ehlo()
        if self.server.username:
            self.phase = Phase.AUTH
            await self._authenticate()
        if protocol.fault:
            raise aiosmtplib.SMTPServerDisconnected(protocol.fault)
        pipelines = self.server.pipelining and self.client.supports_extension("pipelining")
        return (Pipelined if pipelines else Plain)(self.client, protocol, self.server)

    def hang_up(self) -> None:
        if self.protocol is not None:
            self.protocol.hang_up("")
        self.client.close()

    async def _connect(self) -> Protocol:
        server, client = self.server, self.client
        implicit = server.tls == "implicit"
        loop = asyncio.get_running_loop()

        def made() -> Protocol:
            return Protocol(loop, connection_lost_callback=lambda _protocol: client.close())

        async with asyncio.timeout(server.connect_timeout_s):
            transport, protocol = await loop.create_connection(
                made,
                server.host,
                server.port,
                ssl=client.tls_context if implicit else None,
                server_hostname=server.host if implicit else None,
            )
        client.transport, client.protocol = transport, protocol
        self.protocol = protocol
        return protocol

    async def _start_tls(self) -> None:
        if not self.client.supports_extension("starttls"):
            raise ConfigurationError(
                _("the server offers no STARTTLS, so nothing was sent"),
                place=self.server.name,
                remedy=_('ask for its TLS port: [smtp] port = 465, tls = "implicit"'),
            )
        await self.client.starttls()

    async def _authenticate(self) -> None:
        """Log in, once: aiosmtplib's own login would try each method, which locks accounts."""
        client, offered = self.client, self.client.server_auth_methods
        username, password = self.server.username, self.server.password
        if "plain" in offered:
            await client.auth_plain(username, password)
        elif "login" in offered:
            await client.auth_login(username, password)
        elif "cram-md5" in offered:
            await client.auth_crammd5(username, password)
        else:
            raise ConfigurationError(
                _("the server offers no way to log in that we know"),
                place=self.server.name,
                remedy=_('check [smtp] port, or set [smtp] username = ""'),
            )


def _explain(exc: Exception, opening: _Opening) -> BuzzError:
    """Return our error for whatever ended the opening of a connection."""
    fault = opening.protocol.fault if opening.protocol else ""
    if fault == "unsolicited" and opening.phase is Phase.STARTTLS:  # RFC 3207 §6
        what = _("text was slipped in before encryption began; the line was closed")
        remedy = _("check what stands between here and the server")
        return ConfigurationError(what, place=opening.server.name, remedy=remedy)
    return next(explain(exc, opening) for kind, explain in _EXPLANATIONS if isinstance(exc, kind))


def _untrusted(exc: ssl.SSLCertVerificationError, opening: _Opening) -> BuzzError:
    return ConfigurationError(
        _("the server's certificate cannot be trusted: {why}").format(why=exc.verify_message),
        place=opening.server.name,
        remedy=_(
            "[smtp] host must be the name in the certificate; "
            "for a CA of your own set SSL_CERT_FILE"
        ),
    )


def _no_tls(exc: ssl.SSLError, opening: _Opening) -> BuzzError:
    return ConfigurationError(
        _("no encryption with this server: {why}").format(why=exc.reason or exc),
        place=opening.server.name,
        remedy=_('check [smtp] port and tls: 587 is "starttls", 465 is "implicit"'),
    )


def _no_name(exc: socket.gaierror | UnicodeError, opening: _Opening) -> BuzzError:
    if isinstance(exc, socket.gaierror) and exc.errno == socket.EAI_AGAIN:
        return _away(_("the name server does not answer"), opening)
    return ConfigurationError(
        _("there is no host of this name"), place=opening.server.name, remedy=_("mend [smtp] host")
    )


def _unreachable(exc: OSError, opening: _Opening) -> BuzzError:
    what = _("the mail server cannot be reached: {why}").format(why=system.words(exc))
    return _away(what, opening)


def _silent(_exc: Exception, opening: _Opening) -> BuzzError:
    what = _("the mail server does not answer ({phase})")
    return _away(what.format(phase=opening.phase.upper()), opening)


def _broken(_exc: Exception, opening: _Opening) -> BuzzError:
    what = _("the mail server closed the line or spoke gibberish ({phase})")
    return _away(what.format(phase=opening.phase.upper()), opening)


def _away(what: str, opening: _Opening) -> TemporaryFailure:
    remedy = _("check [smtp] host and port, or try again later; nothing was sent")
    return TemporaryFailure(what, place=opening.server.name, remedy=remedy)


def _answered(exc: aiosmtplib.SMTPResponseException, opening: _Opening) -> BuzzError:
    """Return our error for a reply that is not the one wanted."""
    if exc.code not in PLAUSIBLE:
        return _broken(exc, opening)
    said = {"phase": opening.phase.upper(), "said": f"{exc.code} {words(exc.message)}"}
    if not judge(Exchange(phase=opening.phase, reply_code=exc.code)).stops_run:
        what = _("the mail server has no time for us ({phase}): {said}")
        return _away(what.format(**said), opening)
    return ConfigurationError(
        _("the mail server refuses us ({phase}): {said}").format(**said),
        place=opening.server.name,
        remedy=_("check [smtp] username and BUZZ_SMTP_PASSWORD")
        if opening.phase is Phase.AUTH
        else _("ask whoever runs the server why it refuses this machine"),
    )


# The first kind that fits explains: from the particular to the general.
_EXPLANATIONS: tuple[tuple[type[Exception], Callable[[Any, _Opening], BuzzError]], ...] = (
    (BuzzError, lambda exc, _opening: exc),
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _no_tls),
    (socket.gaierror, _no_name),
    (UnicodeError, _no_name),
    (TimeoutError, _silent),  # aiosmtplib's own as well
    (aiosmtplib.SMTPResponseException, _answered),
    (aiosmtplib.SMTPException, _broken),
    (OSError, _unreachable),
)


@cache
def _own_name() -> str:
    """Return the name for EHLO, once: it may take a look-up."""
    return socket.getfqdn()


def _context(server: Server) -> ssl.SSLContext | None:
    """Return the TLS context for this server; None where nothing is encrypted."""
    return None if server.tls == "none" else server.tls_context or _system_context()


@cache
def _system_context() -> ssl.SSLContext:
    """Return the one TLS context of the process: a fresh one each time costs 29 ms."""
    return ssl.create_default_context()
