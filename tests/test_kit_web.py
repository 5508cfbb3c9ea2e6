"""The relay kit over real HTTP: whose links it has, who may see it, what robots are shown."""

import email.policy
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from chromium import CHROMIUM, Browser, browsing
from conftest import Result
from kit_renderers import read, words
from PIL import Image
from sending import SLUG, Desk, people
from sentletter import BLOGS, CAMPAIGN, NOW, TARGETS, Sent, Service, send, serving

from buzz.config import Settings
from buzz.core.tracking import PATHS, make_token
from buzz.edges.store import Store, campaigns, events
from buzz.model import EventKind, Kit, Link, Markup, Passage, Purpose
from buzz.pipeline.send import snapshot

FACEBOOK = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"


def passage(number: int, title: str, link: Link) -> Passage:
    return Passage(
        number=number,
        title=title,
        short=f"Les mots de <{title}>.",
        medium=f'<p>Les mots.</p>\n\n<p><a href="{link.url.replace("&", "&amp;")}">Lire</a></p>',
        long=f'<h3>{title}</h3>\n\n<p><a href="{link.url.replace("&", "&amp;")}">Lire</a></p>',
        link=link.id,
        label="Lire",
    )


def kit(sent: Sent) -> Kit:
    first, second = sent.links
    return Kit(
        language="fr",
        sender="La Lettre du Buzz",
        passages=(
            passage(0, "Nos deux ans <b>&", first),
            passage(1, "La caisse est percée", first),
            passage(2, "C'est du salaire", second),
        ),
        hashtags=("#NosDeuxAns",),
        links=sent.links,
    )


def freeze(store: Store, sent: Sent, kits: dict[str, Kit]) -> None:
    with store.write() as tx:
        pack = campaigns.pack(tx, CAMPAIGN)
        assert pack is not None
        campaigns.freeze(tx, CAMPAIGN, campaigns.letters(tx, CAMPAIGN), pack, NOW, kits=kits)


@pytest.fixture
def sent(settings: Settings, store: Store) -> Sent:
    sent = send(settings, store)
    freeze(store, sent, {"fr": kit(sent)})
    return sent


@pytest.fixture
def service(settings: Settings, store: Store, sent: Sent) -> Iterator[Service]:
    with serving(settings, store) as service:
        yield service


def areas(page: str) -> list[str]:
    return [
        unescape(text) for text in re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    ]


def pictures(page: str) -> list[str]:
    return re.findall(r'<img[^>]* src="([^"]+)"', page)


# --- the page --------------------------------------------------------------------------------


def test_what_the_plan_freezes_comes_back_as_it_was(store: Store, sent: Sent) -> None:
    with store.read() as tx:
        assert campaigns.kits(tx, CAMPAIGN) == {"fr": kit(sent)}
        assert campaigns.kits(tx, "another") == {}


def test_each_blog_finds_its_own_links_and_nobody_elses(service: Service, sent: Sent) -> None:
    for blog, others in (("karim", ("lea", "omar")), ("lea", ("karim", "omar"))):
        page = service.get(sent.urls[blog].kit).text
        for text in areas(page):
            assert "/r/" in text
        for url in sent.urls[blog].relays.values():
            assert url in unescape(page)
        for other in others:
            assert not [url for url in sent.urls[other].relays.values() if url in unescape(page)]
        for target in TARGETS:
            assert target not in unescape(page)


def test_it_says_neither_whose_it_is_nor_where_they_can_be_reached(
    service: Service, sent: Sent
) -> None:
    for blog in BLOGS:
        page = unescape(service.get(sent.urls[blog.slug].kit).text)
        assert blog.name not in page
        assert blog.email not in page
        assert blog.url not in page


@pytest.mark.parametrize("markup", Markup)
def test_every_markup_is_a_link_away(service: Service, sent: Sent, markup: Markup) -> None:
    page = service.get(f"{sent.urls['karim'].kit}?m={markup}").text
    assert f'?m={markup}" aria-current="page"' in page
    assert page.count('aria-current="page"') == 1
    assert len(areas(page)) == 3 * 3 + 1


@pytest.mark.parametrize("query", ["?m=<script>", "?m=", "?m=HTML", "?x=1"])
def test_a_markup_that_is_none_is_html(service: Service, sent: Sent, query: str) -> None:
    page = service.get(sent.urls["karim"].kit + query).text
    assert 'm=html" aria-current="page"' in page
    assert "<script>&" not in page


def test_hostile_titles_are_text(service: Service, sent: Sent) -> None:
    page = service.get(sent.urls["karim"].kit).text
    assert "Nos deux ans <b>" not in page
    assert "Nos deux ans &lt;b&gt;&amp;" in page


def test_it_speaks_its_readers_language_around_the_campaigns(service: Service, sent: Sent) -> None:
    assert '<html lang="fr"' in service.get(sent.urls["karim"].kit).text
    page = service.get(sent.urls["lea"].kit, Accept_Language="fr").text
    assert '<html lang="en"' in page
    assert re.search(r'<textarea id="short-1" [^>]*readonly[^>]* lang="fr">', page)


def test_only_its_own_script_and_style_run_on_it(service: Service, sent: Sent) -> None:
    answer = service.get(sent.urls["karim"].kit)
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert policy["img-src"] == "'self'"
    assert answer.text.count("<script") == 1
    assert not re.search(r" (on\w+|style)=", answer.text)
    assert all(url.startswith("/i/") for url in pictures(answer.text))
    assert "set-cookie" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_without_a_script_nothing_is_missing_but_the_buttons(service: Service, sent: Sent) -> None:
    page = service.get(sent.urls["karim"].kit).text
    buttons = re.findall(r"<button[^>]*>", page)
    assert buttons
    assert all(" hidden>" in button and 'type="button"' in button for button in buttons)
    assert page.count("<label for=") == len(areas(page))
    assert 'role="status" aria-live="polite"' in page


def test_looking_at_it_is_recorded_nowhere(service: Service, sent: Sent) -> None:
    page = service.get(sent.urls["karim"].kit).text
    for url in pictures(page):
        service.get(url)
    service.drain()
    with service.store.read() as tx:
        assert events.of_campaign(tx, CAMPAIGN) == ()


def test_a_campaign_planned_before_there_were_kits_has_none(
    service: Service, sent: Sent, store: Store
) -> None:
    freeze(store, sent, {})
    assert service.get(sent.urls["karim"].kit).status == 404
    url = sent.urls["karim"].relays[sent.links[0].id]
    assert service.get(url, User_Agent=FACEBOOK).status == 302


def test_a_kit_in_the_readers_language_comes_before_the_campaigns_own(
    service: Service, sent: Sent, store: Store
) -> None:
    english = kit(sent)
    english = replace(
        english, language="en", passages=(replace(english.passages[0], title="Two years"),)
    )
    freeze(store, sent, {"fr": kit(sent), "en": english})
    assert "Two years" in service.get(sent.urls["lea"].kit).text
    assert "Two years" not in service.get(sent.urls["karim"].kit).text
    (card, _badge) = pictures(service.get(sent.urls["lea"].kit).text)
    assert card.endswith("/en.png")
    assert service.get(card).status == 200


# --- with a real letter ----------------------------------------------------------------------


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    return Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)


def test_the_letter_leads_to_the_kit_and_carries_its_short_texts(desk: Desk) -> None:
    desk.campaign(people(2))
    desk.plan()
    with desk.store.read() as tx:
        frozen = snapshot.load(tx, SLUG, desk.settings.secret)
        kit = campaigns.kits(tx, SLUG)["fr"]
    with serving(desk.settings, desk.store) as service:
        found = []
        for delivery in desk.rows:
            message = message_from_bytes(
                frozen.unchecked_message(delivery, NOW), policy=email.policy.default
            )
            assert isinstance(message, EmailMessage)
            html, text = (
                part.get_content()
                for part in map(message.get_body, (("html",), ("plain",)))
                if part
            )
            (kit_url,) = {url.partition("#")[0] for url, _ in read(html).links if "/k/" in url}
            assert kit_url in text
            page = service.get(f"{kit_url}?m=text").text
            for passage in kit.passages[1:]:
                assert words(passage.short) in words(text)
                assert words(passage.short) in words(unescape(page))
                relay = next(t for t in areas(page) if passage.short in t).split()[-1]
                assert relay in text
                assert relay in [url for url, _label in read(html).links]
            found.append(areas(page))
        assert found[0] != found[1]


# --- Mastodon --------------------------------------------------------------------------------


