"""Lists of others: OPML and its kin, whole, broken and hostile."""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pytest
from conftest import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import registries

from buzz.core import registry
from buzz.core.registry import lists, opml
from buzz.core.registry.lists import Arrivals
from buzz.model import Blog, Level

Run = Callable[..., Result]
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0"><head/><body>\n'
TAIL = "\n</body></opml>"
KARIM = '<outline type="rss" text="Karim" xmlUrl="https://k.example/feed/" htmlUrl="https://k.example/"/>'


def arrivals(text: str | bytes, file: str = "liste.opml", known: tuple[Blog, ...] = ()) -> Arrivals:
    content = text.encode() if isinstance(text, str) else text
    listing = lists.read_list(content, file=file)
    assert listing is not None
    return lists.arrivals(listing, known, file=file)


def body(*outlines: str) -> str:
    return HEAD + "\n".join(outlines) + TAIL


def complaints(found: Arrivals) -> list[str]:
    return [f"{f.place.rpartition(':')[2]}: {f.what} ({f.remedy})" for f in found.findings]


# --- OPML -------------------------------------------------------------------------------------


def test_groups_become_tags_and_attributes_cells() -> None:
    found = arrivals(
        body(
            '<outline text="Écologie"><outline title="Le Rhône">',
            '<outline text="Vélo &amp; co" TITLE="x" xmlURL="https://v.example/rss"',
            '  language="en-us" htmlUrl="https://v.example/" category="/transports, ville"/>',
            "</outline></outline>",
            KARIM,
            '<outline text="un commentaire"/>',
        )
    )
    assert found.findings == ()
    assert found.blogs == (
        Blog(
            slug="velo-co",
            name="Vélo & co",
            url="https://v.example/",
            feed_url="https://v.example/rss",
            language="en",
            tags=("ecologie", "le-rhone", "transports", "ville"),
            source="liste.opml",
        ),
        Blog(
            slug="karim",
            name="Karim",
            url="https://k.example/",
            feed_url="https://k.example/feed/",
            source="liste.opml",
        ),
    )


@settings(max_examples=40, deadline=None)
@given(blogs=registries(4))
def test_what_is_written_as_opml_reads_back(blogs: tuple[Blog, ...]) -> None:
    content = opml.write_opml(blogs, "Une liste")
    listing = lists.read_list(content, file="x.opml")
    assert listing is not None
    assert [finding.rule for finding in listing.findings] == ([] if blogs else ["empty"])
    wanted = {(blog.name, blog.feed_url, blog.url, blog.tags, blog.language[:2]) for blog in blogs}
    found = set()
    for row in listing.rows:
        blog, _doubts = registry.read_blog(row.cells, place="x")
        if blog:  # a name may be without a letter for a slug
            found.add((blog.name, blog.feed_url, blog.url, blog.tags, blog.language[:2]))
    assert found <= wanted
    assert len(listing.rows) == len(blogs)


@pytest.mark.parametrize(
    ("outline", "name", "feed"),
    {
        "bare ampersand": (
            '<outline text="Pain & vin" xmlUrl="https://a.example/?a=1&b=2"/>',
            "Pain & vin",
            "https://a.example/?a=1&b=2",
        ),
        "entity of HTML": (
            '<outline text="L&rsquo;&eacute;t&eacute;" xmlUrl="https://a.example/"/>',
            "L\u2019été",
            "https://a.example/",
        ),
        "unknown entity": (
            '<outline text="a &xxe; b" xmlUrl="https://a.example/"/>',
            "a &xxe; b",
            "https://a.example/",
        ),
        "markup in a value": (
            '<outline text="A" description="<b>gras</b>" xmlUrl="https://a.example/"/>',
            "A",
            "https://a.example/",
        ),
        "no name": (
            '<outline xmlUrl="https://www.sans-nom.example/feed"/>',
            "sans-nom.example",
            "https://www.sans-nom.example/feed",
        ),
    }.values(),
)
def test_what_has_one_meaning_is_read_so(outline: str, name: str, feed: str) -> None:
    found = arrivals(body(outline))
    assert found.findings == ()
    assert [(blog.name, blog.feed_url) for blog in found.blogs] == [(name, feed)]


@pytest.mark.parametrize(
    ("outline", "expected"),
    {
        "no scheme": (
            '<outline text="A" xmlUrl="a.example/rss"/>',
            "a.example/rss is no web address",
        ),
        "file": ('<outline text="A" xmlUrl="file:///etc/passwd"/>', "file:///etc/passwd is no web"),
        "credentials": ('<outline text="A" xmlUrl="http://user:pass@host/"/>', "is no web address"),
        "script": ('<outline text="A" xmlUrl="javascript:alert(1)"/>', "is no web address"),
        "metadata": (
            '<outline text="A" xmlUrl="http://169.254.169.254/"/>',
            "http://169.254.169.254/ is inside a private network",
        ),
        "odd number": (
            '<outline text="A" xmlUrl="http://0x7f.1/rss"/>',
            "http://0x7f.1/rss is inside a private network",
        ),
        "torn": ('<outline text="A xmlUrl="https://a.example/"/>', "this is no XML: "),
    }.values(),
)
def test_a_bad_line_is_left_out_and_named_and_the_others_come(outline: str, expected: str) -> None:
    found = arrivals(body(outline, KARIM))
    assert [blog.slug for blog in found.blogs] == ["karim"]
    line, *_more = complaints(found)
    assert line.startswith("3: ")
    assert expected in line
    assert line.endswith(")")  # with a remedy


