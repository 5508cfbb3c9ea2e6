"""The message as it went out, and the posts that carried it on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from buzz.model.feeds import EntryId

RelayId = NewType("RelayId", int)


class Verdict(StrEnum):
    """What a post does with the message."""

    RELAYED = "relayed"  # carries it on without opposing it
    TO_CHECK = "to_check"  # a person should look
    MENTIONED = "mentioned"  # names it, or carries it in order to criticise it
    NOT = "not"


class RelayMode(StrEnum):
    """In which manner the message was carried on."""

    LINK = "link"
    COPY = "copy"
    QUOTE = "quote"
    PARAPHRASE = "paraphrase"
    SLOGAN = "slogan"


class Stance(StrEnum):
    """For or against."""

    FOR = "for"
    NEUTRAL = "neutral"
    AGAINST = "against"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePack:
    """What is looked for in posts: frozen when the letter goes out."""

    campaign: str
    sent_at: datetime
    language: str
    title: str
    organisation: str
    text: str
    talking_points: tuple[str, ...]
    slogans: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    links: tuple[str, ...] = ()  # canonical addresses
    tracking_prefixes: tuple[str, ...] = ()  # our own short links: base addresses of tokens
    third_party_quotes: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()  # of the talking points, in their order; for the report
    translations: tuple["MessagePack", ...] = ()  # the same message in other languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two passages side by side: what the letter says and what the post says."""

    kind: str  # link, text, slogan, hashtag, name, stance
    message: str  # passage of the letter; empty where the evidence is of the post alone
    post: str  # passage of the post
    talking_point: int | None = None
    shared: tuple[str, ...] = ()  # the words found in both, as the post writes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """What one post does with one campaign's message, with the proof beside it."""

    id: RelayId | None = None
    campaign: str
    entry: EntryId
    blog: str
    url: str
    title: str
    published: datetime
    verdict: Verdict
    mode: RelayMode | None
    stance: Stance
    score: float  # 0..1
    lag_s: int  # seconds since the letter was sent
    talking_points: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)  # name -> share in the score
    label: Verdict | None = None  # what a person said: relayed or not

    @property
    def settled(self) -> Verdict:
        """Return the verdict that counts: a person's where there is one."""
        return self.label or self.verdict
