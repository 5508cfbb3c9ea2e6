"""By what a text would be recognised: what it weighs, and words of its letter that weigh more."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from buzz.core.relay.words import Reading, Word, read

LONGEST = 8  # words of a wording that is suggested: one can still build it into a sentence


def weight(text: str, language: str = "fr") -> float:
    """Return the summed idf of a text's content words; under 25 it cannot be told from chance."""
    return read(text, language).mass[-1]


def wording(text: str, others: Iterable[str], language: str = "fr") -> str:
    """Return the run of words in the other texts that would make this text most telling.

    Words that it has already count for nothing. Of two that weigh the same, the first; empty where
    the others have no content word of their own.

    >>> wording("Il faut agir.", ["Nous devons agir.", "Le seau est percé, rebouchons le seau."])
    'seau est percé, rebouchons le seau'
    """
    known = {word.stem for word in read(text, language).words}
    best, most = "", 0.0
    for other in others:
        reading = read(other, language)
        for run in _runs(reading):
            new = {word.stem: word.idf for word in run if _tells(word, known)}
            if sum(new.values()) > most:
                most = sum(new.values())
                best = _trimmed(reading, run, known)
    return best


def _runs(reading: Reading) -> Iterator[Sequence[Word]]:
    """Yield the words of each stretch of a sentence, ``LONGEST`` of them at most."""
    words = reading.words
    for start in range(len(words)):
        stretch = words[start : start + LONGEST]
        length = 1 + sum(
            1 for _word in takewhile(lambda i: not _ends(reading, i), range(start, len(words)))
        )
        yield stretch[:length]


def _ends(reading: Reading, index: int) -> bool:
    """Tell whether a sentence ends behind this word."""
    return any(mark in reading.after(index)[:3] for mark in ".!?:;…\n")


def _tells(word: Word, known: set[str]) -> bool:
    return word.says_something and word.stem not in known


def _trimmed(reading: Reading, run: Sequence[Word], known: set[str]) -> str:
    """Return the text of a run from its first to its last new content word."""
    telling = [word for word in run if _tells(word, known)]
    return reading.text[telling[0].start : telling[-1].end]
