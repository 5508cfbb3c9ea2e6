"""The ranked registry, and the blogs held at their former rank."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType

from buzz.model.feeds import FeedState

RankingId = NewType("RankingId", int)


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
