"""Consents: what each person said about being measured, when and how; nothing is overwritten."""

from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import blogs
from buzz.edges.store.schema import consents as table
from buzz.model import Channel, Consent, ConsentRecord

_COLUMNS = {Channel.OPEN: blogs.c.consent_open, Channel.CLICK: blogs.c.consent_click}


def record(tx: Transaction, said: ConsentRecord) -> None:
    """Add what a person said to the history, and bring their line of the registry up to it."""
    tx.execute(
        sa.insert(table).values(
            blog=said.blog,
            channel=said.channel.value,
            consent=said.consent.value,
            at=said.at,
            method=said.method,
            wording=said.wording,
            version=said.version,
        )
    )
    tx.execute(
        sa.update(blogs)
        .where(blogs.c.slug == said.blog)
        .values({_COLUMNS[said.channel]: said.consent.value})
    )


def history(tx: Transaction, blog: str) -> tuple[ConsentRecord, ...]:
    """Return all that a blog's author said, oldest first."""
    query = sa.select(table).where(table.c.blog == blog).order_by(table.c.id)
    return tuple(map(_record, tx.execute(query)))


def last_words(tx: Transaction) -> dict[tuple[str, Channel], Consent]:
    """Return each person's last word on each channel they spoke about."""
    newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.blog, table.c.channel)
    query = sa.select(table.c.blog, table.c.channel, table.c.consent).where(table.c.id.in_(newest))
    return {(row.blog, Channel(row.channel)): Consent(row.consent) for row in tx.execute(query)}


def in_registry(tx: Transaction) -> dict[tuple[str, Channel], Consent]:
    """Return what the registry says, for the blogs of which it says something."""
    return {
        (slug, channel): Consent(consent)
        for channel, column in _COLUMNS.items()
        for slug, consent in tx.execute(
            sa.select(blogs.c.slug, column).where(
                column.in_((Consent.GRANTED.value, Consent.DENIED.value))
            )
        )
    }


def _record(row: sa.Row[Any]) -> ConsentRecord:
    return ConsentRecord(
        blog=row.blog,
        channel=Channel(row.channel),
        consent=Consent(row.consent),
        at=row.at,
        method=row.method,
        wording=row.wording,
        version=row.version,
    )
