"""The process that parses: ``python -m buzz.edges.parser.worker``, documents in, values out.

Feedparser meets hostile bytes here and nowhere else. Each document may use 5 s of CPU and so much
memory; one that hangs, explodes or kills the process fails alone. Requests and answers are
pickles behind a length of four bytes, on standard input and output; the first answer says that
the process is ready.
"""

import io
import math
import os
import pickle
import resource
import signal
import struct
import time
import warnings
from typing import IO, Any
from xml.sax.expatreader import ExpatParser
from xml.sax.handler import ContentHandler

import feedparser
from feedparser.encodings import convert_to_utf8

from buzz.core import feeds
from buzz.edges.parser.protocol import HEADER, READY, Document
from buzz.model import ParsedFeed

CPU_S = 5.0  # of one document; real ones take 5 ms, the slowest of 521 0.2 s
CPU_GRACE_S = 3  # then the system ends the process, should C code not let go
MEMORY = 384 << 20  # bytes beyond what the process takes when it starts; a 5 MB document takes 60
MAX_DEPTH = 200  # of elements; real feeds nest 30 deep where XHTML is inline


class _OutOfTime(BaseException):
    """The document has used its CPU time. Not an Exception: feedparser catches many."""


class _TooDeep(Exception):
    """The document nests deeper than any feed."""


class _Driver(ExpatParser):
    """The parser of the standard library, a quarter faster, and with bounds.

    Adjacent text arrives in one piece instead of line by line; what follows the last entry that
    is wanted is not handed on.
    """

    _depth = 0
    _entries = 0

    def reset(self) -> None:
        """Make ready for the next document."""
        super().reset()
        self._parser.buffer_text = True  # type: ignore[attr-defined]  # typeshed leaves it out

    def start_element_ns(self, name: str, attrs: Any) -> None:
        """Hand an element on, or refuse it."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep
        if _local(name) in {"item", "entry"}:
            self._entries += 1
            if self._entries > feeds.MAX_ENTRIES:
                self.setContentHandler(ContentHandler())
        super().start_element_ns(name, attrs)

    def end_element_ns(self, name: str) -> None:
        """Hand an element's end on."""
        self._depth -= 1
        super().end_element_ns(name)


def _local(name: str) -> str:
    """Return the local part of ``namespace local prefix``, where only the local part is sure."""
    parts = name.split(" ", 2)
    return parts[min(1, len(parts) - 1)]


def create_parser() -> ExpatParser:
    """Return a SAX parser: the entry point that ``xml.sax.make_parser`` asks a module for."""
    return _Driver(namespaceHandling=1)


def parse(document: Document) -> ParsedFeed:
    """Return what is in a document; whatever is wrong with it is a value."""
    try:
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        _limit_cpu()
        try:
            return _parse(document)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _OutOfTime:
        return ParsedFeed(error="cpu", detail=f"more than {CPU_S:g} s")
    except MemoryError:
        return ParsedFeed(error="memory")
    except _TooDeep:
        return ParsedFeed(error="depth", detail=f"more than {MAX_DEPTH} elements deep")
    except Exception as exc:  # noqa: BLE001  (feedparser raises anything; one document is one value)
        return ParsedFeed(error="broken", detail=f"{type(exc).__name__}: {exc}"[:200])


def _parse(document: Document) -> ParsedFeed:
    headers = {"content-type": _content_type(document)}
    body = document.body
    if b"\0" not in body[:4]:  # in UTF-16 half of a blank must not go
        body = body.lstrip()  # a blank before <?xml is an error, and the loose parser is slow
    # Converted first, so that no encoding hides what ``unfit`` looks for.
    body = convert_to_utf8(headers, body, {})
    reason = feeds.unfit(body)
    if reason:
        return ParsedFeed(error=reason)
    # BytesIO: feedparser opens a bytes or str that looks like a file or an address.
    found = feedparser.parse(
        io.BytesIO(body),
        sanitize_html=False,  # nothing of the markup is kept
        resolve_relative_uris=False,  # core.feeds does it for the links that are kept
        response_headers={
            "content-type": "application/xml; charset=utf-8",
            "content-location": document.url,
        },
    )
    return feeds.read(
        found, blog=document.blog, url=document.url, now=document.now, first=document.first
    )


def _content_type(document: Document) -> str:
    """Return the content type to go by: bytes that are UTF-8 are UTF-8, whatever was declared.

    Text in another encoding is valid UTF-8 by accident next to never, and servers that declare
    the wrong one are many.
    """
    if not document.body.isascii():
        try:
            document.body.decode()
        except UnicodeDecodeError:
            pass
        else:
            return "application/xml; charset=utf-8"
    return document.content_type


def _limit_cpu() -> None:
    """Let the system end this process, should the document's time run out unnoticed."""
    soft = math.ceil(time.process_time() + CPU_S + CPU_GRACE_S)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  (no pathlib: start-up)
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    limit = taken + MEMORY
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _out_of_time(_signal: int, _frame: object) -> None:
    raise _OutOfTime


def _take_over_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return the two pipes, and let what any library prints go to the error stream instead."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, answers


def _send(answers: IO[bytes], value: object) -> None:
    frame = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    answers.write(struct.pack(HEADER, len(frame)) + frame)
    answers.flush()


def main() -> None:
    """Answer documents one by one until the pipe closes."""
    requests, answers = _take_over_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGPROF, _out_of_time)
    warnings.simplefilter("ignore")
    feedparser.api.PREFERRED_XML_PARSERS = [__spec__.name]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    _send(answers, READY)
    size = struct.calcsize(HEADER)
    while header := requests.read(size):
        frame = requests.read(struct.unpack(HEADER, header)[0])
        _send(answers, parse(pickle.loads(frame)))  # noqa: S301  (from our own parent)


if __name__ == "__main__":
    main()
