"""What every step of the ranking reads: posts with their sketches, and which of them count."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from buzz.core import ranking as core
from buzz.core.ranking import Post
from buzz.edges.store import Store, Transaction, rankings, sketches
from buzz.model import EntryId, LeftOut


class Judged(NamedTuple):
    """The posts of all blogs, and why each does not count, or None where it does."""

    posts: list[Post]
    marks: tuple[LeftOut | None, ...]


def judged(
    tx: Transaction,
    as_of: datetime,
    half_life_days: float,
    made: dict[EntryId, bytes] | None = None,
) -> Judged:
    """Return what a ranking at this time looks at."""
    found = rankings.posts(tx, first_day(as_of, half_life_days), as_of, made)
    return Judged(found, core.eligible(found))


def first_day(as_of: datetime, half_life_days: float) -> date:
    """Return the first day from which a ranking reads posts."""
    return core.today(as_of) - timedelta(days=core.reading_days(half_life_days))


def sketch(store: Store, since: date, *, keep: bool) -> dict[EntryId, bytes]:
    """Make the sketches that are missing; return those that are not stored.

    Args:
        store: the database.
        since: first day of the texts.
        keep: store them, a batch at a time; else they are returned.
    """
    unstored: dict[EntryId, bytes] = {}
    for batch in _batches(store, since):
        made = {text.entry: (text.content_hash, core.sketch(text.text)) for text in batch}
        if keep:
            with store.write() as tx:
                sketches.save(tx, made)
        else:
            unstored |= {entry: sketch for entry, (_, sketch) in made.items()}
    return unstored


def _batches(store: Store, since: date) -> Iterator[tuple[sketches.Unsketched, ...]]:
    after = EntryId(0)
    while True:
        with store.read() as tx:
            batch = sketches.missing(tx, since, core.NOTICE_LENGTH, after)
        if not batch:
            return
        yield batch
        after = batch[-1].entry
