"""``buzz.toml`` and the environment, checked key by key; and ``buzz.toml`` written."""

import dataclasses
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from buzz.config.settings import Dkim, Rank, Sender, Settings, Smtp, Web
from buzz.core.text import printable
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _

FILE = "buzz.toml"
_PASSWORD = re.compile(r"([a-z0-9+]+://[^/@:]*):[^/@]+@")  # in an address: what comes before it
_HOST_PORT = re.compile(r".+:\d{1,5}")
_RETURN_PATH = re.compile(r"[^@\s<>*\"]*\*[^@\s<>*\"]*@[^@\s<>*]+")
# A local part has 64 characters (RFC 5321 §4.5.3.1.1), and a word of 32 comes in place of the star.
_MAX_RETURN_PATH = 33
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d ?- ?([01]\d|2[0-3]):[0-5]\d")
_ADDRESS = re.compile(r"[^<>]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
MAX_PORT = 65_535

SECTIONS = {
    f.name: f.default_factory
    for f in dataclasses.fields(Settings)
    if f.name not in {"workspace", "clock_offset"} and f.default_factory is not dataclasses.MISSING
}


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
        elif isinstance(value, str) and _PASSWORD.match(value):
            problems.append(
                _("{where}: no password in this file; set BUZZ_DATABASE_URL instead").format(
                    where=where
                )
            )
        elif key not in known:
            near = get_close_matches(key, known, n=1)
            hint = " " + _("(did you mean {near}?)").format(near=near[0]) if near else ""
            problems.append(_("{where}: unknown key").format(where=where) + hint)
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
        str: (_is_line, str, _('"…" (text on one line)')),
        bool: (lambda v: isinstance(v, bool), bool, "true | false"),
        int: (lambda v: type(v) is int and v >= 0, int, "0, 1, 2, …"),
        float: (_is_amount, float, "0.5, 1, …"),
    }[kind]


def _is_line(value: Any) -> bool:
    """Tell whether this is text that may stand in a header: no line break, no control character."""
    return isinstance(value, str) and printable(value) == value and not set(value) & {"\n", "\t"}


def _is_amount(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value) and value >= 0


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_line, values))


def _offset(text: str, problems: list[str]) -> timedelta:
    try:
        return timedelta(seconds=float(text or 0))
    except (ValueError, OverflowError):
        problems.append(f"BUZZ_CLOCK_OFFSET_S: {text!r}")
        return timedelta()


def _contradictions(sections: Mapping[str, Any]) -> list[str]:
    """Return what no workspace can work with, one line each."""
    sender: Sender = sections["sender"]
    smtp: Smtp = sections["smtp"]
    dkim: Dkim = sections["dkim"]
    web: Web = sections["web"]
    rank: Rank = sections["rank"]
    rules = (
        (
            _ADDRESS.fullmatch(sender.from_),
            _("[sender] from: wants an address: La Lettre <lettre@parti.example>"),
        ),
        (
            not sender.reply_to or _ADDRESS.fullmatch(sender.reply_to),
            _("[sender] reply_to: wants an address, or nothing"),
        ),
        (
            smtp.tls != "none" or _is_loopback(smtp.host),
            _('[smtp] tls: "none" is only for loopback, not for {host}').format(host=smtp.host),
        ),
        (
            not (dkim.key_file or dkim.ed25519_key_file) or _DOMAIN.fullmatch(dkim.domain),
            _("[dkim] domain: wants the domain of the sender's address, e.g. parti.example"),
        ),
        (
            not dkim.domain or dkim.key_file or dkim.ed25519_key_file,
            _("[dkim] key_file: wanted with a domain (buzz config dkim-key makes one)"),
        ),
        (
            _DOMAIN.fullmatch(dkim.selector) and _DOMAIN.fullmatch(dkim.ed25519_selector),
            _("[dkim] selector: letters, digits, hyphens and dots"),
        ),
        (
            dkim.selector != dkim.ed25519_selector,
            _("[dkim] ed25519_selector: another than selector"),
        ),
        (0 < smtp.port <= MAX_PORT, _("[smtp] port: from 1 to 65535")),
        (smtp.connections >= 1, _("[smtp] connections: at least 1")),
        (sections["poll"].concurrency >= 1, _("[poll] concurrency: at least 1")),
        (
            rank.size >= 1 and rank.half_life_days > 0,
            _("[rank] size and half_life_days: more than 0"),
        ),
        (
            web.base_url.startswith(("http://", "https://")),
            _("[web] base_url: must begin with https:// (or http://)"),
        ),
        (_HOST_PORT.fullmatch(web.bind), _("[web] bind: wants HOST:PORT, e.g. 127.0.0.1:8025")),
        (
            not sections["send"].quiet_hours or _HOURS.fullmatch(sections["send"].quiet_hours),
            _('[send] quiet_hours: wants e.g. "21:00-08:00"'),
        ),
        (
            _is_return_path(sections["bounces"].address),
            _(
                '[bounces] address: wants e.g. "bounces+*@parti.example", one * before the @, '
                "32 characters beside it at most"
            ),
        ),
        (
            _is_day(sections["send"].warm_up_since),
            _('[send] warm_up_since: wants a day, e.g. "2026-03-02"'),
        ),
    )
    problems = [message for holds, message in rules if not holds]
    for network in sections["poll"].allow_networks:
        try:
            ip_network(network)
        except ValueError as exc:
            problems.append(f"[poll] allow_networks: {exc}")
    return problems


def _is_return_path(text: str) -> bool:
    local = text.partition("@")[0]
    fits = len(local) <= _MAX_RETURN_PATH
    return not text or (fits and _RETURN_PATH.fullmatch(text) is not None)


def _is_day(text: str) -> bool:
    try:
        return not text or bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3


def unknown_variables(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the names in the environment that look like ours and mean nothing, sorted."""
    known = {
        "WORKSPACE",
        "LANG",
        "SECRET",
        "SMTP_PASSWORD",
        "BOUNCES_PASSWORD",
        "CLOCK_OFFSET_S",
    } | {
        f"{name}_{f.name.rstrip('_')}".upper()
        for name, factory in SECTIONS.items()
        for f in dataclasses.fields(factory)  # type: ignore[arg-type]  # the section's own class
    }
    ours = (name for name in environ if name.startswith("BUZZ_"))
    return tuple(sorted(name for name in ours if name.removeprefix("BUZZ_") not in known))


def without_password(address: str) -> str:
    """Return an address in which nobody can read the password.

    >>> without_password("postgresql+psycopg://buzz:geheim@db/buzz")
    'postgresql+psycopg://buzz:***@db/buzz'
    """
    return _PASSWORD.sub(r"\1:***@", address)


def as_toml(settings: Settings) -> str:
    """Return ``buzz.toml`` for these settings, each key with its comment in the language in force.

    The result reads back to the same settings, but for the password in an address.
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
            if isinstance(value, str):
                value = without_password(value)
            elif isinstance(value, tuple):
                value = list(value)
            text = json.dumps(value, ensure_ascii=False)
            lines.append(f"{f.name.rstrip('_')} = {text}  # {_(f.metadata['help'])}")
    return "\n".join(lines) + "\n"