def test_mastodon_asks_for_an_instance_and_shows_the_way(service: Service, sent: Sent) -> None:
    kit = sent.urls["karim"].kit
    assert f"{urlsplit(kit).path}/mastodon?p=2" in service.get(kit).text
    asked = service.get(f"{kit}/mastodon?p=2")
    assert asked.status == 200
    assert '<input type="hidden" name="p" value="2">' in asked.text
    answer = service.get(f"{kit}/mastodon?p=2&i=%40lea%40Piaille.fr")
    assert answer.status == 200
    assert "location" not in answer.headers
    ((url, label), *_others) = read(answer.text).links
    assert url.startswith("https://piaille.fr/share?text=")
    assert "piaille.fr" in label
    relay = sent.urls["karim"].relays[sent.links[1].id]
    assert parse_qs(urlsplit(url).query)["text"] == [
        f"Les mots de <C'est du salaire>. #NosDeuxAns\n{relay}"
    ]


@pytest.mark.parametrize(
    "typed", ["127.0.0.1", "localhost", "javascript:alert(1)", "a.b:80", "", "%22%3E%3Cscript%3E"]
)
def test_no_page_leads_to_what_is_no_instance(service: Service, sent: Sent, typed: str) -> None:
    answer = service.get(f"{sent.urls['karim'].kit}/mastodon?p=0&i={typed}")
    assert answer.status == 400
    assert 'role="alert"' in answer.text
    assert "<script" not in answer.text
    assert [url for url, _label in read(answer.text).links] == [
        urlsplit(sent.urls["karim"].kit).path
    ]


@pytest.mark.parametrize("number", ["9", "-1", "x", ""])
def test_a_passage_that_is_none_leads_nowhere(service: Service, sent: Sent, number: str) -> None:
    assert service.get(f"{sent.urls['karim'].kit}/mastodon?p={number}").status == 404


# --- pictures --------------------------------------------------------------------------------


