"""What a server offers, for the doctor: no mail is begun."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime

from buzz.core.doctor import Offer
from buzz.edges.smtp.connection import Server
from buzz.edges.smtp.opening import NoConnection, connect
from buzz.edges.smtp.plain import Plain


async def look(server: Server) -> Offer | NoConnection:
    """Return what a server offers after TLS and AUTH, or why it cannot be used."""
    found = await connect(replace(server, pipelining=False))
    if isinstance(found, NoConnection):
        return found
    assert isinstance(found, Plain), "without pipelining there is no other"
    try:
        client = found._client  # noqa: SLF001  (the same room's)
        transport = client.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        return Offer(
            extensions=dict(client.esmtp_extensions),
            tls=tls.version() or "" if tls is not None else "",
            certificate_until=_until(tls),
        )
    finally:
        await found.close()


def _until(tls: ssl.SSLObject | None) -> datetime | None:
    certificate = tls.getpeercert() if tls is not None else None
    until = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC) if until else None
