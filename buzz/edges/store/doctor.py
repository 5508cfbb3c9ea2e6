"""A reader who is made up, so that unsubscribing can be tried where it really happens."""

import dataclasses
from datetime import datetime

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import campaigns, deliveries
from buzz.model import CampaignState, DeliveryId, DeliveryState, Recipient

CAMPAIGN = "_doctor"  # no slug: no campaign of a person's can have this name
EMAIL = "doctor@buzz.invalid"
_READER = Recipient(blog="", name="", email=EMAIL, language="en")


def admit(tx: Transaction, now: datetime) -> DeliveryId:
    """Make the reader up; whoever a run that was killed has left goes first."""
    dismiss(tx)
    tx.execute(
        sa.insert(campaigns).values(slug=CAMPAIGN, state=CampaignState.CANCELLED.value, subject="")
    )
    made = sa.insert(deliveries).values(
        campaign=CAMPAIGN,
        email=EMAIL,
        state=DeliveryState.CANCELLED,
        recipient=dataclasses.asdict(_READER),
        updated_at=now,
    )
    return DeliveryId(tx.execute(made.returning(deliveries.c.id)).scalar_one())


def dismiss(tx: Transaction) -> None:
    """Remove the reader, and whatever was recorded of them."""
    tx.execute(sa.delete(deliveries).where(deliveries.c.campaign == CAMPAIGN))
    tx.execute(sa.delete(campaigns).where(campaigns.c.slug == CAMPAIGN))
