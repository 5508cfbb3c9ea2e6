"""What readers' programs asked for, and what their owners consented to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from buzz.model.campaign import LinkId
from buzz.model.delivery import DeliveryId
from buzz.model.registry import Channel, Consent


class Purpose(StrEnum):
    """What a token is for; a token made for one purpose is unknown to every other."""

    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    RELAY = "relay"
    ONLINE = "online"
    PREFERENCES = "preferences"
    KIT = "kit"
    CARD = "card"  # pictures of a passage, the same for every blog


class EventKind(StrEnum):
    """What can happen to a letter after it was accepted."""

    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    RELAY_VISIT = "relay-visit"  # somebody followed a blog's own share link
    BOUNCE = "bounce"
    COMPLAINT = "complaint"


class Agent(StrEnum):
    """Who seems to have asked: a machine's open is not a person's."""

    PERSON = "person"
    PROXY = "proxy"
    PREFETCH = "prefetch"
    SCANNER = "scanner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One recorded event. Without a personal token it has neither delivery nor blog."""

    kind: EventKind
    campaign: str
    at: datetime
    delivery: DeliveryId | None = None
    blog: str = ""
    link: LinkId | None = None
    agent: Agent = Agent.PERSON
    rule: str = ""  # the rule that chose the agent


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """What a person said about one channel, and how we know; records are only ever added."""

    blog: str  # slug
    channel: Channel
    consent: Consent
    at: datetime
    method: str  # preferences, registry, …
    wording: str = ""  # the very words that were agreed to or used
    version: str = ""  # of the wording
