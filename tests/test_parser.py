"""Parsing in processes of their own: hostile documents fail alone."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feed_server import item, rss

from buzz.edges.parser import Document, Limits, Parsers
from buzz.errors import BuzzError, TemporaryFailure
from buzz.model import ParsedFeed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
GOOD = rss(item("a"), item("b"))


def doc(body: bytes, content_type: str = "application/rss+xml") -> Document:
    return Document(
        blog="karim",
        url="http://blog.example/feed",
        content_type=content_type,
        body=body,
        now=NOW,
        first=False,
    )


def parse(
    *documents: Document, processes: int = 1, limits: Limits | None = None
) -> list[ParsedFeed]:
    async def run() -> list[ParsedFeed]:
        async with Parsers(processes, limits or Limits()) as parsers:
            return await asyncio.gather(*map(parsers.parse, documents))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def parse_one() -> Iterator[Callable[..., ParsedFeed]]:
    """One pool for all the tables below: what one document does must not harm the next."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def opened() -> Parsers:
        return Parsers(1)

    def parse_one(body: bytes, content_type: str = "application/rss+xml") -> ParsedFeed:
        result = run(parsers.parse(doc(body, content_type)))
        assert isinstance(result, ParsedFeed)
        return result

    parsers = run(opened())
    yield parse_one
    run(parsers.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def children() -> Iterable[int]:
    """Return the processes that this one has started and that still are."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(encoding="ascii")
    return map(int, found.split())


def test_documents_come_back_in_the_order_asked_whoever_parsed_them() -> None:
    results = parse(*(doc(rss(item(str(n)), title=str(n))) for n in range(100)), processes=2)
    assert [result.title for result in results] == [str(n) for n in range(100)]


def test_no_process_is_started_before_there_is_work_and_none_is_left() -> None:
    before = set(children())

    async def run() -> None:
        async with Parsers() as parsers:
            assert set(children()) == before
            await parsers.parse(doc(GOOD))
            assert set(children()) > before

    asyncio.run(run())
    assert set(children()) == before


class Killer(Document):
    """A document that ends the process that unpacks it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (9,)


def killer() -> Document:
    return Killer(blog="killer", url="", content_type="", body=b"", now=NOW, first=False)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_document_that_kills_its_process_fails_alone(processes: int) -> None:
    documents = [doc(GOOD) for _ in range(12)]
    documents[0:0] = [killer()]
    documents[7:7] = [killer(), killer()]
    results = parse(*documents, processes=processes)
    assert [result.error for result in results].count("parser-died") == 3
    good = [result for result in results if not result.error]
    assert [len(result.entries) for result in good] == [2] * 12


SLOW = b"<rss version='2.0'><channel>&oops;<item><title>" + b"<a " * 1_000_000  # the loose parser


def test_a_document_that_takes_too_long_fails_alone() -> None:
    slow, good = parse(doc(SLOW), doc(GOOD), limits=Limits(cpu_s=0.3))
    assert slow.error == "cpu"
    assert len(good.entries) == 2


def test_a_document_that_takes_too_much_memory_fails_alone() -> None:
    large = rss(item("a", text="x" * 4_000_000))
    big, good = parse(doc(large), doc(GOOD), limits=Limits(memory=8 << 20))
    assert big.error == "memory"
    assert len(good.entries) == 2


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"<rss version='2.0'>" + b"<a>" * 100_000, "depth", id="100,000 deep"),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><rss><channel>'
            b"<title>&b;</title></channel></rss>",
            "entities",
            id="laughing",
        ),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 50_000 + b'">]><rss>' + b"&a;" * 50_000,
            "entities",
            id="quadratic",
        ),
        pytest.param(
            '\ufeff<?xml version="1.0" encoding="utf-16"?><!DOCTYPE r [<!ENTITY a SYSTEM '
            '"file:///etc/passwd">]><rss><channel><title>&a;</title></channel></rss>'.encode(
                "utf-16-le"
            ),
            "entities",
            id="XXE in UTF-16",
        ),
        pytest.param(b"/etc/passwd", "not-a-feed", id="a path"),
        pytest.param(b"http://127.0.0.1/", "not-a-feed", id="an address"),
        pytest.param(b"\0" * 100, "empty", id="zeros"),
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"<!doctype html><html><body>404", "html", id="a page"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\x00\xff" * 500, "not-a-feed", id="an image"),
    ],
)
def test_what_is_refused(body: bytes, error: str, parse_one: Callable[..., ParsedFeed]) -> None:
    assert parse_one(body).error == error


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            rss(item("a").replace("<guid", f"<author>{'a' * 32_000}</author><guid")),
            id="an author of 32 KB (quadratic in feedparser)",
        ),
        pytest.param(
            rss(item("a", text="&lt;div>" * 100_000)), id="100,000 nested tags in an entry"
        ),
        pytest.param(rss("<category>x</category>" * 100_000 + item("a")), id="100,000 categories"),
        pytest.param(rss(item("a")) + b"<!--" + b"-" * 1_000_000, id="endless comment"),
        pytest.param(rss(item("a")).replace(b"Un titre", b"Un \x0b titre"), id="a control"),
        pytest.param(rss(item("a", title="&#55357;&#56832;")), id="an emoji in halves"),
        pytest.param(rss(item("a", title="&#99999999999; &oops;")), id="references to nothing"),
        pytest.param(b"\n\n \t" + rss(item("a")), id="blanks before the declaration"),
        pytest.param(rss(item("a"))[:-20], id="cut off"),
    ],
)
def test_what_is_read_all_the_same(body: bytes, parse_one: Callable[..., ParsedFeed]) -> None:
    result = parse_one(body)
    assert (result.error, len(result.entries)) == ("", 1)


