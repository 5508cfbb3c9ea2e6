"""Two passages side by side: the words they share marked, each cut around what it shares."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import snowballstemmer

from buzz.core.text import one_line, unaccented

PASSAGE_CHARS = 420  # what is shown of a passage; the whole stands in the post itself
_LEAD_CHARS = 60  # shown before the first shared word of a long passage
_WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(
    r"[\s,'\u2019-]{1,2}|[./:]{1,3}"
)  # between two shared words that are marked as one
_STEMMERS = {"fr": "french", "en": "english"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a passage."""

    text: str
    shared: bool


def pieces(text: str, shared: Iterable[str], language: str = "fr") -> tuple[Piece, ...]:
    """Return the passage in stretches, those that stand in both passages marked.

    Words match by their stem, without case and accents. Joined, the pieces are the passage on
    one line, cut to about ``PASSAGE_CHARS`` around the first shared word.

    >>> [(p.text, p.shared) for p in pieces("Les retraites, enfin", ["retraite"])]
    [('Les ', False), ('retraites', True), (', enfin', False)]
    """
    text = one_line(text)
    stems = {_stem(word, language) for phrase in shared for word in _WORD.findall(phrase)}
    spans = [m.span() for m in _WORD.finditer(text) if _stem(m.group(), language) in stems]
    start, end = _window(text, spans[0][0] if spans else 0)
    inside = [(a, b) for a, b in _joined(text, spans) if a < end and b > start]
    found: list[Piece] = []
    at = start
    for a, b in inside:
        found.append(Piece(text=text[at : max(a, at)], shared=False))
        found.append(Piece(text=text[max(a, start) : min(b, end)], shared=True))
        at = min(b, end)
    found.append(Piece(text=text[at:end], shared=False))
    if start:
        found.insert(0, Piece(text="… ", shared=False))
    if end < len(text):
        found.append(Piece(text=" …", shared=False))
    return tuple(piece for piece in found if piece.text)


@lru_cache(maxsize=20_000)  # a word costs 0.1 ms, and a report has the same ones over and over
def _stem(word: str, language: str) -> str:
    """Return what is the same in all forms of a word, without case and accents."""
    stemmer = _stemmer(_STEMMERS.get(language, "french"))
    return str(stemmer.stemWord(unaccented(word).lower()))


@cache
def _stemmer(algorithm: str) -> Any:
    return snowballstemmer.stemmer(algorithm)


def _window(text: str, first: int) -> tuple[int, int]:
    """Return the stretch of a long text that is shown, cut at spaces where there are any."""
    if len(text) <= PASSAGE_CHARS:
        return 0, len(text)
    start = 0
    if first > _LEAD_CHARS:
        start = text.find(" ", first - _LEAD_CHARS, first) + 1 or first
    end = min(len(text), start + PASSAGE_CHARS)
    if end < len(text):
        space = text.rfind(" ", start + PASSAGE_CHARS // 2, end)
        end = space if space > 0 else end
    return start, end


def _joined(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans, those that only a space or an apostrophe parts made one."""
    joined: list[tuple[int, int]] = []
    for a, b in spans:
        if joined and _GAP.fullmatch(text[joined[-1][1] : a]):
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined
