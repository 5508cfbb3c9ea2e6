"""What the parent and its parsing processes say to each other."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

HEADER = "!II"  # of a request: length of the pickled document without its body, and of the body
ANSWER = "!I"  # of an answer: length of the pickle that follows
READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One body to be parsed."""

    blog: str  # slug of whose feed it is
    url: str  # where it came from, after redirects
    content_type: str
    body: bytes
    now: datetime  # when its entries are seen, aware UTC
    first: bool  # nothing of this feed was ever read before


class Limits(NamedTuple):
    """What one document may cost."""

    cpu_s: float = 5.0  # real ones take 5 ms, the slowest of 208 a third of a second
    memory: int = 384 << 20  # bytes beyond what the process has at its start; 5 MB of XML take 60
