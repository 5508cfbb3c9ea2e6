"""Signals: what of the traces counts for or against a relay, each a number from 0 to 1.

None of them grows when text is added that has nothing of the message and no cue in it: a
signal that speaks for a relay counts what is shared, or divides it by what is said; one that
speaks against it only counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from buzz.core.relay.cues import Cue
from buzz.core.relay.traces import Traces
from buzz.core.relay.words import Reading

NEAR = 30  # words around what is shared in which a cue counts
AFTER = 18  # words after a quotation in which an answer to it counts
SURE = 25.0  # idf of a chain that is no chance (one alert in 400 posts at that weight)
BETWEEN = 12  # own words that must stand between two quotations for the second to be answered
COVERED = 0.5  # share of a talking point from which it counts as covered


@dataclass(frozen=True, slots=True)
class Voice:
    """Cues in the zone of what is shared, by lexicon; those in quotation marks left out."""

    near: Mapping[str, tuple[Cue, ...]]
    after: tuple[Cue, ...]  # answers right after a quotation of the message
    pieces: int  # quotations of the message with own words between them
    quoted: float  # share of the shared words that stand in quotation marks


def voice(traces: Traces, post: Reading, cues: Sequence[Cue]) -> Voice:
    """Return in what voice the post speaks where it touches the message."""
    touched = _touched(traces, post)
    shared = {here for chain in traces.chains for _there, here in chain.pairs}
    near = _spread(touched, NEAR, len(post.words))
    if traces.links and not touched:  # the address is in the markup: it may be anywhere
        near = bytearray(b"\x01") * len(post.words)
    groups: dict[str, list[Cue]] = {}
    for cue in cues:
        if near[cue.start] and not post.quoted[cue.start]:
            groups.setdefault(cue.lexicon, []).append(cue)
    quotes = _quotes(traces, post)
    return Voice(
        near={name: tuple(found) for name, found in groups.items()},
        after=tuple(
            cue
            for cue in cues
            if cue.lexicon in {"retort", "against"}
            and not post.quoted[cue.start]
            and any(end <= cue.start < end + AFTER for _start, end in quotes)
        ),
        pieces=sum(later[0] - sooner[1] >= BETWEEN for sooner, later in pairwise(quotes)),
        quoted=sum(post.quoted[here] for here in shared) / len(shared) if shared else 0.0,
    )


def signals(traces: Traces, post: Reading, voice: Voice) -> dict[str, float]:
    """Return the signals by name; docs/relay.md says what each means."""
    heaviest = traces.chains[0].mass if traces.chains else 0.0
    second = traces.chains[1].mass if len(traces.chains) > 1 else 0.0
    copied = sum(chain.mass for chain in traces.chains if chain.density >= 1 / 4)
    own_chains = [c for c in traces.chains if not post.quoted[c.start]]
    return {
        "link": float(bool(traces.links)),
        "short_link": float(bool(traces.short_links)),
        "site": float(traces.site and not traces.links),
        "tag": float(bool(traces.tags)),
        "slogan": float(bool(traces.slogans)),
        "name": float(bool(traces.names)),
        "chain": _up_to(heaviest, 40),
        "chain_sure": float(heaviest >= SURE),
        "chain_second": _up_to(second, 40),
        "copied": _up_to(copied, 150),
        "own": _up_to(sum(c.mass for c in own_chains), 60),
        "cover": max((cover.share for cover in traces.covers), default=0.0),
        "focus": max((cover.focus for cover in traces.covers), default=0.0),
        "pairs": traces.pairs,
        "pairs_inside": traces.pairs_inside,
        "call": _count(voice, "call", 2),
        "quoted": voice.quoted,
        "pieces": min(1.0, voice.pieces / 2),
        "against": _count(voice, "against", 3),
        "answered": min(1.0, len(voice.after) / 4),
        "addressed": _count(voice, "addressed", 2),
        "reported": _count(voice, "reported", 3),
    }


def _up_to(value: float, half: float) -> float:
    """Return a value from 0 to 1 that is one half at ``half``."""
    return value / (value + half)


def _count(voice: Voice, lexicon: str, full: int) -> float:
    """Return how many different cues there are, on a scale of logarithms, 1 at ``full``."""
    found = {(cue.end - cue.start, cue.start) for cue in voice.near.get(lexicon, ())}
    return min(1.0, math.log1p(len(found)) / math.log1p(full))


def _touched(traces: Traces, post: Reading) -> list[int]:
    """Return the words of the post at which it touches the message."""
    touched = [here for chain in traces.chains for _there, here in chain.pairs]
    for spot in (*traces.slogans, *traces.names):
        touched.extend(range(spot.start, spot.end))
    links = set(traces.links)
    touched.extend(post.word_near(place) for place, url in post.urls if url in links)
    touched.extend(post.word_near(place) for place, _tag in traces.tags)
    return touched if post.words else []


def _spread(places: Sequence[int], radius: int, length: int) -> bytearray:
    """Return which of ``length`` places lie within the radius of one of these."""
    near = bytearray(length)
    reached = 0
    for place in sorted(places):
        start = max(reached, place - radius)
        reached = min(length, place + radius + 1)
        near[start:reached] = b"\x01" * max(0, reached - start)
    return near


def _quotes(traces: Traces, post: Reading) -> list[tuple[int, int]]:
    """Return the quotations of the message as (first word, word after the last), in order."""
    quotes: list[tuple[int, int]] = []
    for chain in sorted(traces.chains, key=lambda chain: chain.start):
        if post.quoted[chain.start] and chain.mass >= SURE / 2:
            end = chain.end
            while end < len(post.words) and post.quoted[end]:
                end += 1
            if not quotes or chain.start >= quotes[-1][1]:
                quotes.append((chain.start, end))
    return quotes
