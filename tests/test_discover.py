"""Discovery: a blog's feed and author over real HTTP, and the neighbours of listed blogs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from conftest import Result
from feed_server import FeedServer, Handler, Reply, Request, item, rss
from hypothesis import given
from hypothesis import strategies as st

from buzz.config import Settings
from buzz.core import discovery
from buzz.core.discovery import Outlink, Page
from buzz.edges.store import Store, blogs, entries, rankings
from buzz.errors import UsageError
from buzz.model import Blog, Entry, FeedState, RankedBlog, Ranking
from buzz.pipeline import discover

pytestmark = pytest.mark.both_databases
Run = Callable[..., Result]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FEED = rss(item("1"), title="Le blog de Karim")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUZZ_POLL_HOST_PAUSE_S", "0")


def site(**pages: bytes) -> Handler:
    """Serve pages by path (without the first slash; ``index`` is ``/``), and 404 elsewhere."""

    def answer(request: Request) -> Reply:
        body = pages.get(request.path.removeprefix("/") or "index")
        if body is None:
            return Reply(404)
        kind = "text/html" if b"<html" in body else "application/xml"
        return Reply(200, {"Content-Type": f"{kind}; charset=utf-8"}, body)

    return answer


def html(head: str = "", body: str = "") -> bytes:
    return f"<html lang='fr-FR'><head><title>Chez Karim</title>{head}</head>{body}</html>".encode()


# --- a page -----------------------------------------------------------------------------------


def test_a_page_says_what_it_links_to() -> None:
    page = discovery.read_page(
        html(
            '<meta name="Generator" content="SPIP 4"><base href="/blog/">'
            '<link rel="alternate" type="application/rss+xml" title="Comments" '
            'href="comments/feed">'
            '<link rel="stylesheet alternate" type="text/css" href="x.css">'
            '<link rel="Alternate" type="application/atom+xml;charset=utf-8" href="atom">'
            '<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">',
            '<a href="/contact">Nous écrire</a><a href="mailto:karim@k.example?subject=x">x</a>'
            "<p>ou redac (at) k.example, ou autre@ailleurs.example, logo@2x.png</p>"
            '<script>var a = "caché@k.example"; b = "cache@k.example"</script>'
            '<a href="https://lea.example/#haut">Léa</a><a href="https://lea.example/">Léa</a>'
            '<a href="ftp://x.example/">x</a><a href="http://[">x</a><a href="">x</a>',
        ),
        "https://www.k.example/blog/",
    )
    assert page == Page(
        url="https://www.k.example/blog/",
        title="Chez Karim",
        generator="SPIP 4",
        language="fr",
        feeds=("https://www.k.example/blog/atom", "https://www.k.example/blog/comments/feed"),
        emails=("karim@k.example", "autre@ailleurs.example"),
        contacts=("https://www.k.example/contact",),
        links=("https://lea.example/",),
    )


@pytest.mark.parametrize(
    ("body", "content_type", "title"),
    [
        ("<title>Été</title>".encode(), "text/html; charset=iso-8859-1", "Été"),
        ("<title>Été</title>".encode("cp1252"), "text/html; charset=windows-1252", "Été"),
        ("<meta charset=iso-8859-15><title>Été</title>".encode("latin-1"), "text/html", "Été"),
        ("<title>Été</title>".encode("cp1252"), "text/html; charset=nonsense", None),
        (b"", "text/html", ""),
        (b"\0\0\0", "text/html", ""),
        (b"%PDF-1.4", "application/pdf", ""),
    ],
)
def test_a_page_is_read_in_its_encoding(body: bytes, content_type: str, title: str | None) -> None:
    page = discovery.read_page(body, "https://k.example/", content_type)
    assert title is None or page.title == title


@given(
    body=st.binary(max_size=200) | st.text("<a href='mailto:@.>/ \n", max_size=200).map(str.encode)
)
def test_any_bytes_give_a_page_never_an_exception(body: bytes) -> None:
    discovery.read_page(body, "https://k.example/", "text/html")


def test_a_hostile_page_costs_no_time() -> None:
    for piece in (
        b"<div>",
        b"<a href='x'>",
        b"a@",
        b"a.",
        b"&lt;",
        b"<a href='mailto:a@b.example'>",
    ):
        discovery.read_page(piece * (1_000_000 // len(piece)), "https://k.example/", "text/html")


@pytest.mark.parametrize(
    ("page", "first"),
    [
        (
            Page(url="https://k.example/blog/x", feeds=("https://k.example/f",)),
            "https://k.example/f",
        ),
        (Page(url="https://k.example/blog/"), "https://k.example/blog/feed/"),
        (
            Page(url="https://k.example", generator="SPIP"),
            "https://k.example/spip.php?page=backend",
        ),
        (Page(url="https://k.blogspot.fr/"), "https://k.blogspot.fr/feeds/posts/default"),
        (Page(url="https://k.canalblog.com/"), "https://k.canalblog.com/rss.xml"),
        (Page(url="http://k.hautetfort.com/"), "http://k.hautetfort.com/index.rss"),
        (Page(url="https://k.over-blog.fr/"), "https://k.over-blog.fr/rss"),
        (
            Page(url="https://k.example/", generator="Joomla! 5"),
            "https://k.example/?format=feed&type=rss",
        ),
        (Page(url="https://k.example/", generator="Dotclear"), "https://k.example/feed/atom"),
    ],
)
def test_what_the_page_says_goes_before_its_platform_and_that_before_the_rest(
    page: Page, first: str
) -> None:
    found = discovery.feed_addresses(page)
    assert found[0] == first
    assert len(found) == len(set(found)) <= 16


# --- a blog over HTTP -------------------------------------------------------------------------


def put(store: Store, *registered: Blog) -> None:
    with store.write() as tx:
        blogs.save(tx, registered, NOW)


def test_a_linked_feed_ends_the_search(
    server: FeedServer, settings: Settings, store: Store
) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="/xml">'
    server.set("karim", site(index=html(link, "<p>k@karim.example</p>"), xml=FEED))
    found = discover.look(settings, store, server.url("karim", "/"), NOW)
    assert found.feed_url == server.url("karim", "/xml")
    assert found.feed_title == found.name == "Le blog de Karim"
    assert [mail.address for mail in found.emails] == ["k@karim.example"]
    assert [request.path for request in server.asked("karim")] == ["/", "/xml"]


def test_a_link_that_lies_is_followed_by_the_paths_of_platforms(
    server: FeedServer, settings: Settings, store: Store
) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="/lie">'
    server.set("karim", site(index=html(link), lie=html(), rss=FEED))
    found = discover.look(settings, store, server.url("karim", "/"), NOW)
    assert found.feed_url == server.url("karim", "/rss")
    assert [(tried.url.rpartition("/")[2], tried.reason) for tried in found.tried] == [
        ("", "html"), ("lie", "html"), ("", "http-404"), ("rss", ""),
    ]  # fmt: skip


def test_the_contact_page_is_asked_where_the_home_page_names_nobody(
    server: FeedServer, settings: Settings, store: Store
) -> None:
    home = html(body='<a href="/ecrire">Contact</a>')
    server.set("karim", site(index=home, ecrire=html(body="<a href='mailto:k@k.example'>x</a>")))
    found = discover.look(settings, store, server.url("karim", "/"), NOW)
    assert found.feed_url == ""
    assert [(mail.address, mail.page) for mail in found.emails] == [
        ("k@k.example", server.url("karim", "/ecrire"))
    ]
    assert len(server.asked("karim")) <= 15


def test_an_address_that_is_the_feed_itself(
    server: FeedServer, settings: Settings, store: Store
) -> None:
    server.set("karim", site(feed=FEED))
    found = discover.look(settings, store, server.url("karim"), NOW)
    assert (found.url, found.feed_url) == (server.url("karim", "/"), server.url("karim"))


def test_a_host_that_says_wait_is_left_alone(
    server: FeedServer, settings: Settings, store: Store
) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/":
            return Reply(200, {"Content-Type": "text/html"}, html())
        return Reply(429, {"Retry-After": "60"})

    server.set("karim", answer)
    found = discover.look(settings, store, server.url("karim", "/"), NOW)
    assert found.feed_url == ""
    assert [request.path for request in server.asked("karim")] == ["/", "/feed/"]


def test_nothing_is_stored_without_a_yes(server: FeedServer, run: Run) -> None:
    home = html(body="<p>k@karim.example</p>")
    server.set("karim", site(**{"index": home, "feed/": FEED}))
    result = run("blogs", "discover", server.url("karim", "/"))
    assert result.code == 0
    assert f"feed: {server.url('karim', '/feed/')}" in result.out
    assert "e-mail, a suggestion: k@karim.example" in result.out
    command = f"buzz blogs discover {server.url('karim', '/')} --yes"
    assert f"nothing was stored; to store it: {command}\n" in result.err
    assert f"with the e-mail address: {command} --email k@karim.example\n" in result.err
    assert json.loads(run("blogs", "list", "--json").out)["blogs"] == []


def test_a_yes_stores_the_feed_and_an_address_only_where_it_is_named(
    server: FeedServer, run: Run, workspace: Path
) -> None:
    server.set("karim", site(**{"index": html(body="<p>k@karim.example</p>"), "feed/": FEED}))
    home = server.url("karim", "/")
    (workspace / "blogs.csv").write_text(f"name,url\nKarim,{home}\n")
    run("blogs", "import", "blogs.csv", "--yes")
    facts = json.loads(run("blogs", "discover", "karim", "--yes", "--json").out)
    assert facts["written"] is True
    stored = json.loads(run("blogs", "show", "karim", "--json").out)
    assert (stored["feed_url"], stored["email"]) == (server.url("karim", "/feed/"), "")
    assert run("blogs", "discover", home, "--yes", "--email", "x@y.example").code == 2
    assert run("blogs", "discover", home, "--yes", "--email", "K@karim.example").code == 0
    stored = json.loads(run("blogs", "show", "karim", "--json").out)
    assert (stored["email"], stored["source"]) == ("k@karim.example", home)


def test_a_dry_run_shows_what_a_yes_would_store(
    server: FeedServer, run: Run, workspace: Path
) -> None:
    server.set("karim", site(**{"index": html(body="<p>k@karim.example</p>"), "feed/": FEED}))
    home = server.url("karim", "/")
    for options in (("--dry-run",), ("--yes", "--dry-run"), ("--yes", "--dry-run", "--json")):
        result = run("blogs", "discover", home, "--email", "k@karim.example", *options)
        assert result.code == 0
        assert json.loads(run("blogs", "list", "--json").out)["blogs"] == []
        assert not (workspace / "blogs.csv").exists()
        if "--json" in options:
            facts = json.loads(result.out)
            assert (facts["added"], facts["written"]) == (["le-blog-de-karim"], False)
        else:
            assert "+ le-blog-de-karim  Le blog de Karim\n" in result.out
            assert result.err.endswith("nothing was changed (--dry-run)\n")
    run("blogs", "discover", home, "--yes")
    again = run("blogs", "discover", home, "--yes")
    assert "nothing to change" in again.err
    assert "to store it" not in again.err


def test_a_yes_adds_a_blog_that_was_not_there(server: FeedServer, run: Run) -> None:
    server.set("karim", site(**{"index": html(), "feed/": FEED}))
    assert run("blogs", "discover", server.url("karim", "/"), "--yes").code == 0
    stored = json.loads(run("blogs", "show", "le-blog-de-karim", "--json").out)
    assert stored["feed_url"] == server.url("karim", "/feed/")
    assert stored["email"] == ""


def test_no_feed_is_exit_1_with_what_was_asked(server: FeedServer, run: Run) -> None:
    server.set("karim", site(index=html()))
    result = run("blogs", "discover", server.url("karim", "/"), "--yes")
    assert result.code == 1
    assert f"{server.url('karim', '/feed/')}: nothing is at this address any more" in result.out
    assert json.loads(run("blogs", "list", "--json").out)["blogs"] == []


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        ("file:///etc/passwd", 2, "this is no address of the web"),
        ("http://user:pass@host/", 2, "this is no address of the web"),
        ("http://169.254.169.254/", 2, "the address is inside a private network"),
        ("javascript:alert(1)", 2, "this is no address of the web"),
        ("localhost:9", 75, "the site does not accept connections"),
        ("http://nobody.invalid/", 75, "the name of the site does not exist"),
        ("inconnu", 2, "no blog inconnu"),
    ],
)
def test_what_cannot_be_asked_is_said(run: Run, where: str, code: int, said: str) -> None:
    result = run("blogs", "discover", where)
    assert result.code == code
    assert said in result.err


def test_discover_wants_one_thing(run: Run) -> None:
    assert run("blogs", "discover").code == 2
    assert run("blogs", "discover", "x", "--all").code == 2


def test_an_address_that_was_not_found_is_not_stored(settings: Settings, store: Store) -> None:
    found = discover.Suggestion(url="https://k.example/")
    with pytest.raises(UsageError):
        discover.plan(settings, store, found, email="a@b.example")


# --- neighbours -------------------------------------------------------------------------------


def link(blog: str, target: str, *, in_roll: bool = False) -> Outlink:
    return Outlink(blog=blog, page=f"https://{blog}.example/p", target=target, in_roll=in_roll)


def test_neighbours_are_ranked_by_how_many_blogs_point_to_them() -> None:
    links = [
        *(link("a", f"https://lea.example/{n}") for n in range(50)),  # one blog counts once
        link("b", "http://www.lea.example/", in_roll=True),
        link("a", "https://medium.com/@rosa/x"), link("b", "https://medium.com/@rosa/y"),
        link("c", "https://medium.com/@rosa"),
        link("a", "https://medium.com/@seule"),
        link("a", "https://seul.example/"),
    ]  # fmt: skip
    found = discovery.neighbours(links, known=())
    assert [(n.site, n.url, n.blogs, n.rolls) for n in found] == [
        ("medium.com/@rosa", "https://medium.com/@rosa", ("a", "b", "c"), 0),
        ("lea.example", "https://www.lea.example/", ("a", "b"), 1),
    ]
    assert [link.target for link in found[1].evidence] == [
        "http://www.lea.example/",
        "https://lea.example/0",
    ]


def test_every_blog_that_points_to_a_site_is_evidence() -> None:
    links = [link(blog, f"https://lea.example/{blog}") for blog in "abcdef"]
    (found,) = discovery.neighbours(links, known=())
    assert [(e.blog, e.page, e.target) for e in found.evidence] == [
        (b, f"https://{b}.example/p", f"https://lea.example/{b}") for b in "abcdef"
    ]


@pytest.mark.parametrize(
    "target",
    [
        "https://www.facebook.com/karim", "https://x.com/karim", "https://youtu.be/x",
        "https://www.lemonde.fr/politique/", "https://karim.gouv.fr/", "https://fr.wikipedia.org/wiki/X",
        "https://www.google.fr/search", "https://over-blog.com/", "https://fr.wordpress.org/",
        "https://amazon.co.uk/x", "https://parti.example/", "https://www.parti.example/x",
        "https://connu.example/", "http://192.0.2.1/", "http://localhost/", "https://a.example/x.pdf",
        "mailto:a@b.example", "https://blogs.mediapart.fr/",
    ],
)  # fmt: skip
def test_what_is_nobodys_blog_is_no_candidate(target: str) -> None:
    links = [link("a", target), link("b", target)]
    assert (
        discovery.neighbours(links, known=["http://connu.example/rss"], own=["parti.example"]) == ()
    )


@pytest.mark.parametrize(
    ("target", "site_"),
    [
        ("https://vu-d-ici.over-blog.com/", "vu-d-ici.over-blog.com"),
        ("https://rosa.wordpress.com/x", "rosa.wordpress.com"),
        ("https://blogs.mediapart.fr/rosa/blog/x", "blogs.mediapart.fr/rosa"),
        ("https://rosa.blog.lemonde.fr/", "rosa.blog.lemonde.fr"),
        ("https://lemondeduvelo.example/", "lemondeduvelo.example"),
    ],
)
def test_a_blog_on_a_platform_or_under_a_paper_is_one(target: str, site_: str) -> None:
    (found,) = discovery.neighbours([link("a", target), link("b", target)], known=())
    assert found.site == site_


@given(
    links=st.lists(
        st.builds(link, st.sampled_from("abcd"), st.sampled_from(
            ["https://x.example/", "https://y.example/1", "http://y.example", "https://z.example/"]
        )),
        max_size=12,
    ).flatmap(lambda links: st.tuples(st.just(links), st.permutations(links)))
)  # fmt: skip
def test_the_order_of_links_makes_no_difference(links: tuple[list[Outlink], list[Outlink]]) -> None:
    one, other = links
    assert discovery.neighbours(one, known=()) == discovery.neighbours(other, known=())


def test_all_reads_posts_and_home_pages_of_listed_blogs(
    server: FeedServer, settings: Settings, store: Store, run: Run
) -> None:
    roll = html(body='<a href="https://lea.example/">Léa</a><a href="https://x.com/k">x</a>')
    server.set("a", site(index=roll))
    server.set("c", site(index=roll))
    put(
        store,
        Blog(slug="a", name="A", url=server.url("a", "/")),
        Blog(slug="b", name="B", url=server.url("down", "/")),
        Blog(slug="c", name="C", url=server.url("c", "/")),
    )
    post = Entry(
        blog="b",
        identity="1",
        link="https://b.example/1",
        first_seen=datetime.now(UTC),
        day=datetime.now(UTC).date(),
        links=("https://lea.example/un-billet", "https://seul.example/"),
    )
    old = replace(post, identity="2", day=date(2000, 1, 1), links=("https://seul.example/",))
    places = [("a", True), ("b", True), ("c", False)]
    with store.write() as tx:
        entries.save(tx, [post, old])
        rankings.save(
            tx,
            Ranking(
                as_of=NOW,
                size=2,
                half_life_days=14,
                blogs=tuple(
                    RankedBlog(
                        rank=rank, slug=slug, score=1, listed=listed, active_days_30=1,
                        entries_30=1, last_published=None, status=FeedState.OK,
                    )
                    for rank, (slug, listed) in enumerate(places, 1)
                ),
            ),
        )  # fmt: skip
    result = run("blogs", "discover", "--all")
    assert result.code == 0
    assert result.out.splitlines() == [
        "https://lea.example/  2 listed blogs, 1 of them on the home page",
        f"    a: {server.url('a', '/')} → https://lea.example/",
        "    b: https://b.example/1 → https://lea.example/un-billet",
    ]
    assert "1 home page could not be read" in result.err
    assert server.asked("c") == []  # not listed
    offline = json.loads(
        run("blogs", "discover", "--all", "--offline", "--least", "1", "--json").out
    )
    assert offline["pages"] == 0
    assert [c["site"] for c in offline["candidates"]] == ["lea.example", "seul.example"]
    assert json.loads(run("blogs", "list", "--json").out)["blogs"][-1]["slug"] == "c"
