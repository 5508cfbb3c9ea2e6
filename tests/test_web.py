"""The service over real HTTP: who is answered what, and what is recorded of it."""

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Result
from sentletter import (
    AGREES,
    BLOGS,
    CAMPAIGN,
    FIREFOX,
    FORM,
    NOW,
    REFUSES,
    SILENT,
    TARGETS,
    Sent,
    Service,
    send,
    serving,
)

from buzz.config import Settings, TrackingModes
from buzz.core.delivery import address_hash
from buzz.core.tracking import PATHS, make_token
from buzz.edges.store import Store, blogs, consents, events, suppressions
from buzz.errors import ConfigurationError
from buzz.model import Agent, Channel, Consent, Event, EventKind, LetterUrls, Purpose
from buzz.pipeline import collect
from buzz.web.server import listen

ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
)


@pytest.fixture
def sent(settings: Settings, store: Store) -> Sent:
    return send(settings, store)


@pytest.fixture
def service(settings: Settings, store: Store, sent: Sent) -> Iterator[Service]:
    with serving(settings, store) as service:
        yield service


def recorded(service: Service, campaign: str = CAMPAIGN) -> tuple[Event, ...]:
    service.drain()
    with service.store.read() as tx:
        return events.of_campaign(tx, campaign)


def is_suppressed(service: Service, email: str) -> bool:
    hashed = address_hash(service.settings.secret, email)
    with service.store.read() as tx:
        return bool(suppressions.contains(tx, [hashed]))


def links_of(urls: LetterUrls) -> list[str]:
    own = [urls.unsubscribe, urls.online, urls.preferences]
    clicks = [url for url in urls.clicks.values() if "/c/" in url]
    return [*filter(None, [urls.pixel]), *clicks, *urls.relays.values(), *own]


# --- hits ------------------------------------------------------------------------------------


def test_the_pixel_is_43_bytes_that_nobody_keeps(service: Service, sent: Sent) -> None:
    answer = service.get(sent.urls["karim"].pixel)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert len(answer.body) == 43
    assert answer.body.startswith(b"GIF89a")
    assert answer.headers["cache-control"] == "no-store"


def test_an_open_of_one_who_agreed_is_recorded_with_their_blog(
    service: Service, sent: Sent
) -> None:
    service.get(sent.urls["karim"].pixel)
    (event,) = recorded(service)
    assert (event.kind, event.blog, event.agent) == (EventKind.OPEN, "karim", Agent.PERSON)
    assert event.delivery == sent.deliveries["karim"].id


def test_a_click_leads_to_the_stored_address_and_nowhere_else(service: Service, sent: Sent) -> None:
    url = sent.urls["karim"].clicks[sent.links[0].id]
    answer = service.get(url + "?url=https://evil.example&next=//evil.example")
    assert answer.status == 302
    assert answer.headers["location"] == "https://parti.example/p%C3%A9tition?a=1&b=2"
    assert answer.headers["referrer-policy"] == "no-referrer"
    (event,) = recorded(service)
    assert (event.kind, event.link) == (EventKind.CLICK, sent.links[0].id)


def test_a_visit_by_a_relay_link_is_a_blog_and_a_day(service: Service, sent: Sent) -> None:
    answer = service.get(sent.urls["lea"].relays[sent.links[1].id])
    assert (answer.status, answer.headers["location"]) == (302, TARGETS[1])
    (event,) = recorded(service)
    assert (event.kind, event.blog) == (EventKind.RELAY_VISIT, "lea")
    assert (event.at.hour, event.at.minute, event.at.second, event.at.microsecond) == (0, 0, 0, 0)


def test_machines_are_labelled_and_kept(service: Service, sent: Sent) -> None:
    service.get(sent.urls["karim"].pixel, User_Agent="curl/8.0")
    service.get(sent.urls["karim"].pixel, Sec_Purpose="prefetch")
    found = Counter((event.agent, event.rule) for event in recorded(service))
    assert found == {(Agent.SCANNER, "program"): 1, (Agent.PREFETCH, "prefetch"): 1}


def test_an_aggregate_open_has_nobody_in_it(settings: Settings, store: Store) -> None:
    counting = replace(settings, tracking=TrackingModes(opens="aggregate", clicks="aggregate"))
    sent = send(counting, store)
    with serving(counting, store) as service:
        assert sent.urls["karim"].pixel == sent.urls["lea"].pixel
        service.get(sent.urls["lea"].pixel)
        service.get(sent.urls["lea"].clicks[sent.links[0].id])
        found = recorded(service)
    assert {event.kind for event in found} == {EventKind.OPEN, EventKind.CLICK}
    assert all(event.delivery is None and event.blog == "" for event in found)


