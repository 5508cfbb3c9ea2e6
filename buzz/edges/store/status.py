"""Counts for ``buzz status``: each is one small query, because the command must start at once."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction, relays
from buzz.edges.store.schema import blogs, entries, feeds, ranked_blogs, rankings, runs
from buzz.edges.store.schema import relays as table
from buzz.model import BlogStatus, FeedState, Verdict


def blogs_by_status(tx: Transaction) -> dict[BlogStatus, int]:
    """Return how many blogs have each status."""
    query = sa.select(blogs.c.status, sa.func.count()).group_by(blogs.c.status)
    found = {status: n for status, n in tx.execute(query)}  # noqa: C416  (rows are no pairs to mypy)
    return {status: found.get(status, 0) for status in BlogStatus}


def blogs_with_email(tx: Transaction) -> int:
    """Return how many active blogs can be written to."""
    query = sa.select(sa.func.count()).where(
        blogs.c.status == BlogStatus.ACTIVE, blogs.c.email != ""
    )
    return tx.execute(query).scalar_one()


def feeds_by_state(tx: Transaction) -> dict[FeedState, int]:
    """Return how many active blogs' feeds are in each state; a blog never polled is new."""
    state = sa.func.coalesce(feeds.c.state, FeedState.NEW.value)
    query = (
        sa.select(state, sa.func.count())
        .select_from(blogs.outerjoin(feeds, feeds.c.blog == blogs.c.slug))
        .where(
            blogs.c.status == BlogStatus.ACTIVE,
            sa.or_(blogs.c.feed_url != "", blogs.c.url != ""),
        )
        .group_by(state)
    )
    found = {name: n for name, n in tx.execute(query)}  # noqa: C416  (rows are no pairs to mypy)
    return {state: found[state] for state in FeedState if state in found}


def entries_and_newest(tx: Transaction) -> tuple[int, datetime | None]:
    """Return how many entries are stored, and when the newest one was first seen."""
    query = sa.select(sa.func.count(), sa.func.max(entries.c.first_seen))
    count, newest = tx.execute(query).one()
    return count, newest


def last_ranking(tx: Transaction) -> dict[str, Any] | None:
    """Return ``as_of``, and how many are ``ranked`` and ``listed``, of the newest ranking."""
    newest = sa.select(sa.func.max(rankings.c.as_of)).scalar_subquery()
    query = (
        sa.select(
            rankings.c.as_of,
            sa.func.count(ranked_blogs.c.blog).label("ranked"),
            sa.func.coalesce(sa.func.sum(sa.case((ranked_blogs.c.listed, 1), else_=0)), 0).label(
                "listed"
            ),
        )
        .select_from(rankings.outerjoin(ranked_blogs, ranked_blogs.c.ranking == rankings.c.id))
        .where(rankings.c.as_of == newest)
        .group_by(rankings.c.as_of)
    )
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def commands_run(tx: Transaction) -> tuple[str, ...]:
    """Return the commands of which a run is recorded, in alphabetical order."""
    query = sa.select(runs.c.command).distinct().order_by(runs.c.command)
    return tuple(tx.execute(query).scalars())


def relays_by_verdict(tx: Transaction) -> dict[tuple[str, Verdict], int]:
    """Return how many relays each campaign has of each verdict; a person's label comes first."""
    query = sa.select(table.c.campaign, relays.SETTLED, sa.func.count()).group_by(
        table.c.campaign, relays.SETTLED
    )
    return {(slug, Verdict(name)): n for slug, name, n in tx.execute(query)}
