"""Deliveries: the row that accounts for each recipient, and every attempt made.

What may follow what is :data:`buzz.core.delivery.TRANSITIONS`; a row that is not in a state from
which it may come is not touched. Writes of a sender carry its fence (see
:mod:`buzz.edges.store.leases`). ``planning`` makes the rows, ``sending`` moves them while letters
leave, ``deciding`` when a person says so, ``reading`` tells what they say.
"""

from buzz.edges.store.deliveries.deciding import cancel, resolve, retry
from buzz.edges.store.deliveries.planning import envelope, plan, seal
from buzz.edges.store.deliveries.reading import (
    accepted_since,
    account,
    attempts_of,
    deferrals,
    get,
    in_batches,
    next_due,
    of_campaign,
)
from buzz.edges.store.deliveries.rows import Envelope, Result
from buzz.edges.store.deliveries.sending import (
    claim,
    mark_dots,
    next_planned,
    record,
    release,
    suppress,
)

__all__ = [
    "Envelope",
    "Result",
    "accepted_since",
    "account",
    "attempts_of",
    "cancel",
    "claim",
    "deferrals",
    "envelope",
    "get",
    "in_batches",
    "mark_dots",
    "next_due",
    "next_planned",
    "of_campaign",
    "plan",
    "record",
    "release",
    "resolve",
    "retry",
    "seal",
    "suppress",
]
