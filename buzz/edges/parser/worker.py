"""The process that parses: ``python -m buzz.edges.parser.worker CPU_S MEMORY``.

Feedparser meets hostile bytes here and nowhere else. Each document may use so much CPU time and
memory (``protocol.Limits``); one that hangs, explodes or kills the process fails alone. Requests
and answers are pickles behind a length of four bytes, on standard input and output; the first
answer says that the process is ready.
"""

import io
import math
import os
import pickle
import resource
import signal
import struct
import sys
import time
import warnings
from dataclasses import replace
from typing import IO

import feedparser
from feedparser.encodings import convert_to_utf8, parse_content_type

from buzz.core import feeds
from buzz.edges.parser import strict
from buzz.edges.parser.driver import MAX_DEPTH, TooDeep
from buzz.edges.parser.protocol import ANSWER, HEADER, READY, Document
from buzz.model import ParsedFeed

CPU_GRACE_S = 3  # beyond the document's time; then the system ends the process, whatever it does


class _OutOfTime(BaseException):
    """The document has used its CPU time. Not an Exception: feedparser catches many."""


def parse(document: Document, cpu_s: float) -> ParsedFeed:
    """Return what is in a document; whatever is wrong with it is a value."""
    try:
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        _limit_cpu(cpu_s)
        try:
            return _parse(document)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _OutOfTime:
        return ParsedFeed(error="cpu", detail=f"more than {cpu_s:g} s")
    except MemoryError:
        return ParsedFeed(error="memory")
    except TooDeep:
        return ParsedFeed(error="depth", detail=f"more than {MAX_DEPTH} elements deep")
    except Exception as exc:  # noqa: BLE001  (feedparser raises anything; one document is one value)
        return ParsedFeed(error="broken", detail=f"{type(exc).__name__}: {exc}"[:200])


def _parse(document: Document) -> ParsedFeed:
    headers = {"content-type": _content_type(document)}
    body = document.body
    if b"\0" not in body[:4]:  # in UTF-16 half of a blank must not go
        body = body.lstrip()  # a blank before <?xml is an error, and the loose parser is slow
    # Converted first, so that no encoding hides what ``unfit`` looks for.
    body = feeds.mended(convert_to_utf8(headers, body, {}))
    reason = feeds.unfit(body)
    if reason:
        return ParsedFeed(error=reason, detail=document.content_type)
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
    """Return the content type to go by.

    Bytes that are UTF-8 are UTF-8, whatever was declared: text in another encoding is valid UTF-8
    by accident next to never, and servers that declare the wrong one are many. UTF-16 shows by
    its zeros. Where nothing is declared, the document's own word counts, even for text/xml
    (RFC 7303 §3; feedparser would go by RFC 3023, and ASCII).
    """
    charset = parse_content_type(document.content_type)[1]
    if b"\0" in document.body[:4]:
        charset = ""
    elif not document.body.isascii():
        try:
            document.body.decode()
        except UnicodeDecodeError:
            pass
        else:
            charset = "utf-8"
    return f"application/xml; charset={charset}" if charset else "application/xml"


def _limit_cpu(cpu_s: float) -> None:
    """Let the system end this process, should the document's time run out unnoticed."""
    soft = math.ceil(time.process_time() + cpu_s + CPU_GRACE_S)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit_memory(memory: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  (no pathlib: start-up)
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    limit = taken + memory
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
    answers.write(struct.pack(ANSWER, len(frame)) + frame)
    answers.flush()


def main(cpu_s: float, memory: int) -> None:
    """Answer documents one by one until the pipe closes."""
    requests, answers = _take_over_streams()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGPROF, _out_of_time)
    warnings.simplefilter("ignore")
    strict.install()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory(memory)
    _send(answers, READY)
    size = struct.calcsize(HEADER)
    while header := requests.read(size):
        head, body = map(requests.read, struct.unpack(HEADER, header))
        document = replace(pickle.loads(head), body=body)  # noqa: S301  (from our own parent)
        _send(answers, parse(document, cpu_s))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
