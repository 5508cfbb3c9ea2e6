"""Lists of others: OPML, a planet's configuration, addresses line by line, tables and YAML.

Such a list is no registry: it brings blogs and takes none away, and what is known stays as it is.
Nobody here can mend it, so its sound lines are taken and each of the others is reported with its
line. Nothing in it is trusted: no entity is read, no address inside a private network taken.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

from buzz.core import text, urls
from buzz.core.registry import opml
from buzz.core.registry.cells import INSIDE, TAG_SEPARATOR, error, read_blog, warning
from buzz.core.registry.rows import Listing, Row
from buzz.locales import gettext as _
from buzz.model import Blog, Finding

MAX_BYTES = 10_000_000  # the largest real list, of 36,515 addresses, has 1.3 MB
_INI_SECTION = re.compile(r"^\[([^\[\]\n]+)\][ \t]*$", re.MULTILINE)
_COMMENTS = ("#", ";", "//")
_SUFFIX = 6  # characters kept free for "-12345" at the end of a slug
# Under which names tables of others keep what we call so.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "title", "nom", "titre", "text", "introduction", "blog name"),
    "feed_url": ("feed_url", "feed", "rss", "rss feed", "feed url", "xmlurl", "atom", "flux"),
    "url": ("url", "htmlurl", "blog", "home", "homepage", "site", "website", "address", "adresse"),
    "tags": ("tags", "category", "categories"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What a list would bring to a registry."""

    blogs: tuple[Blog, ...]  # new ones, in the order of the list
    known: int  # lines whose blog the registry has
    repeated: int  # lines whose blog an earlier line has
    findings: tuple[Finding, ...]  # errors: the line was left out; warnings: it was not


def read_list(content: bytes, *, file: str) -> Listing | None:
    """Return the lines of somebody's list, or None: this looks like a registry.

    Args:
        content: the file's bytes.
        file: its name, for the shape (``.opml``, ``.yml``, …) and for the places of the findings.
    """
    suffix = file.rpartition(".")[2].casefold()
    if suffix == "opml" or opml.looks_like_xml(content):
        return opml.read_opml(content, file=file)
    decoded, doubts = _decoded(content, file)
    reader = _reader(decoded, suffix)
    if reader is None:
        return None
    found = reader(decoded, file)
    return replace(found, findings=(*doubts, *found.findings))


def arrivals(
    listing: Listing, known: Iterable[Blog], *, file: str, allowed: Collection[str] = ()
) -> Arrivals:
    """Return the blogs that a list has and a registry does not, and why others were left out.

    A blog is known by its feed, or by its home page where one of the two has no feed.

    Args:
        listing: what was read.
        known: the registry's blogs.
        file: name of the list; each new blog says that it came from there.
        allowed: private networks whose addresses are taken.
    """
    names = _Names(known)
    findings = list(listing.findings)
    new: list[Blog] = []
    counts: Counter[str] = Counter()
    for row in listing.rows:
        place = f"{file}:{row.line}"
        blog, problems = read_blog(_sound(row, place, findings), place=place, allowed=allowed)
        if blog is None:
            findings.extend(problems)
        elif inside := [problem for problem in problems if problem.rule == INSIDE]:
            findings.extend(error(place, p.what, p.remedy, rule=INSIDE) for p in inside)
        elif where := names.holder(blog):
            counts[where] += 1
        else:
            named = names.add(blog, source=file)
            new.append(named)
    findings.sort(key=lambda finding: int(finding.place.rpartition(":")[2]))
    return Arrivals(
        blogs=tuple(new),
        known=counts["known"],
        repeated=counts["repeated"],
        findings=tuple(findings),
    )


def _sound(row: Row, place: str, findings: list[Finding]) -> dict[str, str]:
    """Return a row's cells fit for a blog: with a name, and without a home page that is none."""
    cells = dict(row.cells)
    address = cells.get("feed_url") or cells.get("url", "")
    cells["name"] = text.one_line(cells.get("name", "")) or urls.host(address)
    if cells["name"] and not text.slugify(cells["name"]):
        cells["slug"] = text.slugify(urls.host(address)) or f"blog-{row.line}"
    home = cells.get("url", "")
    if cells.get("feed_url") and home and not urls.is_web(home):
        del cells["url"]
        findings.append(
            warning(
                place,
                _("the home page {url} is no web address: left out").format(url=home),
                _("give it later: buzz blogs edit SLUG --url ADDRESS"),
                rule="url",
            )
        )
    return cells


