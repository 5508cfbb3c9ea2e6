"""From a document to entries, and from a poll to what it means for the feed."""

import html
import io
import string
from datetime import UTC, date, datetime, timedelta
from typing import Any

import feedparser
import pytest
from feed_server import item, rss
from hypothesis import given
from hypothesis import strategies as st

from buzz.core import feeds
from buzz.core.feeds.document import MAX_KEY
from buzz.model import Entry, LeftOut, ParsedFeed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "http://blog.example/feed.xml"
LONG = "Un texte assez long pour que le billet compte dans le classement. " * 2
times = st.integers(min_value=-(10**9), max_value=10**9).map(
    lambda seconds: NOW + timedelta(seconds=seconds)
)


def read(document: bytes, *, first: bool = False, now: datetime = NOW) -> ParsedFeed:
    found = feedparser.parse(
        io.BytesIO(document),
        sanitize_html=False,
        resolve_relative_uris=False,
        response_headers={"content-type": "application/xml", "content-location": URL},
    )
    return feeds.read(found, blog="karim", url=URL, now=now, first=first)


def only(document: bytes, **options: Any) -> Entry:
    entries = read(document, **options).entries
    assert len(entries) == 1
    return entries[0]


def atom(entry: str) -> bytes:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>Un blog</title>'
        f"<entry>{entry}</entry></feed>"
    ).encode()


# --- is it a feed at all -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b" \n\t", "empty", id="blank"),
        pytest.param(b"<?xml version='1.0'?>\n", "empty", id="declaration only"),
        pytest.param(b"/etc/passwd", "not-a-feed", id="a path"),
        pytest.param(b"http://127.0.0.1/", "not-a-feed", id="an address"),
        pytest.param(b'{"version": "https://jsonfeed.org"}', "json", id="a JSON Feed"),
        pytest.param(b"\xef\xbb\xbf\n[]", "json", id="JSON after a mark of UTF-8"),
        pytest.param(b"%PDF-1.7\n", "not-a-feed", id="PDF"),
        pytest.param(b"<" * 1000, "not-a-feed", id="no element"),
        pytest.param(b"<!doctype html><title>x</title>", "html", id="HTML5"),
        pytest.param(b"<?xml version='1.0'?><html xmlns='x'>", "html", id="XHTML"),
        pytest.param(b"\xef\xbb\xbf<HTML>", "html", id="HTML with a mark"),
        pytest.param(rss(), "", id="RSS"),
        pytest.param(b"<!-- html --><rss/>", "", id="comment first"),
        pytest.param(b"<!DOCTYPE rss><rss/>", "", id="doctype"),
        pytest.param(b'<!DOCTYPE r [<!ENTITY nbsp "&#160;">]><r/>', "", id="an HTML name"),
        pytest.param(b"<!DOCTYPE r [<!ENTITY eacute '&#xE9;'>]><r/>", "", id="another"),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY % HTMLlat1 PUBLIC "-//W3C//x" "http://www.w3.org/x">'
            b"%HTMLlat1;]><rdf/>",
            "",
            id="the names of HTML, as RSS 1.0 borrows them",
        ),
        pytest.param(b'<!DOCTYPE r [<!ENTITY lol "lol">]><r/>', "entities", id="own name"),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY nbsp "&eacute;&eacute;">]><r/>', "entities", id="nested"
        ),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY nbsp "' + b"a" * 99 + b'">]><r/>', "entities", id="long"
        ),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY nbsp SYSTEM "file:///etc/passwd">]><r/>', "entities", id="XXE"
        ),
        pytest.param(
            b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://evil.example/x">%x;]><r/>',
            "entities",
            id="parameter XXE",
        ),
        pytest.param(b"<rss>&lt;!ENTITY a 'b'></rss>", "", id="a post about entities"),
    ],
)
def test_unfit(body: bytes, reason: str) -> None:
    assert feeds.unfit(body) == reason


