"""What can be set: one frozen class a section, each key with its default and its comment."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from buzz.config import receivers
from buzz.edges import files
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Receiver

if TYPE_CHECKING:
    from buzz.core.dkim import Signer


def _key(default: Any, help_: str) -> Any:
    return field(default=default, metadata={"help": help_})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """``[sender]``: who writes."""

    from_: str = _key("La Lettre du Buzz <lettre@parti.example>", N_("who writes: Name <address>"))
    reply_to: str = _key("", N_("where answers go; empty: to the sender"))
    organisation: str = _key("", N_("named in the letter and in relay detection"))
    postal_address: str = _key("", N_("the law wants it in the letter"))
    controller: str = _key("", N_("data controller: who answers for the personal data"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """``[smtp]``: the next hop."""

    host: str = _key("127.0.0.1", N_("the server that takes our mail"))
    port: int = _key(25, N_("25, 587 (starttls) or 465 (implicit)"))
    tls: Literal["starttls", "implicit", "none"] = _key(
        "starttls", N_('"implicit" | "starttls" | "none" (only to loopback)')
    )
    username: str = _key("", N_("the password is BUZZ_SMTP_PASSWORD or data/smtp.password (0600)"))
    connections: int = _key(5, N_("connections open at the same time"))
    timeout_s: float = _key(300.0, N_("seconds a server may take for one answer (RFC 5321)"))
    messages: int = _key(0, N_("letters over one connection, then a new one; 0: no limit"))
    pipelining: bool = _key(True, N_("send ahead where the server offers it (RFC 2920)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """``[database]``: where it is recorded what happened."""

    url: str = _key("", N_("empty: data/buzz.db; or postgresql+psycopg://user@host/name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """``[web]``: what readers reach."""

    base_url: str = _key("http://127.0.0.1:8025", N_("public address of `buzz serve`, in letters"))
    bind: str = _key("127.0.0.1:8025", N_("where `buzz serve` listens"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingModes:
    """``[tracking]``: what may be measured at all."""

    opens: Literal["off", "aggregate", "consented"] = _key(
        "consented", N_('"off" | "aggregate" (nobody in it) | "consented" (who agreed, by name)')
    )
    clicks: Literal["off", "aggregate", "consented"] = _key("consented", N_("as opens"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """``[poll]``: how feeds are fetched."""

    concurrency: int = _key(100, N_("feeds fetched at the same time"))
    timeout_s: float = _key(20.0, N_("seconds for one feed in all"))
    host_pause_s: float = _key(0.25, N_("seconds between two starts at one host or platform"))
    max_bytes: int = _key(5_000_000, N_("a larger body is refused"))
    user_agent: str = _key("", N_("empty: buzz/VERSION (+base_url)"))
    allow_networks: tuple[str, ...] = _key(
        (), N_('private networks that may be polled, on any port, e.g. ["127.0.0.0/8"] for tests')
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """``[rank]``: the list and its cut."""

    size: int = _key(1500, N_("how many blogs the list has"))
    half_life_days: float = _key(14.0, N_("after so many days a post counts half"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """``[send]``: manners of sending."""

    rate_per_s: float = _key(20.0, N_("letters a second, all connections together; 0: no limit"))
    undo_delay_s: float = _key(60.0, N_("seconds to change one's mind, on a terminal only"))
    two_person: bool = _key(False, N_("another person must approve (buzz campaign approve)"))
    quiet_hours: str = _key("", N_('no sending then, Europe/Paris, e.g. "21:00-08:00"'))
    warm_up_since: str = _key("", N_("first day of a new sender, e.g. 2026-03-02; empty: known"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounces:
    """``[bounces]``: what comes back."""

    address: str = _key(
        "", N_('where bounces go, e.g. "bounces+*@parti.example", * being the letter; empty: from')
    )
    mailbox: str = _key(
        "", N_("Maildir, mbox or imaps://user@host/FOLDER; the password is data/bounces.password")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dkim:
    """``[dkim]``: signatures of our own; without a domain the next hop signs, or nobody does."""

    domain: str = _key("", N_("that of the sender's address; empty: the next hop signs"))
    selector: str = _key("buzz", N_("the key is published at SELECTOR._domainkey.DOMAIN"))
    key_file: str = _key("", N_("RSA, 0600, e.g. data/dkim.key (buzz config dkim-key)"))
    ed25519_selector: str = _key("buzz-ed25519", N_("where the second key is published"))
    ed25519_key_file: str = _key("", N_("a second signature, for receivers that know RFC 8463"))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a command needs to know, and the workspace it works in.

    Attributes:
        workspace: the folder with ``buzz.toml``.
        clock_offset: added to the real time; lets the demo and tests live through days.
    """

    workspace: Path
    sender: Sender = field(default_factory=Sender)
    smtp: Smtp = field(default_factory=Smtp)
    dkim: Dkim = field(default_factory=Dkim)
    database: Database = field(default_factory=Database)
    web: Web = field(default_factory=Web)
    tracking: TrackingModes = field(default_factory=TrackingModes)
    poll: Poll = field(default_factory=Poll)
    rank: Rank = field(default_factory=Rank)
    send: Send = field(default_factory=Send)
    bounces: Bounces = field(default_factory=Bounces)
    clock_offset: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the present, aware UTC: the one clock of the product."""
        return datetime.now(UTC) + self.clock_offset

    @property
    def data(self) -> Path:
        """Return the folder of what the tool itself writes (mode 0700)."""
        return self.workspace / "data"

    @property
    def instance_file(self) -> Path:
        """Return what this workspace knows of its right to send; see the store's instances."""
        return self.data / "instance"

    def lock(self, name: str) -> Path:
        """Return the file by which what must not run twice at a time is locked."""
        return self.data / "locks" / f"{name}.lock"

    @property
    def registry_file(self) -> Path:
        """Return ``blogs.csv``."""
        return self.workspace / "blogs.csv"

    @property
    def campaigns(self) -> Path:
        """Return the folder of the campaigns."""
        return self.workspace / "campaigns"

    @property
    def templates(self) -> tuple[Path, ...]:
        """Return where templates are looked for, in this order: the workspace, the product."""
        return (self.workspace / "templates", files.shared("templates"))

    @property
    def database_url(self) -> str:
        """Return the SQLAlchemy address of the database."""
        return self.database.url or f"sqlite:///{quote(str(self.data / 'buzz.db'))}"

    @cached_property
    def receivers(self) -> tuple[Receiver, ...]:
        """Return how mail providers want to be written to.

        Raises:
            ConfigurationError: the workspace's ``receivers.toml`` cannot be read.
        """
        return receivers.load(self.workspace)

    @property
    def user_agent(self) -> str:
        """Return what we call ourselves when we ask for a feed."""
        from buzz import __version__  # noqa: PLC0415  (the package's own module: no cycle at import)

        return self.poll.user_agent or f"buzz/{__version__} (+{self.web.base_url})"

    @cached_property
    def secret(self) -> bytes:
        """Return the signing secret, from ``BUZZ_SECRET`` or ``data/secret.key``.

        Raises:
            ConfigurationError: there is none, or the file can be read by others.
        """
        value = os.environ.get("BUZZ_SECRET") or files.read_secret(self.data / "secret.key")
        if not value:
            raise ConfigurationError(
                _("there is no signing secret"),
                place=str(self.data / "secret.key"),
                remedy=_("run: buzz init, or set BUZZ_SECRET"),
            )
        return value.encode()

    @cached_property
    def smtp_password(self) -> str:
        """Return the password for the next hop, or an empty string."""
        return os.environ.get("BUZZ_SMTP_PASSWORD") or files.read_secret(
            self.data / "smtp.password"
        )

    @cached_property
    def bounces_password(self) -> str:
        """Return the password for the mailbox of bounces, or an empty string."""
        return os.environ.get("BUZZ_BOUNCES_PASSWORD") or files.read_secret(
            self.data / "bounces.password"
        )

    @cached_property
    def signers(self) -> "tuple[Signer, ...]":
        """Return who signs our messages, RSA first; nobody where the next hop does.

        Raises:
            ConfigurationError: a key is missing, no key, too weak, or others can read it.
        """
        from buzz.core.dkim import Signer, read_key  # noqa: PLC0415  (heavy, and rarely wanted)

        dkim = self.dkim
        pairs = ((dkim.selector, dkim.key_file), (dkim.ed25519_selector, dkim.ed25519_key_file))
        signers = []
        for selector, name in pairs if dkim.domain else ():
            if not name:
                continue
            path = self.workspace / name
            pem = files.read_secret(path)
            if not pem:
                raise ConfigurationError(
                    _("there is no key to sign with"),
                    place=str(path),
                    remedy=_("run: buzz config dkim-key"),
                )
            key = read_key(pem, str(path))
            signers.append(Signer(domain=dkim.domain, selector=selector, key=key))
        return tuple(signers)
