"""Fetching: within bounds of time, size and place, against a real server that misbehaves."""

import asyncio
import gzip
import random
import socket
import threading
import zlib
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from feed_server import FeedServer, Reply, Request, document, rss

from buzz.edges.fetch import Fetcher, retry_after
from buzz.edges.fetch.guard import Forbidden, Guard, check_url, is_loopback_name, is_public
from buzz.edges.fetch.headers import max_age
from buzz.edges.fetch.resolver import system_lookup
from buzz.model import FetchOutcome, FetchResult, Validators

BODY = rss()
MAX_BYTES = 100_000
MAX_LARGE = 300_000
LOOPBACK = ("127.0.0.0/8",)
XML = {"Content-Type": "application/rss+xml"}


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def fetch(url: str, validators: Validators | None = None, **options: Any) -> FetchResult:
    """Return what one address gives; loopback is allowed unless a test says otherwise."""
    return fetch_all([url], validators, **options)[0]


def fetch_all(
    urls: list[str],
    validators: Validators | None = None,
    *,
    allow: tuple[str, ...] = LOOPBACK,
    timeout_s: float = 10,
    **options: Any,
) -> list[FetchResult]:
    async def run() -> list[FetchResult]:
        async with Fetcher(
            user_agent="buzz/test (+http://parti.example/robot)",
            timeout_s=timeout_s,
            allow_networks=allow,
            **{"max_bytes": MAX_BYTES, **options},
        ) as fetcher:
            return await asyncio.gather(*(fetcher.fetch(url, validators) for url in urls))

    return asyncio.run(run())


# --- the guard ---------------------------------------------------------------------------------

PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1
    169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1
    192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:20::1
    2001:db8::1 2002:7f00:1:: 2002:a00:1:: 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1
    fe80::1%eth0 fec0::1 ff02::1 ff0e::1
