"""Deliveries: the row that accounts for each recipient, and every attempt made.

What may follow what is :data:`buzz.core.delivery.TRANSITIONS`; a row that is not in a state from
which it may come is not touched. Writes of a sender carry its fence (see
:mod:`buzz.edges.store.leases`).
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.core import delivery as core
from buzz.core.names import SENDER_ENDED
from buzz.edges.store import Transaction
from buzz.edges.store.leases import Fenced
from buzz.edges.store.schema import attempts, campaigns
from buzz.edges.store.schema import deliveries as table
from buzz.locales import gettext as _
from buzz.model import (
    Account,
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
    mail_from: str  # envelope sender
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


# --- planning -------------------------------------------------------------------------------


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


# --- reading --------------------------------------------------------------------------------


def get(tx: Transaction, id_: DeliveryId) -> Delivery | None:
    """Return one delivery, or None."""
    row = tx.execute(sa.select(table).where(table.c.id == id_)).one_or_none()
    return _delivery(row) if row else None


def of_campaign(
    tx: Transaction, slug: str, state: DeliveryState | None = None
) -> tuple[Delivery, ...]:
    """Return a campaign's deliveries in the order of the plan; those in one state if named."""
    query = sa.select(table).where(table.c.campaign == slug).order_by(table.c.id)
    if state is not None:
        query = query.where(table.c.state == state)
    return tuple(map(_delivery, tx.execute(query)))


def account(tx: Transaction, slug: str) -> Account:
    """Return how many of a campaign's deliveries are in each state."""
    rows = tx.execute(
        sa.select(table.c.state, sa.func.count())
        .where(table.c.campaign == slug)
        .group_by(table.c.state)
    )
    return core.account({DeliveryState(state): count for state, count in rows})


def next_due(tx: Transaction, slug: str) -> datetime | None:
    """Return when the first deferred one is to be tried again, or None."""
    due: datetime | None = tx.execute(
        sa.select(table.c.next_at)
        .where(table.c.campaign == slug, table.c.state == DeliveryState.DEFERRED)
        .order_by(table.c.next_at)
        .limit(1)
    ).scalar()
    return due


def deferrals(tx: Transaction, ids: Collection[DeliveryId]) -> Mapping[DeliveryId, int]:
    """Return how often each of these was put off so far; those never put off are left out."""
    rows = tx.execute(
        sa.select(attempts.c.delivery, sa.func.count())
        .where(attempts.c.delivery.in_(ids), attempts.c.outcome == DeliveryState.DEFERRED)
        .group_by(attempts.c.delivery)
    )
    return {DeliveryId(id_): count for id_, count in rows}


def attempts_of(tx: Transaction, id_: DeliveryId) -> tuple[Attempt, ...]:
    """Return every attempt at one delivery, oldest first."""
    rows = tx.execute(sa.select(attempts).where(attempts.c.delivery == id_).order_by(attempts.c.id))
    return tuple(map(_attempt, rows))


# --- sending --------------------------------------------------------------------------------


def next_planned(tx: Transaction, slug: str, now: datetime, limit: int) -> tuple[Delivery, ...]:
    """Put deferred ones that are due back to planned, and return the first planned ones."""
    _move(
        tx, DeliveryState.PLANNED, now, table.c.campaign == slug,
        table.c.state == DeliveryState.DEFERRED, table.c.next_at <= now,
    )  # fmt: skip
    query = (
        sa.select(table)
        .where(table.c.campaign == slug, table.c.state == DeliveryState.PLANNED)
        .order_by(table.c.id)
        .limit(limit)
    )
    return tuple(map(_delivery, tx.execute(query)))


def claim(tx: Transaction, ids: Collection[DeliveryId], fence: int, now: datetime) -> None:
    """Claim planned deliveries for the sender with this fence.

    Raises:
        Fenced: one of them is not planned any more.
    """
    count = _move(tx, DeliveryState.CLAIMED, now, table.c.id.in_(ids), fence=fence)
    _all_or_fenced(count, len(ids))


def suppress(tx: Transaction, ids: Collection[DeliveryId], now: datetime) -> int:
    """Take planned deliveries out, because their address is suppressed; return how many."""
    return _move(tx, DeliveryState.SUPPRESSED, now, table.c.id.in_(ids))


def mark_dots(tx: Transaction, ids: Collection[DeliveryId], fence: int, now: datetime) -> None:
    """Record that the bodies of these may be sent from the commit of this transaction on.

    Raises:
        Fenced: one of them is no longer claimed by this sender.
    """
    count = _move(tx, DeliveryState.DOT, now, table.c.id.in_(ids), table.c.fence == fence)
    _all_or_fenced(count, len(ids))


