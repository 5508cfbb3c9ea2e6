"""One document: is it a feed at all, and which entries are in it (RFC 4287, RSS 0.9x to 2.0).

``unfit`` looks at the bytes before anybody parses them; ``read`` turns what feedparser found into
our values. Years of others' feeds speak here: guids that repeat, dates in the future or absent,
text where markup is declared and the other way round, links that are relative or none.
"""

import calendar
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from html.entities import name2codepoint
from itertools import islice
from time import struct_time
from typing import Any, NamedTuple

from buzz.core.feeds.html import absolute, plain_text, visible_text
from buzz.core.feeds.timing import asked_for
from buzz.core.text import one_line
from buzz.core.urls import canonical
from buzz.locales.formats import PARIS
from buzz.model import Entry, LeftOut, ParsedFeed

MAX_ENTRIES = 500  # of one document; the longest honest feed of 521 real ones has 730
MIN_VISIBLE = 80  # characters; below, a post without an enclosure does not count
MAX_TEXT = 100_000  # characters kept of one entry: the length of a short novel
MAX_TITLE = 500  # characters; real ones have up to 300
MAX_KEY = 500  # characters; a longer guid is kept as its hash
CLOCK_SKEW = timedelta(days=1)  # of servers and of zones nobody set; beyond, a date is "future"
EARLIEST = datetime(1970, 1, 3, tzinfo=UTC)  # the epoch, give or take a zone, means "no date"

_BLANK = b"\xef\xbb\xbf \t\r\n"
_JSON = frozenset((b"{", b"["))
_PROLOG_LIMIT = 100_000  # bytes in which the root element must begin
_DECLARATION = re.compile(rb"^<\?xml[^>]*>")
_ROOT = re.compile(rb"<[A-Za-z_]")
_ENTITY = re.compile(rb"<!ENTITY\s+(%\s+)?([^\s>\"']+)\s*([^>]*)", re.IGNORECASE)
_HARMLESS_VALUE = re.compile(rb"\s*([\"'])(?:&#\w+;|[^&%<\"']{0,16})\1\s*")
# The parameter entities by which RSS 1.0 borrows HTML's names; feedparser never fetches them.
_HTML_SETS = frozenset((b"HTMLlat1", b"HTMLsymbol", b"HTMLspecial"))
_HTML_TYPE = re.compile(rb"<!doctype\s+html", re.IGNORECASE)
_HTML = re.compile(rb"<(?:html|head|body)[\s>]", re.IGNORECASE)
_FORBIDDEN = bytes({*range(0x20)} - {0x09, 0x0A, 0x0D})
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]{1,20}|[0-9]{1,20});)+")
# Nearly all documents only have others, and thousands of them.
_SUSPECT = re.compile(
    rb"&#(?:[xX]0*[01]?[0-9a-fA-F];|[xX]0*[dD][89a-fA-F]|[xX]0*[fF]{3}[eEfF];|[xX][0-9a-fA-F]{6,}"
    rb"|0*(?:[12]?[0-9]|3[01]);|0*5[5-7][0-9]{3};|0*6553[45];|[0-9]{7,})"
)
_SURROGATES = range(0xD800, 0xE000)
_XML_CODES = (
    range(0x20, 0xD800),
    range(0xE000, 0xFFFE),
    range(0x1_0000, 0x11_0000),
    (0x09, 0x0A, 0x0D),
)
_MARKS = re.compile("[\u0300-\u036f]+")
# All that stands between words but single spaces: those are most, and stay where they are.
_BETWEEN = re.compile(r"[^\w ]\W*| \W+")
_TEXT_TYPES = frozenset(("text/plain", "text", "plain"))


def unfit(body: bytes) -> str:
    """Return why a document must not be parsed, or an empty string.

    ``empty``; ``html`` (a home, error or parking page); ``json`` (a JSON Feed, or an answer of some
    interface); ``not-a-feed`` (no markup at all);
    ``entities``: it declares entities beyond HTML's own names, which real feeds use, with a
    short value. That is how entity bombs and XXE begin.

    Args:
        body: the document in an encoding that contains ASCII.

    >>> unfit(b'<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaa">]><rss/>')
    'entities'
    >>> unfit(b'<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]><rss/>')
    ''
    """
    start = _DECLARATION.sub(b"", body[:_PROLOG_LIMIT].lstrip(_BLANK), count=1).lstrip(_BLANK)
    if not start:
        return "empty"
    if start[:1] in _JSON:
        return "json"
    root = _ROOT.search(start) if start.startswith(b"<") else None
    if root is None:
        return "not-a-feed"
    prolog = start[: root.start()]
    if not all(map(_is_harmless, _ENTITY.finditer(prolog))):
        return "entities"
    return "html" if _HTML_TYPE.search(prolog) or _HTML.match(start, root.start()) else ""


