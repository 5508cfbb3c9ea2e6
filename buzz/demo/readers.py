"""What readers, their mail clients and their scanners do with a letter once it has arrived.

They ask the tracker over real HTTP: a pixel is fetched only if the letter has one, a link is
followed as it stands in the letter, and whoever has had enough unsubscribes with one POST.
"""

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape

import aiohttp

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
PROXY = "Mozilla/5.0 (Windows NT 5.1) Gecko/20100101 Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SCANNER = "Mozilla/5.0 (compatible; BarracudaCentral Link Protection)"
OPENS, CLICKS, LEAVES, SCANNED, PROXIED = 0.62, 0.25, 0.006, 0.04, 0.3  # shares of readers
_HREF = re.compile(r'(?:href|src)="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What a reader finds in a letter."""

    to: str
    pixel: str
    clicks: tuple[str, ...]
    relay: str  # the blog's own share link; empty: none in it
    unsubscribe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the readers did, all together."""

    opened: int
    clicked: int
    scanned: int
    unsubscribed: int


def read(to: str, message: bytes, base_url: str) -> Mail:
    """Return what stands in the letter."""
    parsed = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    part = parsed.get_body(("html",))
    assert part is not None
    addresses = [unescape(url) for url in _HREF.findall(part.get_content())]

    def first(path: str) -> str:
        return next((url for url in addresses if url.startswith(f"{base_url}/{path}/")), "")

    header = str(parsed["List-Unsubscribe"] or "")
    return Mail(
        to=to,
        pixel=first("o"),
        clicks=tuple(url for url in addresses if url.startswith(f"{base_url}/c/")),
        relay=first("r"),
        unsubscribe=header.partition("<")[2].partition(">")[0],
    )


async def act(mails: Iterable[Mail], *, seed: int, at_once: int = 40) -> Done:
    """Let every reader open, click, leave or do nothing, and return what they did."""
    gate = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=at_once), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        done = await asyncio.gather(*(_act(session, gate, mail, seed) for mail in mails))
    return Done(
        opened=sum(d.opened for d in done),
        clicked=sum(d.clicked for d in done),
        scanned=sum(d.scanned for d in done),
        unsubscribed=sum(d.unsubscribed for d in done),
    )


async def _act(
    session: aiohttp.ClientSession, gate: asyncio.Semaphore, mail: Mail, seed: int
) -> Done:
    dice = random.Random(f"{seed}:{mail.to}:reader")
    opens, clicks, leaves = (dice.random() < share for share in (OPENS, CLICKS, LEAVES))
    scanned = dice.random() < SCANNED
    agent = PROXY if dice.random() < PROXIED else PERSON
    async with gate:
        if scanned:  # a filter looks at every link before its owner does
            for url in (mail.pixel, *mail.clicks, mail.unsubscribe):
                await _get(session, url, SCANNER)
        if opens:
            await _get(session, mail.pixel, agent)
        if opens and clicks and mail.clicks:
            await _get(session, dice.choice(mail.clicks), PERSON)
        if leaves and mail.unsubscribe:
            async with session.post(
                mail.unsubscribe, data={"List-Unsubscribe": "One-Click"}
            ) as response:
                response.raise_for_status()
    return Done(
        opened=bool(opens and mail.pixel),
        clicked=bool(opens and clicks and mail.clicks),
        scanned=scanned,
        unsubscribed=leaves,
    )


async def _get(session: aiohttp.ClientSession, url: str, agent: str) -> None:
    if url:
        async with session.get(url, headers={"User-Agent": agent}, allow_redirects=False) as answer:
            await answer.read()
