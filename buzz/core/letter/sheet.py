"""A sheet: a message cut into what is encoded once and what each recipient brings along."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from markupsafe import escape

from buzz.core.letter import encoding
from buzz.core.letter.filling import Passage
from buzz.core.letter.lines import Line

_MEANS_SOMETHING = re.compile("[&<>\"']").search  # in HTML


class Sheet:
    """A message but for what each recipient brings along.

    That is picked, in the order of the message, from one table: the head, the addresses as they
    stand in the text and in the page, the folded lines, the words.
    """

    def __init__(
        self, *, form: bytes, holes: Sequence[int], lines: Sequence[Line], words: Sequence[str]
    ) -> None:
        self._form = form  # with %b for each hole
        self._in_order = itemgetter(*holes)
        self._lines = lines
        self._words = words
        named = (name for line in lines for name in line.names)
        self.words = tuple(dict.fromkeys(("name", *named, *words)))

    def filled(
        self,
        head: bytes,
        in_text: Sequence[bytes],
        in_page: Sequence[bytes],
        words: Mapping[str, str],
    ) -> bytes:
        """Return the message.

        Args:
            head: headers of this recipient.
            in_text, in_page: addresses, encoded.
            words: what stands in each of ``self.words``, not escaped.
        """
        encoded, lengths = {}, {}
        for name, word in words.items():
            encoded[name], lengths[name] = encoding.value(word), len(word)
        table = [head, *in_text, *in_page]
        table += [line.filled(words, encoded, lengths) for line in self._lines]
        table += [_in_page(words[name], encoded[name]) for name in self._words]
        message: bytes = self._form % self._in_order(table)
        return message


def _in_page(word: str, encoded: bytes) -> bytes:
    return encoding.value(str(escape(word))) if _MEANS_SOMETHING(word) else encoded


@dataclass(frozen=True, slots=True)
class _Hole:
    kind: Literal["head", "text", "page", "line", "word"]
    number: int = 0  # among its kind


class SheetBuilder:
    """Makes a sheet, from the top to the end.

    Args:
        addresses: the names of the slots for addresses, in the order in which they will come.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = {name: number for number, name in enumerate(addresses)}
        self._pieces: list[bytes | _Hole] = []
        self._lines: list[Line] = []
        self._words: list[str] = []

    def head(self) -> None:
        """Put what is the recipient's in the head; nothing comes before it."""
        self._pieces.append(_Hole("head"))

    def same(self, octets: bytes) -> None:
        """Put what everybody gets."""
        self._pieces.append(octets)

    def text(self, passages: Iterable[Passage], known: Mapping[str, str]) -> None:
        """Put the text part.

        Args:
            passages: of the text.
            known: by name of a slot, what stands there for everybody.
        """
        for passage in passages:
            settled = passage.settled(known)
            if settled.folded:
                self._pieces.append(_Hole("line", len(self._lines)))
                self._lines.append(Line(settled))
            else:
                self._put(settled, "text")

    def page(self, passages: Iterable[Passage], known: Mapping[str, str]) -> None:
        """Put the page; what is known is escaped."""
        for passage in passages:
            self._put(passage.settled(known), "page")

    def _put(self, passage: Passage, kind: Literal["text", "page"]) -> None:
        for number, piece in enumerate(passage.pieces):
            self.same(encoding.piece(piece.same, is_first=number == 0, is_last=not piece.slot))
            if piece.slot in self._addresses and piece.slot:
                self._pieces.append(_Hole(kind, self._addresses[piece.slot]))
            elif piece.slot:
                if piece.slot not in self._words:
                    self._words.append(piece.slot)
                self._pieces.append(_Hole("word", self._words.index(piece.slot)))

    def sheet(self) -> Sheet:
        """Return what was put together."""
        count = len(self._addresses)
        begins = {"head": 0, "text": 1, "page": 1 + count, "line": 1 + 2 * count}
        begins["word"] = begins["line"] + len(self._lines)
        holes = [p for p in self._pieces if isinstance(p, _Hole)]
        form = b"".join(
            b"%b" if isinstance(piece, _Hole) else piece.replace(b"%", b"%%")
            for piece in self._pieces
        )
        return Sheet(
            form=form,
            holes=[begins[hole.kind] + hole.number for hole in holes],
            lines=self._lines,
            words=self._words,
        )