"""
PUBLIC = "1.1.1.1 8.8.8.8 172.32.0.1 192.167.0.1 100.128.0.1 2606:4700::1 2a00:1450::1"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_forbidden(address: str) -> None:
    with pytest.raises(Forbidden) as caught:
        Guard().check(address, 443)
    assert caught.value.code == "forbidden-address"


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass_on_web_ports_only(address: str) -> None:
    assert is_public(ip_address(address))
    for port in (80, 443, 8080, 8443):
        Guard().check(address, port)
    for port in (0, 21, 22, 25, 3306, 6379, 11211):
        with pytest.raises(Forbidden) as caught:
            Guard().check(address, port)
        assert caught.value.code == "forbidden-port"


def test_allowed_networks_pass_on_any_port_and_no_other() -> None:
    guard = Guard(["127.0.0.0/8", "fd00::/8"])
    for address in ("127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "fd00::1"):
        guard.check(address, 12345)
    for address in ("10.0.0.1", "::1", "fe80::1"):
        with pytest.raises(Forbidden):
            guard.check(address, 80)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://b.example/",
        "gopher://b.example/",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
        "//b.example/",
        "/etc/passwd",
        "",
        "http://",
        "http:///feed",
        "http://user:secret@b.example/",
        "http://user@b.example/",
        "http://b.example:99999/",
        "http://[::1/",
    ],
)
def test_addresses_that_are_never_asked(url: str) -> None:
    with pytest.raises(Forbidden) as caught:
        check_url(url)
    assert caught.value.code == "forbidden-url"
    result = fetch(url)
    assert (result.outcome, result.error) == (FetchOutcome.FAILED, "forbidden-url")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST.",
        "blog.localhost",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
    ],
)
def test_this_machine_is_not_reached_by_any_spelling(host: str, server: FeedServer) -> None:
    before = len(server.requests)
    result = fetch(f"http://{host}:{server.port}/", allow=())
    assert result.outcome is FetchOutcome.FAILED
    assert result.error in {"forbidden-address", "forbidden-url", "dns"}
    assert len(server.requests) == before


def test_names_under_localhost_are_this_machine_without_dns(server: FeedServer) -> None:
    """RFC 6761 §6.3."""

    def no_dns(host: str) -> list[str]:
        raise AssertionError(host)

    assert is_loopback_name("a.b.LocalHost.")
    assert not is_loopback_name("localhost.example")
    assert fetch(server.set("rfc6761", document(BODY)), lookup=no_dns).body == BODY


def test_names_for_examples_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2606 §2: nobody has them, and a dead name server would be waited for."""

    def no_dns(*_arguments: object, **_options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", no_dns)
    for host in ("a.wordpress.example", "b.INVALID."):
        assert fetch(f"http://{host}/", lookup=system_lookup).error == "dns"


def test_a_name_that_leads_to_a_private_address_is_not_asked(server: FeedServer) -> None:
    before = len(server.requests)
    url = f"http://hijacked.example:{server.port}/"
    result = fetch(url, allow=(), lookup=lambda _host: ["10.0.0.1", "127.0.0.1", "::1"])
    assert result.error == "forbidden-address"
    assert len(server.requests) == before


def test_a_name_with_good_and_bad_addresses_is_asked_at_the_good_one(server: FeedServer) -> None:
    server.set("two.example", document(BODY))
    url = f"http://two.example:{server.port}/feed"
    assert fetch(url, lookup=lambda _host: ["10.0.0.1", "127.0.0.1"]).body == BODY


def test_what_is_connected_to_is_what_was_checked(server: FeedServer) -> None:
    """DNS rebinding: the second answer of an alternating name server is never asked for."""
    answers = iter(["127.0.0.1", "10.0.0.1"])
    server.set("rebind.example", document(BODY))
    url = f"http://rebind.example:{server.port}/feed"
    assert fetch(url, lookup=lambda _host: [next(answers)]).body == BODY
    assert next(answers) == "10.0.0.1"


# --- answers -----------------------------------------------------------------------------------


def test_a_good_answer(server: FeedServer) -> None:
    url = server.set("good", document(BODY, **{"Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT"}))
    result = fetch(url + "#fragment")
    assert result.outcome is FetchOutcome.FETCHED
    assert (result.status, result.body, result.final_url) == (200, BODY, url)
    assert result.content_type == "application/rss+xml"
    assert result.validators.last_modified == "Mon, 02 Mar 2026 09:00:00 GMT"
    assert not result.permanent
    headers = server.asked("good")[0].headers
    assert headers["user-agent"] == "buzz/test (+http://parti.example/robot)"
    assert not {"cookie", "referer", "authorization", "if-none-match"} & headers.keys()


@pytest.mark.parametrize("etag", ['"1"', 'W/"é;,x"', "unquoted", '"a b"', "'--gzip'", '""'])
def test_validators_go_back_byte_for_byte(etag: str, server: FeedServer) -> None:
    modified = "Mon, 2 Mar 2026 9:00:00 +0100"  # not as it should be written

    def answer(request: Request) -> Reply:
        if request.headers.get("if-none-match") == etag:
            return Reply(304)
        return Reply(200, {"ETag": etag, "Last-Modified": modified}, BODY)

    url = server.set("etag", answer)
    first = fetch(url)
    assert first.validators == Validators(etag=etag, last_modified=modified)
    second = fetch(url, first.validators)
    assert (second.outcome, second.error) == (FetchOutcome.NOT_MODIFIED, "")
    assert server.asked("etag")[-1].headers["if-modified-since"] == modified


def test_an_etag_that_cannot_be_sent_back_is_none(server: FeedServer) -> None:
    raw = b'HTTP/1.1 200 OK\r\nETag: "\xe9"\r\nContent-Length: 2\r\n\r\nok'
    assert fetch(server.set("latin", Reply(raw=raw))).validators == Validators()


def test_304_to_an_unconditional_request_is_a_failure(server: FeedServer) -> None:
    result = fetch(server.set("lying", Reply(304)))
    assert (result.outcome, result.error, result.status) == (FetchOutcome.FAILED, "http", 304)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503, 999])
def test_error_statuses(status: int, server: FeedServer) -> None:
    result = fetch(server.set("status", Reply(status, {}, b"an error page")))
    assert (result.outcome, result.error, result.status) == (FetchOutcome.FAILED, "http", status)
    assert result.body == b""


