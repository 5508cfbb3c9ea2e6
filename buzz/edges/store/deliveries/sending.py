"""The rows of a campaign while it is being sent: claimed, dot, outcome, and after a death."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from buzz.core import delivery as core
from buzz.core.names import SENDER_ENDED
from buzz.edges.store import Transaction
from buzz.edges.store.deliveries.reading import of_campaign
from buzz.edges.store.deliveries.rows import SELECT, Result, as_delivery, move
from buzz.edges.store.leases import Fenced
from buzz.edges.store.prepared import Prepared
from buzz.edges.store.schema import attempts
from buzz.edges.store.schema import deliveries as table
from buzz.edges.store.types import stored
from buzz.locales import gettext as _
from buzz.model import Attempt, Delivery, DeliveryId, DeliveryState, Phase

_OUTCOMES = (
    DeliveryState.PLANNED,
    DeliveryState.ACCEPTED,
    DeliveryState.DEFERRED,
    DeliveryState.REFUSED,
    DeliveryState.UNCERTAIN,
)


def _in(states: Collection[DeliveryState]) -> "sa.ColumnElement[bool]":
    return sa.or_(*(table.c.state == sa.literal(s.value, sa.Text) for s in sorted(states)))


# In the prepared statements times are integers and states are texts, as they are stored.
_CLAIM = Prepared(
    sa.update(table)
    .where(table.c.id == sa.bindparam("b_id"), _in(core.sources(DeliveryState.CLAIMED)))
    .values(
        state=sa.literal(DeliveryState.CLAIMED.value),
        updated_at=sa.bindparam("b_at", type_=sa.BigInteger),
        next_at=sa.null(),
        fence=sa.bindparam("b_fence"),
    )
)
_DOT = Prepared(
    sa.update(table)
    .where(
        table.c.id == sa.bindparam("b_id"),
        table.c.fence == sa.bindparam("b_fence"),
        _in(core.sources(DeliveryState.DOT)),
    )
    .values(
        state=sa.literal(DeliveryState.DOT.value),
        updated_at=sa.bindparam("b_at", type_=sa.BigInteger),
    )
)
_RECORD = {
    state: Prepared(
        sa.update(table)
        .where(
            table.c.id == sa.bindparam("b_id"),
            table.c.fence == sa.bindparam("b_fence"),
            # In which states a delivery in flight may be before it comes into this one.
            _in(core.sources(state) & core.AFTER_DEATH.keys()),
        )
        .values(
            state=sa.literal(state.value),
            attempts=table.c.attempts + sa.bindparam("b_tries"),
            next_at=sa.bindparam("b_next_at", type_=sa.BigInteger),
            updated_at=sa.bindparam("b_at", type_=sa.BigInteger),
            reply_code=sa.bindparam("b_code"),
            enhanced_code=sa.bindparam("b_enhanced"),
            reply_text=sa.bindparam("b_text"),
        )
    )
    for state in _OUTCOMES
}
_ATTEMPT = Prepared(
    sa.insert(attempts).values(
        {
            column.name: sa.bindparam(
                column.name,
                type_=sa.BigInteger if column.name.endswith("_at") else column.type,
            )
            for column in attempts.columns
            if column.name != "id"
        }
    )
)


def next_planned(
    tx: Transaction, slug: str, now: datetime, limit: int, *, without: Iterable[str] = ()
) -> tuple[Delivery, ...]:
    """Put deferred ones that are due back to planned, and return the first planned ones.

    Args:
        tx: the transaction.
        slug: the campaign.
        now: the present.
        limit: how many at most.
        without: domains to which nothing may be sent just now, in lower case; ``hotmail.*``
            for all endings.
    """
    move(
        tx, DeliveryState.PLANNED, now, table.c.campaign == slug,
        table.c.state == DeliveryState.DEFERRED, table.c.next_at <= now,
    )  # fmt: skip
    query = (
        SELECT.where(table.c.campaign == slug, table.c.state == DeliveryState.PLANNED)
        .order_by(table.c.id)
        .limit(limit)
    )
    address = sa.func.lower(table.c.email)
    for domain in without:
        if domain.endswith("*"):
            family = domain.removesuffix("*")
            query = query.where(~address.contains(f"@{family}", autoescape=True))
        else:
            query = query.where(~address.endswith(f"@{domain}", autoescape=True))
    return tuple(map(as_delivery, tx.execute(query)))


def claim(tx: Transaction, ids: Collection[DeliveryId], fence: int, now: datetime) -> None:
    """Claim planned deliveries for the sender with this fence.

    Raises:
        Fenced: one of them is not planned any more.
    """
    _each_or_fenced(tx, _CLAIM, ids, fence, now)


def suppress(tx: Transaction, ids: Collection[DeliveryId], now: datetime) -> int:
    """Take planned deliveries out, because their address is suppressed; return how many."""
    return move(tx, DeliveryState.SUPPRESSED, now, table.c.id.in_(ids))


def mark_dots(tx: Transaction, ids: Collection[DeliveryId], fence: int, now: datetime) -> None:
    """Record that the bodies of these may be sent from the commit of this transaction on.

    Raises:
        Fenced: one of them is no longer claimed by this sender.
    """
    _each_or_fenced(tx, _DOT, ids, fence, now)


def record(tx: Transaction, results: Sequence[Result], fence: int) -> None:
    """Record how attempts ended, each with its attempt.

    Raises:
        Fenced: one of them is no longer this sender's.
    """
    by_state: dict[DeliveryState, list[Result]] = {}
    for result in results:
        by_state.setdefault(result.state, []).append(result)
    for state, some in by_state.items():
        rows = [_outcome(result, fence) for result in some]
        _all_or_fenced(_RECORD[state].many(tx, rows), len(rows))
    if results:
        _ATTEMPT.many(tx, [_attempt(result.attempt) for result in results])


def release(tx: Transaction, slug: str, now: datetime) -> None:
    """Put right what a sender has left in flight: claimed is unsent, dot is uncertain.

    Only for whoever has the lease, when no lane of theirs is at work.
    """
    mine = table.c.campaign == slug
    move(tx, DeliveryState.PLANNED, now, mine, table.c.state == DeliveryState.CLAIMED)
    in_flight = of_campaign(tx, slug, DeliveryState.DOT)
    move(
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


def _each_or_fenced(
    tx: Transaction,
    statement: Prepared,
    ids: Collection[DeliveryId],
    fence: int,
    now: datetime,
) -> None:
    if ids:
        at = stored(now)
        rows = [{"b_id": id_, "b_fence": fence, "b_at": at} for id_ in ids]
        _all_or_fenced(statement.many(tx, rows), len(rows))


def _all_or_fenced(count: int, expected: int) -> None:
    if count != expected:
        raise Fenced(_("another process has taken over this letter; this one stopped"))


def _outcome(result: Result, fence: int) -> dict[str, object]:
    attempt = result.attempt
    return {
        "b_id": attempt.delivery,
        "b_fence": fence,
        "b_tries": 0 if attempt.outcome is DeliveryState.PLANNED else 1,
        "b_next_at": stored(result.next_at) if result.next_at else None,
        "b_at": stored(attempt.ended_at),
        "b_code": attempt.reply_code,
        "b_enhanced": attempt.enhanced_code,
        "b_text": attempt.reply_text,
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "delivery": attempt.delivery,
        "started_at": stored(attempt.started_at),
        "ended_at": stored(attempt.ended_at),
        "phase": attempt.phase.value,
        "outcome": attempt.outcome.value,
        "reply_code": attempt.reply_code,
        "enhanced_code": attempt.enhanced_code,
        "reply_text": attempt.reply_text,
        "last_words": attempt.last_words,
        "next_hop": attempt.next_hop,
    }
