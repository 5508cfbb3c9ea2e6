"""Rankings, one a night, and the posts they are made from."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from buzz.core.ranking import Post, today
from buzz.edges.store import Transaction, sketches
from buzz.edges.store.schema import entries, ranked_blogs, rankings
from buzz.model import EntryId, FeedState, LeftOut, RankedBlog, Ranking, RankingId

_REASONS = {reason.value: reason for reason in LeftOut}


def posts(
    tx: Transaction,
    since: date,
    until: datetime,
    made: Mapping[EntryId, bytes] | None = None,
) -> list[Post]:
    """Return the posts of all blogs since a day, as far as they were known at a time, unordered.

    A post's time is the stated one, but not after it was first seen, and not before its feed was
    last read without it: a date is believed as far back as nobody looked.

    Args:
        tx: the transaction.
        since: first day.
        until: what was first seen later is not returned.
        made: sketches that are not stored.
    """
    is_late = entries.c.unseen_at > entries.c.published
    at = sa.case(
        (is_late, entries.c.unseen_at),
        (entries.c.published < entries.c.first_seen, entries.c.published),
        else_=entries.c.first_seen,
    )
    query = sa.select(
        entries.c.id,
        entries.c.blog,
        entries.c.day,
        at,
        entries.c.title,
        entries.c.content_hash,
        entries.c.length,
        entries.c.left_out,
        entries.c.link,
        is_late,
    ).where(entries.c.day >= since, entries.c.first_seen <= until)
    known = {**sketches.of_entries(tx, since), **(made or {})}
    return [
        Post(
            EntryId(id_),
            blog,
            today(seen) if late else day,
            seen,
            title,
            content_hash,
            length,
            _REASONS.get(left_out),
            link,
            known.get(id_, b""),
        )
        for id_, blog, day, seen, title, content_hash, length, left_out, link, late in tx.execute(
            query
        )
    ]


def save(tx: Transaction, ranking: Ranking) -> RankingId:
    """Store a ranking, in place of one of the same time if there is one."""
    tx.execute(sa.delete(rankings).where(rankings.c.as_of == ranking.as_of))
    key = tx.execute(
        sa.insert(rankings)
        .values(as_of=ranking.as_of, size=ranking.size, half_life_days=ranking.half_life_days)
        .returning(rankings.c.id)
    ).scalar_one()
    if ranking.blogs:
        tx.execute(sa.insert(ranked_blogs), [_row(key, blog) for blog in ranking.blogs])
    return RankingId(key)


def latest(tx: Transaction) -> Ranking | None:
    """Return the latest ranking, or None before the first."""
    return _newest(tx, sa.true())


def before(tx: Transaction, as_of: datetime) -> Ranking | None:
    """Return the latest ranking from before this time, or None."""
    return _newest(tx, rankings.c.as_of < as_of)


def at(tx: Transaction, as_of: datetime) -> Ranking | None:
    """Return the ranking in force at this time, or None."""
    return _newest(tx, rankings.c.as_of <= as_of)


def _newest(tx: Transaction, condition: sa.ColumnElement[bool]) -> Ranking | None:
    query = sa.select(rankings).where(condition).order_by(rankings.c.as_of.desc()).limit(1)
    head = tx.execute(query).one_or_none()
    if head is None:
        return None
    rows: Sequence[sa.Row[Any]] = tx.execute(
        sa.select(ranked_blogs)
        .where(ranked_blogs.c.ranking == head.id)
        .order_by(ranked_blogs.c.rank)
    ).all()
    return Ranking(
        id=RankingId(head.id),
        as_of=head.as_of,
        size=head.size,
        half_life_days=head.half_life_days,
        blogs=tuple(map(_ranked, rows)),
    )


def _ranked(row: sa.Row[Any]) -> RankedBlog:
    return RankedBlog(
        rank=row.rank,
        slug=row.blog,
        score=row.score,
        listed=row.listed,
        active_days_30=row.active_days_30,
        entries_30=row.entries_30,
        last_published=row.last_published,
        status=FeedState(row.status),
        scored_on=row.scored_on,
        held=row.held,
    )


def _row(ranking: int, blog: RankedBlog) -> dict[str, Any]:
    return {
        "ranking": ranking,
        "blog": blog.slug,
        "rank": blog.rank,
        "score": blog.score,
        "listed": blog.listed,
        "active_days_30": blog.active_days_30,
        "entries_30": blog.entries_30,
        "last_published": blog.last_published,
        "status": blog.status.value,
        "scored_on": blog.scored_on,
        "held": blog.held,
    }
