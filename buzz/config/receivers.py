"""How mail providers want to be written to: ``receivers.toml``, ours and the workspace's."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.model import Receiver

FILE = "receivers.toml"
_AMOUNTS = {"connections": int, "messages": int, "rate_per_s": float}


def load(workspace: Path) -> tuple[Receiver, ...]:
    """Return the receivers known; the workspace's keys replace ours, receiver by receiver.

    Raises:
        ConfigurationError: the workspace's file cannot be read; names section and key.
    """
    found = _read(Path(__file__).with_name(FILE))
    own = workspace / FILE
    if own.exists():
        for name, section in _read(own).items():
            found[name] = {**found.get(name, {}), **section}
    return tuple(Receiver(name=name, **section) for name, section in found.items())


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigurationError(
            str(exc), place=str(path), remedy=_("mend the line, or remove the file")
        ) from exc
    problems: list[str] = []
    sections = {name: _section(name, given, problems) for name, given in document.items()}
    if problems:
        raise ConfigurationError(
            _("wrong settings"),
            place=str(path),
            remedy=_("known keys: domains, connections, messages, rate_per_s"),
            details=problems,
        )
    return sections


def _section(name: str, given: Any, problems: list[str]) -> dict[str, Any]:
    """Return one receiver's values; what is wrong goes into ``problems``."""
    if not isinstance(given, Mapping):
        problems.append(_("[{name}]: must be a section").format(name=name))
        return {}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key == "domains" and _are_domains(value):
            values[key] = tuple(domain.lower() for domain in value)
        elif key in _AMOUNTS and _is_amount(value) and _AMOUNTS[key](value) == value:
            values[key] = _AMOUNTS[key](value)
        else:
            problems.append(
                _("[{name}] {key}: `{value}` does not fit").format(name=name, key=key, value=value)
            )
    return values


def _are_domains(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(domain, str) and domain and "@" not in domain and "*" not in domain[:-1]
        for domain in value
    )


def _is_amount(value: Any) -> bool:
    return type(value) in {int, float} and value >= 0
