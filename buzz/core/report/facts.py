"""What the store counted of one campaign: the raw figures from which the report is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from buzz.model import Account, CampaignStatus, DeliveryId, DeliveryState, LinkId, Relay, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One channel (opens or clicks) of one campaign.

    ``person + machine <= tracked``: a letter that a person and a machine opened counts once, as a
    person's. ``aggregate_*`` are events with nobody in them: hits, not letters.
    """

    tracked: int = 0  # accepted letters whose reader agreed to be measured on this channel
    person: int = 0  # of them, with at least one event of a person
    machine: int = 0  # of them, with events of proxies, prefetchers and scanners only
    aggregate_person: int = 0
    aggregate_machine: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Deliveries refused in the same words."""

    reply_code: int | None  # RFC 5321 §4.2; None: refused before the server was asked
    enhanced_code: str  # RFC 3463
    reply_text: str  # of one of them
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """How the letters for one mail domain fared."""

    domain: str
    targeted: int
    accepted: int
    refused: int
    uncertain: int
    others: int  # every other state together


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertainDelivery:
    """One letter of which nobody can know whether it arrived (RFC 1047)."""

    delivery: DeliveryId
    blog: str
    since: datetime | None
    reply_text: str
    seen: bool  # it was opened or clicked since: it did arrive


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUse:
    """What became of one address in the letter."""

    link: LinkId
    url: str
    person: int = 0  # tracked letters in which a person clicked it
    machine: int = 0  # tracked letters in which only machines did
    aggregate: int = 0  # clicks with nobody in them
    visits: int = 0  # through the blogs' own share links


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogFacts:
    """What the report needs to know of one blog."""

    name: str
    language: str = "fr"
    rank: int | None = None  # in the last ranking before the send
    state: DeliveryState | None = None  # of this campaign's letter; None: was not a recipient
    received: int = 0  # letters of all campaigns up to this one that were accepted
    carried: int = 0  # of them, those it relayed

    @property
    def accepted(self) -> bool:
        """Tell whether this campaign's letter was accepted."""
        return self.state is DeliveryState.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the store knows of one campaign, counted."""

    campaign: CampaignStatus
    language: str = "fr"  # the letter's
    talking_points: tuple[str, ...] = ()  # as frozen at send time, in order
    account: Account = field(default_factory=Account)
    opened: Seen = field(default_factory=Seen)
    clicked: Seen = field(default_factory=Seen)
    visits: int = 0  # through share links
    visited: int = 0  # accepted letters whose share link was followed
    unsubscribed: int = 0
    bounced: int = 0
    complained: int = 0
    refusals: tuple[Refusal, ...] = ()  # most frequent first
    receivers: tuple[Receiver, ...] = ()  # largest first
    uncertain: tuple[UncertainDelivery, ...] = ()
    links: tuple[LinkUse, ...] = ()  # in the letter's order
    relays: tuple[Relay, ...] = ()
    blogs: Mapping[str, BlogFacts] = field(default_factory=dict)  # recipients and relayers
    waivers: tuple[Waiver, ...] = ()  # rules of the check that a person lets pass
    mean_rate: float = 0.0  # relayed / accepted letters, all campaigns up to this one

    def blog(self, slug: str) -> BlogFacts:
        """Return what is known of a blog; of one that has left the registry only its slug is."""
        return self.blogs.get(slug) or BlogFacts(name=slug)
