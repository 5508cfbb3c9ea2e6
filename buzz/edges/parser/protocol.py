"""What the parent and its parsing processes say to each other."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, NamedTuple

HEADER = "!II"  # of a request: length of the pickled document without its body, and of the body
ANSWER = "!I"  # of an answer: length of the pickle that follows
READY = "ready"
PIECE = 1 << 16  # bytes of a large document that are handed over at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One body to be parsed."""

    blog: str  # slug of whose feed it is
    url: str  # where it came from, after redirects
    content_type: str
    body: bytes = b""
    large: IO[bytes] | None = None  # the body instead, where it lies on disk
    now: datetime  # when its entries are seen, aware UTC
    first: bool  # nothing of this feed was ever read before

    @property
    def size(self) -> int:
        """Return the length of the body in bytes."""
        return os.fstat(self.large.fileno()).st_size if self.large else len(self.body)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body piece by piece."""
        if self.large is None:
            yield self.body
            return
        self.large.seek(0)
        while piece := self.large.read(PIECE):
            yield piece


class Limits(NamedTuple):
    """What one document may cost."""

    cpu_s: float = 5.0  # real ones take 5 ms, the slowest of 208 a third of a second
    memory: int = 384 << 20  # bytes beyond what the process has at its start; 5 MB of XML take 60
