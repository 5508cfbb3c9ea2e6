"""A campaign, the letter compiled from it, and who gets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

LinkId = NewType("LinkId", int)


class CampaignState(StrEnum):
    """``draft -> checked -> (approved) -> sending <-> paused -> finished``, or the last two."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


BEFORE_SENDING = frozenset({CampaignState.DRAFT, CampaignState.CHECKED, CampaignState.APPROVED})
UNDER_WAY = frozenset({CampaignState.SENDING, CampaignState.PAUSED})
ENDED = frozenset({CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkingPoint:
    """One ``##`` section of ``letter.md``."""

    number: int  # from 1
    title: str
    markdown: str
    html: str  # cleaned, ready to be put into a template
    text: str  # for the text part and for relay detection
    line: int  # of the heading in letter.md


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture beside ``letter.md``, as letters show it."""

    url: str  # below web.base_url; its name is made from its content
    width: int  # pixels it is shown in, at most a letter's column
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign as its folder says: front matter and Markdown, parsed and cleaned."""

    slug: str
    subject: str
    preheader: str = ""
    language: str = "fr"
    from_: str = ""  # empty: sender.from
    reply_to: str = ""
    segment: str = "listed"
    links: tuple[str, ...] = ()  # canonical addresses the campaign wants to be linked
    slogans: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # under which the campaign and its sender are spoken of
    third_party_quotes: tuple[str, ...] = ()  # not ours: no evidence of a relay
    not_before: datetime | None = None
    not_after: datetime | None = None
    template: str = "lettre"
    intro_html: str = ""
    intro_text: str = ""
    closing_html: str = ""  # what stands after a thematic break (---)
    closing_text: str = ""
    talking_points: tuple[TalkingPoint, ...] = ()
    images: tuple[Image, ...] = ()  # in the order of the text
    translations: tuple["Campaign", ...] = ()  # the same letter, one a language; theirs are empty
    content_hash: str = ""  # of everything that decides what is sent


class Sender(Protocol):
    """Who writes: what the law wants to be said in the letter."""

    @property
    def from_(self) -> str:
        """Return ``Name <address>``."""

    @property
    def organisation(self) -> str:
        """Return whose letter it is."""

    @property
    def postal_address(self) -> str:
        """Return where the organisation can be reached by post."""

    @property
    def controller(self) -> str:
        """Return who answers for the personal data."""


class Level(StrEnum):
    """What a finding does to a send."""

    ERROR = "error"  # stops it
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a check found."""

    rule: str  # short and stable: "3-size", "9-text-links"
    level: Level
    place: str  # file:line, or file
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A person's decision that one rule shall not stop one campaign."""

    rule: str
    reason: str
    who: str  # user of the operating system
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Whether an address of a letter answered when it was last asked."""

    url: str
    at: datetime
    status: int = 0  # HTTP status; 0: no answer
    error: str = ""  # a code of FetchResult; empty: it answered well


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address in a letter, stored at send time: a click leads nowhere else."""

    id: LinkId
    url: str


class Tracking(StrEnum):
    """What one letter may record on one channel; frozen with the delivery."""

    NONE = "none"  # no pixel, plain addresses
    AGGREGATE = "aggregate"  # one address for everybody, nobody in it
    PERSONAL = "personal"  # a token of one person who agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets a letter, and what is known that a template may use."""

    blog: str  # slug
    name: str
    email: str
    language: str
    federation: str = ""
    rank: int | None = None
    opens: Tracking = Tracking.NONE
    clicks: Tracking = Tracking.NONE
    needs_notice: bool = False  # has never been told what is held on them
    source: str = ""  # where the address comes from; said in the notice (GDPR art. 14.2 f)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSource:
    """What a letter is rendered from again, where its template looks into its recipient."""

    place: str  # where it does so first: template and line
    template: str
    templates: tuple[tuple[str, str], ...]  # name and Jinja source of each
    values: str  # JSON: what templates may use, with the words of slots


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledLetter:
    """A letter rendered once per template and language, with slots to fill per recipient.

    A slot is an opaque ASCII word that survives premailer and line wrapping; ``slots`` names
    them. ``links`` are the addresses behind the link slots, in the order of their ids.
    """

    language: str
    subject: str
    preheader: str
    html: str
    text: str
    slots: Mapping[str, str]  # name -> the word that stands for it in subject, html and text
    links: tuple[Link, ...]
    content_hash: str
    source: LetterSource | None = None  # None: slots say all that differs between recipients


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterUrls:
    """The addresses in one recipient's letter, ready to be filled into its slots."""

    clicks: Mapping[LinkId, str]  # what each link of the letter points to for this recipient
    relays: Mapping[LinkId, str]  # the blog's own share link for each address
    pixel: str = ""  # empty: the letter has no pixel
    unsubscribe: str = ""  # RFC 8058: GET shows, POST acts
    online: str = ""
    preferences: str = ""
    kit: str = ""  # what the blog may paste, each link its own


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """A campaign as the database knows it."""

    slug: str
    state: CampaignState = CampaignState.DRAFT
    subject: str = ""
    checked_at: datetime | None = None
    checked_hash: str = ""  # content hash of what passed the check
    planned_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    not_after: datetime | None = None
    fence: int = 0  # grows with each sender that takes the lease
    holder: str = ""  # "pid@host"; empty: nobody sends
    held_since: datetime | None = None
    held_until: datetime | None = None
