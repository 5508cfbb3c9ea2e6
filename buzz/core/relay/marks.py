"""Marks: where the shared words stand in a passage, for whoever shows it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from buzz.core.relay import words
from buzz.core.text import visible

_JOINED = 2  # words between two shared ones that do not break a run: "un lit sur huit"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a passage; the pieces joined are the passage."""

    text: str
    shared: bool


def marked(passage: str, shared: Sequence[str], language: str = "fr") -> tuple[Piece, ...]:
    """Return a passage cut where shared words begin and end; neighbours are one stretch.

    Args:
        passage: of the letter or of the post.
        shared: as evidence names it: words, phrases, addresses, hashtags.
        language: of the stemmer.
    """
    passage = visible(passage)
    spans = sorted({*_literal(passage, shared), *_worded(passage, shared, language)})
    pieces: list[Piece] = []
    place = 0
    for start, end in spans:
        if end <= place:
            continue
        begin = max(start, place)
        if begin > place:
            pieces.append(Piece(passage[place:begin], shared=False))
        pieces.append(Piece(passage[begin:end], shared=True))
        place = end
    if place < len(passage):
        pieces.append(Piece(passage[place:], shared=False))
    return tuple(pieces)


def _literal(passage: str, shared: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Give the places of addresses, hashtags and phrases, whatever their case."""
    for item in shared:
        text = visible(item)
        if not text.isalnum():
            for match in re.finditer(re.escape(text), passage, re.IGNORECASE):
                yield match.span()


def _worded(passage: str, shared: Sequence[str], language: str) -> Iterator[tuple[int, int]]:
    """Give runs of words that have a shared word's stem."""
    stems = {stem for item in shared if item.isalnum() for stem in words.stems(item, language)}
    run: tuple[int, int] | None = None
    last = 0
    for index, word in enumerate(words.read(passage, language).words):
        if word.stem not in stems:
            continue
        if run and index - last <= _JOINED + 1:
            run = (run[0], word.end)
        else:
            if run:
                yield run
            run = (word.start, word.end)
        last = index
    if run:
        yield run