def record(tx: Transaction, results: Sequence[Result], fence: int) -> None:
    """Record how attempts ended, each with its attempt.

    Raises:
        Fenced: one of them is no longer this sender's.
    """
    by_state: dict[DeliveryState, list[Result]] = {}
    for result in results:
        by_state.setdefault(result.state, []).append(result)
    for state, some in by_state.items():
        rows = [_outcome(result) for result in some]
        statement = (
            sa.update(table)
            .where(
                table.c.id == sa.bindparam("b_id"),
                table.c.fence == fence,
                sa.or_(*(table.c.state == source for source in _in_flight_before(state))),
            )
            .values(
                state=state,
                attempts=table.c.attempts + sa.bindparam("b_tries"),
                next_at=sa.bindparam("b_next_at", type_=table.c.next_at.type),
                updated_at=sa.bindparam("b_at", type_=table.c.updated_at.type),
                reply_code=sa.bindparam("b_code"),
                enhanced_code=sa.bindparam("b_enhanced"),
                reply_text=sa.bindparam("b_text"),
            )
        )
        _all_or_fenced(tx.execute(statement, rows).rowcount, len(rows))
    if results:
        tx.execute(sa.insert(attempts), [dataclasses.asdict(result.attempt) for result in results])


def release(tx: Transaction, slug: str, now: datetime) -> None:
    """Put right what a sender has left in flight: claimed is unsent, dot is uncertain.

    Only for whoever has the lease, when no lane of theirs is at work.
    """
    mine = table.c.campaign == slug
    _move(tx, DeliveryState.PLANNED, now, mine, table.c.state == DeliveryState.CLAIMED)
    in_flight = of_campaign(tx, slug, DeliveryState.DOT)
    _move(
        tx, DeliveryState.UNCERTAIN, now, mine,
        attempts=table.c.attempts + 1, reply_code=None, enhanced_code="", reply_text=SENDER_ENDED,
    )  # fmt: skip
    if in_flight:
        tx.execute(
            sa.insert(attempts),
            [
                {
                    "delivery": delivery.id,
                    "started_at": delivery.updated_at,
                    "ended_at": now,
                    "phase": Phase.BODY,
                    "outcome": DeliveryState.UNCERTAIN,
                    "reply_text": SENDER_ENDED,
                }
                for delivery in in_flight
            ],
        )


# --- what a person decides ----------------------------------------------------------------


def cancel(tx: Transaction, slug: str, now: datetime) -> int:
    """Cancel what is neither sent nor in flight; return how many."""
    return _move(tx, DeliveryState.CANCELLED, now, table.c.campaign == slug)


def retry(tx: Transaction, slug: str, state: DeliveryState, now: datetime) -> int:
    """Plan those in this state (deferred or refused) again; return how many."""
    return _move(tx, DeliveryState.PLANNED, now, table.c.campaign == slug, table.c.state == state)


def resolve(
    tx: Transaction,
    slug: str,
    ids: Collection[DeliveryId] | None,
    target: DeliveryState,
    now: datetime,
) -> int:
    """Settle uncertain deliveries as a person says; all of them where no ids are given.

    Args:
        tx: the transaction.
        slug: the campaign.
        ids: which ones.
        target: accepted (it arrived) or planned (send it again).
        now: the present.
    """
    which = [table.c.campaign == slug, table.c.state == DeliveryState.UNCERTAIN]
    if ids is not None:
        which.append(table.c.id.in_(ids))
    return _move(tx, target, now, *which)


# --- within -----------------------------------------------------------------------------------


def _move(
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


def _in_flight_before(target: DeliveryState) -> list[DeliveryState]:
    """Return in which states a delivery in flight may be before it comes into this one."""
    return sorted(core.sources(target) & core.AFTER_DEATH.keys())


def _all_or_fenced(count: int, expected: int) -> None:
    if count != expected:
        raise Fenced(_("another process has taken over this letter; this one stopped"))


def _outcome(result: Result) -> dict[str, object]:
    attempt = result.attempt
    return {
        "b_id": attempt.delivery,
        "b_tries": 0 if attempt.outcome is DeliveryState.PLANNED else 1,
        "b_next_at": result.next_at,
        "b_at": attempt.ended_at,
        "b_code": attempt.reply_code,
        "b_enhanced": attempt.enhanced_code,
        "b_text": attempt.reply_text,
    }


def _delivery(row: "sa.Row[Any]") -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        campaign=row.campaign,
        blog=row.blog,
        email=row.email,
        state=DeliveryState(row.state),
        recipient=_recipient(row.recipient),
        message_id=row.message_id,
        message_hash=row.message_hash,
        attempts=row.attempts,
        next_at=row.next_at,
        updated_at=row.updated_at,
        reply_code=row.reply_code,
        enhanced_code=row.enhanced_code,
        reply_text=row.reply_text,
    )


def _recipient(data: Mapping[str, Any]) -> Recipient:
    return Recipient(
        **{**data, "opens": Tracking(data["opens"]), "clicks": Tracking(data["clicks"])}
    )


def _attempt(row: "sa.Row[Any]") -> Attempt:
    return Attempt(
        delivery=DeliveryId(row.delivery),
        started_at=row.started_at,
        ended_at=row.ended_at,
        phase=Phase(row.phase),
        outcome=DeliveryState(row.outcome),
        reply_code=row.reply_code,
        enhanced_code=row.enhanced_code,
        reply_text=row.reply_text,
        next_hop=row.next_hop,
    )
