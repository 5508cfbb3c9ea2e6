"""The report's queries: one campaign counted, in one transaction, so that the figures agree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from buzz.core.report import BlogFacts, Facts, LinkUse, Receiver, Refusal, Seen, UncertainDelivery
from buzz.edges.store import Transaction, checks, rankings, relays
from buzz.edges.store import campaigns as campaigns_store
from buzz.edges.store import deliveries as deliveries_store
from buzz.edges.store.schema import blogs, campaigns, deliveries, events, links
from buzz.edges.store.schema import relays as relays_table
from buzz.model import (
    Agent,
    CampaignStatus,
    DeliveryId,
    DeliveryState,
    EventKind,
    LinkId,
    MessagePack,
    Relay,
    Tracking,
    Verdict,
)

_FROM_PERSON = sa.case((events.c.agent == Agent.PERSON.value, 1), else_=0)
_ARRIVED = (EventKind.OPEN.value, EventKind.CLICK.value, EventKind.UNSUBSCRIBE.value)


def facts(tx: Transaction, slug: str) -> Facts | None:
    """Return everything known of one campaign, counted, or None: the database does not know it."""
    campaign = campaigns_store.get(tx, slug)
    if campaign is None:
        return None
    pack = campaigns_store.pack(tx, slug)
    found = relays.of_campaign(tx, slug)
    past = _past(tx, campaign)
    visits, visited = _visits(tx, slug)
    return Facts(
        campaign=campaign,
        language=pack.language if pack else "fr",
        talking_points=_points(pack),
        account=deliveries_store.account(tx, slug),
        opened=_seen(tx, slug, EventKind.OPEN, "opens"),
        clicked=_seen(tx, slug, EventKind.CLICK, "clicks"),
        visits=visits,
        visited=visited,
        unsubscribed=_happened(tx, slug, EventKind.UNSUBSCRIBE),
        bounced=_happened(tx, slug, EventKind.BOUNCE),
        complained=_happened(tx, slug, EventKind.COMPLAINT),
        refusals=_refusals(tx, slug),
        receivers=_receivers(tx, slug),
        uncertain=_uncertain(tx, slug),
        links=_links(tx, slug),
        relays=found,
        blogs=_blogs(tx, campaign, found, past),
        waivers=checks.waived(tx, slug),
        mean_rate=past.mean,
    )


def _points(pack: MessagePack | None) -> tuple[str, ...]:
    """Return the talking points by title where the pack has them, else by their text."""
    return (pack.titles or pack.talking_points) if pack else ()


# --- letters ----------------------------------------------------------------------------------


def _personal(channel: str) -> "sa.ColumnElement[bool]":
    """Return the condition: an accepted letter whose reader agreed to this channel."""
    return sa.and_(
        deliveries.c.state == DeliveryState.ACCEPTED.value,
        deliveries.c.recipient[channel].as_string() == Tracking.PERSONAL.value,
    )


def _seen(tx: Transaction, slug: str, kind: EventKind, channel: str) -> Seen:
    """Return one channel: tracked letters by who reached them, and hits with nobody in them."""
    tracked = tx.execute(
        sa.select(sa.func.count())
        .select_from(deliveries)
        .where(deliveries.c.campaign == slug, _personal(channel))
    ).scalar_one()
    by_letter = (
        sa.select(sa.func.max(_FROM_PERSON).label("person"))
        .join_from(events, deliveries)
        .where(events.c.campaign == slug, events.c.kind == kind.value, _personal(channel))
        .group_by(events.c.delivery)
        .subquery()
    )
    reached, person = tx.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(by_letter.c.person), 0))
    ).one()
    hits, hits_person = tx.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_FROM_PERSON), 0)).where(
            events.c.campaign == slug, events.c.kind == kind.value, events.c.delivery.is_(None)
        )
    ).one()
    return Seen(
        tracked=tracked,
        person=person,
        machine=reached - person,
        aggregate_person=hits_person,
        aggregate_machine=hits - hits_person,
    )


def _visits(tx: Transaction, slug: str) -> tuple[int, int]:
    """Return the visits of people through share links, and to how many accepted letters' links."""
    query = (
        sa.select(
            sa.func.count(),
            sa.func.count(
                sa.distinct(
                    sa.case(
                        (
                            deliveries.c.state == DeliveryState.ACCEPTED.value,
                            events.c.delivery,
                        )
                    )
                )
            ),
        )
        .select_from(events)
        .outerjoin(deliveries, deliveries.c.id == events.c.delivery)
        .where(
            events.c.campaign == slug,
            events.c.kind == EventKind.RELAY_VISIT.value,
            events.c.agent == Agent.PERSON.value,
        )
    )
    visits, visited = tx.execute(query).one()
    return visits, visited