class _Names:
    """Which addresses and slugs are taken, and by whom."""

    def __init__(self, known: Iterable[Blog]) -> None:
        self._feeds: dict[str, str] = {}
        self._homes: dict[str, str] = {}  # of blogs without a feed
        self._all_homes: dict[str, str] = {}
        self._slugs: set[str] = set()
        self._next: Counter[str] = Counter()
        for blog in known:
            self._take(blog, "known")

    def holder(self, blog: Blog) -> str:
        """Return ``known`` or ``repeated`` where somebody has this blog, else nothing."""
        feed, home = urls.canonical(blog.feed_url), urls.canonical(blog.url)
        if feed and feed in self._feeds:
            return self._feeds[feed]
        return (self._homes if feed else self._all_homes).get(home, "") if home else ""

    def add(self, blog: Blog, *, source: str) -> Blog:
        """Return the blog under a slug of its own."""
        slug, base = blog.slug, blog.slug[: 64 - _SUFFIX].rstrip("-")
        while slug in self._slugs:
            self._next[base] += 1
            slug = f"{base}-{self._next[base] + 1}"
        named = _renamed(blog, slug, source)
        self._take(named, "repeated")
        return named

    def _take(self, blog: Blog, whose: str) -> None:
        self._slugs.add(blog.slug)
        feed, home = urls.canonical(blog.feed_url), urls.canonical(blog.url)
        if feed:
            self._feeds.setdefault(feed, whose)
        elif home:
            self._homes.setdefault(home, whose)
        if home:
            self._all_homes.setdefault(home, whose)


def _renamed(blog: Blog, slug: str, source: str) -> Blog:
    return replace(blog, slug=slug, source=blog.source or text.one_line(source))


# --- shapes -----------------------------------------------------------------------------------

Reader = Callable[[str, str], Listing]


def _reader(decoded: str, suffix: str) -> Reader | None:
    """Return what reads a list of this shape, or None: it may be a registry."""
    if suffix in {"yml", "yaml"}:
        return _yaml
    first = next(_meaning(decoded), (0, ""))[1]
    if _INI_SECTION.match(first) or suffix in {"ini", "cfg"}:
        return _planet
    if urls.is_web(first.split()[0] if first else ""):
        return _addresses
    return _table if _foreign_columns(first, may_be_ours=decoded.startswith("#")) else None


