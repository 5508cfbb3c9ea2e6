"""What a reader may see and decide about themselves: stop being measured, stop the letter.

Each decision is committed before the answer that confirms it, is kept with the words that were
used, and acts on letters already sent, for consent is asked again whenever one is opened.
"""

from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core import consent
from buzz.core.delivery import address_hash
from buzz.core.tracking import TokenPayload
from buzz.edges.store import Store, Transaction, consents, deliveries, events, suppressions
from buzz.model import (
    Channel,
    Consent,
    ConsentRecord,
    Delivery,
    DeliveryId,
    Event,
    EventKind,
    Tracking,
)
from buzz.pipeline import collect


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a reader's own page may show: nothing that tells others who they are."""

    delivery: DeliveryId
    campaign: str
    masked: str  # e-mail address, so that its owner knows it
    language: str
    opens: Tracking  # what is measured now
    clicks: Tracking
    stopped: bool  # no letter is sent to this address any more


def delivery_of(tx: Transaction, token: TokenPayload) -> Delivery | None:
    """Return the delivery a token was made for, or None: it was erased.

    The database may give an erased delivery's number to another one, of a later campaign.
    """
    found = deliveries.get(tx, DeliveryId(token.delivery))
    return found if found is not None and found.campaign == token.campaign else None


def reader(settings: Settings, store: Store, token: TokenPayload) -> Reader | None:
    """Return the reader of a letter, or None: nothing is held on them any more."""
    with store.read() as tx:
        delivery = delivery_of(tx, token)
        return None if delivery is None else _reader(settings, tx, delivery)


def stop_letter(
    settings: Settings, store: Store, token: TokenPayload, now: datetime
) -> Reader | None:
    """Suppress the reader's address and record that they unsubscribed; once, however often asked.

    Returns:
        The reader as they stand then, or None: nothing is held on them any more.
    """
    with store.write() as tx:
        delivery = delivery_of(tx, token)
        if delivery is None:
            return None
        hashed = address_hash(settings.secret, delivery.email)
        suppressions.add(tx, hashed, "unsubscribe", delivery.campaign, now)
        if not events.happened(tx, delivery.id, EventKind.UNSUBSCRIBE):
            event = Event(
                kind=EventKind.UNSUBSCRIBE,
                campaign=delivery.campaign,
                at=now,
                delivery=delivery.id,
                blog=delivery.blog,
            )
            events.add(tx, (event,))
        return _reader(settings, tx, delivery)


def stop_measuring(
    settings: Settings,
    store: Store,
    token: TokenPayload,
    channel: Channel,
    *,
    wording: str,
    version: str,
    now: datetime,
) -> Reader | None:
    """Record that the reader does not agree to one channel; once, however often asked.

    Args:
        settings: the workspace.
        store: its database.
        token: of the letter through which they say so.
        channel: opens or clicks.
        wording: the words of the button they used.
        version: of these words.
        now: aware UTC.

    Returns:
        The reader as they stand then, or None: nothing is held on them any more.
    """
    with store.write() as tx:
        delivery = delivery_of(tx, token)
        if delivery is None:
            return None
        if consents.last_words(tx).get((delivery.blog, channel)) is not Consent.DENIED:
            consents.record(
                tx,
                ConsentRecord(
                    blog=delivery.blog,
                    channel=channel,
                    consent=Consent.DENIED,
                    at=now,
                    method="preferences",
                    wording=wording,
                    version=version,
                ),
            )
        return _reader(settings, tx, delivery)


def _reader(settings: Settings, tx: Transaction, delivery: Delivery) -> Reader:
    in_force = collect.consents_in_force(tx)
    modes = collect.modes(settings)

    def measured(channel: Channel) -> Tracking:
        said = in_force.get((delivery.blog, channel), Consent.UNKNOWN)
        return consent.allowed(modes[channel], said)

    hashed = address_hash(settings.secret, delivery.email)
    return Reader(
        delivery=delivery.id,
        campaign=delivery.campaign,
        masked=consent.masked(delivery.email),
        language=delivery.recipient.language,
        opens=measured(Channel.OPEN),
        clicks=measured(Channel.CLICK),
        stopped=bool(suppressions.contains(tx, (hashed,))),
    )
