"""The real documents of the development data (``BUZZ_DATA``), if they are there.

Each is either read or refused with a reason, and what is read agrees with the index that came
with them, which feedparser's own reading made. Without the data this file has no tests, and
pytest's header says so.
"""

import asyncio
import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from buzz.edges.parser import Document, Parsers
from buzz.model import ParsedFeed

FOLDER = Path(os.environ.get("BUZZ_DATA") or "/nonexistent") / "feeds"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

# Entries that we leave out, and why.
FEWER = {
    "Ranchero-Software__RSParser__Tests_RSParserTests_Resources_scriptingNews.rss": 49,  # a double
    "danmactough__node-feedparser__test_feeds_illegally-nested.xml": 10,  # every second is empty
    "rbren__rss-parser__test_input_giantbomb-podcast.rss": 500,  # of 730
    "rust-syndication__rss__tests_data_rss092.xml": 21,  # a double
}


def index() -> dict[str, dict[str, str]]:
    try:
        with (FOLDER / "INDEX.csv").open(encoding="utf-8") as file:
            return {row["file"]: row for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}


INDEX = index()
if not INDEX:
    __test__: dict[str, str] = {}  # pytest collects nothing here; a dictionary, for doctest


@pytest.fixture(scope="module")
def results() -> dict[str, ParsedFeed]:
    async def run() -> list[ParsedFeed]:
        async with Parsers() as parsers:
            return await asyncio.gather(*(parsers.parse(_document(name)) for name in INDEX))

    return dict(zip(INDEX, asyncio.run(run()), strict=True))


def _document(name: str) -> Document:
    return Document(
        blog="blog",
        url=f"http://blog.example/{name}",
        content_type="text/xml",
        body=(FOLDER / name).read_bytes(),
        now=NOW,
        first=True,
    )


@pytest.mark.parametrize("name", INDEX)
def test_a_real_document(name: str, results: dict[str, ParsedFeed]) -> None:
    parsed = results[name]
    assert parsed.error == ""
    assert len(parsed.entries) == FEWER.get(name, int(INDEX[name]["entries"]))
    for entry in parsed.entries:
        assert entry.identity
        assert entry.day <= NOW.date()
        assert not entry.text.startswith(("<p>", "<h1", "<div"))
