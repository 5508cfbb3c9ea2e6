"""The rows of deliveries as values, and the one way in which a state changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.core import delivery as core
from buzz.edges.store import Transaction
from buzz.edges.store.schema import deliveries as table
from buzz.model import (
    Attempt,
    Delivery,
    DeliveryId,
    DeliveryState,
    Phase,
    Recipient,
    Tracking,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What all messages of a campaign have in common beside the letter, frozen by the plan."""

    from_: str
    reply_to: str
    mail_from: str  # envelope sender; a * in it becomes the letter (core.bounce.return_path)
    list_id: str
    base_url: str
    content_hash: str  # of the campaign as it was planned
    not_before: str = ""  # ISO 8601, aware; empty: at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an attempt ended, and what it makes of the delivery."""

    attempt: Attempt
    state: DeliveryState
    next_at: datetime | None = None


def move(
    tx: Transaction,
    target: DeliveryState,
    now: datetime,
    *which: "sa.ColumnElement[bool]",
    **values: object,
) -> int:
    """Bring the rows meant into a state, as far as they may come there; return how many."""
    statement = (
        sa.update(table)
        .where(*which, table.c.state.in_(core.sources(target)))
        .values(state=target, updated_at=now, next_at=None, **values)
    )
    return tx.execute(statement).rowcount


# In this order, for values are taken by their place: a sender reads a hundred thousand rows.
SELECT = sa.select(
    table.c.id,
    table.c.campaign,
    table.c.blog,
    table.c.email,
    table.c.state,
    table.c.recipient,
    table.c.message_id,
    table.c.message_hash,
    table.c.attempts,
    table.c.next_at,
    table.c.updated_at,
    table.c.reply_code,
    table.c.enhanced_code,
    table.c.reply_text,
)


def as_delivery(row: Iterable[Any]) -> Delivery:
    """Return a row of :data:`SELECT` as the value it stands for."""
    id_, campaign, blog, email, state, recipient, message_id, hash_, *rest = row
    attempts, next_at, updated_at, reply_code, enhanced_code, reply_text = rest
    return Delivery(
        id=DeliveryId(id_),
        campaign=campaign,
        blog=blog,
        email=email,
        state=DeliveryState(state),
        recipient=_recipient(recipient),
        message_id=message_id,
        message_hash=hash_,
        attempts=attempts,
        next_at=next_at,
        updated_at=updated_at,
        reply_code=reply_code,
        enhanced_code=enhanced_code,
        reply_text=reply_text,
    )


def _recipient(data: Mapping[str, Any]) -> Recipient:
    opens, clicks = Tracking(data["opens"]), Tracking(data["clicks"])
    return Recipient(**{**data, "opens": opens, "clicks": clicks})


def as_attempt(row: "sa.Row[Any]") -> Attempt:
    """Return a row as the value it stands for."""
    return Attempt(
        delivery=DeliveryId(row.delivery),
        started_at=row.started_at,
        ended_at=row.ended_at,
        phase=Phase(row.phase),
        outcome=DeliveryState(row.outcome),
        reply_code=row.reply_code,
        enhanced_code=row.enhanced_code,
        reply_text=row.reply_text,
        last_words=row.last_words,
        next_hop=row.next_hop,
    )
