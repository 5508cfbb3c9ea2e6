"""What the doctor says, and what it asks."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Health(StrEnum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"  # letters leave, some may be lost or distrusted
    ERROR = "error"  # letters will be refused, or must not be sent
    UNKNOWN = "unknown"  # could not be found out


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    area: str  # dns, smtp, web, legal
    rule: str  # short and stable: "spf-lookups"
    health: Health
    place: str  # domain, host or setting
    what: str
    why: str = ""  # who refuses what for it; empty where all is well
    remedy: str = ""
    record: str = ""  # to publish in the DNS, as a zone file has it


def found_in(
    area: str,
    rule: str,
    health: Health,
    place: str,
    what: str,
    *,
    why: str = "",
    remedy: str = "",
) -> Check:
    """Return what was found; see :class:`Check`."""
    return Check(
        area=area, rule=rule, health=health, place=place, what=what, why=why, remedy=remedy
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the DNS."""

    name: str
    kind: str  # A, AAAA, MX, PTR, TXT


@dataclass(frozen=True, slots=True)
class Answer:
    """What the DNS said. Records as in a zone file; a TXT record is its strings joined."""

    records: tuple[str, ...] = ()
    exists: bool = True  # the name, whatever records it has; False: NXDOMAIN
    trouble: str = ""  # why there is no answer: nothing is known then


Asking: TypeAlias = Generator[Question, Answer, list[Check]]


def fold(name: str) -> str:
    """Return a domain name as it is compared: A-labels, lower case, no dot at the end.

    >>> fold("Préfecture.Example.")
    'xn--prfecture-c4a.example'
    """
    name = name.strip().rstrip(".").lower()
    try:
        return name.encode("idna").decode("ascii") if name else ""
    except UnicodeError:  # underscores, labels too long: as it is
        return name


def txt(name: str, value: str) -> str:
    """Return a TXT record for a zone file, in strings of 255 at most (RFC 1035 §3.3.14).

    >>> txt("parti.example", "v=spf1 -all")
    'parti.example. IN TXT "v=spf1 -all"'
    """
    pieces = [value[at : at + 255] for at in range(0, len(value), 255)] or [""]
    quoted = " ".join(f'"{piece}"' for piece in pieces)
    return f"{name}. IN TXT " + (f"( {quoted} )" if len(pieces) > 1 else quoted)


def tags(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record (RFC 6376 §3.2); the first of two counts."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found
