"""What segments ask of the database beside blogs and ranks: who relayed which campaign."""

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import campaigns, relays
from buzz.model import Verdict


def relayed(tx: Transaction) -> dict[str, frozenset[str]]:
    """Return, for every campaign, the slugs of the blogs that carried it on.

    What a person said of a post wins over what was computed.
    """
    carriers: dict[str, set[str]] = {slug: set() for slug in tx.execute(_CAMPAIGNS).scalars()}
    for row in tx.execute(_CARRIED):
        carriers.setdefault(row.campaign, set()).add(row.blog)
    return {campaign: frozenset(blogs) for campaign, blogs in carriers.items()}


_CAMPAIGNS = sa.select(campaigns.c.slug)
_IS_RELAYED = sa.case((relays.c.label != "", relays.c.label), else_=relays.c.verdict).in_(
    (Verdict.RELAYED.value,)
)
_CARRIED = sa.select(relays.c.campaign, relays.c.blog).where(_IS_RELAYED).distinct()
