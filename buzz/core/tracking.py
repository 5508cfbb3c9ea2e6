"""Tokens in a letter's addresses, what they may carry, and who seems to have asked.

A token names a campaign and, where its purpose needs them, a delivery and a link. It is signed,
not encrypted: whoever holds one can neither change it nor use it for another purpose. What a
reader agreed to decides whether a letter holds a personal token at all (:func:`letter_urls`).
A machine's request is labelled as one by rules that are data (:data:`RULES`); nothing here sees
or keeps an IP address.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2s
from hmac import compare_digest
from typing import Any

from buzz.model import Agent, DeliveryId, LetterUrls, Link, Purpose, Recipient, Tracking

PATHS = {
    Purpose.OPEN: "/o/",  # followed by TOKEN.gif: some clients load only what looks like an image
    Purpose.CLICK: "/c/",
    Purpose.UNSUBSCRIBE: "/u/",
    Purpose.ONLINE: "/l/",
    Purpose.RELAY: "/r/",
    Purpose.PREFERENCES: "/p/",
    Purpose.KIT: "/k/",
    Purpose.CARD: "/i/",  # followed by TOKEN.png or TOKEN.svg
}
PIXEL_SUFFIX = ".gif"

MAC_BYTES = 12  # 96 bits; NIST SP 800-107 wants at least 64 where guesses are rate-limited
MAX_TOKEN = 160  # characters; the longest slug and two 64-bit ids need 130
_PERSON_BYTES = 8  # BLAKE2s: personalisation, RFC 7693 §2.8 and the BLAKE2 paper §2.8
_PERSONS = {
    Purpose.OPEN: b"buzzopen",
    Purpose.CLICK: b"buzzclck",
    Purpose.UNSUBSCRIBE: b"buzzunsb",
    Purpose.ONLINE: b"buzzonln",
    Purpose.RELAY: b"buzzrlay",
    Purpose.PREFERENCES: b"buzzpref",
    Purpose.KIT: b"buzzkitp",
    Purpose.CARD: b"buzzcard",
}
_KEY_ID_PERSON = b"buzzkyid"
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_CONTINUED = 0x80  # LEB128: another byte follows


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPayload:
    """What a token says. 0 and an empty string mean: nobody, nothing."""

    campaign: str = ""
    delivery: int = 0
    link: int = 0


def make_token(
    secret: bytes, purpose: Purpose, *, campaign: str = "", delivery: int = 0, link: int = 0
) -> str:
    """Return a signed token, safe in an address: base64url of key id, ids, slug and MAC.

    Args:
        secret: the workspace's signing secret, of any length.
        purpose: what the token is for; it is unknown to every other purpose.
        campaign: slug.
        delivery: whose letter it is in; 0: nobody's.
        link: the address behind it; 0: none.
    """
    return _encode(_key(secret, purpose), delivery, link, campaign.encode())


def read_token(secret: bytes, purpose: Purpose, token: str) -> TokenPayload | None:
    """Return what the token says, or None where we did not make it for this purpose.

    A token is ours when making it again from what it says gives the same characters; so no
    second spelling of a token exists, and the comparison takes the same time for all.
    """
    payload = _decode(token)
    if payload is None:
        return None
    delivery, link, campaign = payload
    again = _encode(_key(secret, purpose), delivery, link, campaign)
    if not compare_digest(again.encode(), token.encode()):
        return None
    return TokenPayload(campaign=campaign.decode(), delivery=delivery, link=link)


def letter_urls(
    secret: bytes,
    base_url: str,
    *,
    campaign: str,
    delivery: DeliveryId,
    recipient: Recipient,
    links: Sequence[Link],
) -> LetterUrls:
    """Return the addresses of one recipient's letter, as far as they agreed to be measured.

    Opens and clicks follow ``recipient.opens`` and ``recipient.clicks``: nothing, an address
    that is the same for everybody, or one of their own. The other addresses always carry the
    delivery, for one cannot unsubscribe nobody; a relay link counts a blog's visitors and says
    nothing about them.
    """
    root = base_url.rstrip("/")

    def address(purpose: Purpose, *, link: int = 0, delivery: int = delivery) -> str:
        token = make_token(secret, purpose, campaign=campaign, delivery=delivery, link=link)
        return f"{root}{PATHS[purpose]}{token}"

    def click(link: Link) -> str:
        match recipient.clicks:
            case Tracking.NONE:
                return link.url
            case Tracking.AGGREGATE:
                return address(Purpose.CLICK, link=link.id, delivery=0)
            case Tracking.PERSONAL:
                return address(Purpose.CLICK, link=link.id)

    def pixel() -> str:
        match recipient.opens:
            case Tracking.NONE:
                return ""
            case Tracking.AGGREGATE:
                return address(Purpose.OPEN, delivery=0) + PIXEL_SUFFIX
            case Tracking.PERSONAL:
                return address(Purpose.OPEN) + PIXEL_SUFFIX

    return LetterUrls(
        clicks={link.id: click(link) for link in links},
        relays={link.id: address(Purpose.RELAY, link=link.id) for link in links},
        pixel=pixel(),
        unsubscribe=address(Purpose.UNSUBSCRIBE),
        online=address(Purpose.ONLINE),
        preferences=address(Purpose.PREFERENCES),
        kit=address(Purpose.KIT),
    )


def online_urls(
    secret: bytes,
    base_url: str,
    *,
    campaign: str,
    delivery: DeliveryId,
    recipient: Recipient,
    links: Sequence[Link],
) -> LetterUrls:
    """Return the addresses for the letter as a page: the same, but that nothing is measured."""
    urls = letter_urls(
        secret,
        base_url,
        campaign=campaign,
        delivery=delivery,
        recipient=recipient,
        links=links,
    )
    return LetterUrls(
        clicks={link.id: link.url for link in links},
        relays=urls.relays,
        unsubscribe=urls.unsubscribe,
        online=urls.online,
        preferences=urls.preferences,
        kit=urls.kit,
    )


# --- who asked ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one kind of machine is known by its ``User-Agent``, compared in lower case."""

    name: str  # short and stable, stored with the event
    agent: Agent
    is_: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()

    def fits(self, user_agent: str) -> bool:
        """Tell whether the agent, in lower case, is of this kind."""
        return (
            user_agent in self.is_
            or user_agent.startswith(self.begins)
            or any(word in user_agent for word in self.contains)
        )


