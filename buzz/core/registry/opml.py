"""OPML 2.0 (http://opml.org/spec2.opml), the format in which readers of feeds hand lists around.

Reading takes outlines with ``xmlUrl`` (or, without it, ``htmlUrl``); the groups they stand in
become tags, and so does ``category``. Real files are broken in three ways out of four: a bare
``&``, a ``<`` inside a value, an entity of HTML. Those have one meaning and are read so; an outline
with any other error is left out and reported. A document type or entity of its own is refused
before anything is parsed, whatever the encoding. Writing groups the blogs by their first tag.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from html.entities import html5
from io import BytesIO

from lxml import etree

from buzz.core import text
from buzz.core.registry.cells import TAG_SEPARATOR, error
from buzz.core.registry.rows import Listing, Row
from buzz.locales import gettext as _
from buzz.model import Blog, Finding

MAX_OUTLINES = 100_000  # groups and blogs, and "&" as well; real lists have 1,300 and 90
MAX_DEPTH = 30  # outlines inside outlines; real lists have 3
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENCODINGS = frozenset(("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16"))
_DANGEROUS = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_AMPERSAND = re.compile(r"&(?:(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_VALUE = re.compile(r'="[^"\n]*"')
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")  # matched at the start alone


def looks_like_xml(content: bytes) -> bool:
    """Tell whether a file begins as XML does, in whatever encoding."""
    start = content[:100].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith(b"<")


def read_opml(content: bytes, *, file: str) -> Listing:
    """Return the blogs of an OPML file and what could not be read of it.

    Args:
        content: the file's bytes.
        file: its name, for the places of the findings.
    """
    decoded = _decoded(content)
    if decoded is None:
        what = _("the encoding of this file is not known")
        return _refused(f"{file}:1", what, _("save it as UTF-8"), "encoding")
    if found := _DANGEROUS.search(decoded):
        return _refused(
            f"{file}:{decoded.count(chr(10), 0, found.start()) + 1}",
            _("it declares a document type or entities: refused unread"),
            _("take the line that begins with <! out, if you trust the file"),
            "entities",
        )
    if decoded.count("&") > MAX_OUTLINES:
        return Listing(findings=(_too_much(f"{file}:1", deep=False),))
    findings: list[Finding] = []
    rows = tuple(_rows(_mended(decoded), file, findings))
    return Listing(rows=rows, findings=tuple(findings))


def write_opml(blogs: Iterable[Blog], title: str) -> bytes:
    """Return blogs as OPML 2.0: by slug, grouped by their first tag, all tags in ``category``."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = text.one_line(title)
    body = etree.SubElement(root, "body")
    groups: dict[str, etree._Element] = {}
    for blog in sorted(blogs, key=lambda blog: (blog.tags[:1], blog.slug)):
        parent = body
        if blog.tags:
            tag = blog.tags[0]
            if tag not in groups:
                groups[tag] = etree.SubElement(body, "outline", text=tag, title=tag)
            parent = groups[tag]
        etree.SubElement(parent, "outline", _attributes(blog))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _attributes(blog: Blog) -> dict[str, str]:
    found = {
        "type": "rss" if blog.feed_url else "link",
        "text": blog.name,
        "title": blog.name,
        "xmlUrl": blog.feed_url,
        "htmlUrl": blog.url,
        "language": blog.language,
        "category": ",".join(blog.tags),
    }
    return {name: value for name, value in found.items() if value}


# --- reading ----------------------------------------------------------------------------------


def _refused(place: str, what: str, remedy: str, rule: str) -> Listing:
    return Listing(findings=(error(place, what, remedy, rule=rule),))


def _decoded(content: bytes) -> str | None:
    """Return the text, so that no encoding hides what is searched for; None: not known."""
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "")
    if not encoding:
        declared = _DECLARED.search(content[:300])
        encoding = declared[1].decode() if declared else "utf-8"
        try:
            encoding = codecs.lookup(encoding).name
        except LookupError:
            return None
        if encoding not in _ENCODINGS:
            return None
    try:
        decoded = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def _mended(decoded: str) -> bytes:
    """Return well-formed bytes where there is no doubt what was meant; lines stay lines."""
    if declaration := _DECLARATION.match(decoded):
        decoded = "\n" * declaration[0].count("\n") + decoded[declaration.end() :]
    decoded = text.printable(decoded)
    decoded = _VALUE.sub(lambda found: found[0].replace("<", "&lt;"), decoded)
    return _AMPERSAND.sub(_reference, decoded).encode("utf-8", "replace")


