"""The nouns: frozen values and closed sets, in the order the data flows.

Nothing here computes. Times are aware UTC ``datetime``; spans are ``timedelta`` or carry their
unit in their name; ranks and talking points are counted from 1. A blog is known everywhere by
its slug. Words are the field's own (RFC 4287 for feeds, RFC 5321/5322 for mail, RFC 3464 for
outcomes); docs/architecture.md has the table.
"""

from buzz.model.bounce import Bounce, BounceKind
from buzz.model.campaign import (
    BEFORE_SENDING,
    ENDED,
    UNDER_WAY,
    Campaign,
    CampaignState,
    CampaignStatus,
    CompiledLetter,
    Finding,
    LetterUrls,
    Level,
    Link,
    LinkId,
    Recipient,
    Sender,
    TalkingPoint,
    Tracking,
)
from buzz.model.delivery import (
    Account,
    Attempt,
    Delivery,
    DeliveryId,
    DeliveryState,
    Phase,
    Receiver,
)
from buzz.model.feeds import (
    Entry,
    EntryId,
    Feed,
    FeedState,
    FetchOutcome,
    FetchResult,
    LeftOut,
    Move,
    MoveKind,
    ParsedFeed,
    Validators,
)
from buzz.model.ranking import Hold, RankedBlog, Ranking, RankingId
from buzz.model.registry import Blog, BlogStatus, Channel, Consent, Ground
from buzz.model.relay import Evidence, MessagePack, Relay, RelayId, RelayMode, Stance, Verdict
from buzz.model.run import Deed, Run
from buzz.model.tracking import Agent, ConsentRecord, Event, EventKind, Purpose

__all__ = [
    "BEFORE_SENDING",
    "ENDED",
    "UNDER_WAY",
    "Account",
    "Agent",
    "Attempt",
    "Blog",
    "BlogStatus",
    "Bounce",
    "BounceKind",
    "Campaign",
    "CampaignState",
    "CampaignStatus",
    "Channel",
    "CompiledLetter",
    "Consent",
    "ConsentRecord",
    "Deed",
    "Delivery",
    "DeliveryId",
    "DeliveryState",
    "Entry",
    "EntryId",
    "Event",
    "EventKind",
    "Evidence",
    "Feed",
    "FeedState",
    "FetchOutcome",
    "FetchResult",
    "Finding",
    "Ground",
    "Hold",
    "LeftOut",
    "LetterUrls",
    "Level",
    "Link",
    "LinkId",
    "MessagePack",
    "Move",
    "MoveKind",
    "ParsedFeed",
    "Phase",
    "Purpose",
    "RankedBlog",
    "Ranking",
    "RankingId",
    "Receiver",
    "Recipient",
    "Relay",
    "RelayId",
    "RelayMode",
    "Run",
    "Sender",
    "Stance",
    "TalkingPoint",
    "Tracking",
    "Validators",
    "Verdict",
]
