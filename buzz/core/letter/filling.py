"""Filling: a compiled letter and one recipient's values make one letter.

Each value is escaped for where it stands. A template is cut at its slots once; a letter is then
the pieces joined.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from buzz import locales
from buzz.core.letter.compiling import BLOCKS, RECIPIENT, wrapped
from buzz.core.text import one_line
from buzz.locales import gettext as _
from buzz.model import CompiledLetter, LetterUrls, Recipient

MAX_VALUE = 120  # characters of a name or a source: nobody's name stretches a letter

Slots = tuple[tuple[str, str], ...]  # name and word: a mapping that can be hashed


@dataclass(frozen=True, slots=True)
class Piece:
    """What is the same for everybody, then a slot (empty at the end of a passage)."""

    same: str
    slot: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines that are filled together; those with a value of any length are folded then."""

    pieces: tuple[Piece, ...]
    folded: bool

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the passage with the values in its slots."""
        text = "".join(p.same + values[p.slot] for p in self.pieces)
        return wrapped(text) if self.folded else text


def html_of(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> str:
    """Return the HTML that this recipient gets."""
    blocks = kept(recipient, urls)
    return _joined(letter, letter.html, blocks, values(letter, recipient, urls, html.escape))


def text_of(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> str:
    """Return the text part that this recipient gets: 76 columns at most, addresses aside."""
    blocks = kept(recipient, urls)
    return _joined(letter, letter.text, blocks, values(letter, recipient, urls), prose=True)


def subject_of(letter: CompiledLetter, recipient: Recipient) -> str:
    """Return the subject that this recipient gets, on one line."""
    filling = values(letter, recipient, LetterUrls(clicks={}, relays={}))
    return one_line(_joined(letter, letter.subject, frozenset(), filling))


def online_html(letter: CompiledLetter, urls: LetterUrls) -> str:
    """Return the letter as a page for anybody: no name, no address, no pixel, no way to act.

    Where the letter names its reader, the page says "your blog".
    """
    filling = values(letter, None, urls, html.escape)
    return _joined(letter, letter.html, frozenset(), filling)


def has_notice(letter: CompiledLetter) -> bool:
    """Tell whether both parts carry the notice of GDPR art. 14 for those who need it.

    It must at least say where the address comes from.
    """
    word, source = letter.slots["notice"], letter.slots["source"]
    return all(
        part.count(word) == 2 and source in part.split(word)[1]  # noqa: PLR2004  (around it)
        for part in (letter.html, letter.text)
    )


def kept(recipient: Recipient, urls: LetterUrls) -> frozenset[str]:
    """Return the blocks that stand in this recipient's letter."""
    blocks = {"mail"}
    if urls.pixel:
        blocks.add("pixel")
    if recipient.needs_notice:
        blocks.add("notice")
    return frozenset(blocks)


def values(
    letter: CompiledLetter,
    recipient: Recipient | None,
    urls: LetterUrls,
    escape: Callable[[str], str] = str,
) -> dict[str, str]:
    """Return what stands in each slot, escaped; no recipient: what anybody may read."""
    said = {
        "": "",
        **_prose(letter.language, recipient),
        "unsubscribe": urls.unsubscribe,
        "online": urls.online,
        "preferences": urls.preferences,
        "kit": urls.kit,
        "pixel_url": urls.pixel,
    }
    for link in letter.links:
        said[f"click:{link.id}"] = urls.clicks.get(link.id, link.url)
        said[f"relay:{link.id}"] = urls.relays.get(link.id, link.url)
    return {name: escape(value) for name, value in said.items()}


def _prose(language: str, recipient: Recipient | None) -> dict[str, str]:
    if recipient is None:
        with locales.speaking(language):
            return {"name": _("your blog"), "federation": "…", "rank": "…", "source": "…"}
    source = recipient.source
    if not source:
        with locales.speaking(language):
            source = _("the public pages of your blog")
    return {
        "name": one_line(recipient.name)[:MAX_VALUE],
        "federation": one_line(recipient.federation)[:MAX_VALUE],
        "rank": "" if recipient.rank is None else str(recipient.rank),
        "source": one_line(source)[:MAX_VALUE],
    }


@lru_cache(maxsize=64)
def passages(
    text: str, slots: Slots, blocks: frozenset[str], *, prose: bool
) -> tuple[Passage, ...]:
    """Return a template cut at its slots.

    Args:
        text: with the words of slots and blocks in it.
        slots: name and word of each.
        blocks: those that stay; the others are cut out.
        prose: lines with a value of any length become passages of their own, to be folded.
    """
    for name, word in slots:
        if name in BLOCKS:
            mark = rf"(?:<!--)?{word}(?:-->)?\n?"
            text = re.sub(
                f"{mark}(.*?){mark}", r"\1" if name in blocks else "", text, flags=re.DOTALL
            )
    names = {word: name for name, word in slots}
    cut = re.compile("|".join(names)) if names else re.compile(r"(?!)")
    loose = [word for word, name in names.items() if name in RECIPIENT]
    out: list[Passage] = []
    plain = ""
    for line in text.splitlines(keepends=True):
        if prose and any(word in line for word in loose):
            out += [_passage(plain, cut, names), _passage(line, cut, names, folded=True)]
            plain = ""
        else:
            plain += line
    return (*out, _passage(plain, cut, names))


def _passage(
    text: str, cut: re.Pattern[str], names: Mapping[str, str], *, folded: bool = False
) -> Passage:
    pieces = []
    start = 0
    for match in cut.finditer(text):
        pieces.append(Piece(text[start : match.start()], names[match.group()]))
        start = match.end()
    return Passage((*pieces, Piece(text[start:], "")), folded)


def _joined(
    letter: CompiledLetter,
    text: str,
    blocks: frozenset[str],
    filling: Mapping[str, str],
    *,
    prose: bool = False,
) -> str:
    found = passages(text, tuple(letter.slots.items()), blocks, prose=prose)
    return "".join(passage.filled(filling) for passage in found)