def _happened(tx: Transaction, slug: str, kind: EventKind) -> int:
    """Return of how many letters an event of this kind is recorded."""
    query = sa.select(sa.func.count(sa.distinct(events.c.delivery))).where(
        events.c.campaign == slug, events.c.kind == kind.value
    )
    return tx.execute(query).scalar_one()


def _refusals(tx: Transaction, slug: str) -> tuple[Refusal, ...]:
    count = sa.func.count()
    query = (
        sa.select(
            deliveries.c.reply_code,
            deliveries.c.enhanced_code,
            sa.func.min(deliveries.c.reply_text),
            count,
        )
        .where(deliveries.c.campaign == slug, deliveries.c.state == DeliveryState.REFUSED.value)
        .group_by(deliveries.c.reply_code, deliveries.c.enhanced_code)
        .order_by(count.desc(), deliveries.c.reply_code, deliveries.c.enhanced_code)
    )
    return tuple(
        Refusal(reply_code=code, enhanced_code=enhanced, reply_text=text, count=n)
        for code, enhanced, text, n in tx.execute(query)
    )


def _receivers(tx: Transaction, slug: str) -> tuple[Receiver, ...]:
    """Return the mail domains; an address is taken apart here, SQL's means for it differ."""
    counted: dict[str, dict[str, int]] = {}
    query = sa.select(deliveries.c.email, deliveries.c.state).where(deliveries.c.campaign == slug)
    for email, state in tx.execute(query):
        states = counted.setdefault(email.rpartition("@")[2].lower(), {})
        states[state] = states.get(state, 0) + 1
    found = (_receiver(domain, states) for domain, states in counted.items())
    return tuple(sorted(found, key=lambda receiver: (-receiver.targeted, receiver.domain)))


def _receiver(domain: str, states: Mapping[str, int]) -> Receiver:
    told = {
        state: states.get(state.value, 0)
        for state in (DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.UNCERTAIN)
    }
    targeted = sum(states.values())
    return Receiver(
        domain=domain,
        targeted=targeted,
        accepted=told[DeliveryState.ACCEPTED],
        refused=told[DeliveryState.REFUSED],
        uncertain=told[DeliveryState.UNCERTAIN],
        others=targeted - sum(told.values()),
    )


def _uncertain(tx: Transaction, slug: str) -> tuple[UncertainDelivery, ...]:
    seen = sa.exists().where(events.c.delivery == deliveries.c.id, events.c.kind.in_(_ARRIVED))
    query = (
        sa.select(
            deliveries.c.id,
            deliveries.c.blog,
            deliveries.c.updated_at,
            deliveries.c.reply_text,
            seen,
        )
        .where(deliveries.c.campaign == slug, deliveries.c.state == DeliveryState.UNCERTAIN.value)
        .order_by(deliveries.c.id)
    )
    return tuple(
        UncertainDelivery(
            delivery=DeliveryId(id_), blog=blog, since=since, reply_text=text, seen=bool(was_seen)
        )
        for id_, blog, since, text, was_seen in tx.execute(query)
    )


