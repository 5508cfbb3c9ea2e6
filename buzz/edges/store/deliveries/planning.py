"""The plan: one row for each target, and what is frozen with them."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.deliveries.reading import of_campaign
from buzz.edges.store.deliveries.rows import Envelope
from buzz.edges.store.schema import campaigns
from buzz.edges.store.schema import deliveries as table
from buzz.model import Delivery, DeliveryId, DeliveryState, Recipient


def plan(
    tx: Transaction,
    slug: str,
    targets: Sequence[tuple[Recipient, DeliveryState]],
    envelope: Envelope,
    now: datetime,
) -> tuple[Delivery, ...]:
    """Replace a campaign's deliveries by one for each target, and return them in this order.

    They have no message yet: see :func:`seal`. The caller has made sure that nothing was sent.
    """
    tx.execute(sa.delete(table).where(table.c.campaign == slug))
    tx.execute(
        sa.update(campaigns)
        .where(campaigns.c.slug == slug)
        .values(envelope=dataclasses.asdict(envelope))
    )
    if targets:
        tx.execute(
            sa.insert(table),
            [
                {
                    "campaign": slug,
                    "blog": recipient.blog,
                    "email": recipient.email,
                    "state": state,
                    "recipient": dataclasses.asdict(recipient),
                    "updated_at": now,
                }
                for recipient, state in targets
            ],
        )
    return of_campaign(tx, slug)


def seal(tx: Transaction, messages: Iterable[tuple[DeliveryId, str, str]]) -> None:
    """Record (id, Message-ID, hash) of the messages that were made and checked."""
    rows = [{"b_id": id_, "b_mid": mid, "b_hash": hash_} for id_, mid, hash_ in messages]
    if rows:
        tx.execute(
            sa.update(table)
            .where(table.c.id == sa.bindparam("b_id"))
            .values(message_id=sa.bindparam("b_mid"), message_hash=sa.bindparam("b_hash")),
            rows,
        )


def envelope(tx: Transaction, slug: str) -> Envelope | None:
    """Return what the plan has frozen, or None before the plan."""
    found = tx.execute(sa.select(campaigns.c.envelope).where(campaigns.c.slug == slug)).scalar()
    return Envelope(**found) if found else None
