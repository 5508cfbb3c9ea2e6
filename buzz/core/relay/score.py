"""Score, verdict, stance and mode: what the signals amount to.

The score is a logistic model whose few weights stand in ``weights.json``; each signal's share in
the logit is kept with the relay, and they add up. A weight that speaks for a relay is never
negative and one that speaks against it never positive, so a share can be read as it stands.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from buzz.core.relay.signals import COVERED, SURE, Voice
from buzz.core.relay.traces import Traces
from buzz.model import RelayMode, Stance, Verdict

READER = 1  # raise it when the same words and weights come to give another result
RELAYED = 0.80  # from here on the post is shown as a relay
TO_CHECK = 0.40  # from here on a person should look
GUARDED = 0.79  # a post with cues of opposition is never shown as a relay by the machine
ANSWERED = 0.49  # one that answers the message piece by piece is rather none
COPIED_PAIRS = 0.35  # share of a talking point's word pairs from which it is a copy
_PARAPHRASED = 0.25  # share of a talking point from which a mode is named at all


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of the signals."""

    intercept: float
    weights: Mapping[str, float]


@cache
def shipped() -> Model:
    """Return the weights that come with the product."""
    text = files(__package__).joinpath("weights.json").read_text(encoding="utf-8")
    document = json.loads(text)
    return Model(document["intercept"], document["weights"])


@cache
def version() -> str:
    """Return the version of the reader: another one after any change of weights or cues."""
    digest = blake2b(digest_size=4)
    for name in ("weights.json", "lexicon.json"):
        digest.update(files(__package__).joinpath(name).read_bytes())
    return f"+{READER}.{digest.hexdigest()}"


def shares(model: Model, signals: Mapping[str, float]) -> dict[str, float]:
    """Return each signal's share in the logit; those that are nothing are left out."""
    found = {
        name: round(weight * signals[name], 4)
        for name, weight in model.weights.items()
        if weight * signals[name]
    }
    return {"intercept": model.intercept, **found}


def probability(shares: Mapping[str, float]) -> float:
    """Return the score, 0..1, that the shares add up to."""
    return 1 / (1 + math.exp(-sum(shares.values())))


def stance(traces: Traces, voice: Voice, score: float) -> Stance:
    """Return whether the post speaks for or against; irony is not understood.

    Against: it answers quotations piece by piece, or several kinds of cues of opposition stand
    near what is shared.
    """
    against = len(voice.near.get("against", ()))
    addressed = len(voice.near.get("addressed", ()))
    answers_pieces = voice.pieces and (voice.after or addressed)
    if answers_pieces or against + addressed >= 3 or (against and voice.after):  # noqa: PLR2004  (three cues are no slip)
        return Stance.AGAINST
    speaks_for = voice.near.get("call") or voice.near.get("handed_on") or traces.slogans
    if score >= RELAYED or (score >= TO_CHECK and speaks_for):
        return Stance.FOR
    return Stance.NEUTRAL


def guarded(score: float, stance: Stance, voice: Voice) -> float:
    """Return the score, held below the line of the relays for what seems to be an opponent."""
    if stance is not Stance.AGAINST:
        return score
    return min(score, ANSWERED if voice.pieces else GUARDED)


def verdict(traces: Traces, score: float) -> Verdict:
    """Return what the post does with the message."""
    if score >= RELAYED:
        return Verdict.RELAYED
    if score >= TO_CHECK:
        return Verdict.TO_CHECK
    named = traces.names or traces.tags or traces.slogans or traces.links or traces.site
    carried = traces.chains and traces.chains[0].mass >= SURE
    return Verdict.MENTIONED if named or carried else Verdict.NOT


def mode(traces: Traces, signals: Mapping[str, float], voice: Voice) -> RelayMode | None:
    """Return in which manner the message is carried; None: it is only named."""
    carried = bool(traces.chains) and traces.chains[0].mass >= SURE
    covered = signals["cover"] >= COVERED
    if carried and covered:
        if voice.quoted >= 1 / 2:
            return RelayMode.QUOTE
        return RelayMode.COPY if traces.pairs >= COPIED_PAIRS else RelayMode.PARAPHRASE
    if traces.links:
        return RelayMode.LINK
    if traces.slogans or traces.tags:
        return RelayMode.SLOGAN
    if carried or signals["cover"] >= _PARAPHRASED:
        return RelayMode.PARAPHRASE
    return None
