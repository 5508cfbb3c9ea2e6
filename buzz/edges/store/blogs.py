"""The registry as the database knows it: ``blogs.csv`` is the source, this is derived from it."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import batches, upsert
from buzz.edges.store.schema import blogs as table
from buzz.model import Blog, BlogStatus, Consent, Ground

_COLUMNS = [table.c[f.name] for f in fields(Blog)]


def all_blogs(tx: Transaction) -> tuple[Blog, ...]:
    """Return every blog, by slug."""
    found = map(_blog, tx.execute(sa.select(*_COLUMNS)))
    return tuple(sorted(found, key=attrgetter("slug")))  # a database's order depends on its locale


def get(tx: Transaction, slug: str) -> Blog | None:
    """Return one blog, or None where the registry has no such slug."""
    row = tx.execute(sa.select(*_COLUMNS).where(table.c.slug == slug)).one_or_none()
    return None if row is None else _blog(row)


def save(tx: Transaction, blogs: Iterable[Blog], now: datetime) -> None:
    """Add blogs, or replace those with the same slug, which keep their date of registration."""
    rows = [{**_row(blog), "registered_at": now} for blog in blogs]
    if rows:
        tx.execute(upsert(tx, table, keep=frozenset({"registered_at"})), rows)


def remove(tx: Transaction, slugs: Iterable[str]) -> None:
    """Remove blogs with their feeds, entries, ranks and relays; deliveries stay."""
    for batch in batches(slugs):
        tx.execute(sa.delete(table).where(table.c.slug.in_(batch)))


def registered(tx: Transaction) -> dict[str, datetime]:
    """Return since when each blog has been in the registry, by slug."""
    query = sa.select(table.c.slug, table.c.registered_at)
    return {row.slug: row.registered_at for row in tx.execute(query)}


def _row(blog: Blog) -> dict[str, Any]:
    row = {f.name: getattr(blog, f.name) for f in fields(Blog)}
    row["tags"] = ";".join(blog.tags)
    row["ground"] = blog.ground or ""
    return {
        name: value.value if isinstance(value, BlogStatus | Consent | Ground) else value
        for name, value in row.items()
    }


def _blog(row: sa.Row[Any]) -> Blog:
    return Blog(
        slug=row.slug,
        name=row.name,
        url=row.url,
        feed_url=row.feed_url,
        email=row.email,
        language=row.language,
        federation=row.federation,
        tags=tuple(filter(None, row.tags.split(";"))),
        status=BlogStatus(row.status),
        consent_open=Consent(row.consent_open),
        consent_click=Consent(row.consent_click),
        notice_at=row.notice_at,
        source=row.source,
        note=row.note,
        ground=Ground(row.ground) if row.ground else None,
        evidence=row.evidence,
    )
