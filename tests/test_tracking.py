"""Tokens nobody can forge, addresses that respect consent, machines told from people."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buzz.core import tracking
from buzz.core.tracking import (
    MAX_TOKEN,
    PATHS,
    TokenPayload,
    classify,
    letter_urls,
    make_token,
    online_urls,
    read_token,
)
from buzz.model import Agent, DeliveryId, LetterUrls, Link, LinkId, Purpose, Recipient, Tracking

SECRET = b"a secret of any length, even one longer than the 32 bytes of a BLAKE2s key"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
LINKS = (
    Link(id=LinkId(1), url="https://parti.example/petition"),
    Link(id=LinkId(2), url="https://video.example/retraites"),
)

slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)
ids = st.integers(min_value=0, max_value=2**63 - 1)
payloads = st.builds(TokenPayload, campaign=slugs | st.just(""), delivery=ids, link=ids)
purposes = st.sampled_from(Purpose)


def minted(purpose: Purpose, payload: TokenPayload, secret: bytes = SECRET) -> str:
    return make_token(
        secret,
        purpose,
        campaign=payload.campaign,
        delivery=payload.delivery,
        link=payload.link,
    )


@given(purposes, payloads)
def test_a_token_says_what_was_put_in_and_fits_an_address(
    purpose: Purpose, payload: TokenPayload
) -> None:
    token = minted(purpose, payload)
    assert read_token(SECRET, purpose, token) == payload
    assert set(token) <= set(ALPHABET)
    assert len(token) <= MAX_TOKEN


@given(purposes, purposes, payloads)
def test_a_token_is_unknown_to_every_other_purpose(
    made_for: Purpose, used_for: Purpose, payload: TokenPayload
) -> None:
    found = read_token(SECRET, used_for, minted(made_for, payload))
    assert (found is not None) == (made_for is used_for)


@given(purposes, payloads, st.data())
def test_any_flipped_bit_makes_it_unknown(
    purpose: Purpose, payload: TokenPayload, data: st.DataObject
) -> None:
    token = minted(purpose, payload)
    place = data.draw(st.integers(0, len(token) - 1))
    bit = data.draw(st.integers(0, 5))
    changed = ALPHABET[ALPHABET.index(token[place]) ^ (1 << bit)]
    assert read_token(SECRET, purpose, token[:place] + changed + token[place + 1 :]) is None


@given(purposes, payloads, st.integers(0, MAX_TOKEN), st.text(max_size=3))
def test_cut_or_lengthened_it_is_unknown(
    purpose: Purpose, payload: TokenPayload, keep: int, more: str
) -> None:
    token = minted(purpose, payload)
    other = token[:keep] + more
    assert (read_token(SECRET, purpose, other) is not None) == (other == token)


@given(purposes, st.text(max_size=200) | st.text(ALPHABET, max_size=200))
def test_gibberish_is_unknown_and_raises_nothing(purpose: Purpose, token: str) -> None:
    assert read_token(SECRET, purpose, token) is None


@given(purposes, payloads)
def test_another_secret_knows_none_of_our_tokens(purpose: Purpose, payload: TokenPayload) -> None:
    assert read_token(b"another", purpose, minted(purpose, payload)) is None


def test_every_purpose_has_a_path_and_a_personalisation_of_its_own() -> None:
    assert set(PATHS) == set(Purpose) == set(tracking._PERSONS)
    assert len(set(PATHS.values())) == len(set(tracking._PERSONS.values())) == len(Purpose)


# --- addresses of a letter --------------------------------------------------------------------


def urls_for(
    opens: Tracking, clicks: Tracking, make: Callable[..., LetterUrls] = letter_urls
) -> LetterUrls:
    return make(
        SECRET,
        "https://lettre.parti.example/",
        campaign="retraites",
        delivery=DeliveryId(77),
        recipient=Recipient(
            blog="karim",
            name="Le blog de Karim",
            email="karim@blog.example",
            language="fr",
            opens=opens,
            clicks=clicks,
        ),
        links=LINKS,
    )


def inside(url: str, purpose: Purpose) -> TokenPayload | None:
    path = urlsplit(url).path
    assert path.startswith(PATHS[purpose])
    return read_token(SECRET, purpose, path.removeprefix(PATHS[purpose]).removesuffix(".gif"))


def test_without_consent_no_pixel_and_plain_addresses() -> None:
    urls = urls_for(Tracking.NONE, Tracking.NONE)
    assert urls.pixel == ""
    assert urls.clicks == {link.id: link.url for link in LINKS}


def test_aggregate_addresses_are_the_same_for_everybody() -> None:
    urls = urls_for(Tracking.AGGREGATE, Tracking.AGGREGATE)
    assert inside(urls.pixel, Purpose.OPEN) == TokenPayload(campaign="retraites")
    assert inside(urls.clicks[LinkId(2)], Purpose.CLICK) == TokenPayload(
        campaign="retraites", link=2
    )


def test_personal_addresses_carry_the_delivery() -> None:
    urls = urls_for(Tracking.PERSONAL, Tracking.PERSONAL)
    assert inside(urls.pixel, Purpose.OPEN) == TokenPayload(campaign="retraites", delivery=77)
    assert inside(urls.clicks[LinkId(1)], Purpose.CLICK) == TokenPayload(
        campaign="retraites", delivery=77, link=1
    )


@pytest.mark.parametrize("tracking_", Tracking)
def test_what_the_reader_uses_themselves_carries_the_delivery(tracking_: Tracking) -> None:
    urls = urls_for(tracking_, tracking_)
    theirs = TokenPayload(campaign="retraites", delivery=77)
    assert inside(urls.unsubscribe, Purpose.UNSUBSCRIBE) == theirs
    assert inside(urls.preferences, Purpose.PREFERENCES) == theirs
    assert inside(urls.online, Purpose.ONLINE) == theirs
    assert inside(urls.relays[LinkId(2)], Purpose.RELAY) == TokenPayload(
        campaign="retraites", delivery=77, link=2
    )
    assert urls.unsubscribe.startswith("https://lettre.parti.example/u/")


def test_the_page_of_a_letter_measures_nothing() -> None:
    urls = urls_for(Tracking.PERSONAL, Tracking.PERSONAL, online_urls)
    assert urls.pixel == ""
    assert urls.clicks == {link.id: link.url for link in LINKS}
    assert inside(urls.unsubscribe, Purpose.UNSUBSCRIBE) is not None


# --- people and machines ------------------------------------------------------------------------

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.mark.parametrize(
    ("user_agent", "agent", "rule"),
    [
        pytest.param(FIREFOX, Agent.PERSON, "", id="firefox"),
        pytest.param(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Mobile/15E148",
            Agent.PERSON,
            "",
            id="iphone-mail-without-protection",
        ),
        pytest.param(
            "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; "
            "Microsoft Outlook 16.0.17328; ms-office; MSOffice 16)",
            Agent.PERSON,
            "",
            id="outlook-desktop",
        ),
        pytest.param(
            "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7) AppleWebKit/537.36 Chrome/120.0 Mobile",
            Agent.PERSON,
            "",
            id="a-phone-called-cubot",
        ),
        pytest.param("Mozilla/5.0", Agent.PREFETCH, "apple-mail-privacy", id="apple"),
        pytest.param(
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com "
            "GoogleImageProxy)",
            Agent.PROXY,
            "google-image-proxy",
            id="gmail",
        ),
        pytest.param(
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            Agent.PROXY,
            "yahoo-mail-proxy",
            id="yahoo",
        ),
        pytest.param("Microsoft SafeLinks", Agent.SCANNER, "outlook-safelinks", id="safelinks"),
        pytest.param("Barracuda Sentinel (EE)", Agent.SCANNER, "barracuda", id="barracuda"),
        pytest.param("Proofpoint URL Defense", Agent.SCANNER, "proofpoint", id="proofpoint"),
        pytest.param("Mimecast-URL-Protect", Agent.SCANNER, "mimecast", id="mimecast"),
        pytest.param("curl/8.5.0", Agent.SCANNER, "program", id="curl"),
        pytest.param("Python-urllib/3.11", Agent.SCANNER, "program", id="python"),
        pytest.param(
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            Agent.SCANNER,
            "bot",
            id="bingbot",
        ),
        pytest.param("WhatsApp/2.23.20.0", Agent.PREFETCH, "link-preview", id="whatsapp"),
        pytest.param("", Agent.SCANNER, "no-agent", id="nothing"),
    ],
)
def test_who_asked(user_agent: str, agent: Agent, rule: str) -> None:
    assert classify("GET", user_agent) == (agent, rule)


def test_nobody_follows_a_link_by_head() -> None:
    assert classify("HEAD", FIREFOX) == (Agent.SCANNER, "head")


def test_a_browser_that_prefetches_says_so() -> None:
    assert classify("GET", FIREFOX, "prefetch;prerender") == (Agent.PREFETCH, "prefetch")


def test_each_rule_is_named_once_and_written_in_lower_case() -> None:
    assert len({rule.name for rule in tracking.RULES}) == len(tracking.RULES)
    for rule in tracking.RULES:
        for word in (*rule.is_, *rule.begins, *rule.contains):
            assert word == word.lower()