def test_a_home_page_that_is_none_does_not_cost_the_blog() -> None:
    found = arrivals(body('<outline text="A" xmlUrl="https://a.example/" htmlUrl="a propos"/>'))
    assert [(blog.slug, blog.url) for blog in found.blogs] == [("a", "")]
    assert [f.level for f in found.findings] == [Level.WARNING]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    '<opml><body><outline text="&b;" xmlUrl="https://a.example/"/></body></opml>'
)
XXE = BOMB.replace('"aaaaaaaaaa"', 'SYSTEM "file:///etc/passwd"')


@pytest.mark.parametrize(
    ("content", "rule"),
    {
        "entities": (BOMB.encode(), "entities"),
        "entities in UTF-16": (BOMB.encode("utf-16"), "entities"),
        "entities in Latin-1": (
            BOMB.replace("?>", ' encoding="iso-8859-1"?>', 1).encode("latin-1"),
            "entities",
        ),
        "external entity": (XXE.encode(), "entities"),
        "declared UTF-7": (b'<?xml version="1.0" encoding="utf-7"?>+ADw-opml/+AD4-', "encoding"),
        "bytes of no encoding": (b"<opml>\xff\xfe\xfa</opml>", "encoding"),
        "a page": (b"<!doctype html><html><body>Bonjour</body></html>", "entities"),
        "a page without doctype": (b"<html><body><p>Bonjour</p></body></html>", "opml"),
        "a feed": (b"<rss><channel><item/></channel></rss>", "opml"),
        "nothing in it": (b"<opml><body/></opml>", "empty"),
        "cut off": (b"<opml><body><outline text=", "xml"),
        "zeros": (b"<" + bytes(1_000), "xml"),
        "deep": (b"<opml>" + b'<outline text="a">' * 40, "too-much"),
    }.values(),
)
def test_what_is_no_list_is_refused_with_a_reason(content: bytes, rule: str) -> None:
    found = arrivals(content, file="x.opml")
    assert found.blogs == ()
    assert rule in {finding.rule for finding in found.findings}


