"""Traces: everything of one message that one post shows, with its places."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from buzz.core.relay import words
from buzz.core.relay.align import Chain, chains
from buzz.core.relay.message import Message, Phrase, Point, link_key
from buzz.core.relay.words import Reading
from buzz.core.urls import host

LEAST_WINDOW = 30  # words of a post in which a talking point is looked for, at least
WIDER = 2  # times the length of the talking point: a paraphrase is seldom shorter


@dataclass(frozen=True, slots=True)
class Spot:
    """A phrase found: ``post.words[start:end]``."""

    phrase: Phrase
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Cover:
    """How much of one talking point stands together in the post."""

    point: Point
    share: float  # of the idf of its stems, 0..1
    focus: float  # the same, against all that is said in the window: a cosine, 0..1
    start: int  # the window's first shared word
    end: int  # the word after its last shared one


@dataclass(frozen=True, slots=True)
class Traces:
    """What was found."""

    links: tuple[str, ...]  # addresses of the campaign, as the post has them
    short_links: int  # how many of them are our own short ones
    site: bool  # another page of the campaign's site
    chains: tuple[Chain, ...]  # heaviest first
    covers: tuple[Cover, ...]  # best first
    slogans: tuple[Spot, ...]
    names: tuple[Spot, ...]
    tags: tuple[tuple[int, str], ...]
    pairs: float  # share of the talking point's pairs of stems that the post has; the best one's
    pairs_inside: float  # share of the post's pairs of stems that are the message's, 0..1


def find(message: Message, post: Reading, links: Sequence[str], own: Sequence[str]) -> Traces:
    """Return the traces of a message in a post.

    Args:
        message: what is looked for.
        post: title and text.
        links: addresses in the post's markup and text.
        own: those among them that are this campaign's own short links.
    """
    slogans, names = _phrases(message, post)
    theirs = frozenset(words.pairs(post.words))
    hosts = {host(url) for url in links}
    return Traces(
        links=tuple(dict.fromkeys((*own, *(u for u in links if link_key(u) in message.links)))),
        short_links=len(own),
        site=bool(hosts & message.hosts),
        chains=chains(message, post),
        covers=tuple(_covers(message, post)),
        slogans=slogans,
        names=names,
        tags=tuple(tag for tag in post.tags if tag[1] in message.tags),
        pairs=max(
            (len(p.pairs & theirs) / len(p.pairs) for p in message.points if p.pairs), default=0.0
        ),
        pairs_inside=len(theirs & message.pairs) / max(1, len(theirs)),
    )


def _phrases(message: Message, post: Reading) -> tuple[tuple[Spot, ...], tuple[Spot, ...]]:
    """Return slogans and names; a title in quotation marks is a name, on its own a slogan."""
    places: dict[str, list[int]] = {}
    keys = {phrase.key for phrase in (*message.slogans, *message.names)}
    for index, word in enumerate(post.words):
        if word.folded in keys:
            places.setdefault(word.folded, []).append(index)
    taken: set[int] = set()
    slogans = list(_spots(message.slogans, post, places, taken))
    names = [spot for spot in slogans if spot.quoted]
    names += _spots(message.names, post, places, taken)
    return tuple(spot for spot in slogans if not spot.quoted), tuple(names)


def _spots(
    phrases: Sequence[Phrase], post: Reading, places: Mapping[str, list[int]], taken: set[int]
) -> Iterator[Spot]:
    for phrase in phrases:
        offset = phrase.words.index(phrase.key)
        for place in places.get(phrase.key, ()):
            start, end = place - offset, place - offset + len(phrase.words)
            if start < 0 or end > len(post.words) or start in taken or end - 1 in taken:
                continue
            if all(post.words[start + i].folded == word for i, word in enumerate(phrase.words)):
                taken.update(range(start, end))
                yield Spot(phrase, start, end, post.quoted[start])


def _covers(message: Message, post: Reading) -> list[Cover]:
    """Return the best window of each talking point that has one, best first."""
    hits: dict[int, list[int]] = {}
    for here, word in enumerate(post.words):
        for number in message.points_of.get(word.stem, ()):
            hits.setdefault(number, []).append(here)
    found = [_window(message.points[number - 1], post, places) for number, places in hits.items()]
    return sorted(found, key=lambda cover: (-cover.share * cover.focus, cover.point.number))


def _window(point: Point, post: Reading, places: Sequence[int]) -> Cover:
    """Return the window with the largest share of the talking point: one pass, two ends."""
    width = max(LEAST_WINDOW, WIDER * (point.end - point.start))
    counts: dict[str, int] = {}
    mass = best = 0.0
    span = (places[0], places[0] + 1)
    first = 0
    for here in places:
        stem = post.words[here].stem
        counts[stem] = counts.get(stem, 0) + 1
        if counts[stem] == 1:
            mass += point.stems[stem]
        while here - places[first] >= width:
            gone = post.words[places[first]].stem
            counts[gone] -= 1
            if not counts[gone]:
                mass -= point.stems[gone]
            first += 1
        if mass > best + 1e-9:
            best, span = mass, (places[first], here + 1)
    said = post.mass[span[1]] - post.mass[span[0]]
    focus = best / math.sqrt(point.mass * max(said, best)) if best else 0.0
    return Cover(point, best / point.mass, focus, *span)