def test_who_says_no_finds_nothing_to_measure(settings: Settings, store: Store) -> None:
    sent = send(replace(settings, tracking=TrackingModes(opens="aggregate")), store)
    assert sent.urls["omar"].pixel == ""


@pytest.mark.parametrize("opens", ["off", "consented"])
def test_a_token_counts_only_as_far_as_is_allowed_now(
    settings: Settings, store: Store, sent: Sent, opens: str
) -> None:
    later = replace(settings, tracking=TrackingModes(opens=opens))  # type: ignore[arg-type]
    with serving(later, store) as service:
        assert service.get(sent.urls["karim"].pixel).status == 200
        assert len(recorded(service)) == (opens == "consented")


def test_what_is_kept_of_a_hit_holds_no_address_and_no_agent(
    service: Service, sent: Sent, settings: Settings
) -> None:
    service.get(sent.urls["karim"].pixel, User_Agent="CanaryAgent/77", X_Forwarded_For="9.8.7.6")
    service.post(sent.urls["karim"].unsubscribe, ONE_CLICK)
    recorded(service)
    kept = b"".join(path.read_bytes() for path in settings.data.rglob("*") if path.is_file())
    assert b"CanaryAgent" not in kept
    assert b"9.8.7.6" not in kept
    assert b"127.0.0.1" not in kept.replace(b"http://127.0.0.1:8025", b"")  # envelope.base_url


# --- nothing but POST acts -------------------------------------------------------------------


def state(service: Service) -> object:
    with service.store.read() as tx:
        return (
            blogs.all_blogs(tx),
            suppressions.all_suppressions(tx),
            [consents.history(tx, blog.slug) for blog in BLOGS],
        )


def test_a_scanner_that_follows_every_link_twice_changes_nothing(
    service: Service, sent: Sent
) -> None:
    before = state(service)
    hits = 0
    for method in ("GET", "HEAD", "OPTIONS") * 2:
        for url in links_of(sent.urls["karim"]):
            answer = service.ask(method, url)
            assert answer.status in {200, 204, 302}
            assert "set-cookie" not in answer.headers
            hits += method == "GET" and url.split("/")[3] in {"o", "c", "r"}
    assert state(service) == before
    found = recorded(service)
    assert len(found) == hits == 10
    assert {event.kind for event in found} <= {
        EventKind.OPEN,
        EventKind.CLICK,
        EventKind.RELAY_VISIT,
    }


def test_other_methods_are_refused(service: Service, sent: Sent) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert service.ask(method, sent.urls["karim"].unsubscribe).status == 405


def test_options_tell_what_is_allowed(service: Service, sent: Sent) -> None:
    answer = service.ask("OPTIONS", sent.urls["karim"].unsubscribe)
    assert (answer.status, answer.body) == (204, b"")
    assert "POST" in answer.headers["allow"]


# --- unsubscribing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(ONE_CLICK, FORM, id="urlencoded"),
        pytest.param(MULTIPART, "multipart/form-data; boundary=x", id="multipart"),
        pytest.param(b"", FORM, id="nothing"),
    ],
)
def test_one_click_unsubscribes_before_the_answer(
    service: Service, sent: Sent, body: bytes, encoding: str
) -> None:
    answer = service.post(sent.urls["lea"].unsubscribe, body, encoding)
    assert answer.status == 200
    assert "set-cookie" not in answer.headers
    assert is_suppressed(service, SILENT.email)
    assert not is_suppressed(service, AGREES.email)


def test_unsubscribing_twice_is_one_event(service: Service, sent: Sent) -> None:
    for _ in range(2):
        assert service.post(sent.urls["lea"].unsubscribe, ONE_CLICK).status == 200
    (event,) = recorded(service)
    assert (event.kind, event.blog) == (EventKind.UNSUBSCRIBE, "lea")


def test_the_page_has_one_button_and_shows_no_whole_address(service: Service, sent: Sent) -> None:
    page = service.get(sent.urls["karim"].unsubscribe).text
    assert page.count("<button") == 1
    assert 'name="List-Unsubscribe" value="One-Click"' in page
    assert "k•••@k•••.example" in page
    assert AGREES.email not in page
    assert AGREES.name not in page