def mended(body: bytes) -> bytes:
    r"""Return a document without the characters that no XML may contain (XML 1.0 §2.2).

    They would send it to feedparser's loose parser, which is slow, and breaks on an emoji that
    is written as the two halves of UTF-16; those are joined.

    Args:
        body: UTF-8.

    >>> mended(b"<a>\x0b&#55357;&#56832;&#0;&#8217;</a>")
    b'<a>&#128512;&#8217;</a>'
    """
    body = body.translate(None, _FORBIDDEN)
    return _REFERENCES.sub(_mend, body) if _SUSPECT.search(body) else body


def _mend(match: "re.Match[bytes]") -> bytes:
    """Return a run of character references, mended where one of them is none of XML's."""
    codes = [
        int(code[1:], 16) if code[:1] in b"xX" else int(code)
        for code in match.group()[2:-1].split(b";&#")
    ]
    if all(map(_is_xml, codes)):
        return match.group()
    halves = "".join(chr(code) for code in codes if _is_xml(code) or code in _SURROGATES)
    joined = halves.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "".join(f"&#{ord(character)};" for character in joined).encode()


def _is_xml(code: int) -> bool:
    return any(code in codes for codes in _XML_CODES)


def _is_harmless(declaration: "re.Match[bytes]") -> bool:
    parameter, name, value = declaration.groups()
    if parameter:
        return name in _HTML_SETS
    known = name.decode("ascii", "replace") in name2codepoint
    return known and _HARMLESS_VALUE.fullmatch(value) is not None


def read(
    document: Mapping[str, Any], *, blog: str, url: str, now: datetime, first: bool
) -> ParsedFeed:
    """Return what feedparser found in a document as our values.

    Args:
        document: feedparser's result, made without its sanitiser and its resolver.
        blog: slug of whose feed it is.
        url: where the document came from; relative links are resolved against it.
        now: when the entries are seen, aware UTC.
        first: whether nothing of this feed was ever read before: a backlog without usable
            dates then counts for nothing (``LeftOut.BACKFILL``).

    Returns:
        At most 500 entries in document order, no two with one identity; or an error where the
        document is no feed.
    """
    items: Sequence[Mapping[str, Any]] = document["entries"]
    if not document.get("version") and not items:
        return ParsedFeed(error="not-a-feed", detail=str(document.get("bozo_exception", "")))
    drafts = [_draft(item, url) for item in islice(items, MAX_ENTRIES) if _has_anything(item)]
    keys = _Keys(
        guids=_telling((d.guid, d.link, d.title) for d in drafts),
        links=_telling((d.page, "", d.title) for d in drafts),
    )
    entries: dict[str, Entry] = {}
    for draft in drafts:
        entry = _entry(draft, keys, blog=blog, url=url, now=now, first=first)
        entries.setdefault(entry.identity, entry)
    return ParsedFeed(
        title=_title(document["feed"]),
        entries=tuple(entries.values()),
        asks_for=asked_for(document["feed"]),
    )


def entry_day(published: datetime | None, first_seen: datetime) -> date:
    """Return the day an entry counts for: the earlier of both times, in Europe/Paris.

    So a date in the future becomes the day the entry was first seen.
    """
    return min(published or first_seen, first_seen).astimezone(PARIS).date()


def content_hash(text: str) -> str:
    """Return 32 hex digits alike for texts that differ in case, accents or punctuation only.

    An empty string for a text without a word in it.
    """
    folded = text.casefold()
    if not folded.isascii():
        folded = _MARKS.sub("", unicodedata.normalize("NFKD", folded))
    words = _BETWEEN.sub(" ", folded).strip()
    return blake2b(words.encode(), digest_size=16).hexdigest() if words else ""


class _Draft(NamedTuple):
    """One entry of the document, and by what it could be known again."""

    item: Mapping[str, Any]
    guid: str
    link: str
    page: str  # the canonical link
    title: str


class _Keys(NamedTuple):
    """The guids and canonical links that tell the document's entries apart."""

    guids: frozenset[str]
    links: frozenset[str]


