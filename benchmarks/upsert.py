"""Store 30,000 posts, then the same ones again: ours beside an ORM that goes row by row.

    python benchmarks/upsert.py [--entries 30000]

Ours is ``store.entries.save``, a transaction for fifty feeds as in a poll. The peer is SQLAlchemy's
ORM on the same table: look a post up, edit it or add it, commit after each feed of twenty. Each has
a SQLite file of its own, with the product's settings; prints JSON.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from benchmarks import common
from buzz.core.feeds import content_hash, entry_day
from buzz.edges.store import Store, blogs, entries, open_store, schema
from buzz.model import Blog, Entry

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
A_FEED = 20  # posts
A_BATCH = 50 * A_FEED
EDITED = ("link", "title", "updated", "text", "links", "content_hash", "length", "enclosure")
Save = Callable[[Store, Sequence[Entry]], None]


def posts(count: int) -> list[Entry]:
    """Return so many posts of 200 words, twenty of a blog."""
    rng = random.Random(1789)
    vocabulary = [f"mot{n}" for n in range(5_000)]
    made = []
    for number in range(count):
        text = " ".join(rng.choices(vocabulary, k=200))
        published = NOW - timedelta(hours=number % A_FEED)
        made.append(
            Entry(
                blog=f"b{number // A_FEED}",
                identity=f"https://b{number // A_FEED}.example/{number}",
                link=f"https://b{number // A_FEED}.example/{number}",
                title=f"Billet {number}",
                published=published,
                first_seen=NOW,
                day=entry_day(published, NOW),
                text=text,
                links=(f"https://ailleurs.example/{number}",),
                content_hash=content_hash(text),
                length=len(text),
            )
        )
    return made


def ours(store: Store, batch: Sequence[Entry]) -> None:
    """Store posts as a poll does."""
    for some in _pieces(batch, A_BATCH):
        with store.write() as tx:
            entries.save(tx, some)


class Post:
    """A row of the table, as the ORM wants it."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


orm.registry(metadata=schema.metadata).map_imperatively(Post, schema.entries)


def by_row(store: Store, batch: Sequence[Entry]) -> None:
    """Store posts as many programs with an ORM do."""
    table = schema.entries.c
    for feed in _pieces(batch, A_FEED):
        with store.write() as tx, orm.Session(tx) as session:
            for entry in feed:
                values = _values(entry)
                known = session.execute(
                    sa.select(Post).where(
                        table.blog == entry.blog, table.identity == entry.identity
                    )
                ).scalar_one_or_none()
                if known is None:
                    session.add(Post(**values))
                    continue
                for name in EDITED:
                    setattr(known, name, values[name])
            session.flush()


def _values(entry: Entry) -> dict[str, Any]:
    values = {f.name: getattr(entry, f.name) for f in fields(Entry) if f.name != "id"}
    return values | {"links": "\n".join(entry.links), "left_out": entry.left_out or ""}


def _pieces(batch: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def timed(save: Save, batch: Sequence[Entry]) -> dict[str, dict[str, float]]:
    """Return what it takes to store posts in a new database, and to store them again."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'data' / 'buzz.db'}"
        with closing(open_store(url)) as store:
            known = [Blog(slug=slug, name=slug) for slug in {entry.blog for entry in batch}]
            with store.write() as tx:
                blogs.save(tx, known, NOW)
            for name in ("new", "again"):
                cpu_s, wall_s = time.process_time(), time.perf_counter()
                save(store, batch)
                found[name] = {
                    "cpu_s": round(time.process_time() - cpu_s, 3),
                    "wall_s": round(time.perf_counter() - wall_s, 3),
                }
            with store.read() as tx:
                stored = tx.execute(sa.select(sa.func.count()).select_from(schema.entries))
                assert stored.scalar_one() == len(batch)
    return found


def measured(count: int) -> dict[str, Any]:
    """Return both sides' figures."""
    batch = posts(count)
    a, b = timed(ours, batch), timed(by_row, batch)
    return {
        "entries": count,
        "ours": a,
        "orm": b,
        "rows": [
            common.row(
                f"{count:,} posts, {what}", a[name][key], unit, peer=b[name][key], than="ORM by row"
            )
            for name, what in (("new", "new"), ("again", "known and unchanged"))
            for key, unit in (("cpu_s", "s CPU"), ("wall_s", "s"))
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=30_000)
    options = parser.parse_args()
    common.tell(measured(options.entries))


if __name__ == "__main__":
    main()
