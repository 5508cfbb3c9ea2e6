"""One blog's cells: each column has a reader that takes a cell or says why not."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields
from datetime import date
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any

from buzz.core import text, urls
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.model import Blog, BlogStatus, Consent, Finding, Ground, Level

COLUMNS = tuple(f.name for f in fields(Blog))
TAG_SEPARATOR = ";"
INSIDE = "inside"  # rule of the findings about addresses that no robot of ours may ask
_MAX_CELL = 2_000  # characters; no address or note of a registry is longer
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # RFC 5646, the usual shapes
_FEDERATION = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*")  # 127.1, 0x7f.1, 2130706433


def read_blog(
    cells: Mapping[str, str], *, place: str, allowed: Collection[str] = ()
) -> tuple[Blog | None, tuple[Finding, ...]]:
    """Return the blog that these cells describe, or None, and what is wrong with them.

    Args:
        cells: column -> cell; an empty or absent cell means the default.
        place: for the findings, e.g. ``blogs.csv:12``.
        allowed: private networks that may be asked, e.g. ``127.0.0.0/8``.
    """
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    for column, raw in cells.items():
        try:
            if cell := _cell(column, raw):
                values[column] = _READERS[column](cell)
        except _BadCellError as exc:
            findings.append(error(place, f"{column}: {exc.what}", exc.remedy, rule=column))
    faulty = {finding.rule for finding in findings}
    name = values.get("name", "")
    values.setdefault("slug", text.slugify(name))
    if not name and "name" not in faulty:
        findings.append(error(place, _("no name"), _("give the blog a name"), rule="name"))
    elif name and not values["slug"] and "slug" not in faulty:
        findings.append(
            error(place, _("no slug can be made from this name"), _("give one, e.g. blog-1"))
        )
    if not (values.keys() | faulty) & {"url", "feed_url"}:
        findings.append(
            error(place, _("no address"), _("give url, feed_url or both"), rule="address")
        )
    if findings:
        return None, tuple(findings)
    blog = Blog(**values)
    return blog, tuple(_doubts(blog, place, allowed))


def cells_of(blog: Blog) -> dict[str, str]:
    """Return a blog as cells, in the order of the columns."""
    return {column: _as_cell(getattr(blog, column)) for column in COLUMNS}


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return TAG_SEPARATOR.join(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def error(place: str, what: str, remedy: str, *, rule: str = "registry") -> Finding:
    """Return a finding that forbids the use of the registry."""
    return Finding(rule=rule, level=Level.ERROR, place=place, what=what, remedy=remedy)


def warning(place: str, what: str, remedy: str, *, rule: str) -> Finding:
    """Return a finding that forbids nothing."""
    return Finding(rule=rule, level=Level.WARNING, place=place, what=what, remedy=remedy)


def _doubts(blog: Blog, place: str, allowed: Collection[str]) -> Iterator[Finding]:
    """Yield what is allowed in a blog, but surprising."""
    if not blog.feed_url:
        yield warning(
            place,
            _("no feed_url, so its posts cannot be seen"),
            _("look for its feed: buzz blogs discover {slug}").format(slug=blog.slug),
            rule="feed_url",
        )
    for address in (blog.url, blog.feed_url):
        if not is_inside(address, allowed):
            continue
        yield warning(
            place,
            _("{address} is inside a private network: it will not be asked").format(
                address=address
            ),
            _("give the public address, or allow the network: poll.allow_networks"),
            rule=INSIDE,
        )
    if re.fullmatch("[1-9]", blog.federation):
        yield warning(
            place,
            _("federation {number}: a spreadsheet may have taken its zero away").format(
                number=blog.federation
            ),
            _("write 0{number}").format(number=blog.federation),
            rule="federation",
        )


def is_inside(address: str, allowed: Collection[str] = ()) -> bool:
    """Tell whether an address names no public host, as far as its own letters say.

    What a name leads to is for the guard of the fetcher to see. What lies in a network that is
    allowed is not inside.

    >>> is_inside("http://169.254.169.254/"), is_inside("http://127.1/"), is_inside("http://a.fr/")
    (True, True, False)
    """
    host = urls.host(address)
    if host.split(".")[-1] == "localhost":  # this machine, whatever DNS says (RFC 6761 §6.3)
        host = "127.0.0.1"
    try:
        found = ip_address(host)
    except ValueError:
        return _NUMBERS.fullmatch(host) is not None
    return not found.is_global and not any(found in ip_network(network) for network in allowed)


class _BadCellError(BuzzError):
    """A cell that cannot be what its column wants."""


def _cell(column: str, raw: str) -> str:
    """Return the cell without surrounding space."""
    lines = raw.split("\n") if column == "note" else [raw]
    if len(raw) > _MAX_CELL:
        raise _BadCellError(
            _("longer than {most} characters").format(most=_MAX_CELL), remedy=_("shorten it")
        )
    if any(text.printable(line) != line or "\n" in line or "\t" in line for line in lines):
        raise _BadCellError(
            _("holds a line break or another invisible character: {cell}").format(cell=repr(raw)),
            remedy=_("take it out"),
        )
    return raw.strip()


def _slug(cell: str) -> str:
    if not text.is_slug(cell):
        raise _BadCellError(
            _("{cell} is no slug").format(cell=cell),
            remedy=_("lower-case letters a-z, digits and hyphens, e.g. {slug}").format(
                slug=text.slugify(cell) or "le-blog-de-karim"
            ),
        )
    return cell


def _address(cell: str) -> str:
    if not urls.is_web(cell) or not cell.isprintable() or " " in cell:
        raise _BadCellError(
            _("{cell} is no web address").format(cell=cell),
            remedy=_("it begins with https:// or http:// and has no space, name or password"),
        )
    return cell


def _email(cell: str) -> str:
    """Return the address as it was written: it is refused or taken, never mended."""
    from email_validator import (  # noqa: PLC0415  (slow to import; `buzz status` reads no address)
        EmailNotValidError,
        validate_email,
    )

    try:
        found = validate_email(
            cell, check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as exc:
        raise _BadCellError(
            _("{cell} is no e-mail address").format(cell=cell),
            remedy=_("write it as name@domain.fr, alone, without accents"),
        ) from exc
    if not cell.isascii():
        raise _BadCellError(
            _("{cell} has letters that mail servers do not know").format(cell=cell),
            remedy=_("write {ascii}").format(ascii=found.ascii_email),
        )
    return cell


def _language(cell: str) -> str:
    if not _LANGUAGE.fullmatch(cell):
        raise _BadCellError(
            _("{cell} is no language").format(cell=cell), remedy=_("fr, br, oc, eu, en, …")
        )
    return cell


def _federation(cell: str) -> str:
    if not _FEDERATION.fullmatch(cell):
        raise _BadCellError(
            _("{cell} is no federation").format(cell=cell),
            remedy=_("letters, digits and hyphens: 75, 2A, 974, …"),
        )
    return cell


def _tags(cell: str) -> tuple[str, ...]:
    """Return the tags as slugs: ``École; santé`` and ``ecole,sante`` are the same."""
    tags = cell.replace(",", TAG_SEPARATOR).split(TAG_SEPARATOR)  # people write both
    return tuple(sorted({text.slugify(tag) for tag in tags} - {""}))


def _choice(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read_choice(cell: str) -> StrEnum:
        try:
            return kind(cell.casefold())
        except ValueError as exc:
            raise _BadCellError(
                _("{cell} is not known").format(cell=cell), remedy=" | ".join(kind)
            ) from exc

    return read_choice


def _day(cell: str) -> date:
    try:
        day = date.fromisoformat(cell)
    except ValueError:
        day = None
    if day is None or day.isoformat() != cell:
        raise _BadCellError(
            _("{cell} is no date").format(cell=cell), remedy=_("year-month-day: 2026-03-02")
        )
    return day


_READERS: Mapping[str, Callable[[str], Any]] = {
    "slug": _slug,
    "name": str,
    "url": _address,
    "feed_url": _address,
    "email": _email,
    "language": _language,
    "federation": _federation,
    "tags": _tags,
    "status": _choice(BlogStatus),
    "consent_open": _choice(Consent),
    "consent_click": _choice(Consent),
    "notice_at": _day,
    "source": str,
    "note": str,
    "ground": _choice(Ground),
    "evidence": str,
}
