"""The registry's nouns: a blog, and what its author has allowed."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class BlogStatus(StrEnum):
    """Whether the desk works with a blog at all; a decision of people, never of a poll."""

    ACTIVE = "active"
    PAUSED = "paused"  # stays in the registry; neither polled nor ranked nor written to


class Consent(StrEnum):
    """What a blogger said about one channel of tracking. Unknown is not tracked."""

    UNKNOWN = "unknown"
    GRANTED = "granted"
    DENIED = "denied"


class Channel(StrEnum):
    """What may be tracked, each with a consent of its own."""

    OPEN = "open"
    CLICK = "click"


class Ground(StrEnum):
    """The exception of GDPR art. 9.2 under which the blog is in the registry."""

    PUBLIC = "public"  # 9.2 e: manifestly made public by the person
    MEMBER = "member"  # 9.2 d: member of the organisation or in regular contact with it
    CONSENT = "consent"  # 9.2 a: explicit consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Blog:
    """One line of ``blogs.csv``. Empty strings mean "not given"."""

    slug: str  # ^[a-z0-9][a-z0-9-]{0,63}$, unique, made from the name when absent
    name: str
    url: str = ""  # home page; one of url and feed_url is given
    feed_url: str = ""
    email: str = ""  # empty: ranked and watched, but not written to
    language: str = "fr"
    federation: str = ""  # local federation, e.g. a département's number: "75", "2A", "974"
    tags: tuple[str, ...] = ()  # sorted, unique
    status: BlogStatus = BlogStatus.ACTIVE
    consent_open: Consent = Consent.UNKNOWN
    consent_click: Consent = Consent.UNKNOWN
    notice_at: date | None = None  # when the person was told what is held (GDPR art. 14)
    source: str = ""  # where the address comes from
    note: str = ""
    ground: Ground | None = None
    evidence: str = ""  # of the ground: an address or a date
