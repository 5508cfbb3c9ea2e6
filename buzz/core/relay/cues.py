"""Cues: words that tell in what voice a passage is written, found by the lexicons beside this file.

A lexicon is a list of small regular expressions over folded words. No cue decides alone: each is
counted only near what the post shares with the message.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from buzz.core.relay.words import Reading


@dataclass(frozen=True, slots=True)
class Cue:
    """One place where a lexicon matched."""

    lexicon: str
    start: int  # number of its first word
    end: int  # of the word after its last one


def find(post: Reading) -> tuple[Cue, ...]:
    """Return all cues of a post, lexicon by lexicon, in the order of the text."""
    return tuple(
        Cue(name, post.word_at(match.start()), post.word_at(match.end() - 1) + 1)
        for name, pattern in _lexicons().items()
        for match in pattern.finditer(post.plain)
    )


@cache
def _lexicons() -> Mapping[str, re.Pattern[str]]:
    text = files(__package__).joinpath("lexicon.json").read_text(encoding="utf-8")
    return {
        name: re.compile(rf"\b(?:{'|'.join(entries)})\b")
        for name, entries in json.loads(text).items()
        if name != "note"
    }