LINK_PREVIEW = "link-preview"  # a network's robot, which shows what is behind a link

RULES = (  # the first that fits decides
    Rule(name="no-agent", agent=Agent.SCANNER, is_=("",)),
    Rule(name="google-image-proxy", agent=Agent.PROXY, contains=("googleimageproxy",)),
    Rule(name="yahoo-mail-proxy", agent=Agent.PROXY, contains=("yahoomailproxy",)),
    # Apple Mail Privacy Protection loads every image through Apple, read or not, and says no more
    # than this.
    Rule(name="apple-mail-privacy", agent=Agent.PREFETCH, is_=("mozilla/5.0",)),
    Rule(name="outlook-safelinks", agent=Agent.SCANNER, contains=("safelinks", "safe-links")),
    Rule(name="barracuda", agent=Agent.SCANNER, contains=("barracuda",)),
    Rule(name="proofpoint", agent=Agent.SCANNER, contains=("proofpoint",)),
    Rule(name="mimecast", agent=Agent.SCANNER, contains=("mimecast",)),
    Rule(
        name=LINK_PREVIEW,
        agent=Agent.PREFETCH,
        begins=(
            "facebookexternalhit",
            "linkedinbot",
            "meta-externalagent",
            "meta-externalfetcher",
            "slackbot",
            "telegrambot",
            "whatsapp/",
        ),
        contains=("bluesky", "discordbot", "mastodon/", "skypeuripreview", "twitterbot"),
    ),
    Rule(
        name="program",
        agent=Agent.SCANNER,
        begins=(
            "apache-httpclient",
            "axios/",
            "curl/",
            "go-http-client",
            "java/",
            "libwww-perl",
            "node",
            "okhttp",
            "php/",
            "python",
            "ruby",
            "wget/",
        ),
        contains=("headlesschrome", "phantomjs"),
    ),
    # A bare "bot" would take the phones of the make Cubot for one.
    Rule(
        name="bot",
        agent=Agent.SCANNER,
        contains=("bot/", "bot;", "bot)", "+http", "crawler", "spider", "slurp", "scanner"),
    ),
)


def classify(method: str, user_agent: str, purpose: str = "") -> tuple[Agent, str]:
    """Return who seems to have asked, and the rule that says so (empty for a person).

    Args:
        method: of the request; nobody follows a link by HEAD.
        user_agent: the header, or an empty string.
        purpose: ``Sec-Purpose`` or ``Purpose``, by which browsers announce a prefetch.

    >>> classify("GET", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) (via ggpht.com GoogleImageProxy)")
    (<Agent.PROXY: 'proxy'>, 'google-image-proxy')
    >>> classify("GET", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    (<Agent.PERSON: 'person'>, '')
    """
    if method == "HEAD":
        return Agent.SCANNER, "head"
    if "prefetch" in purpose or "preview" in purpose:
        return Agent.PREFETCH, "prefetch"
    words = user_agent.strip().lower()
    for rule in RULES:
        if rule.fits(words):
            return rule.agent, rule.name
    return Agent.PERSON, ""


# --- the bytes of a token -------------------------------------------------------------------


@cache
def _key(secret: bytes, purpose: Purpose) -> tuple[bytes, Any]:
    """Return the id of the secret's key and a keyed hash to copy, fresh for this purpose.

    The id is the first byte of a hash: with several secrets it names the one that was used.
    """
    key = blake2s(secret).digest()
    key_id = blake2s(key=key, person=_KEY_ID_PERSON, digest_size=1).digest()
    return key_id, blake2s(key=key, person=_PERSONS[purpose], digest_size=MAC_BYTES)


def _encode(key: tuple[bytes, Any], delivery: int, link: int, campaign: bytes) -> str:
    key_id, fresh = key
    body = key_id + _number(delivery) + _number(link) + campaign
    mac = fresh.copy()
    mac.update(body)
    raw = binascii.b2a_base64(body + mac.digest(), newline=False)
    return raw.rstrip(b"=").translate(_TO_URL).decode("ascii")


def _decode(token: str) -> tuple[int, int, bytes] | None:
    """Return delivery, link and slug as the token claims them, unproven."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        raw = binascii.a2b_base64(token.encode().translate(_FROM_URL) + b"=" * (-len(token) % 4))
        body = raw[:-MAC_BYTES]
        delivery, at = _read_number(body, 1)
        link, at = _read_number(body, at)
    except (binascii.Error, IndexError):
        return None
    campaign = body[at:]
    return (delivery, link, campaign) if campaign.isascii() else None


def _number(value: int) -> bytes:
    """Return a number as LEB128: seven bits a byte, the lowest first."""
    if value < _CONTINUED:
        return bytes((value,))
    digits = bytearray()
    while value >= _CONTINUED:
        digits.append(value & 0x7F | _CONTINUED)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next thing begins."""
    value = shift = 0
    while (byte := data[at]) & _CONTINUED:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return value | byte << shift, at + 1
