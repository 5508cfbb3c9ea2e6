"""Lines of the text part in which a value of any length stands: folded anew for each recipient.

How such a line breaks depends on the lengths of its values alone, as long as none of them is
broken itself. So each way to break it is found once, and kept encoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

from buzz.core.letter import encoding, folding
from buzz.core.letter.filling import Passage
from buzz.core.letter.slots import ADDRESSES

_MOST = 4096  # ways to break a line that are kept
_STAND_IN = 0xE000  # private use: stands for values, one character each
_MARKS = " >-→.0123456789"  # what a line's margin may be made of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Break:
    """One way to break a line."""

    form: bytes  # encoded, with %b for each value
    moved: tuple[str, ...]  # names of values that begin a line: their first words might fit above


class Line:
    """A line of the text part with slots."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self.names = tuple(piece.slot for piece in passage.pieces if piece.slot)
        self._of_mine = itemgetter(*self.names)  # of one name: no tuple but the thing itself
        self._breaks: dict[int | tuple[int, ...], _Break | None] = {}

    def filled(
        self, words: Mapping[str, str], encoded: Mapping[str, bytes], lengths: Mapping[str, int]
    ) -> bytes:
        """Return the line with the values in its slots, folded and encoded.

        Args:
            words: what stands in each slot.
            encoded: the same, encoded.
            lengths: how long it is, in characters.
        """
        mine = self._of_mine(lengths)
        found = self._breaks.get(mine) or self._found(mine)
        if found is None or (found.moved and any(" " in words[name] for name in found.moved)):
            return encoding.quoted(self._passage.filled(words))
        form: bytes = found.form % self._of_mine(encoded)
        return form

    def _found(self, lengths: int | tuple[int, ...]) -> _Break | None:
        if lengths not in self._breaks:
            if len(self._breaks) >= _MOST:
                self._breaks.clear()
            each = lengths if isinstance(lengths, tuple) else (lengths,)
            self._breaks[lengths] = self._break(each)
        return self._breaks[lengths]

    def _break(self, lengths: tuple[int, ...]) -> _Break | None:
        """Return how the line breaks, or None: that depends on more than the lengths."""
        if not all(lengths) or any(name in ADDRESSES or ":" in name for name in self.names):
            return None
        stand_ins = [chr(_STAND_IN + n) * length for n, length in enumerate(lengths)]
        same = [piece.same for piece in self._passage.pieces]
        line = "".join(a + b for a, b in zip(same, [*stand_ins, ""], strict=False))
        folded = folding.wrapped(line)
        if folded != line and not same[0].strip(_MARKS):
            return None  # a value could look like the mark of an item
        around: list[str] = []
        moved: list[str] = []
        rest = folded
        for name, stand_in in zip(self.names, stand_ins, strict=True):
            before, found, rest = rest.partition(stand_in)
            if not found:
                return None
            around.append(before)
            _lines, is_below, beside = "".join(around).rpartition("\n")
            if is_below and " " not in beside.lstrip(" >"):
                moved.append(name)
        around.append(rest)
        last = len(around) - 1
        octets = [
            encoding.piece(text, is_first=n == 0, is_last=n == last)
            for n, text in enumerate(around)
        ]
        form = b"%b".join(part.replace(b"%", b"%%") for part in octets)
        return _Break(form=form, moved=tuple(moved))
