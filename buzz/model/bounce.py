"""What comes back: bounces, complaints, and the automatic replies that are neither."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from buzz.model.delivery import DeliveryId


class BounceKind(StrEnum):
    """What one message in the mailbox of bounces says."""

    HARD = "hard"  # nothing sent there will ever arrive
    SOFT = "soft"  # it did not arrive this time: full, away, given up
    POLICY = "policy"  # refused for what we are or send; says nothing of the recipient
    DELAYED = "delayed"  # not yet; the server goes on trying
    COMPLAINT = "complaint"  # the reader called it spam (RFC 5965)
    AUTOMATIC = "automatic"  # a reply by a machine: vacation, receipt, challenge (RFC 3834)
    DELIVERED = "delivered"  # a notice of success (RFC 3461)
    UNKNOWN = "unknown"  # not understood


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """One bounce or complaint about one letter, as it is recorded."""

    kind: BounceKind
    at: datetime  # when it was collected
    digest: str  # of the message: the same one is recorded once
    campaign: str
    blog: str
    delivery: DeliveryId
    address_hash: str
    status: str = ""  # RFC 3463, e.g. 5.1.1
    words: str = ""  # of the server, on one line
    reporter: str = ""  # who says so: a host name
