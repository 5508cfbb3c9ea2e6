"""The nouns: frozen values and closed sets, in the order the data flows.

Nothing here computes. Times are aware UTC ``datetime``; spans are ``timedelta`` or carry their
unit in their name; ranks and talking points are counted from 1. A blog is known everywhere by
its slug. Words are the field's own (RFC 4287 for feeds, RFC 5321/5322 for mail, RFC 3464 for
outcomes); docs/architecture.md has the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import IO, NewType, Protocol

EntryId = NewType("EntryId", int)
LinkId = NewType("LinkId", int)
DeliveryId = NewType("DeliveryId", int)
RelayId = NewType("RelayId", int)
RankingId = NewType("RankingId", int)


# --- registry -------------------------------------------------------------------------------


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


# --- polling --------------------------------------------------------------------------------


class FeedState(StrEnum):
    """What is known of a feed's health. No state deletes anything; all are polled again."""

    NEW = "new"  # never polled
    OK = "ok"
    SOFT = "soft"  # failing for now: DNS, time-out, 4xx, 5xx, not a feed
    BLOCKED = "blocked"  # a wall for robots (403 + cf-mitigated, 401): blocked is not inactive
    GONE = "gone"  # 410
    MOVED = "moved"  # permanent redirect, not believed yet
    PARKED = "parked"  # the domain shows a parking page
    QUARANTINED = "quarantined"  # refused by the guard, or broke the parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """Validators of a conditional request, byte for byte as the server sent them.

    RFC 9110 §8.8.
    """

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The polling state of one blog's feed."""

    blog: str  # slug
    url: str
    title: str = ""
    state: FeedState = FeedState.NEW
    since: datetime | None = None  # when this state began
    reason: str = ""  # why it is not ok: machine words, translated where shown
    validators: Validators = field(default_factory=Validators)
    body_hash: str = ""  # BLAKE2b of the last body, hex; empty: none seen
    last_polled: datetime | None = None
    last_success: datetime | None = None  # last 200 that parsed, or 304
    next_due: datetime | None = None  # None: due now
    failures: int = 0  # in a row
    duration_ms: int = 0  # of the last fetch; the slowest hosts start first
    interval_s: int = 3600  # between two polls while all is well; learnt from its posts
    last_full: datetime | None = None  # last answer to a request without validators
    validators_lie: bool = False  # caught with new posts behind an unchanged validator
    gap_at: datetime | None = None  # last poll that shared no post with the one before: counts
    # around it are lower bounds
    moved_to: str = ""  # asked instead of ``url``: a move that was believed
    move_target: str = ""  # where a permanent redirect leads that is not believed yet
    move_polls: int = 0  # how many polls in a row have seen that redirect
    move_refused: str = ""  # a target that a person has refused

    @property
    def address(self) -> str:
        """Return the address that is asked."""
        return self.moved_to or self.url