@pytest.mark.parametrize(
    "piece", [b" ", b"\0", b"<outline/>", b"<outline>", b"<!-- -->", b"&", b'="', b"<", b"\xff\xfe"]
)
def test_ten_megabytes_of_nothing_cost_seconds_at_most(piece: bytes) -> None:
    content = b"<opml><body>" + piece * (lists.MAX_BYTES // len(piece) - 10)
    started = perf_counter()
    assert arrivals(content, file="x.opml").blogs == ()
    assert perf_counter() - started < 10


@settings(deadline=None)
@given(text=st.text(st.sampled_from("<>/=\"'& abopmlutine!-[]?;\n"), max_size=120))
def test_any_text_gives_blogs_or_findings_never_an_exception(text: str) -> None:
    for file in ("x.opml", "x.yml", "x.ini", "x.txt"):
        arrivals("<opml>" + text if file == "x.opml" else f"https://a.example/\n{text}", file)


# --- other shapes -----------------------------------------------------------------------------


def test_addresses_line_by_line() -> None:
    found = arrivals(
        "# des blogs\n\nhttps://a.example/rss Le blog A\nhttps://b.example/feed\npas une adresse\n",
        "liste.txt",
    )
    assert [(b.name, b.feed_url) for b in found.blogs] == [
        ("Le blog A", "https://a.example/rss"),
        ("b.example", "https://b.example/feed"),
    ]
    assert complaints(found)[0].startswith("5: pas une adresse is no web address (one address")


def test_a_planets_configuration() -> None:
    text = "[Planet]\nname = Planète\n\n[https://a.example/rss]\nname = Élodie\nface = e.png\n"
    found = arrivals(text.encode("cp1252"), "config.ini")
    assert [(b.name, b.feed_url) for b in found.blogs] == [("Élodie", "https://a.example/rss")]
    assert complaints(found)[0].startswith("2: this file is not UTF-8: it is read as Windows-1252")


def test_a_table_with_others_words_and_yaml() -> None:
    table = (
        "Introduction, Address, RSS feed, tags\nA, https://a.example, https://a.example/rss, x; y"
    )
    text = "- title: A\n  blog: https://a.example\n  rss: https://a.example/rss\n  tags: [x, y]\n"
    assert arrivals(table, "t.csv").blogs[0].tags == ("x", "y")
    (from_table,), (from_yaml,) = arrivals(table, "t.csv").blogs, arrivals(text, "t.yml").blogs
    assert from_table.feed_url == from_yaml.feed_url == "https://a.example/rss"
    assert from_table.tags == from_yaml.tags


def test_yaml_that_explodes_or_is_none_is_a_finding() -> None:
    bomb = "- &a [x]\n" + "- [" + ", ".join(["*a"] * 1_000) + "]\n"
    assert [f.rule for f in arrivals(bomb, "x.yml").findings] == ["empty"]
    assert [f.rule for f in arrivals("[" * 100_000, "x.yml").findings] == ["yaml"]
    assert arrivals("a:\n b: ]\n", "x.yml").findings[0].place == "x.yml:2"


@pytest.mark.parametrize(
    "header", ["name,url\n", "nom,url\n", "slug;name;feed_url\n", "", "name\n"]
)
def test_a_registry_is_no_list_however_badly_spelt(header: str) -> None:
    assert lists.read_list(header.encode(), file="blogs.csv") is None


# --- what is known ----------------------------------------------------------------------------


def test_known_and_repeated_blogs_are_counted_and_slugs_stay_unique() -> None:
    known = (
        Blog(slug="karim", name="Un autre Karim", url="https://autre.example/"),
        Blog(slug="b", name="B", feed_url="http://www.b.example/feed"),
    )
    found = arrivals(
        body(
            KARIM,
            '<outline text="B" xmlUrl="https://b.example/feed/"/>',
            '<outline text="autre" xmlUrl="https://autre.example/rss" htmlUrl="http://autre.example"/>',
            KARIM,
            '<outline text="Karim" xmlUrl="https://k3.example/"/>',
        ),
        known=known,
    )
    assert [blog.slug for blog in found.blogs] == ["karim-2", "karim-3"]
    assert (found.known, found.repeated) == (2, 1)


# --- commands ---------------------------------------------------------------------------------


def test_import_adds_and_never_removes(run: Run, workspace: Path) -> None:
    (workspace / "blogs.csv").write_text("name,url\nA,https://a.example/\n")
    run("blogs", "import", "blogs.csv", "--yes")
    (workspace / "liste.opml").write_text(body(KARIM, '<outline text="x" xmlUrl="rss"/>'))
    result = run("blogs", "import", "liste.opml", "--yes")
    assert result.code == 3
    assert result.out.endswith("1 added, 0 changed, 0 removed\n")
    assert "left out: liste.opml:4: feed_url: rss is no web address" in result.err
    assert "a,A," in (written := (workspace / "blogs.csv").read_text())
    assert "karim,Karim," in written
    again = run("blogs", "import", "liste.opml", "--json")
    facts = json.loads(again.out)
    assert (facts["added"], facts["removed"], facts["known"]) == ([], [], 1)
    assert facts["left_out"][0]["place"] == "liste.opml:4"


def test_export_writes_opml_that_imports_into_nothing_new(run: Run, workspace: Path) -> None:
    (workspace / "blogs.csv").write_text("name,url,feed_url,tags\nA,https://a.example/,,x\n")
    run("blogs", "import", "blogs.csv", "--yes")
    assert run("blogs", "export", "liste.opml").code == 0
    assert run("blogs", "export", "--opml").out == (workspace / "liste.opml").read_text()
    result = run("blogs", "import", "liste.opml", "--yes")
    assert (result.code, result.out) == (0, "")
    assert "nothing to change" in result.err


def test_a_hopeless_list_changes_nothing(run: Run, workspace: Path) -> None:
    (workspace / "x.opml").write_text(BOMB)
    result = run("blogs", "import", "x.opml", "--yes")
    assert result.code == 5
    assert "x.opml:1: it declares a document type or entities" in result.err
    (workspace / "x.opml").write_bytes(b"<opml>" + b" " * lists.MAX_BYTES)
    result = run("blogs", "import", "x.opml", "--yes")
    assert result.code == 5
    assert "larger than 10 MB" in result.err
    assert not (workspace / "blogs.csv").exists()


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("file:///etc/passwd", 5, "file:///etc/passwd is no web address"),
        ("http://user:pass@host/", 5, "is no web address"),
        ("http://169.254.169.254/", 0, "http://169.254.169.254/ is inside a private network"),
        ("http://127.1:8080/feed", 0, "is inside a private network"),
    ],
)
def test_dangerous_addresses_by_csv_and_by_hand(
    run: Run, workspace: Path, address: str, code: int, said: str
) -> None:
    by_hand = run("blogs", "add", "A", "--feed-url", address)
    assert by_hand.code == code
    assert said in by_hand.err
    (workspace / "neu.csv").write_text(f"name,feed_url\nA,{address}\n")
    by_file = run("blogs", "import", "neu.csv", "--yes")
    assert by_file.code == code
    assert said in by_file.err
