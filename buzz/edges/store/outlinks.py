"""Where the stored posts link to."""

from collections.abc import Collection, Iterator
from datetime import date

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import entries

_ROWS = 1_000  # fetched at a time; a hundred thousand posts need not be held at once


def since(tx: Transaction, day: date, blogs: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (blog, address of the post, address it links to) of these blogs' posts since a day."""
    query = (
        sa.select(entries.c.blog, entries.c.link, entries.c.links)
        .where(entries.c.day >= day, entries.c.links != "")
        .order_by(entries.c.id)
        .execution_options(yield_per=_ROWS)
    )
    for row in tx.execute(query):
        if row.blog in blogs:
            for target in row.links.split("\n"):
                yield row.blog, row.link, target
