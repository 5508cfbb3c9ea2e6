"""The next hop: the server that takes our mail, as the settings say."""

from buzz.config import Settings
from buzz.edges import smtp


def next_hop(settings: Settings) -> smtp.Server:
    """Return where every message is handed to, and how."""
    given = settings.smtp
    return smtp.Server(
        host=given.host,
        port=given.port,
        tls=given.tls,
        username=given.username,
        password=settings.smtp_password if given.username else "",
        timeout_s=given.timeout_s,
        pipelining=given.pipelining,
    )
