"""Lines of the text part in which a value of any length stands: folded anew for each recipient.

How such a line breaks depends on the lengths of its values alone, as long as none of them is
broken itself. So each way to break it is found once, and kept encoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from buzz.core.letter import encoding, folding
from buzz.core.letter.filling import Passage
from buzz.core.letter.slots import ADDRESSES

_MOST = 4096  # ways to break a line that are kept
_STAND_IN = 0xE000  # private use: stands for values, one character each
_MARKS = " >-→.0123456789"  # what a line's margin may be made of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Break:
    """One way to break a line: what stands around the values, encoded."""

    around: tuple[bytes, ...]
    moved: tuple[bool, ...]  # by value: it begins a line, where only its first word might fit above


class Line:
    """A line of the text part with slots."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self.names = tuple(piece.slot for piece in passage.pieces if piece.slot)
        self._breaks: dict[tuple[int, ...], _Break | None] = {}

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Return the line with the values in its slots, folded and encoded."""
        words = [values[name] for name in self.names]
        lengths = tuple(map(len, words))
        try:
            found = self._breaks[lengths]
        except KeyError:
            found = self._found(lengths)
        if found is None or any(
            moved and " " in word for moved, word in zip(found.moved, words, strict=True)
        ):
            return encoding.quoted(self._passage.filled(values))
        parts = [found.around[0]]
        for word, after in zip(words, found.around[1:], strict=True):
            parts += (encoding.value(word), after)
        return b"".join(parts)

    def _found(self, lengths: tuple[int, ...]) -> _Break | None:
        if len(self._breaks) >= _MOST:
            self._breaks.clear()
        found = self._breaks[lengths] = self._break(lengths)
        return found

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
        around, moved, rest = [], [], folded
        for stand_in in stand_ins:
            before, found, rest = rest.partition(stand_in)
            if not found:
                return None
            around.append(before)
            _lines, is_below, beside = "".join(around).rpartition("\n")
            moved.append(bool(is_below) and " " not in beside.lstrip(" >"))
        around.append(rest)
        last = len(around) - 1
        return _Break(
            around=tuple(
                encoding.piece(text, is_first=n == 0, is_last=n == last)
                for n, text in enumerate(around)
            ),
            moved=tuple(moved),
        )
