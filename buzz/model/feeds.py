"""What polling knows: a feed with its state, one fetch, the entries it brought."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import IO, NewType

EntryId = NewType("EntryId", int)


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
    detail: str = ""  # what the reason is about: another blog's slug, an address, a library's words
    validators: Validators = field(default_factory=Validators)
    body_hash: str = ""  # BLAKE2b of the last body, hex; empty: none seen
    last_polled: datetime | None = None
    last_success: datetime | None = None  # last 200 that parsed, or 304
    next_due: datetime | None = None  # None: due now
    failures: int = 0  # in a row
    duration_ms: int = 0  # of the last fetch; the slowest hosts start first
    interval_s: int = 3600  # between two polls while all is well; learnt from its posts
    pace_since: datetime | None = None  # time of the oldest of the recent posts it is learnt from
    pace_posts: int = 0  # how many those are; 0: not learnt yet
    asks_s: int = 0  # shortest interval the document asks for; 0: it asks for nothing
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