def test_afterwards_the_page_has_no_button(service: Service, sent: Sent) -> None:
    service.post(sent.urls["karim"].unsubscribe, ONE_CLICK)
    assert "<button" not in service.get(sent.urls["karim"].unsubscribe).text


# --- preferences -----------------------------------------------------------------------------


def test_preferences_offer_what_can_be_stopped(service: Service, sent: Sent) -> None:
    assert service.get(sent.urls["karim"].preferences).text.count("<button") == 3
    assert service.get(sent.urls["lea"].preferences).text.count("<button") == 1


def test_stopping_opens_leaves_clicks_and_acts_on_letters_already_sent(
    service: Service, sent: Sent
) -> None:
    urls = sent.urls["karim"]
    service.get(urls.pixel)
    assert service.post(urls.preferences, b"stop=opens").status == 200
    answer = service.get(urls.pixel)
    service.get(urls.clicks[sent.links[0].id])
    assert (answer.status, len(answer.body)) == (200, 43)
    found = recorded(service)
    # The open before the refusal is dropped too if it was not in the database yet.
    assert Counter(event.kind for event in found)[EventKind.CLICK] == 1
    assert Counter(event.kind for event in found)[EventKind.OPEN] <= 1


def test_a_refusal_is_kept_with_its_words_and_only_once(service: Service, sent: Sent) -> None:
    for _ in range(2):
        service.post(sent.urls["lea"].preferences, b"stop=clicks")
    with service.store.read() as tx:
        (record,) = consents.history(tx, "lea")
        blog = blogs.get(tx, "lea")
    assert (record.channel, record.consent) == (Channel.CLICK, Consent.DENIED)
    assert (record.method, record.wording) == ("preferences", "Do not measure clicks")
    assert record.version
    assert blog is not None
    assert (blog.consent_open, blog.consent_click) == (Consent.UNKNOWN, Consent.DENIED)


def test_an_old_registry_does_not_undo_a_refusal(service: Service, sent: Sent) -> None:
    service.post(sent.urls["karim"].preferences, b"stop=opens")
    with service.store.write() as tx:
        blogs.save(tx, [AGREES], NOW)
    service.get(sent.urls["karim"].pixel)
    assert recorded(service) == ()


def test_the_letter_can_be_stopped_there_too(service: Service, sent: Sent) -> None:
    assert service.post(sent.urls["karim"].preferences, b"stop=letter").status == 200
    assert is_suppressed(service, AGREES.email)


def test_a_choice_that_is_none_changes_nothing(service: Service, sent: Sent) -> None:
    before = state(service)
    for body in (b"", b"stop=", b"stop=everything", b"\xff\xfe"):
        assert service.post(sent.urls["karim"].preferences, body).status == 400
    assert state(service) == before


# --- the letter as a page --------------------------------------------------------------------


def test_the_letter_online_names_nobody_and_measures_nothing(service: Service, sent: Sent) -> None:
    answer = service.get(sent.urls["omar"].online)
    assert answer.status == 200
    assert REFUSES.name not in answer.text
    assert "Omar" not in answer.text
    assert REFUSES.email not in answer.text
    assert "/o/" not in answer.text
    assert "/c/" not in answer.text
    assert TARGETS[0].replace("&", "&amp;") in answer.text
    assert recorded(service) == ()


def test_the_letter_speaks_its_readers_language(service: Service, sent: Sent) -> None:
    assert 'lang="en"' in service.get(sent.urls["lea"].online).text
    assert 'lang="fr"' in service.get(sent.urls["karim"].online).text


def test_pages_speak_the_readers_language_whatever_the_browser_wants(
    service: Service, sent: Sent
) -> None:
    assert 'lang="fr"' in service.get(sent.urls["karim"].unsubscribe, Accept_Language="en").text
    assert 'lang="en"' in service.get(sent.urls["lea"].preferences, Accept_Language="fr").text
    assert 'lang="fr"' in service.get("/", Accept_Language="de, fr-FR;q=0.8, en;q=0.5").text


# --- headers ---------------------------------------------------------------------------------


def test_every_page_is_sealed(service: Service, sent: Sent) -> None:
    urls = sent.urls["karim"]
    for url in [*links_of(urls), "/", "/health", "/nothing", "/u/x", f"/{'x' * 600}"]:
        headers = service.get(url).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), url
        assert headers["x-content-type-options"] == "nosniff", url
        assert headers["referrer-policy"] == "no-referrer", url
        assert headers["cache-control"] == "no-store", url
        assert "set-cookie" not in headers, url
        assert "server" not in headers, url


