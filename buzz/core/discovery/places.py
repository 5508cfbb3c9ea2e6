"""Where a blog's feed may be, in the order in which to look: politeness is to ask rarely."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from buzz.core.discovery.page import Page
from buzz.core.urls import canonical, host

MAX_LINKED = 4  # of the feeds that a page links to
MAX_GUESSES = 12  # of the platforms' paths


class _Platform(NamedTuple):
    generators: tuple[str, ...]  # beginnings of <meta name=generator>, lower case
    hosts: tuple[str, ...]  # ends of host names; "over-blog." with any national ending
    paths: tuple[str, ...]


def feed_addresses(page: Page) -> tuple[str, ...]:
    """Return where to look for a page's feed, best first, each address once.

    First what the page links to, then the paths of its platform, then those of the others.

    >>> page = Page(url="https://vu-d-ici.over-blog.com/", feeds=())
    >>> feed_addresses(page)[0]
    'https://vu-d-ici.over-blog.com/rss'
    """
    found: dict[str, str] = {}
    for address in (*page.feeds[:MAX_LINKED], *_guesses(page)):
        found.setdefault(canonical(address), address)
    return tuple(found.values())[: MAX_LINKED + MAX_GUESSES]


def _guesses(page: Page) -> Iterator[str]:
    base = _folder(page.url)
    platforms = sorted(_platforms(), key=lambda platform: not _fits(platform, page))
    for platform in platforms:
        for path in platform.paths:
            yield urljoin(base, path)


def _folder(url: str) -> str:
    """Return the folder of a page, where a blog's paths begin: a blog may live below a site."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path.rpartition("/")[0] + "/", query="", fragment="").geturl()


def _fits(platform: _Platform, page: Page) -> bool:
    generator, name = page.generator.lower(), host(page.url)
    return any(generator.startswith(word) for word in platform.generators) or any(
        (f".{name}.".find(f".{end}") >= 0) if end.endswith(".") else f".{name}".endswith(f".{end}")
        for end in platform.hosts
    )


@cache
def _platforms() -> tuple[_Platform, ...]:
    read = json.loads(files(__package__).joinpath("platforms.json").read_text(encoding="utf-8"))
    del read["note"]
    return tuple(
        _Platform(
            tuple(facts.get("generators", ())), tuple(facts.get("hosts", ())), tuple(facts["paths"])
        )
        for facts in read.values()
    )
