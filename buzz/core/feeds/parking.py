"""Parked domains: recognised by where they lead and by what their pages say (``parking.json``).

A lost domain answers 200 to everything. What is there is neither the blog nor its silence.
"""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from buzz.core.urls import host
from buzz.model import FetchResult

READ = 64 << 10  # bytes of a page in which its marks are searched
_BARE = 8 << 10  # bytes of a page that does little but load a parking service's script


class _Signs(NamedTuple):
    hosts: tuple[str, ...]
    marks: tuple[bytes, ...]


def is_parked(result: FetchResult) -> bool:
    """Tell whether an answer that is no feed comes from a parked domain.

    Args:
        result: with its final address, and its body where there is one.
    """
    signs = _signs()
    at = host(result.final_url)
    if any(at == known or at.endswith(f".{known}") for known in signs.hosts):
        return True
    page = result.body[:READ].lower()
    return any(mark in page for mark in signs.marks) or _leads_away(page, signs.hosts)


def _leads_away(page: bytes, hosts: tuple[str, ...]) -> bool:
    """Tell whether a page that is next to nothing loads or leads to a parking service."""
    return len(page) <= _BARE and any(
        f"//{name}".encode() in page or f".{name}/".encode() in page for name in hosts
    )


@cache
def _signs() -> _Signs:
    read = json.loads(files(__package__).joinpath("parking.json").read_text(encoding="utf-8"))
    return _Signs(tuple(read["hosts"]), tuple(mark.encode() for mark in read["marks"]))
