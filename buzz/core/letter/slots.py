"""Slots: the opaque words that stand in a rendering for what differs between recipients.

A word is lower-case ASCII that occurs nowhere else: it survives templates, premailer, folding and
escaping, and is found again in the end. ``x`` in it is a slot, ``z`` a block's mark, and ``y``
what a template has computed from slots (see :mod:`~buzz.core.letter.asking`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from buzz.model import Link

BLOCKS = ("mail", "pixel", "notice")  # what some recipients get and others do not
RECIPIENT = ("name", "federation", "rank", "source")  # of any length, inside sentences
ADDRESSES = ("unsubscribe", "online", "preferences", "kit", "pixel_url")
MAY_BE_EMPTY = frozenset({*RECIPIENT, "pixel_url"})  # of the slots: an address is always there


def of_links(links: Iterable[Link]) -> list[str]:
    """Return the names of the links' slots: where a click leads, and the blog's own link."""
    return [f"{kind}:{link.id}" for link in links for kind in ("click", "relay")]


def words(links: Sequence[Link], content: str) -> dict[str, str]:
    """Return a word for each slot and block by name; none of them occurs in the content."""
    stem = "qz"
    while stem in content:
        digest = blake2b(f"{stem}\0{content}".encode(), digest_size=4).hexdigest()
        stem = f"qz{digest}"
    names = (*RECIPIENT, *ADDRESSES, *of_links(links))
    found = {name: f"{stem}x{number:03d}q" for number, name in enumerate(names)}
    return found | {name: f"{stem}z{number:03d}q" for number, name in enumerate(BLOCKS)}


def stem(slots: Mapping[str, str]) -> str:
    """Return what all words of a letter begin with."""
    return slots[RECIPIENT[0]].removesuffix("x000q")


def pattern(slots: Mapping[str, str]) -> re.Pattern[str]:
    """Return what finds the words of slots and of what was computed from them, no block's."""
    return re.compile(rf"{stem(slots)}[xy]\d+q")


def loose(slots: Mapping[str, str]) -> re.Pattern[str]:
    """Return what finds the words whose values have any length and stand inside sentences."""
    fixed = "|".join(slots[name] for name in RECIPIENT)
    return re.compile(rf"{fixed}|{stem(slots)}y\d+q")
