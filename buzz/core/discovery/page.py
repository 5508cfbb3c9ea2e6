"""What a page says of itself: its feeds, its author's addresses, where its links lead.

An address that is written "name [at] site" is written so to be read by people and not by robots;
it is not read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote, urljoin

from lxml import etree

from buzz.core.text import folded, one_line, printable
from buzz.core.urls import canonical, host, is_web

MAX_BYTES = 2_000_000  # read of one page; 5 MB of <p> would be 200 MB of tree
MAX_LINKS = 5_000  # looked at on one page; the longest blogroll of a real blog has 400
MAX_CONTACTS = 5
MAX_EMAILS = 10
_FEED_TYPES = frozenset(
    ("application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/xml",
     "text/xml")
)  # fmt: skip
_COMMENTS = re.compile(r"comment|reaction", re.IGNORECASE)  # feeds of what readers answer
_CONTACT = re.compile(
    r"\b(contact\w*|nous ecrire|m'ecrire|ecrivez|mentions? legales?|a propos|about|qui suis-je)\b"
)
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b"
)
_NOT_MAIL = re.compile(
    r"\.(?:png|jpe?g|gif|webp|svg|js|css)$|@(?:example|sentry|.*wixpress)\.", re.IGNORECASE
)
_UNSEEN = frozenset(("script", "style", "noscript", "template"))
_CHARSET = re.compile(r"charset=[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says of itself. All addresses are absolute and of the web, each once."""

    url: str  # after redirects
    title: str = ""
    generator: str = ""
    language: str = ""
    feeds: tuple[str, ...] = ()  # in the page's order, but feeds of comments last
    emails: tuple[str, ...] = ()  # the site's own domain first, links before text
    contacts: tuple[str, ...] = ()  # pages of the same site that may name the author
    links: tuple[str, ...] = ()  # in order, without the site's own


def read_page(body: bytes, url: str, content_type: str = "") -> Page:
    """Return what a page says of itself; of what is no HTML, nothing.

    Args:
        body: as it came.
        url: where it came from, after redirects.
        content_type: the header.
    """
    root = _tree(body[:MAX_BYTES], content_type)
    if root is None:
        return Page(url=url)
    base = _base(root, url)
    anchors = [
        (href, one_line(" ".join(map(str, a.itertext()))))
        for a in islice(root.iter("a"), MAX_LINKS)
        if (href := a.get("href", "").strip())
    ]
    addresses = [(found, words) for href, words in anchors if (found := _absolute(href, base))]
    home = host(url)
    return Page(
        url=url,
        title=_first(root, "title"),
        generator=_meta(root, "generator"),
        language=_language(root.get("lang", "")),
        feeds=tuple(_feeds(root, base)),
        emails=_emails(root, anchors, home),
        contacts=tuple(_contacts(addresses, home))[:MAX_CONTACTS],
        links=_once(link for link, _words in addresses if host(link) != home),
    )


def _tree(body: bytes, content_type: str) -> "etree._Element | None":
    parser = etree.HTMLParser(
        encoding=_encoding(body, content_type), remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):  # empty, or nothing in it at all
        return None


def _encoding(body: bytes, content_type: str) -> str | None:
    """Return the encoding to read by; None: what the page declares."""
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        if exc.reason == "unexpected end of data":  # cut off inside a letter
            return "utf-8"
        declared = _CHARSET.search(content_type)
    else:
        return "utf-8"
    if declared is None:
        return None
    try:
        b"".decode(declared[1])
        etree.HTMLParser(encoding=declared[1])
    except LookupError:
        return None
    return declared[1]


def _base(root: "etree._Element", url: str) -> str:
    declared = next((b.get("href", "") for b in root.iter("base")), "")
    return _absolute(declared, url) or url


def _absolute(href: str, base: str) -> str:
    """Return the web address that a link means on a page, or nothing."""
    try:
        address = urljoin(base, printable(href.strip())).replace(" ", "%20")
    except ValueError:
        return ""
    address = address.partition("#")[0]
    return address if href and is_web(address) else ""


def _first(root: "etree._Element", tag: str) -> str:
    found = next(root.iter(tag), None)
    return "" if found is None else one_line("".join(map(str, found.itertext())))[:200]


def _meta(root: "etree._Element", name: str) -> str:
    return next(
        (
            one_line(meta.get("content", ""))
            for meta in root.iter("meta")
            if meta.get("name", "").lower() == name
        ),
        "",
    )


def _language(declared: str) -> str:
    found = re.match(r"[A-Za-z]{2,3}(?![A-Za-z])", declared)
    return found[0].lower() if found else ""


def _feeds(root: "etree._Element", base: str) -> Iterator[str]:
    """Yield the feeds that a page links to for robots (WHATWG HTML, "Link type alternate")."""
    found: list[tuple[bool, str]] = []
    for link in root.iter("link"):
        kind = link.get("type", "").partition(";")[0].strip().lower()
        if "alternate" not in link.get("rel", "").lower().split() or kind not in _FEED_TYPES:
            continue
        if address := _absolute(link.get("href", ""), base):
            of_comments = bool(_COMMENTS.search(link.get("title", "") + address))
            found.append((of_comments, address))
    found.sort(key=lambda pair: pair[0])
    yield from _once(address for _of_comments, address in found)


def _emails(
    root: "etree._Element", anchors: Iterable[tuple[str, str]], home: str
) -> tuple[str, ...]:
    found: list[str] = []
    for href, _words in anchors:
        if href[:7].lower() == "mailto:":
            found += _EMAIL.findall(unquote(href[7:].partition("?")[0]))
    found += _EMAIL.findall(" ".join(_text(root)))
    first = {address.lower(): address for address in reversed(found)}
    ours = [
        a
        for low in dict.fromkeys(f.lower() for f in found)
        if not _NOT_MAIL.search(a := first[low])
    ]
    ours.sort(key=lambda address: address.lower().rpartition("@")[2] != home)
    return tuple(ours[:MAX_EMAILS])


def _text(root: "etree._Element") -> Iterator[str]:
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag not in _UNSEEN and element.text:
            yield element.text
        if element.tail:
            yield element.tail


def _contacts(links: Iterable[tuple[str, str]], home: str) -> Iterator[str]:
    seen = set()
    for link, words in links:
        is_contact = _CONTACT.search(folded(words)) or "contact" in link.rpartition("//")[2].lower()
        if host(link) == home and is_contact and canonical(link) not in seen:
            seen.add(canonical(link))
            yield link


def _once(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return addresses in order, each page once, as it is spelt first."""
    first: dict[str, str] = {}
    for address in addresses:
        first.setdefault(canonical(address), address)
    return tuple(first.values())
