"""One letter to one blog, each attempt at it, and the account of all of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from buzz.model.campaign import Recipient

DeliveryId = NewType("DeliveryId", int)


class DeliveryState(StrEnum):
    """Each target of a campaign is in exactly one; the sums add up on every screen."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    DOT = "dot"  # committed after 354 and before the first byte of the body
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


class Phase(StrEnum):
    """Where in the SMTP dialogue something happened (RFC 5321 §4.3.2)."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # after 354, up to the final dot
    REPLY = "reply"  # the reply to the final dot came
    QUIT = "quit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One recipient of one campaign: the row that accounts for them."""

    id: DeliveryId
    campaign: str
    blog: str
    email: str
    state: DeliveryState
    recipient: Recipient  # as frozen by the plan
    message_id: str  # RFC 5322, stable per campaign and recipient
    message_hash: str  # of the bytes that were checked, Date aside
    attempts: int = 0
    next_at: datetime | None = None  # when a deferred one is tried again
    updated_at: datetime | None = None
    reply_code: int | None = None  # RFC 5321 §4.2
    enhanced_code: str = ""  # RFC 3463
    reply_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to hand a message to the next hop, and how it ended; all are kept."""

    delivery: DeliveryId
    started_at: datetime
    ended_at: datetime
    phase: Phase  # the last one reached
    outcome: DeliveryState  # planned: surely unsent, accepted, deferred, refused or uncertain
    reply_code: int | None = None
    enhanced_code: str = ""
    reply_text: str = ""
    last_words: str = ""  # of the server, where no sound reply came
    next_hop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How many recipients of a campaign are in each state. ``targeted`` is their sum."""

    planned: int = 0
    claimed: int = 0  # claimed and dot together: in flight
    accepted: int = 0
    deferred: int = 0
    refused: int = 0
    suppressed: int = 0
    cancelled: int = 0
    uncertain: int = 0

    @property
    def targeted(self) -> int:
        """Return the sum of all states."""
        return (
            self.planned
            + self.claimed
            + self.accepted
            + self.deferred
            + self.refused
            + self.suppressed
            + self.cancelled
            + self.uncertain
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A mail provider, and how it wants to be written to. 0: no limit."""

    name: str
    domains: tuple[str, ...] = ()  # of addresses, in lower case; "hotmail.*" for all endings
    connections: int = 0  # letters under way to it at the same time
    messages: int = 0  # over one connection
    rate_per_s: float = 0.0