class MoveKind(StrEnum):
    """What became of a move."""

    BELIEVED = "believed"
    UNDONE = "undone"  # by a person
    GIVEN_UP = "given-up"  # the new address stopped answering


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One change of the address at which a feed is asked; all are kept."""

    blog: str  # slug
    at: datetime
    from_url: str
    to_url: str
    kind: MoveKind


class FetchOutcome(StrEnum):
    """How one request for a feed ended."""

    FETCHED = "fetched"  # 200 with a body within bounds
    NOT_MODIFIED = "not_modified"  # 304
    FAILED = "failed"
    HELD = "held"  # not asked: its host has told us to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """What came back from one address; a failure is a value, never an exception."""

    url: str  # as asked for
    outcome: FetchOutcome
    final_url: str = ""  # after redirects
    status: int = 0  # HTTP status; 0: no answer
    body: bytes = b""  # decompressed, at most poll.max_bytes
    large: IO[bytes] | None = None  # the body instead, on disk: whoever asked for it closes it
    digest: str = ""  # BLAKE2b of the body, hex; empty: there is none
    content_type: str = ""
    validators: Validators = field(default_factory=Validators)
    permanent: bool = False  # every redirect on the way was 301 or 308
    retry_after: timedelta | None = None
    max_age: timedelta | None = None  # how long the answer says it stays fresh
    error: str = ""  # a code: dns, refused, timeout, tls, too-large, forbidden-address, http, …
    detail: str = ""  # for people, in English: the library's own words
    duration_ms: int = 0


class LeftOut(StrEnum):
    """Why an entry does not count for the ranking."""

    SHORT = "short"  # fewer than 80 visible characters and no enclosure
    REPEATED_TITLE = "repeated-title"  # the blog's own title within 7 days
    REPEATED_LINK = "repeated-link"  # the blog's own link within 7 days
    NEAR_COPY = "near-copy"  # of the blog's own last 60 days or of another blog's earlier entry
    BACKFILL = "backfill"  # a backlog found at the first import, without usable dates
    REDATED = "redated"  # came with a date long before the last poll, which did not see it


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One post of one blog (RFC 4287 atom:entry; RSS ``item``)."""

    id: EntryId | None = None  # None: not stored yet
    blog: str  # slug
    identity: str  # guid, else canonical link, else hash of title and day; unique per blog
    link: str = ""
    title: str = ""  # text, no markup
    published: datetime | None = None  # as the feed says
    updated: datetime | None = None
    first_seen: datetime
    unseen_at: datetime | None = None  # last success of its feed before, which did not show it
    day: date  # of min(published, first_seen) in Europe/Paris; a future date becomes first_seen
    text: str = ""  # visible text: blocks on lines of their own, no markup
    links: tuple[str, ...] = ()  # http(s) addresses in the content, in order, absolute
    content_hash: str = ""  # of the folded text
    length: int = 0  # visible characters
    enclosure: bool = False
    left_out: LeftOut | None = None  # None: eligible for the ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """What the parser made of one document."""

    title: str = ""
    entries: tuple[Entry, ...] = ()  # in document order, at most 500
    asks_for: timedelta | None = None  # shortest interval it wants (ttl, sy:updatePeriod)
    error: str = ""  # a code when the document is no usable feed: not-a-feed, empty, html, …
    detail: str = ""


# --- ranking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedBlog:
    """One blog's place in one ranking."""

    rank: int  # from 1
    slug: str
    score: float
    listed: bool
    active_days_30: int
    entries_30: int  # eligible ones
    last_published: datetime | None
    status: FeedState
    scored_on: date | None = None  # ages count from here: earlier than as_of while unreachable
    held: bool = False  # at its former rank after a flood, until a person has looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One run of the ranking, as it stood at ``as_of``."""

    id: RankingId | None = None
    as_of: datetime
    size: int  # K: how many places the list has
    half_life_days: float
    blogs: tuple[RankedBlog, ...] = ()  # by rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A blog that is held at its former rank because it flooded its feed."""

    blog: str  # slug
    since: datetime  # of the ranking that found it
    rank: int | None  # at which it is held; None: it had none, and gets none
    day: date  # the fullest day of the flood
    posts: int  # of that day; after a release only more than this is a flood again
    usual: int  # posts of a full day before (95th percentile)
    released_at: datetime | None = None  # None: nobody has looked yet
    released_by: str = ""


# --- campaign and letter ----------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterUrls:
    """The addresses in one recipient's letter, ready to be filled into its slots."""

    clicks: Mapping[LinkId, str]  # what each link of the letter points to for this recipient
    relays: Mapping[LinkId, str]  # the blog's own share link for each address
    pixel: str = ""  # empty: the letter has no pixel
    unsubscribe: str = ""  # RFC 8058: GET shows, POST acts
    online: str = ""
    preferences: str = ""


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


# --- sending ----------------------------------------------------------------------------------


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


# --- tracking ---------------------------------------------------------------------------------


class Purpose(StrEnum):
    """What a token is for; a token made for one purpose is unknown to every other."""

    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    RELAY = "relay"
    ONLINE = "online"
    PREFERENCES = "preferences"


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


# --- relays -----------------------------------------------------------------------------------


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


# --- runs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command that cron may start; ``buzz status`` shows the last ones."""

    command: str
    started_at: datetime
    ended_at: datetime
    exit_code: int
    summary: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person decided through a command, to be answered for later."""

    at: datetime
    who: str  # user of the operating system
    command: str  # without ``buzz``: "send cancel"
    campaign: str = ""  # slug; empty: it concerns none
    detail: str = ""  # whom or what