@pytest.mark.parametrize(
    ("body", "mended"),
    [
        pytest.param(b"&#8217;&#39;&#x27;&#10;", b"&#8217;&#39;&#x27;&#10;", id="left alone"),
        pytest.param(b"&#55357;&#56832;", b"&#128512;", id="an emoji in halves"),
        pytest.param(b"&#xD83D;&#xDE00;!", b"&#128512;!", id="in hexadecimal"),
        pytest.param(b"a&#55357;b", b"ab", id="half an emoji"),
        pytest.param(b"a&#0;&#x1f;&#31;b&#99999999999;", b"ab", id="no characters"),
        pytest.param(b"a&#65535;&#xFFFE;b", b"ab", id="no characters either"),
        pytest.param(b"&#60;&#2;", b"&#60;", id="stays a reference"),
        pytest.param(b"a\x00\x0b\x1fb\tc\r\n", b"ab\tc\r\n", id="raw controls"),
    ],
)
def test_mended(body: bytes, mended: bytes) -> None:
    assert feeds.mended(body) == mended


# --- entries -----------------------------------------------------------------------------------


def test_an_entry_as_it_should_be() -> None:
    entry = only(
        rss(
            item(
                "a1",
                "Retraites&#160;: on y va",
                f"&lt;p>{LONG}&lt;/p>&lt;p>&lt;a href='/petition'>Signez&lt;/a>&lt;/p>",
                "Sun, 01 Mar 2026 23:30:00 GMT",
            )
        )
    )
    assert entry == Entry(
        blog="karim",
        identity="a1",
        link="http://blog.example/a1",
        title="Retraites : on y va",
        published=datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
        first_seen=NOW,
        day=date(2026, 3, 2),  # in Paris
        text=f"{LONG.strip()}\nSignez",
        links=("http://blog.example/petition",),
        content_hash=feeds.content_hash(f"{LONG} signez"),
        length=len(LONG.strip()) + 7,
    )


@pytest.mark.parametrize(
    ("inner", "title"),
    [
        pytest.param("<title>Tom &amp;amp; Jerry</title>", "Tom & Jerry", id="escaped twice"),
        pytest.param("<title>a &lt;b&gt;bold&lt;/b&gt; day</title>", "a bold day", id="markup"),
        pytest.param("<title><![CDATA[ 1 < 2\n]]></title>", "1 < 2", id="text with <"),
        pytest.param("<title>a\u202eb</title>", "ab", id="bidi"),
        pytest.param("<guid>x</guid>", "", id="none"),
        pytest.param(f"<title>{'a' * 4_000_000}</title>", "a" * 500, id="endless"),
    ],
)
def test_titles_are_text(inner: str, title: str) -> None:
    assert only(rss(f"<item>{inner}<link>http://b.example/1</link></item>")).title == title


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        pytest.param("<summary>s</summary><content type='html'>c</content>", "c", id="both"),
        pytest.param("<summary>s</summary><content type='html'></content>", "s", id="empty"),
        pytest.param("<summary>s</summary>", "s", id="summary alone"),
        pytest.param(
            "<content type='html'>&lt;p>a&lt;/p>&lt;p>b&lt;/p></content>", "a\nb", id="html"
        ),
        pytest.param(
            "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>a</p>b</div>"
            "</content>",
            "a\nb",
            id="xhtml",
        ),
        pytest.param("<content>1 &lt; 2</content>", "1 < 2", id="text"),
    ],
)
def test_the_fullest_content_is_read(entry: str, text: str) -> None:
    assert only(atom(f"<id>x</id><title>t</title>{entry}")).text == text


@pytest.mark.parametrize(
    ("inner", "link", "links"),
    [
        pytest.param(
            "<link>/2026/03/a.html</link><description>&lt;a href='b.html'>b&lt;/a></description>",
            "http://blog.example/2026/03/a.html",
            ("http://blog.example/2026/03/b.html",),
            id="relative to the document, and to the entry",
        ),
        pytest.param(
            "<link>http://b.example/1</link><description>&lt;a href='javascript:x'>a&lt;/a>"
            "&lt;a href='mailto:a@b.example'>b&lt;/a>&lt;a href='//c.example/'>c&lt;/a>"
            "&lt;a href='http://u:p@d.example/'>d&lt;/a></description>",
            "http://b.example/1",
            ("http://c.example/",),
            id="only http(s) and no credentials",
        ),
        pytest.param(
            "<guid>http://b.example/1</guid><title>t</title>", "http://b.example/1", (), id="guid"
        ),
        pytest.param("<title>t</title>", "", (), id="none"),
        pytest.param(
            "<link>http://feedproxy.example/x</link>"
            "<feedburner:origLink>http://b.example/1</feedburner:origLink>",
            "http://b.example/1",
            (),
            id="feedburner",
        ),
    ],
)
def test_links_are_absolute(inner: str, link: str, links: tuple[str, ...]) -> None:
    document = rss(f"<item>{inner}</item>").replace(
        b"<rss ", b'<rss xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" '
    )
    entry = only(document)
    assert (entry.link, entry.links) == (link, links)


