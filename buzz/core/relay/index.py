"""Index: which messages a post could relay at all, found without reading it against each.

A post is a candidate for a message when it links to it or carries one of its short links, has a
hashtag, slogan or name of it, three content words in its order, or enough of one talking point.
The cost grows with what is found, not with the number of messages.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from buzz.core.relay import words
from buzz.core.relay.message import Message, link_key
from buzz.core.relay.words import Reading
from buzz.core.urls import host

ENOUGH = 0.25  # share of a talking point's weight that makes a post a candidate,
LEAST = 12.0  # if it weighs as much as this; less is two words of any subject,
NEARLY_ALL = 0.8  # or is nearly all of a short one

Thing = TypeVar("Thing", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Index:
    """What leads from something in a post to the messages that have it."""

    messages: tuple[Message, ...]
    links: Mapping[str, frozenset[int]]
    hosts: Mapping[str, frozenset[int]]
    tags: Mapping[str, frozenset[int]]
    phrases: Mapping[str, tuple[tuple[str, int], ...]]  # key word -> name or slogan, message
    triples: Mapping[tuple[str, str, str], frozenset[int]]
    points: Mapping[str, tuple[tuple[int, int, float], ...]]  # stem -> message, point, weight
    slugs: Mapping[str, frozenset[int]]  # a campaign in several languages has several messages

    def languages(self) -> tuple[str, ...]:
        """Return the languages of the messages, sorted."""
        return tuple(sorted({message.pack.language for message in self.messages}))

    def candidates(
        self, post: Reading, links: Sequence[str], campaigns: Iterable[str]
    ) -> frozenset[int]:
        """Return the numbers of the messages that the post could relay.

        Args:
            post: title and text.
            links: addresses in the post's markup and text.
            campaigns: those that its short links of ours belong to.
        """
        found = set[int]().union(*(self.slugs.get(slug, ()) for slug in campaigns))
        for url in links:
            found |= self.links.get(link_key(url), frozenset())
            found |= self.hosts.get(host(url), frozenset())
        for _place, tag in post.tags:
            found |= self.tags.get(tag, frozenset())
        plain = f" {post.plain} "
        for word in {word.folded for word in post.words}:
            found.update(n for phrase, n in self.phrases.get(word, ()) if phrase in plain)
        for triple in words.triples(post.words):
            found |= self.triples.get(triple, frozenset())
        return frozenset(found) | self._covering(post)

    def _covering(self, post: Reading) -> set[int]:
        """Return the messages of which the post has enough of one talking point."""
        found: dict[tuple[int, int], float] = defaultdict(float)
        for stem in {word.stem for word in post.words if word.says_something}:
            for message, point, weight in self.points.get(stem, ()):
                found[message, point] += weight
        return {
            message
            for (message, point), weight in found.items()
            if self._is_enough(weight, self.messages[message].points[point - 1].mass)
        }

    @staticmethod
    def _is_enough(weight: float, whole: float) -> bool:
        return weight >= NEARLY_ALL * whole or (weight >= LEAST and weight >= ENOUGH * whole)


def build(messages: Sequence[Message]) -> Index:
    """Return the index of these messages."""
    points: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for number, message in enumerate(messages):
        for point in message.points:
            for stem, weight in point.stems.items():
                points[stem].append((number, point.number, weight))
    phrases: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for number, message in enumerate(messages):
        for phrase in (*message.names, *message.slogans):
            phrases[phrase.key].append((f" {' '.join(phrase.words)} ", number))
    return Index(
        messages=tuple(messages),
        links=_inverted(message.links for message in messages),
        hosts=_inverted(message.hosts for message in messages),
        tags=_inverted(message.tags for message in messages),
        phrases={key: tuple(rows) for key, rows in phrases.items()},
        triples=_inverted(words.triples(message.words) for message in messages),
        points={stem: tuple(rows) for stem, rows in points.items()},
        slugs=_inverted([message.pack.campaign] for message in messages),
    )


def _inverted(things: Iterable[Iterable[Thing]]) -> dict[Thing, frozenset[int]]:
    """Return for each thing the numbers of the messages that have it."""
    table: dict[Thing, set[int]] = defaultdict(set)
    for number, found in enumerate(things):
        for thing in found:
            table[thing].add(number)
    return {thing: frozenset(numbers) for thing, numbers in table.items()}
