"""A body within bounds: read, decompressed and counted piece by piece.

A cap on decoded pieces let 64 MB through in one piece of a 298 KB gzip bomb; zlib's
``max_length`` does not.
"""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

_GZIP_MAGIC = b"\x1f\x8b"
_AUTO = zlib.MAX_WBITS | 32  # zlib or gzip, by its header
_RAW = -zlib.MAX_WBITS
_STEP = 1 << 16  # bytes decompressed at a time
_PLAIN = frozenset(("", "identity", "none", "utf-8"))  # the last two are servers' inventions
_ZIPPED = frozenset(("gzip", "x-gzip", "deflate"))

ACCEPT_ENCODING = "gzip, deflate"
# Bytes from which on few bodies may be there at a time, and how few: a hundred large ones would fill
# us. Of 208 real feeds 20, 6 and 3 are as large.
TIERS = ((128 << 10, 12), (512 << 10, 4), (1 << 20, 1))


async def _at_once(_tier: int) -> None:
    """Hold nothing back."""


class BodyError(Exception):
    """The body cannot be had.

    Attributes:
        code: too-large or encoding.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


async def read(
    chunks: AsyncIterator[bytes],
    encoding: str,
    max_bytes: int,
    before_tier: Callable[[int], Awaitable[None]] = _at_once,
) -> bytes:
    """Return the whole body, decompressed.

    Args:
        chunks: as they come from the connection.
        encoding: the Content-Encoding header.
        max_bytes: the most that is taken, on the wire and decompressed.
        before_tier: awaited with the number of each of ``TIERS`` that the body reaches.

    Raises:
        BodyError: it is larger, or cannot be decompressed.
    """
    encoding = encoding.strip().lower()
    if encoding not in _PLAIN | _ZIPPED:
        raise BodyError("encoding", f"Content-Encoding: {encoding}")
    body = _Body(max_bytes)
    decoder: _Inflater | None = None
    tier = 0
    async for chunk in chunks:
        if encoding in _ZIPPED and decoder is None and not body.data:
            decoder = _Inflater.for_start(encoding, chunk)
        if decoder is None:
            body.add(chunk)
        else:
            decoder.feed(chunk, body)
        while tier < len(TIERS) and len(body.data) > TIERS[tier][0]:
            await before_tier(tier)
            tier += 1
    if decoder is not None:
        decoder.end()
    return bytes(body.data)


class _Body:
    """What has come so far, and never more than allowed."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self._max = max_bytes

    @property
    def room(self) -> int:
        """Return how many bytes may still come."""
        return self._max - len(self.data)

    def add(self, piece: bytes) -> None:
        """Append a piece, or refuse it."""
        if len(piece) > self.room:
            self.data.clear()  # the error may live longer than the body should
            raise BodyError("too-large", f"more than {self._max} bytes")
        self.data += piece


class _Inflater:
    """Decompression that never holds more than one step too much."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._stream = zlib.decompressobj(wbits)

    @classmethod
    def for_start(cls, encoding: str, start: bytes) -> "_Inflater | None":
        """Return what decompresses a body that starts so; None for one that is plain after all.

        Some servers send ``deflate`` without zlib's header (RFC 9110 §8.4.1.2 notes it), some
        declare gzip and send text.
        """
        if _GZIP_MAGIC.startswith(start[:2]):
            return cls(_AUTO)
        if encoding != "deflate" or start.lstrip()[:1] == b"<":
            return None
        is_zlib = start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0  # noqa: PLR2004  (RFC 1950 §2.2)
        return cls(_AUTO if is_zlib else _RAW)

    def feed(self, chunk: bytes, body: _Body) -> None:
        """Decompress a piece into the body."""
        try:
            while True:
                most = min(_STEP, body.room + 1)
                piece = self._stream.decompress(chunk, most)
                body.add(piece)
                if self._stream.eof:  # a member may follow (RFC 1952 §2.2); padding does not count
                    chunk = self._stream.unused_data
                    if not chunk.startswith(_GZIP_MAGIC):
                        return
                    self._stream = zlib.decompressobj(self._wbits)
                    continue
                chunk = self._stream.unconsumed_tail
                if not chunk and len(piece) < most:
                    return
        except zlib.error as exc:
            raise BodyError("encoding", str(exc)) from exc

    def end(self) -> None:
        """Close the body: half a document would look like an edited one."""
        if not self._stream.eof:
            raise BodyError("encoding", "the compressed body ends too early")
