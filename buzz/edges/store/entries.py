"""Entries: the posts of all blogs, each stored once."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import insert
from buzz.edges.store.schema import entries as table
from buzz.model import Entry, EntryId, LeftOut

_PLAIN = tuple(f.name for f in fields(Entry) if f.name not in {"id", "links", "left_out"})
# What an author can edit. The id, the first sight and the day stay: a post that is given a new
# date does not become a new post.
_EDITABLE = ("link", "title", "updated", "text", "links", "content_hash", "length", "enclosure")
_TELLING = ("link", "title", "text", "links", "enclosure")  # a change in these is a change
# What a post is known again by.
_LIGHT = (
    *("blog", "identity", "link", "title", "published", "first_seen", "day"),
    *("content_hash", "length"),
)
_CANDIDATES = 1000  # posts of one blog: more than any document has, and less than a life's work
# Made once: SQLAlchemy takes longer to make a statement than SQLite to answer it.
_LIGHT_ONES = sa.select(*(table.c[name] for name in _LIGHT)).where(
    table.c.blog == sa.bindparam("slug")
)
_NEWEST = _LIGHT_ONES.order_by(table.c.day.desc(), table.c.id.desc()).limit(_CANDIDATES)
_COUNTED = {"preserve_rowcount": True}  # over all the batches of an executemany
# Why an entry was left out is judged anew after an edit only where its text was the reason.
_BY_TEXT = ("", LeftOut.SHORT.value)


def save(tx: Transaction, entries: Iterable[Entry]) -> tuple[int, int]:
    """Store entries; those known already (same blog, same identity) are edited.

    Returns:
        How many are new, and how many of the known ones have changed.
    """
    # One row a post: a statement of PostgreSQL may not touch a row twice.
    rows = list({(entry.blog, entry.identity): _row(entry) for entry in entries}.values())
    if not rows:
        return 0, 0
    blogs = {row["blog"] for row in rows}
    before = _count(tx, blogs)
    touched = tx.execute(_upsert(tx), rows, execution_options=_COUNTED).rowcount
    new = _count(tx, blogs) - before
    return new, touched - new


def get(tx: Transaction, entry: EntryId) -> Entry | None:
    """Return one entry, or None where there is none with this id."""
    row = tx.execute(sa.select(table).where(table.c.id == entry)).one_or_none()
    return None if row is None else entry_of(row)


def candidates(tx: Transaction, slug: str, identities: Iterable[str]) -> tuple[Entry, ...]:
    """Return the posts of a blog that a new document may show again, without their texts.

    The newest 1,000, and those that have one of the identities. Newest first.
    """
    found = {row.identity: row for row in tx.execute(_NEWEST, {"slug": slug})}
    missing = [identity for identity in identities if identity not in found]
    if missing and len(found) == _CANDIDATES:
        query = _LIGHT_ONES.where(table.c.identity.in_(missing))
        found |= {row.identity: row for row in tx.execute(query, {"slug": slug})}
    return tuple(Entry(**{name: getattr(row, name) for name in _LIGHT}) for row in found.values())


def most_shared_with(tx: Transaction, slug: str, hashes: Iterable[str]) -> tuple[str, int]:
    """Return which other blog has published most of these texts, and how many; else ("", 0)."""
    count = sa.func.count(table.c.content_hash.distinct())
    query = (
        sa.select(table.c.blog, count)
        .where(table.c.content_hash.in_(tuple(hashes)), table.c.blog != slug)
        .group_by(table.c.blog)
        .order_by(count.desc(), table.c.blog)
        .limit(1)
    )
    found = tx.execute(query).one_or_none()
    return ("", 0) if found is None else (found[0], found[1])


def of_blog(tx: Transaction, slug: str) -> tuple[Entry, ...]:
    """Return a blog's entries, newest first."""
    query = sa.select(table).where(table.c.blog == slug)
    rows = tx.execute(query.order_by(table.c.day.desc(), table.c.id.desc()))
    return tuple(map(entry_of, rows))


def _upsert(tx: Transaction) -> Any:
    statement = insert(tx, table)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["blog", "identity"],
        set_={name: new[name] for name in _EDITABLE}
        | {
            "left_out": sa.case(
                *((table.c.left_out == reason, new.left_out) for reason in _BY_TEXT),
                else_=table.c.left_out,
            )
        },
        where=sa.or_(*(table.c[name] != new[name] for name in _TELLING)),
    )


def _count(tx: Transaction, blogs: Iterable[str]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(table.c.blog.in_(tuple(blogs)))
    return tx.execute(query).scalar_one()


def _row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _PLAIN} | {
        "links": "\n".join(entry.links),
        "left_out": entry.left_out.value if entry.left_out else "",
    }


def entry_of(row: sa.Row[Any]) -> Entry:
    """Return the entry in a row of the table."""
    return Entry(
        **{name: getattr(row, name) for name in _PLAIN},
        id=EntryId(row.id),
        links=tuple(filter(None, row.links.split("\n"))),
        left_out=LeftOut(row.left_out) if row.left_out else None,
    )
