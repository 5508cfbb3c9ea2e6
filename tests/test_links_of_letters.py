"""Links of a letter: each comes out as it went in, and those that lead nowhere are told of."""

import dataclasses
import email
import email.policy
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import quote, unquote, urlsplit

import hypothesis
import pytest
from feed_server import FeedServer, Reply
from hypothesis import given
from hypothesis import strategies as st
from test_campaign_cli import NOW, Run, blog
from test_rules import ANNA, LETTER, PAGE, PATH, SHIPPED, Sender, findings, line, swapped

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core import letter, tracking
from buzz.core.campaign.page import read_page
from buzz.edges.store import Store, blogs, checks
from buzz.model import Campaign, DeliveryId, Level, Link, LinkId, Probe, Tracking
from buzz.pipeline import campaign as pipeline
from buzz.pipeline.campaign import probing

# --- out as in ----------------------------------------------------------------------------------

ADDRESSES = [
    "https://parti.test/a?x=1&y=2&amp=3",
    "https://parti.test/a?x=1&copy=2&lang=fr&sect=4",  # &copy; and &sect; are entities
    "https://parti.test/a#haut",
    "https://parti.test/a?b#c&d=é",
    "https://été.test/retraites",
    "https://xn--t-9fab.test/retraites",
    "https://parti.test/a%20b/%C3%A9t%C3%A9?q=%26%3D%23",
    "https://parti.test/100%25",
    "https://parti.test/été?q=à la une".replace(" ", "%20"),
    "https://parti.test/a+b?q=c+d",
    "https://parti.test/a;b,c:d@e!f$g'h*i~j",
    "https://parti.test:8443/a/../b//c/",
    "https://parti.test/%E2%80%AEfdp.exe",
    "http://[2001:db8::1]/a",
    "https://parti.test/?u=https://autre.test/%3Fa%3D1%26b%3D2",
]
WORD = st.text("abéœ0-_.~ &=#%+;,'\"()<>[]}|\\^`@!$*:/?\u202e🐝", max_size=12)
SAFE = "/:@!$*+,;=-._~"
HOSTS = st.sampled_from(["parti.test", "été.test", "xn--t-9fab.test", "a.b-c.test:8443"])


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Return an address as somebody may copy it out of a browser: encoded, or readable."""
    encoded = draw(st.booleans())

    def part(safe: str) -> str:
        text = draw(WORD)
        return quote(text, safe=safe) if encoded else quote(text, safe=safe + "éœ🐝")

    path, query, fragment = part(SAFE), part(SAFE + "&?"), part(SAFE + "&?")
    return (
        f"https://{draw(HOSTS)}/{path}"
        + (f"?{query}" if query else "")
        + (f"#{fragment}" if fragment else "")
    )


def parts(url: str) -> tuple[str, ...]:
    """Return what an address means: host, and path, query and fragment as octets."""
    found = urlsplit(url)
    host = (found.hostname or "").encode("idna").decode()
    return (host, str(found.port), *(unquote(p) for p in (found.path, found.query, found.fragment)))


def letter_with(urls: Sequence[str]) -> str:
    """Return a letter.md with these links, one an item of a list."""
    items = "\n".join(f"- [Le moulin n° {n}](<{url}>)" for n, url in enumerate(urls))
    return swapped(LETTER, ("\n[Signer pour", f"\n{items}\n\n[Signer pour"))


def written_links(campaign: Campaign) -> list[str]:
    """Return the addresses of the list in a letter."""
    linked = read_page(campaign.talking_points[0].html).links
    return [link.url for link in linked if link.label.startswith("Le moulin n°")]


def check_round_trip(urls: Sequence[str]) -> None:
    campaign = core.parse(letter_with(urls), slug="x", path=PATH)
    own = written_links(campaign)
    assert [parts(url) for url in own] == [parts(url) for url in urls]
    # What is copied out of a letter goes into one as it is.
    assert written_links(core.parse(letter_with(own), slug="x", path=PATH)) == own
    links = tuple(Link(id=LinkId(n), url=u) for n, u in enumerate(letter.urls_in(campaign), 1))
    compiled = letter.compile_letter(
        dataclasses.replace(campaign, template="lettre"),
        language="fr", sender=Sender(), sources=SHIPPED, links=links,
    )  # fmt: skip
    for clicks in (Tracking.NONE, Tracking.PERSONAL):
        who = dataclasses.replace(ANNA, clicks=clicks)
        sent_urls = tracking.letter_urls(
            b"s", "https://l.test", campaign="x", delivery=DeliveryId(1), recipient=who, links=links
        )
        octets = letter.message_bytes(
            compiled, who, sent_urls,
            from_="L <l@parti.test>", reply_to="", message_id="<a@b>", date=NOW, list_id="l.test",
        )  # fmt: skip
        linked, words = in_message(octets)
        leads_to = {sent_urls.clicks[link.id]: link.url for link in links}
        assert set(own) <= {leads_to.get(url) for url in linked}
        assert set(own) <= {leads_to.get(word) for word in words}


def in_message(octets: bytes) -> tuple[list[str], list[str]]:
    """Return the addresses that are linked in a message's page, and the words of its text."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    page, text = message.get_body(("html",)), message.get_body(("plain",))
    assert page is not None
    assert text is not None
    return [link.url for link in read_page(page.get_content()).links], text.get_content().split()


def test_links_come_out_as_they_went_in() -> None:
    check_round_trip(ADDRESSES)
    assert findings(letter_with(ADDRESSES)) == ()


