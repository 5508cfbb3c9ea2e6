"""The ranking: which blogs are alive, judged by what their feeds show, post by post.

Decided from posts, the registry and the state of each feed: what counts (:func:`eligible`), the
score (:func:`score`), who waits for a person's look (:func:`floods`), the order (:func:`rank`),
who has a place (:func:`places`), why (:func:`explain`), who moves (:func:`changes`,
:func:`rising`), and whether all this is any good (:func:`backtest`). Days are those of
Europe/Paris. Nothing depends on the order of the input: scores are exact sums (``math.fsum``) and
every tie is broken. Whether a blog relays our letters is never looked at: a list that rewards
whoever it already favours goes stale.

docs/ranking.md has the formula with what was measured, tried and dropped.
"""

from buzz.core.ranking.eligibility import COPY_MIN_LENGTH, NOTICE_LENGTH, eligible
from buzz.core.ranking.floods import Flood, floods
from buzz.core.ranking.likeness import alike, sketch
from buzz.core.ranking.movement import (
    RISING_HALF_LIFE_DAYS,
    Change,
    Rising,
    band,
    changes,
    rising,
)
from buzz.core.ranking.order import places, rank, thresholds
from buzz.core.ranking.posts import Post, today
from buzz.core.ranking.scoring import (
    FREEZE_DAYS,
    REACHED,
    horizon_days,
    reading_days,
    score,
    scored_on,
)
from buzz.core.ranking.trial import Figures, Trial, TrialImpossible, backtest
from buzz.core.ranking.why import Explanation, ScoredDay, explain

__all__ = [
    "COPY_MIN_LENGTH",
    "FREEZE_DAYS",
    "NOTICE_LENGTH",
    "REACHED",
    "RISING_HALF_LIFE_DAYS",
    "Change",
    "Explanation",
    "Figures",
    "Flood",
    "Post",
    "Rising",
    "ScoredDay",
    "Trial",
    "TrialImpossible",
    "alike",
    "backtest",
    "band",
    "changes",
    "eligible",
    "explain",
    "floods",
    "horizon_days",
    "places",
    "rank",
    "reading_days",
    "rising",
    "score",
    "scored_on",
    "sketch",
    "thresholds",
    "today",
]