def test_a_wall_for_robots_is_told_from_a_refusal(server: FeedServer) -> None:
    result = fetch(server.set("wall", Reply(403, {"cf-mitigated": "challenge"})))
    assert (result.error, result.status) == ("challenge", 403)


@pytest.mark.parametrize(
    ("value", "date", "wait"),
    [
        pytest.param("120", "", timedelta(seconds=120), id="seconds"),
        pytest.param("0", "", timedelta(0), id="none"),
        pytest.param("9" * 400, "", timedelta(seconds=10**8), id="for ever"),
        pytest.param(
            "Mon, 02 Mar 2026 11:00:00 GMT",
            "Mon, 02 Mar 2026 09:00:00 GMT",
            timedelta(hours=2),
            id="date, by the server's clock",
        ),
        pytest.param("Mon, 02 Mar 1998 11:00:00 GMT", "", timedelta(0), id="past"),
        pytest.param("soon", "", None, id="word"),
        pytest.param("-5", "", None, id="negative"),
        pytest.param("", "", None, id="absent"),
    ],
)
def test_retry_after(value: str, date: str, wait: timedelta | None) -> None:
    assert retry_after(value, date) == wait


@pytest.mark.parametrize(
    ("header", "age", "expected_s"),
    [
        ("max-age=600", "", 600),
        ("public, Max-Age=600", "100", 500),
        ('max-age="600"', "", 600),
        ("max-age=600", "999", 0),
        ("max-age=600", "nonsense", 600),
        ("s-maxage=600", "", None),
        ("max-age=600, no-cache", "", None),
        ("no-store, max-age=600", "", None),
        ("max-age=99999999999999", "", 999999999),
        ("max-age=-1", "", None),
        ("", "", None),
    ],
)
def test_max_age(header: str, age: str, expected_s: int | None) -> None:
    expected = None if expected_s is None else timedelta(seconds=expected_s)
    assert max_age(header, age) == expected


def test_max_age_of_an_answer(server: FeedServer) -> None:
    url = server.set("fresh", Reply(200, {**XML, "Cache-Control": "max-age=60"}, BODY))
    assert fetch(url).max_age == timedelta(minutes=1)


def test_retry_after_of_an_answer(server: FeedServer) -> None:
    url = server.set("busy", Reply(429, {"Retry-After": "7200"}))
    assert fetch(url).retry_after == timedelta(hours=2)


# --- redirects ---------------------------------------------------------------------------------


def redirect(status: int, target: str) -> Reply:
    return Reply(status, {"Location": target})


@pytest.mark.parametrize(
    ("statuses", "permanent"),
    [([301], True), ([308, 301], True), ([301, 302], False), ([302], False), ([303, 307], False)],
)
def test_a_move_is_permanent_when_every_hop_is(
    statuses: list[int], *, permanent: bool, server: FeedServer
) -> None:
    target = server.set("target", document(BODY))
    for n, status in enumerate(reversed(statuses)):
        target = server.set(f"hop{n}", redirect(status, target))
    result = fetch(target)
    assert (result.body, result.permanent) == (BODY, permanent)
    assert (result.url, result.final_url) == (target, server.url("target"))


def test_redirects_are_relative_to_where_they_stand(server: FeedServer) -> None:
    def answer(request: Request) -> Reply:
        return Reply(200, XML, BODY) if request.path == "/b/c" else redirect(302, "../b/c#x")

    assert fetch(server.set("relative", answer)).final_url == server.url("relative", "/b/c")


def test_five_redirects_are_followed_and_not_six(server: FeedServer) -> None:
    def answer(request: Request) -> Reply:
        n = int(request.path.strip("/"))
        return redirect(302, f"/{n - 1}") if n else Reply(200, XML, BODY)

    server.set("chain", answer)
    assert fetch(server.url("chain", "/5")).body == BODY
    assert fetch(server.url("chain", "/6")).error == "redirects"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://10.0.0.1/", "forbidden-address"),
        ("http://169.254.169.254/latest/meta-data/", "forbidden-address"),
        ("http://[::1]/", "forbidden-address"),
        ("http://[fe80::1]/", "forbidden-address"),
        ("http://8.8.8.8:22/", "forbidden-port"),
        ("file:///etc/passwd", "forbidden-url"),
        ("http://user:pass@b.example/", "forbidden-url"),
        ("http://[", "forbidden-url"),
    ],
)
def test_every_hop_passes_the_guard(target: str, error: str, server: FeedServer) -> None:
    assert fetch(server.set("evil", redirect(302, target))).error == error


