"""Events: what happened to letters after they were accepted, and how far the spools are drained."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import batches, insert
from buzz.edges.store.schema import deliveries, links, spools
from buzz.edges.store.schema import events as table
from buzz.model import Agent, DeliveryId, Event, EventKind, LinkId


def add(tx: Transaction, events: Iterable[Event]) -> None:
    """Add events."""
    rows = [_row(event) for event in events]
    if rows:
        tx.execute(sa.insert(table), rows)


def of_campaign(tx: Transaction, slug: str) -> tuple[Event, ...]:
    """Return a campaign's events in the order in which they happened."""
    query = sa.select(table).where(table.c.campaign == slug).order_by(table.c.at, table.c.id)
    return tuple(map(_event, tx.execute(query)))


def happened(tx: Transaction, delivery: DeliveryId, kind: EventKind) -> bool:
    """Tell whether an event of this kind is recorded for a delivery."""
    query = sa.select(table.c.id).where(table.c.delivery == delivery, table.c.kind == kind.value)
    return tx.execute(query.limit(1)).first() is not None


def blogs_of(
    tx: Transaction, letters: Iterable[tuple[DeliveryId, str]]
) -> dict[tuple[DeliveryId, str], str]:
    """Return whose each letter is, by delivery and campaign; one that was erased is absent.

    The campaign tells an erased delivery from a later one that was given the same number.
    """
    wanted = set(letters)
    return {
        (DeliveryId(row.id), row.campaign): row.blog
        for batch in batches(delivery for delivery, _campaign in wanted)
        for row in tx.execute(
            sa.select(deliveries.c.id, deliveries.c.campaign, deliveries.c.blog).where(
                deliveries.c.id.in_(batch)
            )
        )
        if (row.id, row.campaign) in wanted
    }


def known_links(tx: Transaction, ids: Iterable[LinkId]) -> frozenset[LinkId]:
    """Return those of the ids that belong to a stored link."""
    return frozenset(
        LinkId(id_)
        for batch in batches(ids)
        for id_ in tx.execute(sa.select(links.c.id).where(links.c.id.in_(batch))).scalars()
    )


def spool_offset(tx: Transaction, name: str) -> int:
    """Return how far a spool file is drained, in bytes."""
    return tx.execute(sa.select(spools.c.offset).where(spools.c.name == name)).scalar() or 0


def claim_spool(tx: Transaction, name: str) -> int:
    """Return the same, and keep others from draining this file until the transaction ends."""
    # One statement: between two, another drain may finish with the file and remove its row.
    claim = insert(tx, spools).values(name=name, offset=0)
    claim = claim.on_conflict_do_update(index_elements=["name"], set_={"offset": spools.c.offset})
    return int(tx.execute(claim.returning(spools.c.offset)).scalar_one())


def set_spool_offset(tx: Transaction, name: str, offset: int) -> None:
    """Say how far a claimed spool file is drained, in the transaction that adds its events."""
    tx.execute(sa.update(spools).where(spools.c.name == name).values(offset=offset))


def forget_spool(tx: Transaction, name: str) -> None:
    """Forget a spool file that is no more."""
    tx.execute(sa.delete(spools).where(spools.c.name == name))


def _row(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "campaign": event.campaign,
        "at": event.at,
        "delivery": event.delivery,
        "blog": event.blog,
        "link": event.link,
        "agent": event.agent.value,
        "rule": event.rule,
    }


def _event(row: sa.Row[Any]) -> Event:
    return Event(
        kind=EventKind(row.kind),
        campaign=row.campaign,
        at=row.at,
        delivery=None if row.delivery is None else DeliveryId(row.delivery),
        blog=row.blog,
        link=None if row.link is None else LinkId(row.link),
        agent=Agent(row.agent),
        rule=row.rule,
    )
