"""Relays, what people said of them, and which entries were read for which campaign."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction, entries
from buzz.edges.store.dialects import batches, insert
from buzz.edges.store.schema import entries as entries_table
from buzz.edges.store.schema import relays as table
from buzz.edges.store.schema import scans
from buzz.model import (
    Entry,
    EntryId,
    Evidence,
    Relay,
    RelayId,
    RelayMode,
    Stance,
    Verdict,
)

# The verdict that counts, as Relay.settled: a person's where there is one.
SETTLED = sa.case((table.c.label == "", table.c.verdict), else_=table.c.label)


def save(tx: Transaction, relays: Iterable[Relay]) -> None:
    """Keep relays; one that is known keeps its id and what a person said of it."""
    rows = [_row(relay) for relay in relays]
    if not rows:
        return
    statement = insert(tx, table)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["campaign", "entry"],
            set_={
                name: statement.excluded[name]
                for name in rows[0]
                if name not in {"campaign", "entry", "label"}
            },
        ),
        rows,
    )


def drop(tx: Transaction, campaign: str, ids: Iterable[EntryId]) -> None:
    """Take back relays whose entry, edited since, is none any more; labelled ones stay."""
    for batch in batches(ids):
        tx.execute(
            sa.delete(table).where(
                table.c.campaign == campaign, table.c.entry.in_(batch), table.c.label == ""
            )
        )


def label(tx: Transaction, relay: RelayId, verdict: Verdict | None) -> None:
    """Keep what a person said of a relay; None: nothing any more."""
    value = verdict.value if verdict else ""
    tx.execute(sa.update(table).where(table.c.id == relay).values(label=value))


def get(tx: Transaction, relay: RelayId) -> Relay | None:
    """Return one relay, or None: there is none with this id."""
    row = tx.execute(sa.select(table).where(table.c.id == relay)).one_or_none()
    return None if row is None else _relay(row)


def of_campaign(tx: Transaction, campaign: str) -> tuple[Relay, ...]:
    """Return a campaign's relays, the surest first."""
    return _relays(tx, table.c.campaign == campaign)


def all_relays(tx: Transaction) -> tuple[Relay, ...]:
    """Return the relays of all campaigns, campaign by campaign, the surest first."""
    return _relays(tx, sa.true())


def unread(
    tx: Transaction,
    campaign: str,
    *,
    since: datetime,
    version: str,
    after: EntryId | None,
    limit: int,
) -> tuple[Entry, ...]:
    """Return entries that were never read for a campaign, or not as they stand now, by id.

    Args:
        tx: a transaction.
        campaign: slug.
        since: older entries are left out: published or first seen before.
        version: of the reader; what an older one has read is unread.
        after: only entries with a greater id; None: from the first.
        limit: at most so many.
    """
    done = sa.and_(scans.c.entry == entries_table.c.id, scans.c.campaign == campaign)
    query = (
        sa.select(entries_table)
        .outerjoin(scans, done)
        .where(
            entries_table.c.day >= _day_before(since),  # has an index; the exact time follows
            entries_table.c.first_seen >= since,
            sa.or_(entries_table.c.published.is_(None), entries_table.c.published >= since),
            sa.or_(
                scans.c.entry.is_(None),
                scans.c.content_hash != _marks(version),
            ),
        )
        .order_by(entries_table.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(entries_table.c.id > after)
    return tuple(map(entries.entry_of, tx.execute(query)))


def mark_read(tx: Transaction, campaign: str, read: Iterable[Entry], version: str) -> None:
    """Record that entries were read for a campaign as they stand."""
    rows = [
        {"campaign": campaign, "entry": entry.id, "content_hash": _mark(entry, version)}
        for entry in read
    ]
    if rows:
        statement = insert(tx, scans)
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["campaign", "entry"],
                set_={"content_hash": statement.excluded.content_hash},
            ),
            rows,
        )


def _mark(entry: Entry, version: str) -> str:
    """Return by what it is seen that an entry stands as it was read: its words and its links."""
    links = "\n".join(entry.links)
    return f"{entry.content_hash}{version}:{len(links)}"


def _marks(version: str) -> "sa.ColumnElement[str]":
    """Return the same of every row, computed by the database."""
    links = sa.func.length(entries_table.c.links)
    return entries_table.c.content_hash.concat(f"{version}:").concat(sa.cast(links, sa.Text))


def _day_before(moment: datetime) -> date:
    """Return a day that is surely not after the moment's in any time zone of ours."""
    return (moment - timedelta(days=1)).date()


def _relays(tx: Transaction, which: "sa.ColumnElement[bool]") -> tuple[Relay, ...]:
    query = sa.select(table).where(which)
    query = query.order_by(table.c.campaign, table.c.score.desc(), table.c.id)
    return tuple(map(_relay, tx.execute(query)))


def _row(relay: Relay) -> dict[str, Any]:
    return {
        "campaign": relay.campaign,
        "entry": relay.entry,
        "blog": relay.blog,
        "url": relay.url,
        "title": relay.title,
        "published": relay.published,
        "verdict": relay.verdict.value,
        "mode": relay.mode.value if relay.mode else "",
        "stance": relay.stance.value,
        "score": relay.score,
        "lag_s": relay.lag_s,
        "talking_points": list(relay.talking_points),
        "evidence": [asdict(evidence) for evidence in relay.evidence],
        "signals": dict(relay.signals),
        "label": relay.label.value if relay.label else "",
    }


def _relay(row: sa.Row[Any]) -> Relay:
    return Relay(
        id=RelayId(row.id),
        campaign=row.campaign,
        entry=EntryId(row.entry),
        blog=row.blog,
        url=row.url,
        title=row.title,
        published=row.published,
        verdict=Verdict(row.verdict),
        mode=RelayMode(row.mode) if row.mode else None,
        stance=Stance(row.stance),
        score=row.score,
        lag_s=row.lag_s,
        talking_points=tuple(row.talking_points),
        evidence=tuple(
            Evidence(**{**facts, "shared": tuple(facts["shared"])}) for facts in row.evidence
        ),
        signals=row.signals,
        label=Verdict(row.label) if row.label else None,
    )