def _reference(found: re.Match[str]) -> str:
    name = found[1]
    if name and (name.startswith("#") or name in _XML_ENTITIES):
        return found[0]
    character = html5.get(f"{name};") if name else None
    return character or f"&amp;{found[0][1:]}"


def _rows(content: bytes, file: str, findings: list[Finding]) -> Iterator[Row]:
    """Yield the outlines that are blogs; what libxml2 stumbled over is left out."""
    events = etree.iterparse(
        BytesIO(content),
        events=("start", "end"),
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    found = _walk(events, file, findings)
    try:
        rows = list(found)
    except etree.XMLSyntaxError:  # nothing at all could be read
        rows = []
    torn = {entry.line: entry.message for entry in reversed(list(events.error_log))}
    findings.extend(_torn(file, line, why) for line, why in sorted(torn.items()))
    if not rows and not findings:
        findings.append(_nothing(file))
    yield from (row for row in rows if row.line not in torn)


def _walk(events: "etree.iterparse", file: str, findings: list[Finding]) -> Iterator[Row]:
    groups: list[str] = []  # names of the outlines that are open; empty: not a group
    count = 0
    for event, element in events:
        tag = etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""
        if event == "end":
            if tag == "outline":
                groups.pop()
            _forget(element)
            continue
        count += 1
        if element.getparent() is None and tag not in {"opml", "outline"}:
            findings.append(_no_opml(file))
            return
        if count > MAX_OUTLINES or len(groups) >= MAX_DEPTH:
            findings.append(_too_much(f"{file}:{element.sourceline}", deep=count <= MAX_OUTLINES))
            return
        if tag != "outline":
            continue
        attributes = {str(k).lower(): str(v).strip() for k, v in element.attrib.items()}
        name = attributes.get("text") or attributes.get("title") or ""
        cells = _cells(attributes, name, groups)
        if cells:
            yield Row(line=element.sourceline or 1, cells=cells)
        groups.append("" if cells else name)


def _cells(attributes: Mapping[str, str], name: str, groups: Iterable[str]) -> dict[str, str]:
    """Return an outline's cells; empty: it is a group, a comment or a link to a page."""
    feed, home = attributes.get("xmlurl", ""), attributes.get("htmlurl", "")
    if not feed and not home:
        return {}
    tags = [*groups, *attributes.get("category", "").split(",")]
    cells = {
        "name": name,
        "feed_url": feed,
        "url": home,
        "tags": TAG_SEPARATOR.join(tag.replace(TAG_SEPARATOR, " ") for tag in tags if tag),
        "language": _language(attributes.get("language", "")),
    }
    return {column: cell for column, cell in cells.items() if cell}


def _language(declared: str) -> str:
    """Return a language as a registry writes it, or nothing ("unknown", "en_US.UTF-8", …)."""
    found = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})?", declared)
    return found[1].lower() if found else ""


def _forget(element: "etree._Element") -> None:
    """Free an element that was read: ten megabytes of them would be a gigabyte of tree."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        for before in list(element.itersiblings(preceding=True)):
            parent.remove(before)


def _torn(file: str, line: int, why: str) -> Finding:
    return error(
        f"{file}:{line}",
        _("this is no XML: {why}").format(why=text.one_line(why)),
        _("mend this line, or add its blog by hand: buzz blogs add"),
        rule="xml",
    )


def _no_opml(file: str) -> Finding:
    return error(
        f"{file}:1",
        _("this is no OPML"),
        _("a list begins with <opml>; for the address of a blog, run: buzz blogs discover ADDRESS"),
        rule="opml",
    )


def _nothing(file: str) -> Finding:
    return error(
        f"{file}:1",
        _("no blog is in this list"),
        _("a blog is an outline with xmlUrl or htmlUrl"),
        rule="empty",
    )


def _too_much(place: str, *, deep: bool) -> Finding:
    what = (
        _("groups inside more than {most} groups").format(most=MAX_DEPTH)
        if deep
        else _("more than {most} entries").format(most=MAX_OUTLINES)
    )
    return error(place, what, _("the rest was not read: split the file"), rule="too-much")
