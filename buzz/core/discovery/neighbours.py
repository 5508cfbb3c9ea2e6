"""Neighbours: the sites that listed blogs point to, ranked by how many do.

A candidate is a site that no blog of the registry lives at and that is nobody's platform, network,
paper or office (``elsewhere.json``). One blog counts once, however often it links: a blogroll on
two hundred pages is one recommendation.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import urlsplit

from buzz.core.urls import host, is_web

_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|pdf|mp[34]|ogg|zip|docx?|xlsx?|odt)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlink:
    """One link from a listed blog to somewhere."""

    blog: str  # slug
    page: str  # where the link stands
    target: str
    in_roll: bool = False  # on the home page: a blogroll, rather than a post


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A site that listed blogs point to, with the evidence."""

    site: str  # host, or host and first folder where many share a host
    url: str  # its home, as the links spell it
    blogs: tuple[str, ...]  # slugs of those that point to it, sorted
    rolls: int  # how many of them do so on their home page
    evidence: tuple[Outlink, ...]  # one link of each of them, the best first


def site_of(url: str) -> str:
    """Return the site that an address belongs to, or nothing.

    >>> site_of("https://www.karim.example/2026/03/x"), site_of("https://medium.com/@lea/y")
    ('karim.example', 'medium.com/@lea')
    """
    name = host(url)
    if name not in _elsewhere().shared:
        return name
    folder = urlsplit(url).path.strip("/").split("/")[0]
    return f"{name}/{folder}" if folder else ""


def neighbours(
    links: Iterable[Outlink], *, known: Iterable[str], own: Iterable[str] = (), least: int = 2
) -> tuple[Neighbour, ...]:
    """Return the sites that at least so many listed blogs point to, most first.

    Args:
        links: of listed blogs, in any order.
        known: addresses of the registry's blogs, listed or not.
        own: the desk's own hosts; what lies below them is left out as well.
        least: of blogs.
    """
    sites = {site for address in known if (site := site_of(address))}
    ours = tuple(filter(None, own))
    found: defaultdict[str, dict[str, Outlink]] = defaultdict(dict)
    judged: dict[str, bool] = {}
    for link in links:
        site = site_of(link.target) if is_web(link.target) else ""
        if not site or site in sites or _FILE.search(urlsplit(link.target).path):
            continue
        if site not in judged:
            judged[site] = not _is_elsewhere(site, ours)
        if judged[site]:
            best = found[site].setdefault(link.blog, link)
            if _weight(link) < _weight(best):
                found[site][link.blog] = link
    chosen = [_neighbour(site, by_blog) for site, by_blog in found.items() if len(by_blog) >= least]
    return tuple(sorted(chosen, key=lambda n: (-len(n.blogs), -n.rolls, n.site)))


def _weight(link: Outlink) -> tuple[bool, int, str, str]:
    """Return what makes a link the better evidence: in a blogroll, short; and never by chance."""
    return not link.in_roll, len(link.target), link.target, link.page


def _neighbour(site: str, by_blog: dict[str, Outlink]) -> Neighbour:
    best = sorted(by_blog.values(), key=lambda link: (*_weight(link), link.blog))
    scheme = "https" if any(link.target.startswith("https:") for link in best) else "http"
    netloc = urlsplit(best[0].target).netloc
    folder = site.partition("/")[2]
    return Neighbour(
        site=site,
        url=f"{scheme}://{netloc}/{folder}",
        blogs=tuple(sorted(by_blog)),
        rolls=sum(link.in_roll for link in best),
        evidence=tuple(best),
    )


class _Elsewhere(NamedTuple):
    below: frozenset[str]  # these and all below them are nobody's blog
    alone: frozenset[str]  # these are not; what is below them may be blogs
    blogs: frozenset[str]  # what is below these are blogs all the same
    shared: frozenset[str]  # hosts of many blogs, a folder each


def _is_elsewhere(site: str, own: Iterable[str]) -> bool:
    name = site.partition("/")[0]
    labels = name.split(".")
    tails = {".".join(labels[start:]) for start in range(len(labels))}
    lists = _elsewhere()
    if name in lists.alone or len(labels) == 1 or labels[-1].isdigit() or tails & set(own):
        return True
    if tails & lists.blogs:
        return False
    anywhere = {f"{label}." for label in labels[-3:-1]}
    return bool((tails | anywhere) & lists.below)


@cache
def _elsewhere() -> _Elsewhere:
    read = json.loads(files(__package__).joinpath("elsewhere.json").read_text(encoding="utf-8"))
    below = (name for names in read["below"].values() for name in names)
    return _Elsewhere(
        frozenset(below), *(frozenset(read[key]) for key in ("alone", "blogs", "shared"))
    )