# --- bodies ------------------------------------------------------------------------------------

RAW_DEFLATE = zlib.compressobj(wbits=-15)
PLAIN = rss() * 50


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(PLAIN), id="gzip"),
        pytest.param("x-gzip", gzip.compress(PLAIN), id="x-gzip"),
        pytest.param("gzip", gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:]), id="members"),
        pytest.param("gzip", gzip.compress(PLAIN) + b"\0" * 64, id="padding"),
        pytest.param("deflate", zlib.compress(PLAIN), id="deflate"),
        pytest.param(
            "deflate", RAW_DEFLATE.compress(PLAIN) + RAW_DEFLATE.flush(), id="raw deflate"
        ),
        pytest.param("gzip", PLAIN, id="declared and not done"),
        pytest.param("identity", PLAIN, id="identity"),
        pytest.param("UTF-8", PLAIN, id="nonsense"),
    ],
)
def test_encodings(encoding: str, body: bytes, server: FeedServer) -> None:
    url = server.set("encoded", Reply(200, {"Content-Encoding": encoding}, body))
    result = fetch(url)
    assert (result.error, result.body) == ("", PLAIN)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(PLAIN)[:-20], id="cut off"),
        pytest.param("gzip", gzip.compress(PLAIN)[:20] + b"x" * 50, id="broken"),
        pytest.param("br", b"\x0b\x02\x80", id="not asked for"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(PLAIN)), id="twice"),
    ],
)
def test_bodies_that_cannot_be_decompressed(encoding: str, body: bytes, server: FeedServer) -> None:
    url = server.set("encoded", Reply(200, {"Content-Encoding": encoding}, body))
    assert fetch(url).error == "encoding"


def test_a_gzip_bomb_is_never_opened(server: FeedServer) -> None:
    """64 MB in 64 KB: the cap counts what comes out, and stops there."""
    bomb = gzip.compress(bytes(64 << 20))
    url = server.set("bomb", Reply(200, {"Content-Encoding": "gzip"}, bomb))
    result = fetch(url)
    assert (result.error, result.body) == ("too-large", b"")
    assert result.status == 200, "an answer, though not read to its end: a full one"


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_cap_is_exact(size: int, encoding: str, server: FeedServer) -> None:
    body = b"<" * size
    sent = gzip.compress(body) if encoding else body
    result = fetch(server.set("sized", Reply(200, {"Content-Encoding": encoding}, sent)))
    assert len(result.body) == (size if size <= 100_000 else 0)
    assert result.error == ("" if size <= 100_000 else "too-large")


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_large_body_lies_on_disk(encoding: str, server: FeedServer, tmp_path: Path) -> None:
    body = random.Random(1).randbytes(MAX_LARGE)
    sent = gzip.compress(body) if encoding else body
    url = server.set("large", Reply(200, {"Content-Encoding": encoding, **XML}, sent))
    in_memory = fetch(url, max_bytes=MAX_LARGE)
    on_disk = fetch(url, max_bytes=MAX_LARGE, spool=tmp_path)
    assert (in_memory.body, in_memory.large) == (body, None)
    assert on_disk.body == b""
    assert on_disk.large is not None
    on_disk.large.seek(0)
    assert on_disk.large.read() == body
    assert on_disk.digest == in_memory.digest != ""
    on_disk.large.close()
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_becomes_too_large_leaves_nothing_on_disk(
    server: FeedServer, tmp_path: Path
) -> None:
    url = server.set("huge", Reply(200, XML, bytes(MAX_LARGE + 1)))
    result = fetch(url, max_bytes=MAX_LARGE, spool=tmp_path)
    assert (result.error, result.large) == ("too-large", None)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_body_ends(server: FeedServer) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"<item>" * 1000

    assert fetch(server.set("endless", Reply(pieces=endless))).error == "too-large"