def _links(tx: Transaction, slug: str) -> tuple[LinkUse, ...]:
    by_letter = (
        sa.select(events.c.link, sa.func.max(_FROM_PERSON).label("person"))
        .join_from(events, deliveries)
        .where(
            events.c.campaign == slug,
            events.c.kind == EventKind.CLICK.value,
            _personal("clicks"),
        )
        .group_by(events.c.link, events.c.delivery)
        .subquery()
    )
    clicked = {
        link: (reached, person)
        for link, reached, person in tx.execute(
            sa.select(by_letter.c.link, sa.func.count(), sa.func.sum(by_letter.c.person)).group_by(
                by_letter.c.link
            )
        )
    }
    nobody = _by_link(tx, slug, EventKind.CLICK, events.c.delivery.is_(None))
    from_person = events.c.agent == Agent.PERSON.value
    visits = _by_link(tx, slug, EventKind.RELAY_VISIT, from_person)
    query = sa.select(links.c.id, links.c.url).where(links.c.campaign == slug).order_by(links.c.id)
    return tuple(
        LinkUse(
            link=LinkId(id_),
            url=url,
            person=clicked.get(id_, (0, 0))[1],
            machine=clicked.get(id_, (0, 0))[0] - clicked.get(id_, (0, 0))[1],
            aggregate=nobody.get(id_, 0),
            visits=visits.get(id_, 0),
        )
        for id_, url in tx.execute(query)
    )


def _by_link(
    tx: Transaction, slug: str, kind: EventKind, which: "sa.ColumnElement[bool]"
) -> dict[int, int]:
    """Return how many events of a kind each link has."""
    query = (
        sa.select(events.c.link, sa.func.count())
        .where(events.c.campaign == slug, events.c.kind == kind.value, which)
        .group_by(events.c.link)
    )
    return {link: count for link, count in tx.execute(query) if link is not None}


# --- blogs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """Letters of all campaigns up to this one."""

    received: Mapping[str, int]  # slug of the blog -> letters that were accepted
    carried: Mapping[str, int]  # of them, those it relayed

    @property
    def mean(self) -> float:
        """Return the share of all accepted letters that were relayed."""
        received = sum(self.received.values())
        return sum(self.carried.values()) / received if received else 0.0


def _past(tx: Transaction, campaign: CampaignStatus) -> _Past:
    accepted = (
        sa.select(deliveries.c.blog, sa.func.count(sa.distinct(deliveries.c.campaign)))
        .join_from(deliveries, campaigns)
        .where(deliveries.c.state == DeliveryState.ACCEPTED.value)
        .group_by(deliveries.c.blog)
    )
    if campaign.started_at:
        accepted = accepted.where(campaigns.c.started_at <= campaign.started_at)
    relayed = sa.exists().where(
        relays_table.c.campaign == deliveries.c.campaign,
        relays_table.c.blog == deliveries.c.blog,
        relays.SETTLED.in_((Verdict.RELAYED.value,)),
    )
    return _Past(
        received=_pairs(tx, accepted),
        carried=_pairs(tx, accepted.where(relayed)),
    )


def _pairs(tx: Transaction, query: "sa.Select[Any]") -> dict[str, int]:
    return {row[0]: row[1] for row in tx.execute(query)}


def _blogs(
    tx: Transaction, campaign: CampaignStatus, found: Iterable[Relay], past: _Past
) -> dict[str, BlogFacts]:
    """Return what is known of recipients and of blogs that posted.

    The rank is the one in force when the letter went out, so that a report does not change
    with tonight's ranking; before the send it is the latest.
    """
    letters = {
        row.blog: (DeliveryState(row.state), row.name, row.language)
        for row in tx.execute(
            sa.select(
                deliveries.c.blog,
                deliveries.c.state,
                deliveries.c.recipient["name"].as_string().label("name"),
                deliveries.c.recipient["language"].as_string().label("language"),
            ).where(deliveries.c.campaign == campaign.slug)
        )
    }
    registry = {
        row.slug: (row.name, row.language)
        for row in tx.execute(sa.select(blogs.c.slug, blogs.c.name, blogs.c.language))
    }
    sent_at = campaign.started_at
    ranking = rankings.at(tx, sent_at) if sent_at else rankings.latest(tx)
    ranks = {blog.slug: blog.rank for blog in ranking.blogs} if ranking else {}
    facts = {}
    for slug in {*letters, *(relay.blog for relay in found)}:
        state, *frozen = letters.get(slug, (None, "", ""))
        name, language = registry.get(slug, frozen)
        facts[slug] = BlogFacts(
            name=name or slug,
            language=language or "fr",
            rank=ranks.get(slug),
            state=state,
            received=past.received.get(slug, 0),
            carried=past.carried.get(slug, 0),
        )
    return facts
