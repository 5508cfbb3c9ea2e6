"""Chains: runs of the message's content words that a post has in the same order, gaps allowed.

Found by sparse dynamic programming over the pairs (word of the message, word of the post) with
one stem: each pair is joined to the best of the ``LOOK_BACK`` pairs before it that lie within
``GAP`` words on both sides. Cost grows with the number of pairs, which is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from buzz.core.relay.message import Message
from buzz.core.relay.words import Reading

GAP = 12  # words, common ones included, that may stand between two links of a chain
GAP_COST = 0.15  # idf lost per word skipped, on the side that skips more
LOOK_BACK = 24  # pairs looked at
MAX_PAIRS = 60_000  # per post and message
LEAST_MASS = 12.0  # a lighter chain is chance: two or three words of any subject


@dataclass(frozen=True, slots=True)
class Chain:
    """One run of shared words."""

    mass: float  # idf of the shared words
    pairs: tuple[tuple[int, int], ...]  # (word of the message, word of the post), both rising

    @property
    def start(self) -> int:
        """Return the first word of the post."""
        return self.pairs[0][1]

    @property
    def end(self) -> int:
        """Return the word after the last one of the post."""
        return self.pairs[-1][1] + 1

    @property
    def density(self) -> float:
        """Return the share of its span in the post that is shared."""
        return len(self.pairs) / (self.end - self.start)


def chains(message: Message, post: Reading) -> tuple[Chain, ...]:
    """Return the chains of at least ``LEAST_MASS``, heaviest first, disjoint in the post."""
    pairs: list[tuple[int, int]] = []
    scores: list[float] = []
    before: list[int] = []
    for there, here in _pairs(message, post):
        own = message.weights[post.words[here].stem]
        best, best_before = own, -1
        for index in range(len(pairs) - 1, max(-1, len(pairs) - 1 - LOOK_BACK), -1):
            other_there, other_here = pairs[index]
            if here - other_here > GAP:
                break
            if other_here < here and 0 < there - other_there <= GAP:
                skipped = max(here - other_here, there - other_there) - 1
                joined = scores[index] + own - GAP_COST * skipped
                if joined > best:
                    best, best_before = joined, index
        pairs.append((there, here))
        scores.append(best)
        before.append(best_before)
    return _apart(message, pairs, scores, before, post)


def _pairs(message: Message, post: Reading) -> Iterator[tuple[int, int]]:
    """Give (word of the message, word of the post) with one stem, in the order of the post."""
    count = 0
    for here, word in enumerate(post.words):
        for there in message.places.get(word.stem, ()):
            yield there, here
            count += 1
        if count > MAX_PAIRS:
            return


def _apart(
    message: Message,
    pairs: list[tuple[int, int]],
    scores: list[float],
    before: list[int],
    post: Reading,
) -> tuple[Chain, ...]:
    """Return the best chains that share no word of the post."""
    taken: set[int] = set()
    used: set[int] = set()
    found: list[Chain] = []
    for last in sorted(range(len(pairs)), key=lambda index: (-scores[index], index)):
        if scores[last] < LEAST_MASS:
            break
        run: list[tuple[int, int]] = []
        index = last
        while index >= 0 and index not in used and pairs[index][1] not in taken:
            run.append(pairs[index])
            used.add(index)
            index = before[index]
        if not run:
            continue
        mass = sum(message.weights[post.words[here].stem] for _there, here in run)
        if mass >= LEAST_MASS:
            run.reverse()
            taken.update(here for _there, here in run)
            found.append(Chain(mass, tuple(run)))
    return tuple(sorted(found, key=lambda chain: (-chain.mass, chain.start)))
