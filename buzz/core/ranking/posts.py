"""What the ranking looks at of an entry, and the day it belongs to."""

from datetime import date, datetime
from typing import NamedTuple

from buzz.locales.formats import PARIS
from buzz.model import EntryId, LeftOut


class Post(NamedTuple):
    """What the ranking looks at of an entry; a tuple, because a night reads 150,000 of them."""

    id: EntryId
    blog: str  # slug
    day: date  # of ``at`` in Europe/Paris
    at: datetime  # when it was published as far as that can be believed; aware UTC
    title: str = ""
    content_hash: str = ""
    length: int = 0  # visible characters
    left_out: LeftOut | None = None  # what the poll already found
    link: str = ""
    sketch: bytes = b""  # of its text, as :func:`~buzz.core.ranking.likeness.sketch` makes it


def today(as_of: datetime) -> date:
    """Return the day of a ranking: the date in Paris at that time."""
    return as_of.astimezone(PARIS).date()
