"""Filling: a compiled letter and one recipient's values make one letter.

Each value is escaped for where it stands. A template is cut at its slots once; a letter is then
the pieces joined.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import escape

from buzz import locales
from buzz.core.letter import cases
from buzz.core.letter.cases import Case
from buzz.core.letter.folding import wrapped
from buzz.core.letter.slots import BLOCKS, RECIPIENT
from buzz.core.text import one_line
from buzz.locales import gettext as _
from buzz.model import CompiledLetter, LetterUrls, Link, Recipient

MAX_VALUE = 120  # characters of a name or a source: nobody's name stretches a letter

Slots = tuple[tuple[str, str], ...]  # name and word: a mapping that can be hashed
Said = Mapping[str, Any]  # what stands in each slot, not escaped; none: nothing


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
        text = "".join(p.same + (values[p.slot] if p.slot else "") for p in self.pieces)
        return wrapped(text) if self.folded else text

    def settled(self, known: Mapping[str, str]) -> "Passage":
        """Return the passage with what is known in its slots."""
        pieces, same = [], ""
        for piece in self.pieces:
            same += piece.same
            if piece.slot in known:
                same += known[piece.slot]
            else:
                pieces.append(Piece(same, piece.slot))
                same = ""
        is_loose = any(piece.slot for piece in pieces)
        if self.folded and not is_loose:
            return Passage((Piece(wrapped(same + pieces[-1].same), ""),), folded=False)
        return Passage(tuple(pieces), self.folded)


def html_of(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> str:
    """Return the HTML that this recipient gets.

    Raises:
        CheckRefused: the template cannot be rendered for this recipient.
    """
    case, filling = case_of(letter, recipient, urls)
    return _joined(case.html, case.slots, kept(recipient, urls), escaped(filling))


def text_of(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> str:
    """Return the text part that this recipient gets: 76 columns at most, addresses aside.

    Raises:
        CheckRefused: the template cannot be rendered for this recipient.
    """
    case, filling = case_of(letter, recipient, urls)
    return _joined(case.text, case.slots, kept(recipient, urls), plain(filling), prose=True)


def subject_of(letter: CompiledLetter, recipient: Recipient) -> str:
    """Return the subject that this recipient gets, on one line."""
    filling = said(letter.language, recipient, letter.links, LetterUrls(clicks={}, relays={}))
    return one_line(_joined(letter.subject, letter.slots, frozenset(), plain(filling)))


def online_html(letter: CompiledLetter, urls: LetterUrls) -> str:
    """Return the letter as a page for anybody: no name, no address, no pixel, no way to act.

    Where the letter names its reader, the page says "your blog".
    """
    case, filling = case_of(letter, None, urls)
    unsaid = {name: "…" for name in RECIPIENT if not filling[name]}
    return _joined(case.html, case.slots, frozenset(), escaped({**filling, **unsaid}))


def has_notice(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> bool:
    """Tell whether both parts carry the notice of GDPR art. 14 for those who need it.

    It must at least say where the address comes from.
    """
    case, _filling = case_of(letter, recipient, urls)
    word, source = case.slots["notice"], case.slots["source"]
    return all(
        part.count(word) == 2 and source in part.split(word)[1]  # noqa: PLR2004  (around it)
        for part in (case.html, case.text)
    )


def holes(letter: CompiledLetter, recipient: Recipient, urls: LetterUrls) -> tuple[str, ...]:
    """Return the names of what stands in this recipient's letter and is empty."""
    case, filling = case_of(letter, recipient, urls)
    empty = (name for name in RECIPIENT if not filling[name])
    return tuple(name for name in empty if case.slots[name] in case.html + case.text)


def case_of(
    letter: CompiledLetter, recipient: Recipient | None, urls: LetterUrls
) -> tuple[Case, Said]:
    """Return a recipient's case, and what is said of them; nobody: what anybody may read.

    Raises:
        CheckRefused: the template cannot be rendered for this recipient.
    """
    return cases.case_of(letter, said(letter.language, recipient, letter.links, urls))


def kept(recipient: Recipient, urls: LetterUrls) -> frozenset[str]:
    """Return the blocks that stand in this recipient's letter."""
    blocks = {"mail"}
    if urls.pixel:
        blocks.add("pixel")
    if recipient.needs_notice:
        blocks.add("notice")
    return frozenset(blocks)


def said(
    language: str, recipient: Recipient | None, links: Sequence[Link], urls: LetterUrls
) -> dict[str, Any]:
    """Return what stands in each slot; no recipient: what anybody may read."""
    values = {
        **_prose(language, recipient),
        "unsubscribe": urls.unsubscribe,
        "online": urls.online,
        "preferences": urls.preferences,
        "kit": urls.kit,
        "pixel_url": urls.pixel,
    }
    for link in links:
        values[f"click:{link.id}"] = urls.clicks.get(link.id, link.url)
        values[f"relay:{link.id}"] = urls.relays.get(link.id, link.url)
    return values


def _prose(language: str, recipient: Recipient | None) -> dict[str, Any]:
    if recipient is None:
        with locales.speaking(language):
            return {"name": _("your blog"), "federation": "", "rank": None, "source": ""}
    return {name: _of_recipient(name, language, recipient) for name in RECIPIENT}


def _of_recipient(name: str, language: str, recipient: Recipient) -> Any:
    match name:
        case "name":
            return one_line(recipient.name)[:MAX_VALUE]
        case "federation":
            return one_line(recipient.federation)[:MAX_VALUE]
        case "rank":
            return recipient.rank
    if recipient.source:
        return one_line(recipient.source)[:MAX_VALUE]
    with locales.speaking(language):
        return _("the public pages of your blog")


def texts(
    language: str, recipient: Recipient, names: Iterable[str], said: Said | None
) -> dict[str, str]:
    """Return what stands in these slots as texts, not escaped.

    Args:
        said: where it is known already.
    """
    found = {}
    for name in names:
        value = _of_recipient(name, language, recipient) if said is None else said[name]
        found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


def plain(filling: Said) -> dict[str, str]:
    """Return what stands in each slot of a text."""
    return {name: _text(value) for name, value in filling.items()}


def escaped(filling: Said) -> dict[str, str]:
    """Return what stands in each slot of a page."""
    return {name: str(escape(_text(value))) for name, value in filling.items()}


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
    loose = [word for word, name in names.items() if name in RECIPIENT or name == word]
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
    text: str,
    slots: Mapping[str, str],
    blocks: frozenset[str],
    filling: Mapping[str, str],
    *,
    prose: bool = False,
) -> str:
    found = passages(text, tuple(slots.items()), blocks, prose=prose)
    return "".join(passage.filled(filling) for passage in found)
