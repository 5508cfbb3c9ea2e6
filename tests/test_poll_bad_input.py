"""Bad input through the front door: each blog's own state with a reason, nothing else touched."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import TOML, Result
from feed_server import FeedServer, Handler, Reply, Request, document, item, rss

from buzz.cli.poll import reason_words
from buzz.edges.store import Store, blogs, entries, feeds, open_store
from buzz.locales import speaking
from buzz.model import FeedState

LONG = "Un texte assez long pour compter parmi les billets de ce blog, et propre à {0}. " * 3
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Un blog",
    "items": [{"id": "1", "content_text": "Bonjour"}],
}
METADATA = "http://169.254.169.254/"


def posts(*names: str, title: str = "Un blog") -> bytes:
    return rss(*(item(name, f"Billet {name}", LONG.format(name)) for name in names), title=title)


def answer(body: bytes, content_type: str = "application/rss+xml", **headers: str) -> Reply:
    return Reply(200, {"Content-Type": content_type, **headers}, body)


def leading(target: str, status: int = 302) -> Reply:
    return Reply(status, {"Location": target})


PAGE = b"<!DOCTYPE html><html><head><title>Mon blog</title></head><body>Bonjour</body></html>"
BOMB = b"<?xml version='1.0'?><!DOCTYPE r [<!ENTITY l0 'ha'>%s]><rss>&l9;</rss>" % b"".join(
    b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10)
)
# What a blog's address answers, or which address it is; its state and reason.
BAD: dict[str, tuple[Handler | Reply | str, FeedState, str]] = {
    "html": (answer(PAGE, "text/html"), FeedState.SOFT, "html"),
    "html-as-rss": (answer(PAGE), FeedState.SOFT, "html"),
    "xhtml": (answer(b"<?xml version='1.0'?><html xmlns='x'/>"), FeedState.SOFT, "html"),
    "fragment": (answer(b"<p>Site en maintenance</p>", "text/html"), FeedState.SOFT, "not-a-feed"),
    "json": (answer(b"{}", "application/json"), FeedState.SOFT, "json"),
    "json-feed": (
        answer(json.dumps(JSON_FEED).encode(), "application/feed+json"),
        FeedState.SOFT,
        "json",
    ),
    "empty-xml": (answer(b"<?xml version='1.0'?>\n", "text/xml"), FeedState.SOFT, "empty"),
    "other-xml": (answer(b"<?xml version='1.0'?><sitemap/>"), FeedState.SOFT, "not-a-feed"),
    "opml": (answer(b"<opml><body><outline/></body></opml>"), FeedState.SOFT, "not-a-feed"),
    "zero": (answer(b""), FeedState.SOFT, "empty"),
    "no-content": (Reply(204), FeedState.SOFT, "empty"),
    "pdf": (
        answer(b"%PDF-1.7\n" + bytes(range(256)) * 99, "application/pdf"),
        FeedState.SOFT,
        "not-a-feed",
    ),
    "picture": (answer(b"GIF89a" + bytes(99), "image/gif"), FeedState.SOFT, "not-a-feed"),
    "a-path": (answer(b"/etc/passwd"), FeedState.SOFT, "not-a-feed"),
    "loop": (leading("/feed"), FeedState.SOFT, "redirects"),
    "loop-for-good": (leading("/feed?x", 301), FeedState.SOFT, "redirects"),
    "longer-and-longer": (
        lambda request: leading(request.path + "x"),
        FeedState.SOFT,
        "redirects",
    ),
    "nowhere": (Reply(302), FeedState.SOFT, "http-302"),
    "to-metadata": (leading(METADATA), FeedState.QUARANTINED, "forbidden-address"),
    "to-a-file": (leading("file:///etc/passwd"), FeedState.QUARANTINED, "forbidden-url"),
    "to-a-password": (leading("http://user:pass@host/"), FeedState.QUARANTINED, "forbidden-url"),
    "to-nonsense": (leading("http://["), FeedState.QUARANTINED, "forbidden-url"),
    "metadata": (METADATA, FeedState.QUARANTINED, "forbidden-address"),
    "odd-port": ("http://1.1.1.1:22/", FeedState.QUARANTINED, "forbidden-port"),
    "laughs": (answer(BOMB), FeedState.QUARANTINED, "entities"),
    "bomb": (
        answer(gzip.compress(bytes(8 << 20)), **{"Content-Encoding": "gzip"}),
        FeedState.SOFT,
        "too-large",
    ),
    "twice": ("http://good0.localhost:{port}/feed", FeedState.QUARANTINED, "another-blog"),
    "twice-differently": (
        "http://good0.localhost:{port}/feed/?utm_source=x",
        FeedState.QUARANTINED,
        "another-blog",
    ),
    "to-another": (
        leading("http://good1.localhost:{port}/feed"),
        FeedState.QUARANTINED,
        "another-blog",
    ),
    "to-another-for-good": (
        leading("http://good1.localhost:{port}/feed", 301),
        FeedState.QUARANTINED,
        "another-blog",
    ),
}
GOOD = 10


@dataclass(frozen=True)
class Aftermath:
    """What is there and was said after one poll of all of it."""

    polled: Result
    checked: Result
    store: Store
    server: FeedServer

    @property
    def ill(self) -> dict[str, dict[str, Any]]:
        return {feed["blog"]: feed for feed in json.loads(self.checked.out)["ill"]}


def buzz(folder: Path, *arguments: str, **variables: str) -> Result:
    """Run a command in a process of its own, as cron does."""
    done = subprocess.run(
        [sys.executable, "-m", "buzz", *arguments],
        cwd=folder,
        env=os.environ | {"BUZZ_LANG": "en"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "buzz.toml").write_text(TOML)
    with FeedServer() as server:
        good = {f"good{n}": document(posts(f"{n}a", f"{n}b")) for n in range(GOOD)}
        addresses = {slug: server.set(slug, handler) for slug, handler in good.items()}
        for slug, (what, _state, _reason) in BAD.items():
            addresses[slug] = (
                what.format(port=server.port)
                if isinstance(what, str)
                else server.set(slug, placed(what, server.port))
            )
        rows = [f"{slug},{address}" for slug, address in addresses.items()]
        (folder / "liste.csv").write_text("\n".join(["name,feed_url", *rows]))
        assert buzz(folder, "blogs", "import", "liste.csv", "--yes").code == 0
        polled = buzz(folder, "poll", BUZZ_POLL_MAX_BYTES="1000000")
        checked = buzz(folder, "blogs", "check", "--json")
        store = open_store(f"sqlite:///{folder / 'data' / 'buzz.db'}")
        yield Aftermath(polled, checked, store, server)
        store.close()


def placed(what: Handler | Reply, port: int) -> Handler | Reply:
    """Return a reply whose redirect leads to this server."""
    if isinstance(what, Reply) and "{port}" in what.headers.get("Location", ""):
        return leading(what.headers["Location"].format(port=port), what.status)
    return what


@pytest.mark.parametrize("slug", BAD)
def test_bad_input_is_a_state_of_its_blog_that_check_shows(slug: str, aftermath: Aftermath) -> None:
    _what, state, reason = BAD[slug]
    with aftermath.store.read() as tx:
        feed = feeds.all_feeds(tx)[slug]
        assert entries.of_blog(tx, slug) == ()
    assert (feed.state, feed.reason, feed.failures) == (state, reason, 1)
    shown = aftermath.ill[slug]
    assert (shown["state"], shown["reason"]) == (state, reason)
    assert shown["remedy"]
    for language in ("fr", "en"):
        with speaking(language):
            assert reason_words(reason, feed.detail) != reason


def test_bad_input_touches_nothing_else(aftermath: Aftermath) -> None:
    with aftermath.store.read() as tx:
        known = feeds.all_feeds(tx)
        for n in range(GOOD):
            assert known[f"good{n}"].state is FeedState.OK
            assert {e.identity for e in entries.of_blog(tx, f"good{n}")} == {f"{n}a", f"{n}b"}
    assert (aftermath.polled.code, aftermath.polled.out) == (0, "")
    assert "Traceback" not in aftermath.polled.err
    assert f"{GOOD} read, 0 not modified, {len(BAD)} failed; 20 new entries" in aftermath.polled.err


def test_a_blog_registered_twice_is_asked_once_and_told_whose_feed_it_is(
    aftermath: Aftermath,
) -> None:
    assert len(aftermath.server.asked("good0")) == 1
    with aftermath.store.read() as tx:
        known = feeds.all_feeds(tx)
    assert {known[slug].detail for slug in ("twice", "twice-differently")} == {"good0"}
    assert {known[slug].detail for slug in ("to-another", "to-another-for-good")} == {"good1"}
    assert known["to-another-for-good"].move_target == "", "no move to a feed that has its blog"
    twice = known["twice"]
    said = reason_words(twice.reason, twice.detail)
    assert said == "this is the feed of good0: a blog counts once"


# --- the registry ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "http://user:pass@host/", "ftp://k.example/", "http://", "//k.example"],
)
def test_what_is_no_address_does_not_get_into_the_registry(
    address: str, run: Callable[..., Result], store: Store, workspace: Path
) -> None:
    (workspace / "liste.csv").write_text(f"name,feed_url\nkarim,{address}\nlea,http://l.example/\n")
    result = run("blogs", "import", "liste.csv", "--yes")
    assert result.code == 5
    assert f"liste.csv:2: feed_url: {address} is no web address" in result.err
    with store.read() as tx:
        assert blogs.all_blogs(tx) == ()


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:10.0.0.1]/",
    ],
)
def test_an_address_inside_a_private_network_is_warned_of(
    address: str, run: Callable[..., Result], workspace: Path
) -> None:
    (workspace / "liste.csv").write_text(f"name,feed_url\nkarim,{address}\n")
    result = run("blogs", "import", "liste.csv", "--yes")
    assert result.code == 0
    assert f"{address} is inside a private network: it will not be asked" in result.err
    (workspace / "liste.opml").write_text(
        f'<opml><body><outline text="Léa" xmlUrl="{address}x"/></body></opml>'
    )
    refused = run("blogs", "import", "liste.opml", "--yes")
    assert refused.code == 5, "a list of others is not trusted that far"
    assert "is inside a private network" in refused.err


NOTHING = 10_000_000
LISTS = {
    "laughs": BOMB.replace(b"<rss>&l9;</rss>", b"<opml><body><outline text='&l9;'/></body></opml>"),
    "external": b"<!DOCTYPE o SYSTEM 'file:///etc/passwd'><opml><body/></opml>",
    "blanks": b" " * NOTHING,
    "zeros": bytes(NOTHING),
    "lines": b"\n" * NOTHING,
    "an open list": b"<opml>" + b" " * (NOTHING - 6),
    "comment": b"<opml><body><!--" + b" " * (NOTHING - 40) + b"--></body></opml>",
    "value": b'<opml><body><outline xmlUrl="' + b"x" * (NOTHING - 60) + b'"/></body></opml>',
    "outlines": b"<opml><body>" + b"<outline/>" * (NOTHING // 10 - 3) + b"</body></opml>",
    "angles": b"<" * NOTHING,
    "too much": b"<opml>" + b" " * (2 * NOTHING),
}


@pytest.mark.parametrize("name", LISTS)
def test_ten_megabytes_of_nothing_are_refused_in_a_line(
    name: str, run: Callable[..., Result], store: Store, workspace: Path
) -> None:
    (workspace / "liste.opml").write_bytes(LISTS[name])
    result = run("blogs", "import", "liste.opml", "--yes")
    assert (result.code, result.out) == (5, "")
    assert "liste.opml" in result.err
    assert len(result.err) < 1000
    assert "Traceback" not in result.err
    with store.read() as tx:
        assert blogs.all_blogs(tx) == ()


# --- the registry changes during a poll ----------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "left"),
    [
        pytest.param(("remove", "karim", "--yes"), {"lea"}, id="removed"),
        pytest.param(("edit", "karim", "--status", "paused"), {"karim", "lea"}, id="paused"),
    ],
)
def test_the_registry_may_change_during_a_poll(
    command: tuple[str, ...], left: set[str], workspace: Path, store: Store
) -> None:
    with FeedServer() as server:

        def slow(_request: Request) -> Reply:
            changed = buzz(workspace, "blogs", *command)
            assert changed.code == 0, changed.err
            return answer(posts("a"))

        lea = server.set("lea", document(posts("b")))
        (workspace / "liste.csv").write_text(
            f"name,feed_url\nkarim,{server.set('karim', slow)}\nlea,{lea}\n"
        )
        assert buzz(workspace, "blogs", "import", "liste.csv", "--yes").code == 0
        result = buzz(workspace, "poll")
    assert result.code == 0, result.err
    assert "2 of 2 feeds asked" in result.err
    assert "Traceback" not in result.err
    with store.read() as tx:
        assert feeds.all_feeds(tx).keys() == left
        assert {blog.slug for blog in blogs.all_blogs(tx)} == left
        assert [entry.identity for entry in entries.of_blog(tx, "lea")] == ["b"]
