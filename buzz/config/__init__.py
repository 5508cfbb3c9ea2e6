"""``buzz.toml`` and the environment, read once into :class:`Settings`: the only reader of either.

Every key has a default. An environment variable overrides the file: ``BUZZ_`` + section + ``_`` +
key, lists as JSON (``BUZZ_POLL_ALLOW_NETWORKS='["127.0.0.0/8"]'``). Secrets never stand in
``buzz.toml``: the SMTP password is ``BUZZ_SMTP_PASSWORD`` or ``data/smtp.password``, the signing
secret ``BUZZ_SECRET`` or ``data/secret.key``, that of the mailbox of bounces
``BUZZ_BOUNCES_PASSWORD`` or ``data/bounces.password``, and keys for DKIM are files, all of mode
0600.
"""

from buzz.config.reading import FILE, SECTIONS, as_toml, load, unknown_variables, without_password
from buzz.config.settings import (
    Bounces,
    Database,
    Dkim,
    Poll,
    Rank,
    Send,
    Sender,
    Settings,
    Smtp,
    TrackingModes,
    Web,
)
from buzz.config.workspace import find_workspace

__all__ = [
    "FILE",
    "SECTIONS",
    "Bounces",
    "Database",
    "Dkim",
    "Poll",
    "Rank",
    "Send",
    "Sender",
    "Settings",
    "Smtp",
    "TrackingModes",
    "Web",
    "as_toml",
    "find_workspace",
    "load",
    "unknown_variables",
    "without_password",
]