# --- time and manners --------------------------------------------------------------------------


def test_silence_has_an_end(server: FeedServer) -> None:
    result = fetch(server.set("silent", Reply(delay_s=None)), timeout_s=0.2)
    assert result.error == "timeout"
    assert 150 <= result.duration_ms <= 5_000


def test_the_time_is_for_all_hops_together(server: FeedServer) -> None:
    server.set("dawdler", Reply(302, {"Location": "/again"}, delay_s=0.15))
    assert fetch(server.url("dawdler"), timeout_s=0.4).error == "timeout"


def test_a_body_that_stops_half_way_has_an_end(server: FeedServer) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<rss>"

    result = fetch(server.set("drip", Reply(raw=raw, holds=True)), timeout_s=0.2)
    assert result.error == "timeout"
    assert result.body == b""


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        pytest.param(b"", {"dropped"}, id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", {"not-http"}, id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", {"dropped", "not-http"}, id="half a head"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", {"not-http"}, id="long head"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", {"not-http"}, id="bad length"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            {"dropped", "not-http"},
            id="bad chunk",
        ),
    ],
)
def test_what_is_no_http(raw: bytes, errors: set[str], server: FeedServer) -> None:
    assert fetch(server.set("raw", Reply(raw=raw))).error in errors


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = fetch(f"http://nobody.localhost:{port}/")
    assert (result.error, result.status) == ("refused", 0)