def _draft(item: Mapping[str, Any], url: str) -> _Draft:
    link = absolute(item.get("feedburner_origlink") or item.get("link") or "", url)
    return _Draft(
        item=item,
        guid=one_line(item.get("id") or ""),
        link=link,
        page=canonical(link),
        title=_title(item),
    )


def _entry(draft: _Draft, keys: _Keys, *, blog: str, url: str, now: datetime, first: bool) -> Entry:
    item = draft.item
    published = _time(item, "published_parsed", "updated_parsed", "created_parsed")
    text, links = _content(item, draft.link or url, url)
    has_enclosure = any(enclosure.get("href") for enclosure in item.get("enclosures", ()))
    length = len(text)
    dated = published is not None and published <= now + CLOCK_SKEW
    return Entry(
        blog=blog,
        identity=_identity(draft, keys, published, text),
        link=draft.link,
        title=draft.title,
        published=published,
        updated=_time(item, "updated_parsed"),
        first_seen=now,
        day=entry_day(published, now),
        text=text[:MAX_TEXT],
        links=links,
        content_hash=content_hash(text),
        length=length,
        enclosure=has_enclosure,
        left_out=_left_out(
            is_short=length < MIN_VISIBLE and not has_enclosure, is_backfill=first and not dated
        ),
    )


def _left_out(*, is_short: bool, is_backfill: bool) -> LeftOut | None:
    """Return why an entry does not count, as far as its feed alone can tell."""
    if is_backfill:
        return LeftOut.BACKFILL
    return LeftOut.SHORT if is_short else None


def _has_anything(item: Mapping[str, Any]) -> bool:
    return any(item.get(key) for key in ("id", "link", "title", "summary", "content"))


def _telling(bearers: Iterable[tuple[str, str, str]]) -> frozenset[str]:
    """Return the keys that stand for one thing each, of (key, link, title).

    A guid or link that several posts share (a template's mistake, the home page) is no key for
    any of them: were the first allowed to keep it, the next post would take it over.
    """
    things = Counter(key for key, _link, _title in set(bearers))
    return frozenset(key for key, count in things.items() if key and count == 1)


def _identity(draft: _Draft, keys: _Keys, published: datetime | None, text: str) -> str:
    """Return guid, else canonical link, else a hash of title and day."""
    if draft.guid in keys.guids:
        return _key(draft.guid)
    if draft.page in keys.links:
        return _key(draft.page)
    day = "" if published is None else published.astimezone(PARIS).date().isoformat()
    return _hash(f"{day}\n{draft.title or text}")


def _key(text: str) -> str:
    return text if len(text) <= MAX_KEY else _hash(text)


def _hash(text: str) -> str:
    return "hash:" + blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _title(item: Mapping[str, Any]) -> str:
    """Return a title as text on one line, whatever its feed declared it to be."""
    title: str = item.get("title") or ""
    detail: Mapping[str, Any] = item.get("title_detail") or {}
    if detail.get("type") not in _TEXT_TYPES:
        title = visible_text(title)[0]
    return one_line(plain_text(title))[:MAX_TITLE]


def _content(item: Mapping[str, Any], page: str, url: str) -> tuple[str, tuple[str, ...]]:
    """Return the visible text and the links of the longest content, else of the summary."""
    contents = [part for part in item.get("content", ()) if part.get("value")]
    contents.sort(key=lambda part: len(part["value"]), reverse=True)
    summary = item.get("summary_detail") or {"value": item.get("summary", "")}
    found: tuple[str, tuple[str, ...]] = ("", ())
    for part in (*contents[:1], summary):
        markup: str = part.get("value") or ""
        # feedparser says in ``base`` which xml:base was in force; without any, the document's
        # own address, and then the entry's page is what its author saw.
        base = part.get("base") or url
        if part.get("type") in _TEXT_TYPES:
            found = plain_text(markup), ()
        else:
            found = visible_text(markup, page if base == url else base)
        if any(found):
            break
    return found


def _time(item: Mapping[str, Any], *keys: str) -> datetime | None:
    """Return the first usable time, aware UTC."""
    for key in keys:
        # ``get`` of feedparser's dictionary would answer for ``updated`` with ``published``.
        parsed: struct_time | None = item[key] if key in item else None  # noqa: SIM401
        if parsed is None:
            continue
        try:
            moment = datetime.fromtimestamp(calendar.timegm(parsed), UTC)
        except (ValueError, OverflowError, OSError):
            continue
        if moment >= EARLIEST:
            return moment
    return None