@hypothesis.settings(max_examples=10)
@given(st.lists(addresses(), min_size=1, max_size=20))
def test_any_links_come_out_as_they_went_in(urls: list[str]) -> None:
    check_round_trip(urls)


def test_a_link_that_is_lost_is_told_at_its_line() -> None:
    lost = swapped(PAGE, ("{{ point.html }}", '{{ point.html | replace("href=", "data-href=") }}'))
    found = [finding for finding in findings(page=lost) if finding.rule == "17-links"]
    assert [f.place for f in found] == [f"{PATH}:{line(LETTER, 'histoire')}", f"{PATH}:5"]


# --- links that lead nowhere: what is told ------------------------------------------------------

PETITION = "https://parti.test/moulins"
STORY = "https://parti.test/histoire"


def probed(**facts: object) -> Probe:
    return Probe(**{"url": STORY, "at": NOW, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"status": 404, "error": "http"}, "it answers 404"),
        ({"status": 500, "error": "http"}, "it answers 500"),
        ({"status": 403, "error": "challenge"}, "it lets no program in (403)"),
        ({"error": "dns"}, "there is no such host"),
        ({"error": "forbidden-address"}, "it leads into a private network"),
        ({"error": "not-http"}, "no answer that is the web's"),
        ({"error": "reserved"}, "kept for examples"),
    ],
)
def test_a_dead_link_is_a_warning_at_its_line(facts: dict[str, object], said: str) -> None:
    (found,) = findings(probes=(probed(**facts), probed(url=PETITION, status=200)))
    assert (found.rule, found.level) == ("15-links", Level.WARNING)
    assert found.place == f"{PATH}:{line(LETTER, 'histoire')}"
    assert said in found.what
    assert STORY in found.what


def test_links_that_answer_are_not_told_of() -> None:
    assert findings(probes=(probed(status=200), probed(url=PETITION, status=204))) == ()


def test_an_outage_of_our_own_is_one_warning() -> None:
    (found,) = findings(probes=(probed(error="dns"), probed(url=PETITION, error="timeout")))
    assert "none of the 2 links could be reached" in found.what
    assert "--offline" in found.remedy


def test_an_address_is_found_however_it_is_written() -> None:
    source = swapped(LETTER, (STORY, "<https://été.test/à>"))
    url = core.parse(source, slug="x", path=PATH).talking_points[0].html.split('"')[1]
    (found,) = findings(source, probes=(probed(url=url, status=404, error="http"),))
    assert found.place == f"{PATH}:{line(source, 'été.test')}"


# --- asking them --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def desk(settings: Settings, store: Store, server: FeedServer) -> Settings:
    """One blog, and a letter with links to three hosts of the server."""
    with store.write() as tx:
        blogs.save(tx, [blog("anna")], NOW)
    server.requests.clear()
    source = swapped(
        LETTER,
        ("template: petit", "segment: all"),
        (PETITION, server.set("well", Reply(200))),
        (STORY, server.set("dead", Reply(404))),
        ("voix haute.", "voix haute. [Un moulin d'exemple](https://moulin.example/)"),
        ("oreiller.", "oreiller. [Lu de nous](http://127.0.0.1:8025/l/x)"),
    )
    (settings.campaigns / "moulins").mkdir(parents=True)
    (settings.campaigns / "moulins" / "letter.md").write_text(source, encoding="utf-8")
    return settings


def test_links_are_asked_once_a_day_and_dead_ones_again(
    desk: Settings, store: Store, server: FeedServer
) -> None:
    def asked(**facts: object) -> list[str]:
        server.requests.clear()
        now = facts.pop("now", NOW)
        pipeline.check(desk, store, "moulins", now, **facts)  # type: ignore[arg-type]
        return sorted(f"{request.method} {request.host}" for request in server.requests)

    assert asked() == []
    assert asked(asks_links=True) == ["GET dead", "HEAD dead", "HEAD well"]
    assert asked(asks_links=True) == ["GET dead", "HEAD dead"]
    assert asked() == []
    assert asked(asks_links=True, now=NOW + timedelta(days=2)) == [
        "GET dead", "HEAD dead", "HEAD well",
    ]  # fmt: skip


def test_what_was_found_is_kept_without_asking(
    desk: Settings, store: Store, server: FeedServer
) -> None:
    first = pipeline.check(desk, store, "moulins", NOW, asks_links=True)
    again = pipeline.check(desk, store, "moulins", NOW)
    dead = [f for f in first.findings if f.rule == "15-links"]
    assert [f.what.split(":")[0] for f in dead] == [
        "1 link leads to a name that is kept for examples",
        "it answers 404",
    ]
    assert [f for f in again.findings if f.rule == "15-links"] == dead
    assert first.passed
    with store.read() as tx:
        assert {p.status for p in checks.probes(tx, "moulins", NOW)} == {200, 404}


def test_the_command_asks_unless_it_is_told_not_to(
    desk: Settings, run: Run, server: FeedServer
) -> None:
    assert "15-links" in run("campaign", "check", "moulins", "--offline").out  # the example
    assert server.requests == []
    assert run("send", "plan", "moulins").code == 0
    assert server.requests == []
    said = run("campaign", "check", "moulins")
    assert "it answers 404" in said.out
    assert "1 link answers" in said.err
    assert server.requests


def test_what_does_not_answer_in_time_is_left_unknown(
    desk: Settings, store: Store, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "ALL_S", 0.3)
    server.set("dead", Reply(delay_s=None))
    report = pipeline.check(desk, store, "moulins", NOW, asks_links=True)
    assert [probe.status for probe in report.probes if "example" not in probe.url] == [200]