def test_identity_is_guid_else_link_else_title_and_day() -> None:
    assert only(rss(item("guid-1"))).identity == "guid-1"
    linked = "<item><title>t</title><link>http://WWW.b.example/1/?utm_source=rss</link></item>"
    assert only(rss(linked)).identity == "https://b.example/1"
    bare = "<item><title>t</title><pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate></item>"
    assert only(rss(bare)).identity.startswith("hash:")
    assert only(rss(bare)).identity == only(rss(bare), now=NOW + timedelta(days=9)).identity
    assert only(rss(bare)).identity != only(rss(bare.replace("01 Mar", "02 Mar"))).identity


def test_an_undated_entry_without_address_keeps_its_identity_over_days() -> None:
    bare = rss("<item><title>t</title><description>x</description></item>")
    assert only(bare).identity == only(bare, now=NOW + timedelta(days=3)).identity


def test_a_guid_shared_by_several_posts_is_none() -> None:
    """Were the first allowed to keep it, the next post would take it over."""
    first, second = item("same", "Un"), item("same", "Deux").replace(">http", " >http")
    second = second.replace("blog.example/same", "blog.example/deux")
    identities = [entry.identity for entry in read(rss(first, second)).entries]
    assert identities == ["https://blog.example/same", "https://blog.example/deux"]


def test_a_link_shared_by_several_posts_is_no_identity() -> None:
    posts = [
        f"<item><title>{title}</title><link>http://blog.example/</link></item>" for title in "abc"
    ]
    identities = [entry.identity for entry in read(rss(*posts)).entries]
    assert len(set(identities)) == 3
    assert all(identity.startswith("hash:") for identity in identities)


def test_the_same_post_twice_is_one_entry() -> None:
    assert len(read(rss(item("a"), item("b"), item("a"))).entries) == 2


def test_a_monstrous_guid_is_kept_as_its_hash() -> None:
    assert len(only(rss(item("g" * (MAX_KEY + 1)))).identity) < 50


@pytest.mark.parametrize(
    ("published", "is_first", "day", "left_out"),
    [
        pytest.param("Sat, 28 Feb 2026 10:00:00 GMT", True, date(2026, 2, 28), None, id="dated"),
        pytest.param("", False, date(2026, 3, 2), None, id="undated, found later"),
        pytest.param("", True, date(2026, 3, 2), LeftOut.BACKFILL, id="undated backlog"),
        pytest.param("jamais", True, date(2026, 3, 2), LeftOut.BACKFILL, id="no date at all"),
        pytest.param(
            "Sat, 28 Feb 2099 10:00:00 GMT", True, date(2026, 3, 2), LeftOut.BACKFILL, id="future"
        ),
        pytest.param("Mon, 02 Mar 2026 12:00:00 GMT", True, date(2026, 3, 2), None, id="fast"),
        pytest.param(
            "Thu, 01 Jan 1970 00:00:00 GMT", True, date(2026, 3, 2), LeftOut.BACKFILL, id="epoch"
        ),
    ],
)
def test_days(published: str, *, is_first: bool, day: date, left_out: LeftOut | None) -> None:
    entry = only(rss(item("a", published=published)), first=is_first)
    assert (entry.day, entry.left_out) == (day, left_out)


@pytest.mark.parametrize(
    ("inner", "left_out"),
    [
        pytest.param(f"<description>{LONG[:79]}</description>", LeftOut.SHORT, id="short"),
        pytest.param(f"<description>{LONG[:80]}</description>", None, id="just enough"),
        pytest.param(
            "<description>court</description><enclosure url='http://b.example/a.mp3'/>",
            None,
            id="short with an enclosure",
        ),
        pytest.param(
            f"<description>&lt;p hidden>{LONG}&lt;/p>x{'&#8203;' * 99}</description>",
            LeftOut.SHORT,
            id="padded with what nobody sees",
        ),
    ],
)
def test_short_posts_do_not_count(inner: str, left_out: LeftOut | None) -> None:
    assert only(rss(f"<item><guid>a</guid>{inner}</item>")).left_out is left_out