def test_styles_are_allowed_by_their_hash(service: Service, sent: Sent) -> None:
    for url in (sent.urls["karim"].preferences, sent.urls["karim"].online):
        answer = service.get(url)
        assert "'sha256-" in answer.headers["content-security-policy"]
        assert "<script" not in answer.text


# --- bad input -------------------------------------------------------------------------------


def test_what_is_not_ours_gets_one_and_the_same_404(
    service: Service, sent: Sent, settings: Settings
) -> None:
    for purpose in Purpose:
        refused(service, sent, settings.secret, purpose)
    assert recorded(service) == ()


def refused(service: Service, sent: Sent, secret: bytes, purpose: Purpose) -> None:
    def token(secret: bytes, purpose: Purpose) -> str:
        return make_token(
            secret,
            purpose,
            campaign=CAMPAIGN,
            delivery=sent.deliveries["karim"].id,
            link=sent.links[0].id,
        )

    good = token(secret, purpose)
    suffix = ".gif" if purpose is Purpose.OPEN else ""
    nothing = service.get("/nothing")
    for wrong in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:-4],
        good + "A",
        token(secret, Purpose.ONLINE if purpose is not Purpose.ONLINE else Purpose.OPEN),
        token(b"another secret", purpose),
        "%00",
        "%C3%A9",
        "A" * 160,
    ):
        answer = service.get(f"{PATHS[purpose]}{wrong}{suffix}")
        assert (answer.status, answer.body) == (404, nothing.body), wrong


def test_a_link_or_a_delivery_that_is_no_more_is_404(
    service: Service, sent: Sent, settings: Settings
) -> None:
    def token(purpose: Purpose, delivery: int, link: int = 0, campaign: str = CAMPAIGN) -> str:
        made = make_token(settings.secret, purpose, campaign=campaign, delivery=delivery, link=link)
        return f"{PATHS[purpose]}{made}"

    karim = sent.deliveries["karim"].id
    assert service.get(token(Purpose.CLICK, karim, 999)).status == 404
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.ONLINE):
        assert service.get(token(purpose, 999)).status == 404
        # An erased delivery's number may have gone to a later campaign's.
        assert service.get(token(purpose, karim, campaign="avant")).status == 404
    assert (
        service.post(token(Purpose.UNSUBSCRIBE, karim, campaign="avant"), ONE_CLICK).status == 404
    )
    assert not is_suppressed(service, AGREES.email)
    assert service.get(token(Purpose.OPEN, 999) + ".gif").status == 200
    assert service.get(token(Purpose.OPEN, karim, campaign="avant") + ".gif").status == 200
    assert recorded(service) == recorded(service, "avant") == ()


def test_too_long_an_address_is_refused(service: Service) -> None:
    assert service.get("/" + "x" * 600).status == 414
    assert service.get("/?" + "x" * 600).status == 414


def test_too_large_a_body_is_refused_before_it_is_read(service: Service, sent: Sent) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        path = sent.urls["karim"].unsubscribe.removeprefix("http://127.0.0.1:8025")
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n".encode()
        )
        assert line.recv(64).startswith(b"HTTP/1.1 413 ")
    assert not is_suppressed(service, AGREES.email)


def test_a_body_that_does_not_say_its_length_is_cut_off(service: Service, sent: Sent) -> None:
    path = sent.urls["karim"].unsubscribe.removeprefix("http://127.0.0.1:8025")
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + b"400\r\n"
            + b"x" * 1024
            + b"\r\n400\r\n"
            + b"x" * 1024
            + b"\r\n"
        )
        assert line.recv(64).startswith(b"HTTP/1.1 413 ")
    assert not is_suppressed(service, AGREES.email)


def test_too_large_headers_are_refused(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 20_000)
        assert line.recv(64).startswith(b"HTTP/1.1 4")


def test_the_host_a_client_names_changes_nothing(service: Service, sent: Sent) -> None:
    plain = service.get(sent.urls["karim"].unsubscribe)
    other = service.get(sent.urls["karim"].unsubscribe, Host="evil.example")
    assert other.body == plain.body
    assert b"evil.example" not in other.body
    slash = service.get(sent.urls["karim"].unsubscribe + "/", Host="evil.example")
    assert (slash.status, slash.headers["Location"]) == (404, None)


