"""The bytes of ``blogs.csv``: separators, header, lines, and what blogs must not share."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from buzz.core import urls
from buzz.core.registry.cells import COLUMNS, cells_of, error, read_blog, warning
from buzz.locales import gettext as _
from buzz.locales import ngettext
from buzz.model import Blog, Finding, Level

_DELIMITERS = ",;"
_BOM = "\ufeff"
_FORMULA = re.compile(r"'*[=+\-@]")
_GUARDED = re.compile(r"\s*'+[=+\-@]")  # ' is a spreadsheet's sign for "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a registry is written down: what its reader's spreadsheet needs."""

    delimiter: str = ","
    bom: bool = False
    guarded: bool = False  # cells that a spreadsheet would run as formulas begin with '


SPREADSHEET = Style(delimiter=";", bom=True, guarded=True)  # opens by a double click in French


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What a file holds. With an error among the findings, ``blogs`` is not the whole of it."""

    blogs: tuple[Blog, ...] = ()  # by slug
    findings: tuple[Finding, ...] = ()  # in the order of the lines
    style: Style = Style()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that forbid the use of this registry."""
        return tuple(f for f in self.findings if f.level is Level.ERROR)


def read(content: bytes, *, file: str, allowed: Collection[str] = ()) -> Registry:
    """Return the blogs of a registry and everything that is wrong with it.

    Args:
        content: the file's bytes.
        file: its name, for the places of the findings.
        allowed: private networks that may be asked.
    """
    try:
        decoded = content.decode()
    except UnicodeDecodeError as exc:
        return Registry(findings=(_not_utf8(content, exc.start, file),))
    style = Style(bom=decoded.startswith(_BOM), delimiter=_delimiter(decoded))
    findings: list[Finding] = []
    lines = _lines(decoded.removeprefix(_BOM), style.delimiter, file, findings)
    blogs = list(_blogs(lines, file, findings, allowed))
    findings.extend(_shared_values(blogs, file))
    findings.sort(key=lambda finding: int(finding.place.rpartition(":")[2]))
    return Registry(
        blogs=tuple(sorted((blog for _line, blog in blogs), key=lambda blog: blog.slug)),
        findings=tuple(findings),
        style=style,
    )


def _delimiter(decoded: str) -> str:
    header = decoded.partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _not_utf8(content: bytes, at: int, file: str) -> Finding:
    line = content.count(b"\n", 0, at) + 1
    return error(
        f"{file}:{line}",
        _("this file is not UTF-8"),
        _("save it as “CSV UTF-8”, or run: iconv -f WINDOWS-1252 -t UTF-8 {file}").format(
            file=file
        ),
    )