def test_a_document_that_is_no_feed_says_so() -> None:
    assert read(b"<x><y/></x>").error == "not-a-feed"
    assert read(rss()) == ParsedFeed(title="Un blog")


@given(published=st.none() | times, first_seen=times)
def test_no_entry_counts_for_a_day_after_it_was_seen(
    published: datetime | None, first_seen: datetime
) -> None:
    seen = feeds.entry_day(None, first_seen)
    assert feeds.entry_day(published, first_seen) <= seen


@given(st.text())
def test_content_hash_ignores_case_and_blanks(text: str) -> None:
    assert feeds.content_hash(f"  {text.lower()}\n") == feeds.content_hash(text.lower())


def test_content_hash_ignores_accents_and_punctuation() -> None:
    assert feeds.content_hash("L'Été, déjà !") == feeds.content_hash("l ete deja")
    assert feeds.content_hash("« … »") == ""


# --- what a reader sees -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        pytest.param("<p>a</p><p>b</p>", "a\nb", id="paragraphs"),
        pytest.param("a<br>b<br/>c", "a\nb\nc", id="breaks"),
        pytest.param("<ul><li>a<li>b</ul>c", "a\nb\nc", id="list"),
        pytest.param("<table><tr><td>1</td><td>2</td></tr></table>", "1 2", id="cells"),
        pytest.param("un <b>mo</b>t", "un mot", id="inline"),
        pytest.param("a<script>alert(1)</script>b", "ab", id="script"),
        pytest.param("a<style>p{}</style><svg><text>x</text></svg>b", "ab", id="style, svg"),
        pytest.param("a<iframe src='x'>y</iframe><noscript>z</noscript>b", "ab", id="iframe"),
        pytest.param("a<p style='DISPLAY : none'>x</p>b<i hidden>y</i>c", "a\nbc", id="hidden"),
        pytest.param("a<!-- x --><?php y ?>b", "ab", id="comments"),
        pytest.param("1 &lt; 2 &eacute;&nbsp;!", "1 < 2 é !", id="entities"),
        pytest.param("a\x1b[31m<b>b</b>\u202ec\u200b", "a[31mbc", id="controls, bidi, no width"),
        pytest.param("<<<>>><p", "<<<>>>", id="rubble"),
        pytest.param("&lt;p>a &amp;amp; b&lt;/p>".replace(">", "&gt;"), "a & b", id="twice"),
        pytest.param("&lt;p> is an <b>element</b>", "<p> is an element", id="once"),
        pytest.param("&lt; 3 &gt; 2", "< 3 > 2", id="no markup"),
        pytest.param("plain\n\n  text\there", "plain\ntext here", id="plain"),
        pytest.param("<p>a\nb</p>", "a b", id="line ends are blanks in HTML"),
    ],
)
def test_visible_text(markup: str, text: str) -> None:
    assert feeds.visible_text(markup)[0] == text


def test_visible_text_of_100_000_nested_elements() -> None:
    assert feeds.visible_text("<p>avant</p>" + "<div>" * 100_000 + "x")[0].startswith("avant")


@given(st.text(alphabet=string.printable + "éœ«» \u200b\ud800", max_size=200))
def test_escaped_text_comes_back_as_its_words(text: str) -> None:
    """Whatever an author writes is found again when his platform escapes it."""
    shown = feeds.visible_text(f"<p>{html.escape(text)}</p>")[0]
    plain = feeds.visible_text(text.replace("<", " ").replace("&", " "))[0]
    assert shown.replace("<", " ").replace("&", " ").split() == plain.split()


@given(st.text(max_size=300))
def test_visible_text_is_printable_and_storable(markup: str) -> None:
    text, links = feeds.visible_text(markup, "http://b.example/")
    text.encode()
    assert text.replace("\n", "") == "".join(c for c in text if c >= " ")
    assert not any("\n" in link or " " in link for link in links)