def test_a_name_that_does_not_exist() -> None:
    def lookup(_host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert fetch("http://nowhere.example/", lookup=lookup).error == "dns"


def test_https_where_there_is_none(server: FeedServer) -> None:
    url = server.set("plain", document(BODY)).replace("http://", "https://")
    assert fetch(url).error == "tls"


def test_two_at_a_time_for_one_name_and_many_for_one_address(server: FeedServer) -> None:
    """Platforms carry many blogs under one name; the demo's share but an address."""
    slow = Reply(200, XML, BODY, delay_s=0.05)
    names = [server.set(f"own{n}", slow) for n in range(20)]
    shared = [server.set("shared", slow)] * 8
    results = fetch_all(names + shared)
    assert all(result.body == BODY for result in results)
    assert server.most_at_once["shared"] == 2


def test_a_pause_lies_between_two_starts_at_one_host_and_not_at_others(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:  # takes no time: what was asked for counts
        waits.append(seconds)

    clock = SimpleNamespace(
        sleep=sleep, get_running_loop=asyncio.get_running_loop, Semaphore=asyncio.Semaphore
    )
    monkeypatch.setattr("buzz.edges.fetch.turns.asyncio", clock)
    reply = Reply(200, XML, BODY)
    urls = [server.set("gentle", reply)] * 4 + [server.set(f"other{n}", reply) for n in range(4)]
    results = fetch_all(urls, pause_s=60)
    assert [result.error for result in results] == [""] * 8
    assert [round(wait / 60) for wait in waits] == [1, 2, 3]  # of gentle's; no other host waits


def test_a_host_that_wants_peace_is_not_asked_again(server: FeedServer) -> None:
    url = server.set("weary", Reply(429, {"Retry-After": "7200"}))
    before = len(server.asked("weary"))
    results = fetch_all([url] * 6, pause_s=0.05)
    assert len(server.asked("weary")) - before <= 2
    held = [result for result in results if result.outcome is FetchOutcome.HELD]
    assert len(held) >= 4
    assert all(timedelta(hours=1.9) < (r.retry_after or timedelta()) for r in held)


def test_a_host_that_wanted_peace_before_is_not_asked_at_all(server: FeedServer) -> None:
    url = server.set("wary", Reply(200, XML, BODY))
    way = server.set("way", redirect(301, url))
    holds = {"wary.localhost": timedelta(hours=3)}
    for result in fetch_all([url, way], holds=holds):
        assert (result.outcome, result.final_url) == (FetchOutcome.HELD, url)
    assert server.asked("wary") == []


def test_waiting_for_ones_turn_is_not_the_servers_fault(server: FeedServer) -> None:
    url = server.set("queue", Reply(200, XML, BODY, delay_s=0.1))
    results = fetch_all([url] * 16, timeout_s=0.6)  # together they take 0.8 s
    assert [result.error for result in results] == [""] * 16


def test_one_bad_feed_does_not_disturb_the_others(server: FeedServer) -> None:
    good = [server.set(f"fine{n}", document(BODY)) for n in range(20)]
    bomb = gzip.compress(bytes(8 << 20))
    bad = [
        server.set("b1", Reply(200, {"Content-Encoding": "gzip"}, bomb)),
        server.set("b2", Reply(raw=b"\0" * 1000)),
        server.set("b3", Reply(302, {"Location": "http://10.0.0.1/"})),
        "http://[::1/",
    ]
    results = fetch_all(bad + good)
    assert all(result.outcome is FetchOutcome.FAILED for result in results[: len(bad)])
    assert [result.body for result in results[len(bad) :]] == [BODY] * 20


# --- does it answer? ------------------------------------------------------------------------------


def probe(url: str, **options: Any) -> FetchResult:
    async def run() -> FetchResult:
        async with Fetcher(
            user_agent="buzz/test", **{"allow_networks": LOOPBACK, "timeout_s": 10, **options}
        ) as fetcher:
            return await fetcher.probe(url)

    return asyncio.run(run())


def no_head(status: int) -> Any:
    return lambda request: Reply(status) if request.method == "HEAD" else Reply(body=b"a page")


def test_a_probe_asks_once_where_head_is_answered(server: FeedServer) -> None:
    found = probe(server.set("probed", Reply(headers={"Content-Length": "0"})))
    assert (found.outcome, found.status, found.body) == (FetchOutcome.FETCHED, 200, b"")
    assert [request.method for request in server.asked("probed")] == ["HEAD"]


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_probe_asks_for_the_page_where_head_is_refused(server: FeedServer, status: int) -> None:
    host = f"no-head-{status}"
    found = probe(server.set(host, no_head(status)))
    assert (found.outcome, found.status, found.body) == (FetchOutcome.FETCHED, 200, b"")
    assert [request.method for request in server.asked(host)] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [404, 410, 500])
def test_a_probe_of_a_dead_page_has_its_status(server: FeedServer, status: int) -> None:
    found = probe(server.set(f"dead-{status}", Reply(status)))
    assert (found.outcome, found.status, found.error) == (FetchOutcome.FAILED, status, "http")


def test_a_probe_follows_redirects_and_waits_for_no_body(server: FeedServer) -> None:
    server.set("probe-end", lambda _request: Reply(pieces=lambda: iter([b"x" * 1_000_000] * 1_000)))
    found = probe(server.set("probe-start", Reply(301, {"Location": server.url("probe-end", "/")})))
    assert (found.outcome, found.final_url) == (
        FetchOutcome.FETCHED,
        server.url("probe-end", "/"),
    )


def test_a_probe_passes_the_same_guard(server: FeedServer) -> None:
    found = probe(server.set("guarded", Reply(200)), allow_networks=())
    assert (found.error, server.asked("guarded")) == ("forbidden-address", [])


def test_a_host_that_wants_to_be_left_alone_is_not_asked_twice(server: FeedServer) -> None:
    found = probe(server.set("busy-host", Reply(429, {"Retry-After": "60"})))
    assert found.status == 429
    assert [request.method for request in server.asked("busy-host")] == ["HEAD"]


def test_name_servers_that_never_answer_hold_up_nobody(server: FeedServer) -> None:
    """A lookup goes on after we have given it up: each takes a thread along."""
    silence = threading.Event()

    def lookup(host: str) -> list[str]:
        if host.startswith("stuck"):
            silence.wait()
        return ["127.0.0.1"]

    url = server.set("sound.parti.test", document(BODY)).replace(".localhost", "")
    stuck = [f"http://stuck{n}.parti.test/" for n in range(70)]
    try:
        results = fetch_all([*stuck, url], lookup=lookup, concurrency=20, timeout_s=1)
    finally:
        silence.set()
    assert [result.error for result in results] == ["timeout"] * 70 + [""]
