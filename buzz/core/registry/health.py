"""How badly off a blog's feed is: whom a person must look after first."""

from collections.abc import Iterable
from datetime import UTC, datetime

from buzz.model import Feed, FeedState

# From what does not mend itself to what does.
WORST_FIRST = (
    FeedState.PARKED,
    FeedState.GONE,
    FeedState.QUARANTINED,
    FeedState.BLOCKED,
    FeedState.MOVED,
    FeedState.SOFT,
    FeedState.NEW,
    FeedState.OK,
)
_NEVER = datetime.min.replace(tzinfo=UTC)


def is_well(feed: Feed) -> bool:
    """Tell whether nobody need look after a feed."""
    return feed.state in {FeedState.OK, FeedState.NEW}


def worst_first(feeds: Iterable[Feed]) -> tuple[Feed, ...]:
    """Return feeds by state, worst first; within one, the longest unread first, then by slug."""
    return tuple(
        sorted(
            feeds,
            key=lambda feed: (
                WORST_FIRST.index(feed.state),
                feed.last_success or _NEVER,
                feed.since or _NEVER,
                feed.blog,
            ),
        )
    )
