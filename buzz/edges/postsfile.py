"""A table of posts to try the ranking on: ``blog,day,length,text_hash``, plain or gzipped."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from buzz.errors import UsageError
from buzz.locales import gettext as _

COLUMNS = ("blog", "day", "length", "text_hash")


class Row(NamedTuple):
    """One post."""

    blog: str
    day: date
    length: int  # visible characters
    text_hash: str


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, in its order.

    Raises:
        UsageError: it cannot be read, or a line is no post; the message names it.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            missing = set(COLUMNS) - set(table.fieldnames or ())
            if missing:
                raise UsageError(
                    _("columns are missing: {names}").format(names=", ".join(sorted(missing))),
                    place=str(path),
                    remedy=_("wanted: {names}").format(names=",".join(COLUMNS)),
                )
            for row in table:
                yield _row(row, f"{path}:{table.line_num}")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(
            _("this file cannot be read: {why}").format(why=getattr(exc, "strerror", None) or exc),
            place=str(path),
        ) from exc


def _row(row: dict[str, str], place: str) -> Row:
    try:
        return Row(
            row["blog"], date.fromisoformat(row["day"]), int(row["length"]), row["text_hash"]
        )
    except (ValueError, TypeError) as exc:
        raise UsageError(
            _("this line is no post: {why}").format(why=exc),
            place=place,
            remedy=_("wanted: {names}").format(names=",".join(COLUMNS)),
        ) from exc
