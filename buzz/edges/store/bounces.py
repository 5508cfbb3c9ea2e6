"""Bounces and complaints: what came back about which letter, and which messages were read."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction, dialects
from buzz.edges.store.schema import bounce_mails as mails
from buzz.edges.store.schema import bounces as table
from buzz.edges.store.schema import deliveries
from buzz.model import Bounce, BounceKind, DeliveryId, DeliveryState

_FULL = ("5.2.2", "5.2.3")  # permanent by class, and soft: the mailbox may be emptied


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One bounce, and whom the letter went to."""

    bounce: Bounce
    address: str


def is_new(tx: Transaction, digest: str, kind: BounceKind, now: datetime) -> bool:
    """Note that a message was read; tell whether it is the first time."""
    statement = dialects.insert(tx, mails).values(digest=digest, at=now, kind=kind.value)
    added = statement.on_conflict_do_nothing().returning(mails.c.digest)
    return tx.execute(added).first() is not None


def add(tx: Transaction, bounce: Bounce) -> bool:
    """Record a bounce; tell whether it is the first of its kind about this letter."""
    values = {
        "kind": bounce.kind.value,
        **{
            name: getattr(bounce, name)
            for name in (
                *("at", "digest", "campaign", "blog", "delivery", "address_hash"),
                *("status", "words", "reporter"),
            )
        },
    }
    statement = dialects.insert(tx, table).values(values)
    return tx.execute(statement.on_conflict_do_nothing().returning(table.c.id)).first() is not None


def listed(tx: Transaction, campaign: str = "") -> tuple[Listed, ...]:
    """Return the bounces of one campaign, or of all, newest first."""
    query = sa.select(table, deliveries.c.email).join(
        deliveries, deliveries.c.id == table.c.delivery
    )
    if campaign:
        query = query.where(table.c.campaign == campaign)
    rows = tx.execute(query.order_by(table.c.at.desc(), table.c.id.desc()))
    return tuple(Listed(bounce=_bounce(row), address=row.email) for row in rows)


def counts(tx: Transaction) -> dict[BounceKind, int]:
    """Return how many messages of each kind were read."""
    rows = tx.execute(sa.select(mails.c.kind, sa.func.count()).group_by(mails.c.kind))
    return {BounceKind(kind): count for kind, count in rows}


def soft_since(tx: Transaction, since: datetime) -> Counter[str]:
    """Return how many letters came back for a while since then, by the address's hash."""
    query = (
        sa.select(table.c.address_hash, sa.func.count())
        .where(table.c.kind == BounceKind.SOFT.value, table.c.at >= since)
        .group_by(table.c.address_hash)
    )
    return Counter({row[0]: row[1] for row in tx.execute(query)})


def soft_refusals(tx: Transaction, since: datetime) -> Counter[str]:
    """Return how many letters the next hop put off for good since then, by e-mail address."""
    is_soft = sa.or_(
        deliveries.c.reply_code.between(400, 499), deliveries.c.enhanced_code.in_(_FULL)
    )
    query = (
        sa.select(deliveries.c.email, sa.func.count())
        .where(
            deliveries.c.state == DeliveryState.REFUSED, deliveries.c.updated_at >= since, is_soft
        )
        .group_by(deliveries.c.email)
    )
    return Counter({row[0]: row[1] for row in tx.execute(query)})


def _bounce(row: "sa.Row[Any]") -> Bounce:
    return Bounce(
        kind=BounceKind(row.kind),
        at=row.at,
        digest=row.digest,
        campaign=row.campaign,
        blog=row.blog,
        delivery=DeliveryId(row.delivery),
        address_hash=row.address_hash,
        status=row.status,
        words=row.words,
        reporter=row.reporter,
    )
