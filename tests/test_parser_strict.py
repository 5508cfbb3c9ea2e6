"""The short ways through feedparser lead to what the long ones do."""

import io
import os
from pathlib import Path
from typing import Any

import feedparser
import pytest
from feedparser import mixin, util

from buzz.edges.parser import driver, strict

WINDOWS = "L\u2019\u0152uvre \x93dit-on\x94 et \u00ab non \u00bb"
RSS = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xml:base="http://blog.example/a/">
<channel><title>{WINDOWS}</title><link>../</link>
<item xml:base="b/"><guid isPermaLink="true">1</guid><title>&#146;{WINDOWS} &amp;eacute;</title>
<description>&lt;p&gt;{WINDOWS}&lt;/p&gt;</description><dc:date>2026-03-02</dc:date>
<content:encoded><![CDATA[<p>{WINDOWS} \u4e2d\u6587</p>]]></content:encoded></item>
<item><link>/c?a=1&amp;b=2</link><title>D\u00c3\u00a9j\u00c3\u00a0</title></item>
</channel></rss>"""
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://blog.example/">
<title type="html">&lt;b&gt;{WINDOWS}&lt;/b&gt;</title>
<entry xml:base="2026/"><id>x</id><link href="y"/><updated>2026-03-02T09:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>{WINDOWS}</p><svg/></div></content>
<summary type="text">{WINDOWS}</summary></entry></feed>"""
DOCUMENTS = {"rss": RSS.encode(), "atom": ATOM.encode()}
DATA = Path(os.environ.get("BUZZ_DATA", "")) / "feeds"
if DATA.is_absolute() and DATA.is_dir():
    DOCUMENTS |= {p.name: p.read_bytes() for p in sorted(DATA.glob("*.*"))[:60:3]}


def parse(body: bytes) -> Any:
    return feedparser.parse(io.BytesIO(body), resolve_relative_uris=False, sanitize_html=False)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the short ways in place, for one test."""
    for at, name in (
        (feedparser.api, "PREFERRED_XML_PARSERS"),
        (feedparser.api, "StrictFeedParser"),
        (mixin, "make_safe_absolute_uri"),
    ):
        monkeypatch.setattr(at, name, getattr(at, name))  # to be put back
    monkeypatch.setattr(util.FeedParserDict, "__deepcopy__", None, raising=False)
    strict.install()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_found_stays_the_same(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(feedparser.api, "PREFERRED_XML_PARSERS", [driver.__name__])
        long_way = parse(DOCUMENTS[name])
    request.getfixturevalue("_installed")
    short_way = parse(DOCUMENTS[name])
    assert short_way["feed"] == long_way["feed"]
    assert short_way["entries"] == long_way["entries"]


@pytest.mark.usefixtures("_installed")
def test_windows_characters_are_text() -> None:
    """Bytes 128 to 159, which Windows calls quotation marks, are that in a feed as well."""
    entry = parse(RSS.encode())["entries"][0]
    assert "\u201cdit-on\u201d" in entry["content"][0]["value"]
    assert type(entry["title"]) is str
