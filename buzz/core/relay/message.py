"""A message pack made ready for comparison: what of it can be found in a post, and where."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from buzz.core.relay import words
from buzz.core.relay.words import Reading, Word
from buzz.core.urls import canonical, host
from buzz.model import MessagePack

LEAST_NAME = 4  # letters; three are initials, and in some language a common word
MAX_PLACES = 8  # places of one stem that are compared; a word met more often says little


@dataclass(frozen=True, slots=True)
class Point:
    """One talking point: its words in the message and the weight of its stems."""

    number: int  # from 1
    text: str
    start: int  # of its words in the message
    end: int
    stems: Mapping[str, float]  # content stem -> weight
    mass: float  # sum of the weights of its stems
    pairs: frozenset[tuple[str, str]]  # content stems that follow each other
    source: str  # the text in which its words have their places


@dataclass(frozen=True, slots=True)
class Phrase:
    """A slogan or name: a short run of folded words."""

    text: str
    words: tuple[str, ...]
    mass: float  # sum of idf, common words included

    @property
    def key(self) -> str:
        """Return its most telling word: where to look for it first."""
        return max(self.words, key=lambda word: (len(word), word))


@dataclass(frozen=True, slots=True)
class Message:
    """What of one campaign can be found in posts."""

    pack: MessagePack
    words: tuple[Word, ...]  # of the letter, then of talking points that are not in its text
    reading: Reading  # of the letter's text
    points: tuple[Point, ...]
    places: Mapping[str, tuple[int, ...]]  # content stem -> where in words
    weights: Mapping[str, float]  # content stem -> idf, less where the letter repeats the word
    pairs: frozenset[tuple[str, str]]  # content stems that follow each other
    points_of: Mapping[str, tuple[int, ...]]  # content stem -> numbers of talking points
    slogans: tuple[Phrase, ...]
    names: tuple[Phrase, ...]
    tags: frozenset[str]
    links: Mapping[str, str]  # key of an address (see link_key) -> as the letter writes it
    hosts: frozenset[str]

    def point_at(self, place: int) -> int | None:
        """Return the number of the talking point that a word of the message belongs to."""
        for point in self.points:
            if point.start <= place < point.end:
                return point.number
        return None

    def source(self, number: int | None) -> tuple[str, int, int]:
        """Return the text that a talking point (None: the letter) stands in, and its words."""
        if number is None:
            return self.reading.text, 0, len(self.reading.words)
        point = self.points[number - 1]
        return point.source, point.start, point.end

    def link(self, url: str) -> str:
        """Return an address as the letter writes it; one of our short links as it is."""
        return self.links.get(link_key(url), url)


def prepare(pack: MessagePack) -> Message:
    """Return a message pack made ready for comparison."""
    reading = words.read(pack.text, pack.language)
    sequence = list(reading.words)
    letter = [word.folded for word in sequence]
    spans: list[tuple[Reading, str, int]] = []
    for text in pack.talking_points:
        own = words.read(text, pack.language)
        start = _find(letter, [word.folded for word in own.words])
        source = reading.text
        if start is None:
            start, source = len(sequence), own.text
            sequence += own.words
        spans.append((own, source, start))
    borrowed = set(_borrowed(pack, letter))
    places: dict[str, list[int]] = {}
    for index, word in enumerate(sequence):
        if word.says_something and index not in borrowed:
            places.setdefault(word.stem, []).append(index)
    weights = {
        stem: sequence[found[0]].idf / (1 + math.log(len(found))) for stem, found in places.items()
    }
    points = tuple(
        _point(number, own, source, sequence[start : start + len(own.words)], start, weights)
        for number, (own, source, start) in enumerate(spans, start=1)
    )
    points_of: dict[str, list[int]] = {}
    for point in points:
        for stem in point.stems:
            points_of.setdefault(stem, []).append(point.number)
    return Message(
        pack=pack,
        words=tuple(sequence),
        reading=reading,
        points=points,
        places={stem: tuple(found[:MAX_PLACES]) for stem, found in places.items()},
        weights=weights,
        pairs=frozenset(words.pairs(sequence)),
        points_of={stem: tuple(numbers) for stem, numbers in points_of.items()},
        slogans=_phrases((*pack.slogans, pack.title), pack.language),
        names=_phrases((*pack.names, pack.organisation, pack.title), pack.language),
        tags=frozenset(
            tag for text in pack.hashtags for _, tag in words.read(f"#{text.lstrip('#')}").tags
        ),
        links={link_key(url): url for url in pack.links},
        hosts=frozenset(host(url) for url in pack.links) - {""},
    )


def link_key(url: str) -> str:
    """Return by what an address of the campaign is recognised; case makes no difference."""
    return canonical(url).lower()


def _point(  # noqa: PLR0917  (private: called once, in the order of the row)
    number: int,
    own: Reading,
    source: str,
    run: Sequence[Word],
    start: int,
    weights: Mapping[str, float],
) -> Point:
    stems = {word.stem: weights[word.stem] for word in run if word.stem in weights}
    return Point(
        number=number,
        text=own.text,
        source=source,
        start=start,
        end=start + len(run),
        stems=stems,
        mass=sum(stems.values()),
        pairs=frozenset(words.pairs(run)),
    )


def _phrases(texts: Sequence[str], language: str) -> tuple[Phrase, ...]:
    """Return each phrase once, the longest first, so that a part of one is not counted again."""
    found: dict[tuple[str, ...], Phrase] = {}
    for text in texts:
        run = words.read(text, language).words
        if sum(len(word.folded) for word in run) >= LEAST_NAME:
            key = tuple(word.folded for word in run)
            found.setdefault(key, Phrase(text, key, sum(word.idf for word in run)))
    return tuple(sorted(found.values(), key=lambda phrase: (-len(phrase.words), phrase.words)))


def _borrowed(pack: MessagePack, letter: Sequence[str]) -> Iterator[int]:
    """Give the places of the letter's words that are quoted from others: not ours, no evidence."""
    for quote in pack.third_party_quotes:
        run = [word.folded for word in words.read(quote, pack.language).words]
        start = _find(letter, run)
        if start is not None:
            yield from range(start, start + len(run))


def _find(sequence: Sequence[str], run: Sequence[str]) -> int | None:
    """Return where a run of words begins in a sequence, or None."""
    if not run:
        return None
    for start in range(len(sequence) - len(run) + 1):
        if sequence[start] == run[0] and list(sequence[start : start + len(run)]) == list(run):
            return start
    return None