def test_the_first_500_entries_of_20_000(parse_one: Callable[..., ParsedFeed]) -> None:
    result = parse_one(rss(*(item(str(n)) for n in range(20_000))))
    assert [entry.identity for entry in result.entries] == [str(n) for n in range(500)]


TITLE = "Élections : l'été œuvre à Besançon"


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        pytest.param("utf-8", "utf-8", "application/xml", id="UTF-8"),
        pytest.param("utf-8", "utf-8", "text/xml", id="text/xml means no ASCII (RFC 7303)"),
        pytest.param("utf-8", "utf-8", "text/xml; charset=iso-8859-1", id="server says Latin-1"),
        pytest.param("utf-8", "iso-8859-1", "text/xml", id="document says Latin-1"),
        pytest.param("utf-8-sig", "utf-8", "text/html", id="marked, as HTML"),
        pytest.param("windows-1252", "windows-1252", "text/xml", id="Windows, declared"),
        pytest.param("windows-1252", "iso-8859-1", "text/xml", id="Windows as Latin-1"),
        pytest.param("windows-1252", "utf-8", "text/xml; charset=windows-1252", id="by header"),
        pytest.param("utf-16", "utf-16", "text/xml", id="UTF-16"),
        pytest.param("utf-16-le", "utf-16", "application/xml", id="UTF-16 without mark"),
    ],
)
def test_encodings(
    encoding: str, declared: str, content_type: str, parse_one: Callable[..., ParsedFeed]
) -> None:
    text = (
        rss(item("a", title=TITLE)).decode().replace('encoding="utf-8"', f'encoding="{declared}"')
    )
    result = parse_one(text.encode(encoding), content_type)
    assert result.entries[0].title == TITLE


def test_a_process_that_cannot_start_is_an_error_and_no_feeds_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BuzzError, match="does not start"):
        parse(doc(GOOD), doc(GOOD))


@pytest.mark.parametrize("documents", [1, 40])
def test_no_room_for_a_process_is_said_and_nobody_waits(
    documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run waited for ever for the answer of a process that the system had refused."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(TemporaryFailure, match="no process can parse: No such file or directory"):
        parse(*[doc(GOOD)] * documents)
