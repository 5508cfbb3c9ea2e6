"""Feeds: what is known of each blog's feed, and which are due."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import upsert
from buzz.edges.store.schema import blogs
from buzz.edges.store.schema import feeds as table
from buzz.model import BlogStatus, Feed, FeedState, Validators

_PLAIN = tuple(f.name for f in fields(Feed) if f.name not in {"validators", "state"})


def all_feeds(tx: Transaction) -> dict[str, Feed]:
    """Return every feed that was ever polled, by its blog's slug."""
    rows = tx.execute(sa.select(table).order_by(table.c.blog))
    return {row.blog: _feed(row) for row in rows}


def count(tx: Transaction) -> int:
    """Return how many blogs there are to poll: active, with an address."""
    query = sa.select(sa.func.count()).select_from(blogs).where(*_POLLED)
    return tx.execute(query).scalar_one()


def addresses(tx: Transaction) -> tuple[tuple[str, str], ...]:
    """Return slug and address of each blog there is to poll, the one registered first first."""
    query = (
        sa.select(blogs.c.slug, _ADDRESS)
        .where(*_POLLED)
        .order_by(blogs.c.registered_at, blogs.c.slug)
    )
    return tuple((slug, address) for slug, address in tx.execute(query))


def due(tx: Transaction, now: datetime, *, every: bool = False, only: str = "") -> tuple[Feed, ...]:
    """Return the feeds to poll now, by slug. Paused blogs and those without an address have none.

    A feed never polled is new; so is one whose address changed in the registry, but for what is
    known of its past.

    Args:
        tx: the transaction to read in.
        now: aware UTC.
        every: those that are not due as well.
        only: slug of the one blog that is wanted, due or not.
    """
    query = (
        sa.select(blogs.c.slug, _ADDRESS.label("address"), table)
        .select_from(blogs.outerjoin(table, table.c.blog == blogs.c.slug))
        .where(*_POLLED)
        .order_by(blogs.c.slug)
    )
    if only:
        query = query.where(blogs.c.slug == only)
    elif not every:
        query = query.where(
            sa.or_(table.c.next_due.is_(None), table.c.next_due <= now, table.c.url != _ADDRESS)
        )
    return tuple(map(_current, tx.execute(query)))


def save(tx: Transaction, feeds: Iterable[Feed]) -> None:
    """Store feeds as they stand now."""
    rows = [_row(feed) for feed in feeds]
    if rows:
        tx.execute(upsert(tx, table), rows)


def registered(tx: Transaction, slugs: Iterable[str]) -> frozenset[str]:
    """Return those of the slugs that the registry still has: a poll takes its time."""
    # Locked until the end of the transaction (PostgreSQL; SQLite has one writer anyway).
    query = (
        sa.select(blogs.c.slug)
        .where(blogs.c.slug.in_(tuple(slugs)))
        .with_for_update(read=True, key_share=True)
    )
    return frozenset(tx.execute(query).scalars())


# The home page is the last resort: some serve a feed there, and the reason of the failure tells
# the desk that the feed's address is missing.
_ADDRESS = sa.case((blogs.c.feed_url != "", blogs.c.feed_url), else_=blogs.c.url)
_POLLED = (blogs.c.status == BlogStatus.ACTIVE.value, _ADDRESS != "")


def _current(row: sa.Row[Any]) -> Feed:
    """Return a feed at the address that the registry has for it now."""
    if row.blog is None:
        return Feed(blog=row.slug, url=row.address)
    if row.url != row.address:
        return Feed(blog=row.slug, url=row.address, last_success=row.last_success)
    return _feed(row)


def _feed(row: sa.Row[Any]) -> Feed:
    return Feed(
        **{name: getattr(row, name) for name in _PLAIN},
        state=FeedState(row.state),
        validators=Validators(etag=row.etag, last_modified=row.last_modified),
    )


def _row(feed: Feed) -> dict[str, Any]:
    return {name: getattr(feed, name) for name in _PLAIN} | {
        "state": feed.state.value,
        "etag": feed.validators.etag,
        "last_modified": feed.validators.last_modified,
    }
