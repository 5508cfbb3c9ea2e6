"""The ranking's day: made at night, then shown, explained, compared, and tried on the past.

Nothing is fetched here. A ranking is stored whole, so that any night's list can be shown, compared
and explained later.
"""

from buzz.pipeline.rank.holding import HoldView, holds, release
from buzz.pipeline.rank.nightly import RankReport, run
from buzz.pipeline.rank.trying import backtest
from buzz.pipeline.rank.views import (
    RankDiff,
    RankExplanation,
    RankView,
    RisingView,
    diff,
    explain,
    rising,
    show,
)

__all__ = [
    "HoldView",
    "RankDiff",
    "RankExplanation",
    "RankReport",
    "RankView",
    "RisingView",
    "backtest",
    "diff",
    "explain",
    "holds",
    "release",
    "rising",
    "run",
    "show",
]
