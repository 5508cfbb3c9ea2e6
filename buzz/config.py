"""``buzz.toml`` and the environment, read once into :class:`Settings`: the only reader of either.

Every key has a default. An environment variable overrides the file: ``BUZZ_`` + section + ``_`` +
key, lists as JSON (``BUZZ_POLL_ALLOW_NETWORKS='["127.0.0.0/8"]'``). Secrets never stand in
``buzz.toml``: the SMTP password is ``BUZZ_SMTP_PASSWORD`` or ``data/smtp.password``, the signing
secret ``BUZZ_SECRET`` or ``data/secret.key``, both files of mode 0600.
"""

import dataclasses
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from buzz.edges import files
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.locales import mark as N_

FILE = "buzz.toml"


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
    database: Database = field(default_factory=Database)
    web: Web = field(default_factory=Web)
    tracking: TrackingModes = field(default_factory=TrackingModes)
    poll: Poll = field(default_factory=Poll)
    rank: Rank = field(default_factory=Rank)
    send: Send = field(default_factory=Send)
    clock_offset: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the present, aware UTC: the one clock of the product."""
        return datetime.now(UTC) + self.clock_offset

    @property
    def data(self) -> Path:
        """Return the folder of what the tool itself writes (mode 0700)."""
        return self.workspace / "data"

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
        return self.database.url or f"sqlite:///{self.data / 'buzz.db'}"

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


SECTIONS = {
    f.name: f.default_factory
    for f in dataclasses.fields(Settings)
    if f.name not in {"workspace", "clock_offset"} and f.default_factory is not dataclasses.MISSING
}


def find_workspace(start: Path, chosen: str = "") -> Path:
    """Return the workspace: the chosen folder, ``BUZZ_WORKSPACE``, or upwards from ``start``.

    Raises:
        ConfigurationError: no folder with ``buzz.toml`` there.
    """
    wanted = chosen or os.environ.get("BUZZ_WORKSPACE", "")
    if wanted:
        folder = Path(wanted).expanduser().resolve()
        if (folder / FILE).is_file():
            return folder
        raise ConfigurationError(
            _("no buzz.toml in this folder"),
            place=str(folder),
            remedy=_("run: buzz init {folder}").format(folder=folder),
        )
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigurationError(
        _("no buzz.toml here or in a folder above"),
        place=str(start),
        remedy=_("run: buzz init, or name a workspace with --workspace DIR"),
    )


def load(workspace: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a workspace.

    Raises:
        ConfigurationError: ``buzz.toml`` cannot be read, or holds an unknown key, a wrong value
            or a secret; the message names file, section and key.
    """
    path = workspace / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(
            str(exc), place=str(path), remedy=_("mend the line, or compare with: buzz config show")
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(str(exc), place=str(path)) from exc
    problems: list[str] = []
    sections = {
        name: _section(name, factory, document.pop(name, {}), environ, problems)
        for name, factory in SECTIONS.items()
    }
    problems.extend(_("[{name}]: unknown section").format(name=name) for name in document)
    offset = _offset(environ.get("BUZZ_CLOCK_OFFSET_S", ""), problems)
    if not problems:
        problems = _contradictions(sections)
    if problems:
        raise ConfigurationError(
            _("wrong settings"),
            place=str(path),
            remedy=_("see: buzz config show"),
            details=problems,
        )
    return Settings(workspace=workspace, clock_offset=offset, **sections)


def _section(
    name: str, factory: Any, given: Any, environ: Mapping[str, str], problems: list[str]
) -> Any:
    """Return one section's values; what is wrong goes into ``problems``."""
    values: dict[str, Any] = {}
    if not isinstance(given, dict):
        problems.append(_("[{name}]: must be a section").format(name=name))
        given = {}
    kinds = get_type_hints(factory)
    known = {f.name.rstrip("_"): f.name for f in dataclasses.fields(factory)}
    for key, value in given.items():
        where = f"[{name}] {key}"
        if "password" in key or "secret" in key:
            problems.append(
                _("{where}: no secret in this file; use the environment or a 0600 file").format(
                    where=where
                )
            )
        elif key not in known:
            problems.append(_("{where}: unknown key").format(where=where))
        else:
            values[known[key]] = _value(kinds[known[key]], value, where, problems)
    for key, attribute in known.items():
        variable = f"BUZZ_{name}_{key}".upper()
        if variable in environ:
            values[attribute] = _value(
                kinds[attribute],
                _from_text(kinds[attribute], environ[variable]),
                variable,
                problems,
            )
    return factory(**{k: v for k, v in values.items() if v is not None})


def _from_text(kind: Any, text: str) -> Any:
    """Return an environment variable's text as the TOML value it stands for."""
    if kind is str or get_origin(kind) is Literal:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _value(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """Return the value as its kind, or None with a line in ``problems``."""
    fits, convert, wanted = _kind(kind)
    if fits(value):
        return convert(value)
    problems.append(
        _("{where}: {value} is not {wanted}").format(
            where=where, value=json.dumps(value, default=str), wanted=wanted
        )
    )
    return None


def _kind(kind: Any) -> tuple[Callable[[Any], bool], Callable[[Any], Any], str]:
    """Return (does it fit, as what, what is wanted) for a key's annotated kind."""
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return choices.__contains__, str, " | ".join(f'"{choice}"' for choice in choices)
    if get_origin(kind) is tuple:
        return _are_strings, tuple, '["…"]'
    return {
        str: (lambda v: isinstance(v, str), str, '"…"'),
        bool: (lambda v: isinstance(v, bool), bool, "true | false"),
        int: (lambda v: type(v) is int and v >= 0, int, "0, 1, 2, …"),
        float: (lambda v: type(v) in {int, float} and v >= 0, float, "0.5, 1, …"),
    }[kind]


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _offset(text: str, problems: list[str]) -> timedelta:
    try:
        return timedelta(seconds=float(text or 0))
    except (ValueError, OverflowError):
        problems.append(f"BUZZ_CLOCK_OFFSET_S: {text!r}")
        return timedelta()


def _contradictions(sections: Mapping[str, Any]) -> list[str]:
    """Return what cannot be true together, one line each."""
    problems = []
    smtp: Smtp = sections["smtp"]
    if smtp.tls == "none" and not _is_loopback(smtp.host):
        problems.append(
            _('[smtp] tls: "none" is only for loopback, not for {host}').format(host=smtp.host)
        )
    if smtp.connections < 1:
        problems.append(_("[smtp] connections: at least 1"))
    if sections["poll"].concurrency < 1:
        problems.append(_("[poll] concurrency: at least 1"))
    if sections["rank"].size < 1 or sections["rank"].half_life_days <= 0:
        problems.append(_("[rank] size and half_life_days: more than 0"))
    if not sections["web"].base_url.startswith(("http://", "https://")):
        problems.append(_("[web] base_url: must begin with https:// (or http://)"))
    for network in sections["poll"].allow_networks:
        try:
            ip_network(network)
        except ValueError as exc:
            problems.append(f"[poll] allow_networks: {exc}")
    return problems


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3


def as_toml(settings: Settings) -> str:
    """Return ``buzz.toml`` for these settings, each key with its comment in the language in force.

    The result reads back to the same settings.
    """
    lines = [
        "# " + _("La Lettre du Buzz: settings of this workspace."),
        "# " + _("Environment variables override: BUZZ_SECTION_KEY, e.g. BUZZ_SMTP_PORT=2525."),
    ]
    for name, factory in SECTIONS.items():
        section = getattr(settings, name)
        lines += ["", f"[{name}]"]
        for f in dataclasses.fields(factory):  # type: ignore[arg-type]  # the section's own class
            value = getattr(section, f.name)
            text = json.dumps(
                list(value) if isinstance(value, tuple) else value, ensure_ascii=False
            )
            lines.append(f"{f.name.rstrip('_')} = {text}  # {_(f.metadata['help'])}")
    return "\n".join(lines) + "\n"
