"""A text as detection reads it: words with their stems, weights and places.

Case, accents, apostrophes, kinds and amounts of white space, soft hyphens and zero-width marks
make no difference to any of it. The weight of a word is its idf: how surprising it is to meet it
in a post of 250 words, from a frozen table of word frequencies, so that the first post is judged
like the thousandth and a score never depends on what else is in the database.
"""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

import snowballstemmer

from buzz.core.text import folded, visible

MAX_CHARS = 200_000  # of one text; a longer post is read so far and no further
POST_WORDS = 250  # a post's usual length, for "how likely is the word in a post?"
RAREST = 9.0  # idf of what the table does not know: 1 in 8,100 posts
NUMBER = 4.0  # idf of a number: dates and amounts are everywhere, though each one is rare
MAX_WORD = 40  # characters of a word that are looked at
CONTENT = 1.5  # idf from which a word says something: at most 1 post in 4.5 has it
_STEMMERS = {"fr": "french", "en": "english"}

_URL = r"(?:https?://|www\.)[^\s<>«»\"]+|(?<![\w@.-])[\w-]+(?:\.[\w-]+)*\.[a-z]{2,12}/[^\s<>«»\"]*"
_TOKEN = re.compile(rf"(?P<url>{_URL})|(?P<tag>#\w+)|(?P<word>[^\W_]+)", re.IGNORECASE)
_URL_END = ".,;:!?)]}'…"
# Quotation marks that say where they begin and end, then the straight ones, which pair up.
_QUOTED = re.compile(r"«[^«»]{1,3000}»|“[^“”„]{1,3000}[”“]|„[^„“”]{1,3000}[“”]|\"[^\"]{1,1500}\"")


class Word(NamedTuple):  # made by the hundred thousand: a dataclass takes four times as long
    """One word: where it stands in the visible text, and what it is compared by."""

    start: int
    end: int
    folded: str
    stem: str
    idf: float

    @property
    def says_something(self) -> bool:
        """Tell whether it is a content word."""
        return self.idf >= CONTENT


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, read once: everything that is asked of it is computed here."""

    text: str  # visible form; all places count its characters
    words: tuple[Word, ...]
    tags: tuple[tuple[int, str], ...]  # where a hashtag begins, and it: folded, without #
    urls: tuple[tuple[int, str], ...]  # visible addresses and where they begin
    quoted: tuple[bool, ...]  # per word: stands in quotation marks
    plain: str  # the folded words joined by spaces: what lexicons are matched on
    offsets: tuple[int, ...]  # where each word begins in ``plain``
    mass: tuple[float, ...]  # idf of the content words before each word; one longer than words

    def word_at(self, place: int) -> int:
        """Return the number of the word at or before this place of ``plain``."""
        return bisect_right(self.offsets, place) - 1

    def word_near(self, place: int) -> int:
        """Return the number of the word at or before this place of the text, at least 0."""
        return max(0, bisect_right(self.words, place, key=lambda word: word.start) - 1)

    def after(self, index: int) -> str:
        """Return what stands between a word and the next one."""
        end = self.words[index].end
        last = index + 1 >= len(self.words)
        return self.text[end:] if last else self.text[end : self.words[index + 1].start]


def read(text: str, language: str = "fr") -> Reading:
    """Return the reading of a text, of at most ``MAX_CHARS`` characters."""
    text = visible(text[:MAX_CHARS])
    words: list[Word] = []
    tags: list[tuple[int, str]] = []
    urls: list[tuple[int, str]] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "url":
            urls.append((match.start(), match.group().rstrip(_URL_END)))
        elif match.lastgroup == "tag":
            tags.append((match.start(), folded(match.group())[1:]))
        else:
            plain, stem, idf = _known(match.group(), language)
            words.append(Word(match.start(), match.end(), plain, stem, idf))
    offsets, place = [], 0
    mass = [0.0]
    for word in words:
        offsets.append(place)
        place += len(word.folded) + 1
        mass.append(mass[-1] + (word.idf if word.says_something else 0.0))
    return Reading(
        text=text,
        words=tuple(words),
        tags=tuple(tags),
        urls=tuple(urls),
        quoted=_in_quotes(text, words),
        plain=" ".join(word.folded for word in words),
        offsets=tuple(offsets),
        mass=tuple(mass),
    )


def stems(text: str, language: str = "fr") -> tuple[str, ...]:
    """Return the stems of all words, in order.

    >>> stems("L'HÔPITAL et les hôpitaux")
    ('l', 'hopital', 'et', 'le', 'hopital')
    """
    return tuple(
        _stem(folded(match.group()), language)
        for match in _TOKEN.finditer(text)
        if match.lastgroup == "word"
    )


def pairs(words: Sequence[Word]) -> tuple[tuple[str, str], ...]:
    """Return the stems of content words that follow each other, common words left out."""
    content = [word.stem for word in words if word.says_something]
    return tuple(pairwise(content))


def triples(words: Sequence[Word]) -> tuple[tuple[str, str, str], ...]:
    """Return the stems of three content words that follow each other, common words left out."""
    content = [word.stem for word in words if word.says_something]
    return tuple(zip(content, content[1:], content[2:], strict=False))


def _in_quotes(text: str, words: Sequence[Word]) -> tuple[bool, ...]:
    """Tell of each word whether it stands in quotation marks."""
    flags = [False] * len(words)
    starts = [word.start for word in words]
    for match in _QUOTED.finditer(text):
        for index in range(bisect_right(starts, match.start()), len(words)):
            if words[index].start >= match.end():
                break
            flags[index] = True
    return tuple(flags)


@lru_cache(maxsize=50_000)
def _known(word: str, language: str) -> tuple[str, str, float]:
    """Return (folded, stem, idf) of a word as written."""
    plain = folded(word[:MAX_WORD])
    stem = _stem(plain, language)
    return plain, stem, _idf(stem, language)


@lru_cache(maxsize=50_000)
def _stem(word: str, language: str) -> str:
    stem: str = _stemmer(language).stemWord(word)
    return stem


@cache
def _stemmer(language: str) -> "snowballstemmer.stemmer":
    return snowballstemmer.stemmer(_STEMMERS.get(language, "french"))


def _idf(stem: str, language: str) -> float:
    if len(stem) == 1 and not stem.isdigit():
        return 0.0  # what an elision leaves: l', d', qu'
    if stem.isdigit():
        return NUMBER
    return background(language).get(stem, RAREST)


@cache
def background(language: str) -> Mapping[str, float]:
    """Return the idf of the stems that are common in a language."""
    name = f"background-{language if language in _STEMMERS else 'fr'}.json"
    try:
        document = json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {"zipf": {}}
    table = {}
    for zipf, band in document["zipf"].items():
        share = 10 ** (float(zipf) - 9)  # Zipf: log10 of occurrences in a billion words
        in_a_post = -math.expm1(POST_WORDS * math.log1p(-min(share, 0.5)))
        for stem in band.split():
            table[stem] = min(RAREST, -math.log(in_a_post))
    return table
