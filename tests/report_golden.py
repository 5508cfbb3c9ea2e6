"""A workspace with everything a report can count: three campaigns, 60 blogs, chance with a seed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Store, Transaction
from buzz.edges.store import blogs as blogs_store
from buzz.edges.store import campaigns as campaigns_store
from buzz.edges.store import deliveries as deliveries_store
from buzz.edges.store import entries as entries_store
from buzz.edges.store import events as events_store
from buzz.edges.store import rankings as rankings_store
from buzz.edges.store import relays as relays_store
from buzz.edges.store.deliveries import Envelope
from buzz.edges.store.schema import deliveries, entries
from buzz.model import (
    Agent,
    Blog,
    CampaignState,
    Delivery,
    DeliveryState,
    Entry,
    EntryId,
    Event,
    EventKind,
    Evidence,
    FeedState,
    Link,
    MessagePack,
    RankedBlog,
    Ranking,
    Recipient,
    Relay,
    RelayMode,
    Stance,
    Tracking,
    Verdict,
)

SENT = datetime(2026, 3, 3, 8, tzinfo=UTC)
NOW = SENT + timedelta(days=6)
SLUGS = ("avant", "retraites", "apres")  # the report is of the one in the middle
URLS = ("https://parti.example/petition", "https://video.example/watch?v=3")
REPLIES = ((550, "5.1.1", "User unknown"), (554, "5.7.1", "Policy"), (550, "5.1.1", "No such user"))
_POINTS = ("La retraite à 60 ans est finançable.", "Les carrières longues d'abord.", "Personne.")


def build(store: Store, *, blogs: int = 60) -> None:
    """Fill the database; the same every time."""
    chance = random.Random(20260303)
    with store.write() as tx:
        registry = tuple(_blog(number) for number in range(blogs))
        blogs_store.save(tx, registry, SENT - timedelta(days=300))
        _rank(tx, registry, SENT - timedelta(hours=5))
        _rank(tx, registry[::-1], SENT + timedelta(days=1))
        for week, slug in enumerate(SLUGS, start=-1):
            _campaign(tx, chance, slug, registry, SENT + timedelta(weeks=week))


def _blog(number: int) -> Blog:
    return Blog(
        slug=f"blog-{number:02}",
        name=f"Le blog nº {number}",
        url=f"https://blog-{number:02}.example/",
        email=f"ecrire@{('orange', 'free', 'laposte')[number % 3]}.example".replace(
            "@", f"-{number}@"
        ),
    )


def _rank(tx: Transaction, order: tuple[Blog, ...], as_of: datetime) -> None:
    rankings_store.save(
        tx,
        Ranking(
            as_of=as_of,
            size=40,
            half_life_days=14,
            blogs=tuple(
                RankedBlog(
                    rank=rank,
                    slug=blog.slug,
                    score=1 / rank,
                    listed=rank <= 40,
                    active_days_30=3,
                    entries_30=3,
                    last_published=as_of,
                    status=FeedState.OK,
                )
                for rank, blog in enumerate(order, start=1)
            ),
        ),
    )


def _campaign(
    tx: Transaction, chance: random.Random, slug: str, registry: tuple[Blog, ...], sent: datetime
) -> None:
    pack = MessagePack(
        campaign=slug,
        sent_at=sent,
        language="fr",
        title="Retraites",
        organisation="Parti de l'Exemple",
        text=" ".join(_POINTS),
        talking_points=_POINTS,
    )
    subject = f"Retraites, lettre « {slug} »"
    campaigns_store.record_check(
        tx, slug, subject=subject, content_hash="hash", not_after=None, now=sent
    )
    campaigns_store.freeze(tx, slug, {}, pack, sent)
    links = campaigns_store.ensure_links(tx, slug, URLS)
    campaigns_store.set_state(tx, slug, CampaignState.SENDING, sent)
    letters = _deliveries(tx, chance, slug, registry[: len(registry) * 5 // 6], sent)
    events_store.add(
        tx, [event for letter in letters for event in _events(chance, letter, links, sent)]
    )
    events_store.add(tx, _nobodys(chance, slug, links, sent))
    _relays(tx, chance, slug, registry, sent)
    campaigns_store.set_state(tx, slug, CampaignState.FINISHED, sent + timedelta(hours=1))


def _deliveries(
    tx: Transaction,
    chance: random.Random,
    slug: str,
    recipients: tuple[Blog, ...],
    sent: datetime,
) -> tuple[Delivery, ...]:
    targets = [
        (
            Recipient(
                blog=blog.slug,
                name=blog.name,
                email=blog.email,
                language="fr",
                opens=chance.choice(list(Tracking)),
                clicks=chance.choice(list(Tracking)),
            ),
            DeliveryState.PLANNED,
        )
        for blog in recipients
    ]
    envelope = Envelope(
        from_="a@b.example", reply_to="", mail_from="a@b.example", list_id="", base_url="",
        content_hash="hash",
    )  # fmt: skip
    for letter in deliveries_store.plan(tx, slug, targets, envelope, sent):
        tx.execute(
            sa.update(deliveries)
            .where(deliveries.c.id == letter.id)
            .values(_outcome(chance, letter.id, sent))
        )
    return deliveries_store.of_campaign(tx, slug)


def _outcome(chance: random.Random, number: int, sent: datetime) -> dict[str, Any]:
    states = list(DeliveryState)  # each at least once, most of them accepted
    state = states[number % 50] if number % 50 < len(states) else DeliveryState.ACCEPTED
    values: dict[str, Any] = {"state": state.value, "updated_at": sent}
    if chance.random() < 0.15 and state is DeliveryState.ACCEPTED:
        values["state"] = DeliveryState.REFUSED.value
    if values["state"] == DeliveryState.REFUSED.value:
        code, enhanced, text = chance.choice(REPLIES)
        values |= {"reply_code": code, "enhanced_code": enhanced, "reply_text": text}
    return values


def _events(
    chance: random.Random, letter: Delivery, links: tuple[Link, ...], sent: datetime
) -> list[Event]:
    """Return what happened to one letter, whatever its state: the report must tell them apart."""
    kinds = [EventKind.OPEN] * 4 + [EventKind.CLICK] * 3 + [EventKind.RELAY_VISIT] + list(EventKind)
    found = []
    for _n in range(chance.choice((0, 0, 1, 2, 5))):
        kind = chance.choice(kinds)
        has_link = kind in {EventKind.CLICK, EventKind.RELAY_VISIT}
        found.append(
            Event(
                kind=kind,
                campaign=letter.campaign,
                at=sent + timedelta(minutes=chance.randrange(5000)),
                delivery=letter.id,
                blog=letter.blog,
                link=chance.choice(links).id if has_link else None,
                agent=chance.choice(list(Agent)),
            )
        )
    return found


def _nobodys(
    chance: random.Random, slug: str, links: tuple[Link, ...], sent: datetime
) -> list[Event]:
    return [
        Event(
            kind=kind,
            campaign=slug,
            at=sent,
            link=links[0].id if kind is EventKind.CLICK else None,
            agent=chance.choice(list(Agent)),
        )
        for kind in [EventKind.OPEN] * 17 + [EventKind.CLICK] * 9
    ]


def _relays(
    tx: Transaction, chance: random.Random, slug: str, registry: tuple[Blog, ...], sent: datetime
) -> None:
    posts = [
        Entry(
            blog=chance.choice(registry).slug,
            identity=f"{slug}-{number}",
            link=f"https://post.example/{slug}/{number}",
            first_seen=sent,
            day=sent.date(),
        )
        for number in range(70)
    ]
    entries_store.save(tx, posts)
    ids = {
        row.identity: EntryId(row.id)
        for row in tx.execute(sa.select(entries.c.id, entries.c.identity))
    }
    relays_store.save(tx, [_relay(chance, slug, post, ids[post.identity], sent) for post in posts])
    for relay in relays_store.of_campaign(tx, slug)[::9]:
        assert relay.id is not None
        relays_store.label(tx, relay.id, chance.choice((Verdict.RELAYED, Verdict.NOT)))


def _relay(chance: random.Random, slug: str, post: Entry, entry: EntryId, sent: datetime) -> Relay:
    lag_s = int(chance.expovariate(1 / 90_000)) + 60
    stance = chance.choice(list(Stance))
    return Relay(
        campaign=slug,
        entry=entry,
        blog=post.blog,
        url=post.link,
        title=f"Un billet sur « {slug} »",
        published=sent + timedelta(seconds=lag_s),
        verdict=chance.choices(list(Verdict), [5, 2, 2, 1])[0],
        mode=chance.choice([*RelayMode, None]),
        stance=stance,
        score=chance.random(),
        lag_s=lag_s,
        talking_points=tuple(sorted(chance.sample((1, 2), chance.choice((0, 1, 2))))),
        evidence=(
            Evidence(
                kind="text", message=_POINTS[0], post="Oui, la retraite !", shared=("retraite",)
            ),
        ),
    )
