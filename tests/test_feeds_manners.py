"""Which addresses share a server, how long it is left alone, who goes first, what is parked."""

from datetime import timedelta

import pytest

from buzz.core.feeds import Owners, courtesy_host, hold, in_order, is_parked
from buzz.core.feeds.moves import POLLS, after_redirect, undone, without_move
from buzz.model import Feed, FeedState, FetchOutcome, FetchResult

URL = "http://blog.example/feed"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://karim.over-blog.com/rss", "over-blog"),
        ("http://lea.over-blog.fr/rss", "over-blog"),
        ("https://paul.blogspot.com/feeds/posts/default", "blogger"),
        ("https://paul.blogspot.co.uk/feeds/posts/default", "blogger"),
        ("https://paul.wordpress.com/feed/", "wordpress"),
        ("http://anne.hautetfort.com/index.rss", "hautetfort"),
        ("http://jean.canalblog.com/rss.xml", "canalblog"),
        ("http://perso.free.fr/x", "free"),
        ("https://WWW.Blog.example:8080/feed", "blog.example"),
        ("https://blog.example/", "blog.example"),
        ("https://a.blog.example/", "a.blog.example"),
        ("http://127.0.0.1:8000/a", "127.0.0.1"),
        ("http://a.localhost:8000/a", "a.localhost"),
        ("http://notwordpress.com/", "notwordpress.com"),
        ("http://wordpress.com.blog.example/", "wordpress.com.blog.example"),
        ("file:///etc/passwd", ""),
    ],
)
def test_courtesy_host(url: str, host: str) -> None:
    assert courtesy_host(url) == host


@pytest.mark.parametrize(
    ("status", "retry", "hours"),
    [
        (429, None, 1),
        (429, 2, 2),
        (429, 999, 24),
        (503, 2, 2),
        (503, None, None),
        (500, 2, None),
        (200, 2, None),
    ],
)
def test_hold(status: int, retry: int | None, hours: int | None) -> None:
    result = FetchResult(
        url=URL,
        outcome=FetchOutcome.FAILED,
        status=status,
        retry_after=None if retry is None else timedelta(hours=retry),
    )
    assert hold(result) == (None if hours is None else timedelta(hours=hours))


def feed(blog: str, duration_ms: int, url: str = "") -> Feed:
    return Feed(
        blog=blog,
        url=url or f"http://{blog}.example/",
        duration_ms=duration_ms,
        state=FeedState.OK if duration_ms else FeedState.NEW,
    )


def test_the_slowest_hosts_go_first() -> None:
    many = [feed(f"m{n}", 100, f"http://m{n}.over-blog.com/rss") for n in range(60)]
    ordered = in_order([feed("quick", 5), feed("slow", 9000), feed("new", 0), *many], 0.25)
    assert [f.blog for f in ordered[:2]] == ["m0", "m1"], "15 s in all, by the pauses"
    assert [f.blog for f in ordered[-3:]] == ["slow", "new", "quick"]


def test_the_order_of_a_host_is_by_duration_then_name() -> None:
    feeds = [feed("b", 5, "http://x.example/b"), feed("a", 5, "http://x.example/a")]
    assert [f.blog for f in in_order(feeds, 0)] == ["a", "b"]


@pytest.mark.parametrize(
    ("blog", "url", "whose"),
    [
        pytest.param("karim", "http://k.example/feed", "", id="one's own"),
        pytest.param("lea", "http://k.example/feed", "karim", id="another's"),
        pytest.param("lea", "https://www.k.example/feed/", "karim", id="the same page"),
        pytest.param("karim", "http://k.example/comments/feed", "", id="another page there"),
        pytest.param("karim-2", "http://k.example/feed", "karim", id="registered later"),
        pytest.param("karim", "", "", id="no address"),
    ],
)
def test_whose_an_address_is(blog: str, url: str, whose: str) -> None:
    known = [("karim", "http://k.example/feed"), ("karim-2", "http://k.example/feed/")]
    assert Owners([*known, ("lea", "http://lea.example/")]).other(blog, url) == whose


def page(body: bytes, final_url: str = URL) -> FetchResult:
    return FetchResult(url=URL, outcome=FetchOutcome.FETCHED, final_url=final_url, body=body)


@pytest.mark.parametrize(
    ("result", "parked"),
    [
        pytest.param(page(b"<html>This domain is FOR SALE"), True, id="English"),
        pytest.param(page("<p>Nom de domaine à vendre".encode()), True, id="French"),
        pytest.param(page(b"<html data-adblockkey='x'>"), True, id="a parking service's key"),
        pytest.param(page(b"<script src=//www.sedoparking.com/x.js>"), True, id="its script"),
        pytest.param(page(b"<html>", "https://www.hugedomains.com/x"), True, id="redirect"),
        pytest.param(page(b"", "https://sedo.com/x"), True, id="empty, redirect"),
        pytest.param(page(b"<html>", "https://notsedo.com/x"), False, id="another host"),
        pytest.param(page(b"<html>Bonjour, voici mon blog"), False, id="a home page"),
        pytest.param(
            page(b"<p>bonjour</p>" * 900 + b"<a href=//sedo.com/>x</a>"), False, id="a mere link"
        ),
        pytest.param(page(b""), False, id="nothing"),
    ],
)
def test_is_parked(result: FetchResult, *, parked: bool) -> None:
    assert is_parked(result) is parked


# --- moves -------------------------------------------------------------------------------------

NEW = "https://neuf.example/feed"
FEED = Feed(blog="karim", url=URL, state=FeedState.OK)


def led(to: str = NEW, *, permanent: bool = True) -> FetchResult:
    return FetchResult(url=URL, outcome=FetchOutcome.FETCHED, final_url=to, permanent=permanent)


def seen(*targets: str, feed: Feed = FEED) -> Feed:
    for target in targets:
        feed = after_redirect(feed, led(target), shares=True)
    return feed


def test_a_move_is_believed_after_some_polls_in_a_row() -> None:
    assert seen(*[NEW] * (POLLS - 1)).moved_to == ""
    assert seen(*[NEW] * POLLS).moved_to == NEW
    assert seen(NEW, NEW, "https://autre.example/", NEW).moved_to == ""
    interrupted = after_redirect(seen(NEW, NEW), led(permanent=False), shares=True)
    assert (interrupted.move_polls, interrupted.reason) == (0, "")
    assert after_redirect(seen(NEW, NEW), led(), shares=False).move_polls == 0


def test_https_of_the_same_page_is_no_news_but_believed() -> None:
    secure = "https://www.blog.example/feed/"
    assert seen(secure).reason == ""
    assert seen(NEW).reason == "moved"
    assert seen(*[secure] * POLLS).moved_to == secure


def test_a_move_back_home_ends_the_move() -> None:
    away = seen(*[NEW] * POLLS)
    assert seen(*[URL] * POLLS, feed=away).moved_to == ""


def test_a_refused_target_is_not_believed_again() -> None:
    refused = undone(seen(*[NEW] * POLLS))
    assert (refused.address, refused.move_refused, refused.next_due) == (URL, NEW, None)
    assert seen(*[NEW] * POLLS, feed=refused).address == URL
    assert undone(seen(NEW)).move_refused == NEW
    assert undone(FEED) == FEED


def test_what_fails_elsewhere_is_asked_at_home() -> None:
    away = seen(*[NEW] * POLLS)
    for failures, address in ((1, NEW), (2, NEW), (3, URL)):
        failing = Feed(
            blog="karim", url=URL, moved_to=away.moved_to, failures=failures, state=FeedState.SOFT
        )
        assert without_move(failing).address == address
