"""Figures: how well scores agree with what people said; the terms of docs/relay.md."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from buzz.core.relay.score import RELAYED, TO_CHECK
from buzz.model import Stance, Verdict

HALF = 0.5  # the score at which precision, recall and F1 are taken
_BINS = 10  # of the calibration error


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One post: what people said, and what we said."""

    label: Verdict  # relayed, mentioned or not
    mode: str  # the label's own word; empty: none
    stance: Stance
    score: float
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeFigures:
    """One kind of post."""

    n: int
    share: float  # of its posts with a score of at least .5: recall where they are relays


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures over a set of posts; 0 where there is nothing to divide by."""

    n: int
    precision: float
    recall: float
    f1: float
    ap: float  # average precision
    ece: float  # expected calibration error, ten bins
    precision_relayed: float  # among those shown as relays
    recall_to_check: float  # of the relays, shown as relays or to check
    three_way_accuracy: float
    by_mode: Mapping[str, ModeFigures]
    critics_as_relays: float


def figures(judged: Sequence[Judged]) -> Figures:
    """Return the figures over these posts."""
    relays = [post for post in judged if post.label is Verdict.RELAYED]
    critics = [post for post in judged if post.stance is Stance.AGAINST]
    called = [post for post in judged if post.score >= HALF]
    precision = _share(called, of_label=Verdict.RELAYED)
    recall = _above(relays, HALF)
    modes: dict[str, list[Judged]] = defaultdict(list)
    for post in judged:
        modes[post.mode or post.label.value].append(post)
    return Figures(
        n=len(judged),
        precision=precision,
        recall=recall,
        f1=_ratio(2 * precision * recall, precision + recall),
        ap=_average_precision(judged),
        ece=_calibration_error(judged),
        precision_relayed=_share(
            [post for post in judged if post.score >= RELAYED], of_label=Verdict.RELAYED
        ),
        recall_to_check=_above(relays, TO_CHECK),
        three_way_accuracy=_ratio(sum(_three_way(p) is p.label for p in judged), len(judged)),
        by_mode={
            name: ModeFigures(n=len(posts), share=_above(posts, HALF))
            for name, posts in sorted(modes.items())
        },
        critics_as_relays=_above(critics, RELAYED),
    )


def _three_way(post: Judged) -> Verdict:
    """Return the verdict without "to check": relayed from one half on."""
    if post.score >= HALF:
        return Verdict.RELAYED
    return Verdict.MENTIONED if post.verdict is not Verdict.NOT else Verdict.NOT


def _average_precision(judged: Sequence[Judged]) -> float:
    """Return the mean precision at each relay, posts by falling score, ties together."""
    by_score: dict[float, list[bool]] = defaultdict(list)
    for post in judged:
        by_score[post.score].append(post.label is Verdict.RELAYED)
    seen = hits = 0
    total = 0.0
    for score in sorted(by_score, reverse=True):
        seen += len(by_score[score])
        hits += sum(by_score[score])
        total += sum(by_score[score]) * hits / seen
    return _ratio(total, hits)


def _calibration_error(judged: Sequence[Judged]) -> float:
    bins: dict[int, list[Judged]] = defaultdict(list)
    for post in judged:
        bins[min(_BINS - 1, int(post.score * _BINS))].append(post)
    gap = sum(
        abs(
            sum(post.label is Verdict.RELAYED for post in posts) - sum(post.score for post in posts)
        )
        for posts in bins.values()
    )
    return _ratio(gap, len(judged))


def _share(posts: Sequence[Judged], *, of_label: Verdict) -> float:
    return _ratio(sum(post.label is of_label for post in posts), len(posts))


def _above(posts: Sequence[Judged], score: float) -> float:
    return _ratio(sum(post.score >= score for post in posts), len(posts))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