def test_cards_and_badge_are_the_same_for_all_and_may_be_kept(service: Service, sent: Sent) -> None:
    *cards, badge = pictures(service.get(sent.urls["karim"].kit).text)
    assert [*cards, badge] == pictures(service.get(sent.urls["omar"].kit).text)
    for url in cards:
        answer = service.get(url)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
        assert Image.open(io.BytesIO(answer.body)).size == (1200, 630)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "max-age=86400" in answer.headers["cache-control"]
        again = service.get(url, If_None_Match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")
    answer = service.get(badge)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "Je relaie" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_picture_says_in_words_what_it_shows(service: Service, sent: Sent) -> None:
    page = service.get(sent.urls["karim"].kit).text
    shown = re.findall(r"<img[^>]*>", page)
    assert len(shown) == len(kit(sent).passages) + 1
    assert all(re.search(r' alt="[^"]+"', image) for image in shown)


# --- what robots are shown -------------------------------------------------------------------


def og(page: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page)
    return {name: unescape(content) for name, content in found}


@pytest.mark.parametrize(
    "robot",
    [
        pytest.param(FACEBOOK, id="facebook"),
        pytest.param(
            "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)", id="bluesky"
        ),
        pytest.param("Mastodon/4.3.0 (http.rb/5.2.0; +https://piaille.fr/) Bot", id="mastodon"),
        pytest.param("TelegramBot (like TwitterBot)", id="telegram"),
        pytest.param("WhatsApp/2.24.9.74 A", id="whatsapp"),
    ],
)
def test_under_a_relay_link_networks_show_its_talking_point(
    service: Service, sent: Sent, robot: str
) -> None:
    url = sent.urls["karim"].relays[sent.links[1].id]
    answer = service.get(url, User_Agent=robot)
    assert answer.status == 200
    said = og(answer.text)
    assert said["og:title"] == "C'est du salaire"
    assert said["og:description"] == "Les mots de <C'est du salaire>."
    assert said["og:url"] == url
    assert said["og:locale"] == "fr_FR"
    assert said["og:image:alt"]
    assert said["twitter:card"] == "summary_large_image"
    assert service.get(said["og:image"]).headers["content-type"] == "image/png"
    assert (TARGETS[1], TARGETS[1]) in read(answer.text).links
    service.drain()
    with service.store.read() as tx:
        (event,) = events.of_campaign(tx, CAMPAIGN)
    assert (event.kind, event.rule) == (EventKind.RELAY_VISIT, "link-preview")


def test_people_are_led_on_at_once(service: Service, sent: Sent) -> None:
    url = sent.urls["karim"].relays[sent.links[1].id]
    assert service.get(url).status == 302
    assert service.ask("HEAD", url, headers={"User-Agent": FACEBOOK}).status == 302


def test_the_kits_own_address_shows_the_letter(service: Service, sent: Sent) -> None:
    said = og(service.get(sent.urls["karim"].kit).text)
    assert said["og:title"] == "Nos deux ans <b>&"
    assert said["og:url"] == sent.urls["karim"].kit
    assert service.get(said["og:image"]).status == 200


# --- bad input -------------------------------------------------------------------------------


def test_what_is_not_ours_gets_one_and_the_same_404(
    service: Service, sent: Sent, settings: Settings
) -> None:
    nothing = service.get("/nothing")
    good = sent.urls["karim"].kit.rpartition("/")[2]
    flipped = good[:-1] + ("A" if good[-1] != "A" else "B")
    other = make_token(settings.secret, Purpose.PREFERENCES, campaign=CAMPAIGN, delivery=1)
    gone = make_token(settings.secret, Purpose.KIT, campaign=CAMPAIGN, delivery=999)
    strange = make_token(settings.secret, Purpose.KIT, campaign="another", delivery=1)
    for token in (flipped, other, gone, strange, good[:-2], good + "A", "%00", "A" * 160):
        for path in (f"/k/{token}", f"/k/{token}/mastodon?p=0&i=piaille.fr"):
            answer = service.get(path)
            assert (answer.status, answer.body) == (404, nothing.body), path
    card = make_token(settings.secret, Purpose.CARD, campaign=CAMPAIGN, link=1)
    unknown = make_token(settings.secret, Purpose.CARD, campaign=CAMPAIGN, link=9)
    for path in (
        *(f"/i/{token}/fr.png" for token in (flipped, good, unknown)),
        *(
            f"/i/{card}/{name}"
            for name in ("de.png", "fr.gif", "fr.", ".png", "fr.png/x", "..%2Ffr.png")
        ),
    ):
        answer = service.get(path)
        assert (answer.status, answer.body) == (404, nothing.body), path
    assert service.get(f"{PATHS[Purpose.CARD]}{card}/fr.png").status == 200


def test_nothing_but_reading_is_answered(service: Service, sent: Sent) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert service.ask(method, sent.urls["karim"].kit, b"").status == 405
    assert service.ask("HEAD", sent.urls["karim"].kit).body == b""


# --- in a browser ----------------------------------------------------------------------------

if CHROMIUM:
    STATUS = "document.getElementById('status').textContent"
    NARROW = """[
        document.documentElement.scrollWidth,
        [...document.querySelectorAll("button:not([hidden]), .tabs a, .shares a, .contents a")]
            .filter((one) => one.getBoundingClientRect().height < 44).length,
    ]"""

    def pressed(browser: Browser, selector: str, said: str) -> str:
        """Return what is said once the button that the keyboard is on was pressed."""
        browser.ask(f"document.querySelector('{selector}').focus()")
        for kind, text in (("keyDown", "\r"), ("keyUp", "")):
            browser.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key="Enter",
                text=text,
                windowsVirtualKeyCode=13,
            )
        browser.ask(f"""new Promise((done) => {{
            const look = () => {said} ? done() : setTimeout(look, 20);
            look();
        }})""")
        return str(browser.ask(said))

    def test_it_copies_by_keyboard_and_says_so_on_every_screen(
        service: Service, sent: Sent, tmp_path: Path
    ) -> None:
        path = urlsplit(sent.urls["karim"].kit).path
        with browsing(tmp_path) as browser:
            for width in (320, 390, 1000):
                browser.look(width=width, dark=width == 390)
                browser.show(f"http://127.0.0.1:{service.port}{path}")
                assert browser.ask(NARROW) == [width, 0]
            browser.call("Page.bringToFront")
            said = pressed(browser, "button[data-copy=long-2]", STATUS)
            assert "C'est du salaire" in said
            browser.ask("document.body.append(document.createElement('textarea'))")
            browser.ask("[...document.querySelectorAll('textarea')].at(-1).focus()")
            browser.call("Input.dispatchKeyEvent", type="keyDown", key="v", commands=["paste"])
            pasted = browser.ask("[...document.querySelectorAll('textarea')].at(-1).value")
            assert pasted == browser.ask("document.getElementById('long-2').value")

    def test_without_a_script_there_is_no_button_that_does_nothing(
        service: Service, sent: Sent, tmp_path: Path
    ) -> None:
        path = urlsplit(sent.urls["karim"].kit).path
        with browsing(tmp_path) as browser:
            browser.look(width=390, script=False)
            browser.show(f"http://127.0.0.1:{service.port}{path}")
            shown = (
                "[...document.querySelectorAll('button')].filter((one) => one.checkVisibility())"
            )
            assert browser.ask(f"{shown}.length") == 0
            assert browser.ask("document.querySelector('noscript').innerText.length") > 0