def _lines(
    decoded: str, delimiter: str, file: str, findings: list[Finding]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (first line number, column -> cell) of each record that fits the header."""
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    line = 1
    try:
        for record in reader:
            if columns is None and record:
                columns = [column.strip().casefold() for column in record]
                if problems := tuple(_header_problems(columns, f"{file}:{line}")):
                    findings.extend(problems)
                    return
            elif columns and any(record):
                if fitting := _fitting(record, len(columns)):
                    yield line, dict(zip(columns, map(_unguarded, fitting), strict=True))
                else:
                    findings.append(_wrong_length(len(record), len(columns), f"{file}:{line}"))
            line = reader.line_num + 1
    except csv.Error as exc:
        findings.append(_broken(str(exc), f"{file}:{line}"))
        return
    if columns is None:
        findings.append(_no_header(f"{file}:1"))


def _unguarded(cell: str) -> str:
    return cell.replace("'", "", 1) if _GUARDED.match(cell) else cell


def _fitting(record: list[str], length: int) -> list[str]:
    """Return the record at the header's length; empty where it has fewer or more cells."""
    return record[:length] if len(record) >= length and not any(record[length:]) else []


def _header_problems(columns: list[str], place: str) -> Iterator[Finding]:
    unknown = [column for column in dict.fromkeys(columns) if column not in COLUMNS]
    strange = []
    for column in unknown:
        near = get_close_matches(column, COLUMNS, n=1)
        if near:
            yield error(
                place,
                _("unknown column: {column}").format(column=column),
                _("did you mean {near}?").format(near=near[0]),
            )
        else:
            strange.append(column)
    if strange:
        yield error(
            place,
            ngettext(
                "unknown column: {columns}", "unknown columns: {columns}", len(strange)
            ).format(columns=", ".join(strange)),
            _("known are: {columns}").format(columns=", ".join(COLUMNS)),
        )
    for column in dict.fromkeys(columns):
        if columns.count(column) > 1:
            yield error(
                place,
                _("the column {column} stands there twice").format(column=column),
                _("take one away"),
            )
    if not unknown and ("name" not in columns or not {"url", "feed_url"} & set(columns)):
        yield _no_header(place)


def _no_header(place: str) -> Finding:
    return error(
        place,
        _("no header with name and url or feed_url"),
        _("the first line must name the columns: {columns}").format(columns=",".join(COLUMNS)),
    )


def _wrong_length(found: int, wanted: int, place: str) -> Finding:
    return error(
        place,
        _("{found} cells where the header has {wanted}").format(found=found, wanted=wanted),
        _("is a separator or a quotation mark missing or too many?"),
    )


def _broken(why: str, place: str) -> Finding:
    if "end of data" in why or "field limit" in why:
        what = _("a quotation mark that opens here is never closed")
    else:
        what = _("this line is no CSV: {why}").format(why=why)
    return error(place, what, _("quotes inside a quoted cell are doubled"))


def _blogs(
    lines: Iterable[tuple[int, dict[str, str]]],
    file: str,
    findings: list[Finding],
    allowed: Collection[str],
) -> Iterator[tuple[int, Blog]]:
    """Yield (line, blog) of each sound record, the first of each slug."""
    first: dict[str, int] = {}
    for line, cells in lines:
        place = f"{file}:{line}"
        blog, problems = read_blog(cells, place=place, allowed=allowed)
        findings.extend(problems)
        if blog is None:
            continue
        if blog.slug in first:
            findings.append(
                error(
                    place,
                    _("the slug {slug} is already on line {line}").format(
                        slug=blog.slug, line=first[blog.slug]
                    ),
                    _("write another one in the column slug, e.g. {slug}-2").format(slug=blog.slug),
                )
            )
            continue
        first[blog.slug] = line
        yield line, blog


def _shared_values(blogs: Iterable[tuple[int, Blog]], file: str) -> Iterator[Finding]:
    """Yield a warning where blogs share what should be one blog's own."""
    holders: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for line, blog in blogs:
        if address := blog.feed_url or blog.url:
            holders["address", urls.canonical(address)].append(line)
        if blog.email:
            holders["email", blog.email.casefold()].append(line)
    for (kind, _value), lines in holders.items():
        for line in lines[1:]:
            what, remedy = {
                "address": (
                    _("the same blog as on line {line}, by its address"),
                    _("remove one of them: only one is asked"),
                ),
                "email": (
                    _("the same e-mail address as on line {line}"),
                    _("one letter goes to both blogs"),
                ),
            }[kind]
            yield warning(f"{file}:{line}", what.format(line=lines[0]), remedy, rule=kind)


def write(blogs: Iterable[Blog], style: Style = Style()) -> bytes:
    """Return the bytes of a registry: sorted by slug, every column, lines end in LF."""
    out = io.StringIO(_BOM if style.bom else "")
    out.seek(0, io.SEEK_END)
    writer = csv.writer(out, delimiter=style.delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    guard = _FORMULA if style.guarded else _GUARDED
    for blog in sorted(blogs, key=lambda blog: blog.slug):
        writer.writerow(
            f"'{cell}" if guard.match(cell) else cell for cell in cells_of(blog).values()
        )
    return out.getvalue().encode()