def _meaning(decoded: str) -> Iterator[tuple[int, str]]:
    """Yield (number, line) of what is neither blank nor a comment."""
    for number, line in enumerate(decoded.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith(_COMMENTS):
            yield number, stripped


def _addresses(decoded: str, file: str) -> Listing:
    """Read one address a line, with the blog's name after it or not."""
    rows, findings = [], []
    for number, line in _meaning(decoded):
        address, _blank, name = line.partition(" ")
        if urls.is_web(address):
            rows.append(Row(line=number, cells={"feed_url": address, "name": name}))
        else:
            findings.append(
                error(
                    f"{file}:{number}",
                    _("{line} is no web address").format(line=text.one_line(line)[:80]),
                    _("one address a line, beginning with https:// or http://"),
                    rule="feed_url",
                )
            )
    return Listing(rows=tuple(rows), findings=tuple(findings))


def _planet(decoded: str, file: str) -> Listing:
    """Read the configuration of a planet: ``[address of the feed]``, then ``name = …``."""
    rows: list[Row] = []
    section: dict[str, str] | None = None
    for number, line in _meaning(decoded):
        if found := _INI_SECTION.match(line):
            section = {"feed_url": found[1].strip()} if "://" in found[1] else None
            if section is not None:
                rows.append(Row(line=number, cells=section))
        elif section is not None:
            key, _equals, value = line.partition("=")
            if key.strip().casefold() == "name":
                section["name"] = value.strip()
    return Listing(rows=tuple(rows), findings=() if rows else (_nothing(file),))


def _table(decoded: str, file: str) -> Listing:
    """Read a table whose columns have others' names."""
    lines = decoded.splitlines()
    header = next(_meaning(decoded))[0]
    columns = _foreign_columns(lines[header - 1].strip(), may_be_ours=True)
    rows: list[Row] = []
    reader = csv.reader(io.StringIO("\n".join(lines[header:])), skipinitialspace=True)
    try:
        for record in reader:
            cells = {
                columns[index]: cell.strip()
                for index, cell in enumerate(record)
                if index in columns
            }
            if any(cells.values()):
                rows.append(Row(line=header + reader.line_num, cells=cells))
    except csv.Error as exc:
        place = f"{file}:{header + reader.line_num}"
        broken = error(
            place,
            _("this line is no CSV: {why}").format(why=exc),
            _("quotes inside a quoted cell are doubled"),
            rule="csv",
        )
        return Listing(rows=tuple(rows), findings=(broken,))
    return Listing(rows=tuple(rows))


def _foreign_columns(header: str, *, may_be_ours: bool) -> dict[int, str]:
    """Return position -> our name of a header that is not a registry's, or nothing.

    Args:
        header: the line.
        may_be_ours: also one that is spelt as ours: below a comment, which no registry has.
    """
    columns = [column.strip().strip('"').casefold() for column in header.split(",")]
    if not may_be_ours and {"name", "url", "feed_url", "slug"} & set(columns):
        return {}  # a registry, however badly spelt
    ours = {index: name for index, column in enumerate(columns) if (name := _ours(column))}
    return ours if {"url", "feed_url"} & set(ours.values()) else {}


def _ours(column: str) -> str:
    column = column.casefold().strip()
    return next((name for name, theirs in _ELSEWHERE.items() if column in theirs), "")


def _yaml(decoded: str, file: str) -> Listing:
    """Read a list of objects whose keys have others' names.

    Composed, not constructed: an alias stays one node, so no few lines make gigabytes.
    """
    try:
        root = yaml.compose(decoded, yaml.CSafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        why = getattr(exc, "problem", None) or str(exc).split("\n", maxsplit=1)[0]
        place = f"{file}:{mark.line + 1 if mark else 1}"
        what = _("this is no YAML: {why}").format(why=why)
        return Listing(findings=(error(place, what, _("mend the line"), rule="yaml"),))
    items = root.value if isinstance(root, yaml.SequenceNode) else []
    rows = []
    for item in items:
        if isinstance(item, yaml.MappingNode):
            cells = dict(_pairs(item))
            if cells.keys() & {"feed_url", "url"}:
                rows.append(Row(line=item.start_mark.line + 1, cells=cells))
    return Listing(rows=tuple(rows), findings=() if rows else (_nothing(file),))


def _pairs(item: yaml.MappingNode) -> Iterator[tuple[str, str]]:
    for key, value in item.value:
        name = _ours(str(key.value)) if isinstance(key, yaml.ScalarNode) else ""
        if name and isinstance(value, yaml.ScalarNode) and value.value.strip():
            yield name, value.value.strip()
        elif name == "tags" and isinstance(value, yaml.SequenceNode):
            yield name, TAG_SEPARATOR.join(str(tag.value) for tag in value.value)


def _nothing(file: str) -> Finding:
    return error(
        f"{file}:1",
        _("no address of a blog is in this list"),
        _("wanted: OPML, CSV, or one address a line"),
        rule="empty",
    )


def _decoded(content: bytes, file: str) -> tuple[str, tuple[Finding, ...]]:
    """Return a file's text, and the doubt about it where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as exc:
        doubt = warning(
            f"{file}:{content.count(10, 0, exc.start) + 1}",
            _("this file is not UTF-8: it is read as Windows-1252"),
            _("look at the accents in the names"),
            rule="encoding",
        )
        return content.decode("cp1252", errors="replace"), (doubt,)
