"""Replies cut out of what a server says (RFC 5321 §4.2.1), as many as stand in it."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from buzz.edges.smtp.connection import PLAUSIBLE

MAX_BYTES: Final = 8192  # of one reply
MAX_LINES: Final = 50
_CODE = 3  # digits
_MORE = b"-"  # after the code: further lines of this reply follow
_LAST = (b" ", b"\r", b"")  # after the code: this is the last line; some servers leave out the text


class Malformed(Exception):
    """What came is no reply, or one without end."""


class Reply(NamedTuple):
    """One complete reply."""

    code: int  # 200..599
    text: str  # its lines without their codes, joined with a line feed


class Cutter:
    """Takes in pieces as they come and gives out whole replies."""

    def __init__(self) -> None:
        self._rest = b""  # of a line whose end has not come
        self._lines: list[bytes] = []  # of a reply whose last line has not come
        self._size = 0  # bytes in those lines

    @property
    def begun(self) -> str:
        """Return what has come of a reply that has not ended, or an empty string."""
        return b"\n".join((*self._lines, self._rest)).decode("utf-8", "replace").strip()

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that this piece completes, in order.

        Raises:
            Malformed: a line has no code, the code is none of 200..599 or changes within a reply,
                or a reply is longer than 8 KB or 50 lines.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
            if line[_CODE : _CODE + 1] != _MORE:
                yield self._whole()
        if self._size + len(self._rest) > MAX_BYTES:
            raise Malformed

    def _take(self, line: bytes) -> None:
        after = line[_CODE : _CODE + 1]
        if not line[:_CODE].isdigit() or (after != _MORE and after not in _LAST):
            raise Malformed
        self._lines.append(line)
        self._size += len(line)
        if self._size > MAX_BYTES or len(self._lines) > MAX_LINES:
            raise Malformed
        if line[:_CODE] != self._lines[0][:_CODE]:
            raise Malformed

    def _whole(self) -> Reply:
        lines, self._lines, self._size = self._lines, [], 0
        code = int(lines[0][:_CODE])
        if code not in PLAUSIBLE:
            raise Malformed
        text = b"\n".join(line[_CODE + 1 :].strip() for line in lines)
        return Reply(code, text.decode("utf-8", "replace"))