@pytest.mark.parametrize(
    "said",
    ["", "GET /health HTT", "GET /health HTTP/1.1\r\nHost: x\r\n", "POST {u} HTTP/1.1\r\n{l}", "x"],
    ids=["silent", "half-a-line", "half-a-head", "half-a-body", "second-request"],
)
def test_who_never_ends_a_request_is_hung_up_on(
    settings: Settings, store: Store, sent: Sent, said: str
) -> None:
    """Else a thousand such connections would keep everybody else out."""
    path = sent.urls["karim"].unsubscribe.removeprefix("http://127.0.0.1:8025")
    said = said.replace("{u}", path).replace("{l}", "Host: x\r\nContent-Length: 26\r\n\r\nList")
    with (
        serving(settings, store, idle_s=1) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as line,
    ):
        if said == "x":
            line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = line.recv(4096)
            while not answer.endswith(b"}"):  # head and body may come apart
                answer += line.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
        line.sendall(said.encode())
        assert line.recv(64) == b""
        assert not is_suppressed(service, AGREES.email)


# --- the database is locked ------------------------------------------------------------------


def test_the_tracker_goes_on_while_the_database_is_locked(
    service: Service, sent: Sent, settings: Settings
) -> None:
    if not settings.database_url.startswith("sqlite"):
        return
    lock = sqlite3.connect(settings.data / "buzz.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        for url in (sent.urls["karim"].pixel, sent.urls["karim"].clicks[sent.links[0].id]):
            assert service.get(url).status in {200, 302}
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert len(recorded(service)) == 2


def test_health_says_how_things_are(service: Service) -> None:
    facts = json.loads(service.get("/health").text)
    assert facts.keys() == {"v", "status", "draining", "waiting_bytes", "lost"}
    assert (facts["v"], facts["lost"]) == (1, 0)


def test_files_of_the_spool_are_private(service: Service, settings: Settings) -> None:
    folder = collect.folder(settings)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


# --- buzz serve ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bind", ["here", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:\u00b2", ":x"]
)
def test_an_address_that_is_none_is_named(run: Callable[..., Result], bind: str) -> None:
    result = run("serve", "--bind", bind)
    assert result.code == 2
    assert f"{bind} is no address to listen at" in result.err


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("256.1.1.1:80")):
        listen("256.1.1.1:80")


def test_a_port_in_use_gets_a_clear_error(run: Callable[..., Result]) -> None:
    with listen("127.0.0.1:0") as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", "--bind", bind)
    assert result.code == 7
    assert bind in result.err
    assert "--bind" in result.err
    assert "Traceback" not in result.err


def test_a_spool_that_cannot_be_written_gets_a_clear_error(
    run: Callable[..., Result], settings: Settings
) -> None:
    collect.folder(settings).write_text("in the way")
    result = run("serve", "--bind", "127.0.0.1:0")
    assert result.code == 7
    assert str(collect.folder(settings)) in result.err
    assert "Traceback" not in result.err


def started(workspace: Path) -> tuple["subprocess.Popen[str]", int, str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "buzz", "serve", "--bind", "127.0.0.1:0"],
        cwd=workspace,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BUZZ_LANG": "en"},
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
    assert found, line + process.stderr.read()
    return process, int(found.group(1)), line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_listens_and_stops_when_asked(
    workspace: Path, store: Store, sent: Sent, number: signal.Signals
) -> None:
    process, port, line = started(workspace)
    try:
        assert "Ctrl-C" in line
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
        _leave_in_the_middle(port, sent.urls["karim"].unsubscribe)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


def _leave_in_the_middle(port: int, url: str) -> None:
    """Begin to unsubscribe, and hang up before the body has come."""
    path = url.removeprefix("http://127.0.0.1:8025")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\n".encode())
        line.sendall(b"List")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/health")  # by now the other one is noticed
    assert connection.getresponse().status == 200
    connection.close()


def test_a_killed_service_has_lost_nothing_it_acknowledged(
    workspace: Path, settings: Settings, store: Store, sent: Sent
) -> None:
    acknowledged = 0
    path = sent.urls["karim"].pixel.removeprefix("http://127.0.0.1:8025")
    for kill_after in (1, 60, 250):
        process, port, _line = started(workspace)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            for _ in range(kill_after):
                connection.request("GET", path, headers={"User-Agent": FIREFOX})
                acknowledged += len(connection.getresponse().read()) == 43
        finally:
            process.kill()
            process.communicate()
            connection.close()
    with serving(settings, store) as service:
        assert acknowledged == 311
        assert len(recorded(service)) == acknowledged
        assert collect.drain(settings, store).recorded == 0
