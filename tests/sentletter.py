"""A letter that was sent to a few blogs, and the real service its addresses point to."""

import asyncio
import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.applications import Starlette

from buzz.config import Settings
from buzz.core import consent
from buzz.core.tracking import letter_urls
from buzz.edges.store import Store, blogs, campaigns, deliveries
from buzz.model import (
    Blog,
    CompiledLetter,
    Consent,
    Delivery,
    DeliveryState,
    LetterUrls,
    Link,
    MessagePack,
    Recipient,
)
from buzz.pipeline import collect
from buzz.web.app import create_app
from buzz.web.server import IDLE_S, listen, server_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CAMPAIGN = "retraites"
TARGETS = ("https://parti.example/pétition?a=1&b=2", "https://video.example/retraites#debut")
FORM = "application/x-www-form-urlencoded"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

AGREES = Blog(
    slug="karim",
    name="Le blog de Karim",
    url="https://karim.example",
    email="karim@karim.example",
    consent_open=Consent.GRANTED,
    consent_click=Consent.GRANTED,
)
SILENT = Blog(
    slug="lea", name="Léa écrit", url="https://lea.example", email="lea@lea.example", language="en"
)
REFUSES = Blog(
    slug="omar",
    name="Omar <b>&",
    url="https://omar.example",
    email="omar@omar.example",
    consent_open=Consent.DENIED,
    consent_click=Consent.DENIED,
)
BLOGS = (AGREES, SILENT, REFUSES)


@dataclass(frozen=True)
class Sent:
    """What was sent: each blog's delivery and the addresses in its letter."""

    links: tuple[Link, ...]
    deliveries: Mapping[str, Delivery]
    urls: Mapping[str, LetterUrls]


def send(settings: Settings, store: Store, slug: str = CAMPAIGN) -> Sent:
    """Put a campaign into the database as the plan freezes it."""
    modes = settings.tracking
    with store.write() as tx:
        blogs.save(tx, BLOGS, NOW)
        links = campaigns.ensure_links(tx, slug, TARGETS)
        letters = {language: _letter(language, links) for language in ("fr", "en")}
        campaigns.freeze(tx, slug, letters, _pack(slug), NOW)
        recipients = [
            Recipient(
                blog=blog.slug,
                name=blog.name,
                email=blog.email,
                language=blog.language,
                opens=consent.allowed(modes.opens, blog.consent_open),
                clicks=consent.allowed(modes.clicks, blog.consent_click),
            )
            for blog in BLOGS
        ]
        planned = deliveries.plan(
            tx, slug, [(r, DeliveryState.PLANNED) for r in recipients], _ENVELOPE, NOW
        )
    by_blog = {delivery.blog: delivery for delivery in planned}
    urls = {
        blog: letter_urls(
            settings.secret,
            settings.web.base_url,
            campaign=slug,
            delivery=delivery.id,
            recipient=delivery.recipient,
            links=links,
        )
        for blog, delivery in by_blog.items()
    }
    return Sent(links=links, deliveries=by_blog, urls=urls)


_ENVELOPE = deliveries.Envelope(
    from_="La Lettre du Buzz <lettre@parti.example>",
    reply_to="",
    mail_from="lettre@parti.example",
    list_id="lettre.parti.example",
    base_url="http://127.0.0.1:8025",
    content_hash="h",
)


def _letter(language: str, links: tuple[Link, ...]) -> CompiledLetter:
    click, relay = (f"qz{kind}{links[0].id}" for kind in ("click", "relay"))
    return CompiledLetter(
        language=language,
        subject="Retraites",
        preheader="",
        html=f'<!doctype html><html lang="{language}"><head><title>Retraites</title>'
        "<style>p{color:red}</style></head><body>"
        f'<p style="color:blue">qzname</p><a href="{click}">un</a> <a href="{relay}">deux</a>'
        "</body></html>",
        text="qzname",
        slots={"name": "qzname", f"click:{links[0].id}": click, f"relay:{links[0].id}": relay},
        links=links,
        content_hash="h",
    )


def _pack(slug: str) -> MessagePack:
    return MessagePack(
        campaign=slug,
        sent_at=NOW,
        language="fr",
        title="Retraites",
        organisation="Parti de l'Exemple",
        text="",
        talking_points=(),
    )


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()


@dataclass(frozen=True)
class Service:
    """A service that runs, and a client for it that follows nothing and sends no cookie."""

    port: int
    settings: Settings
    store: Store

    def ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to one request on a connection of its own."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, target, body, {"User-Agent": FIREFOX, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, url: str, **headers: str) -> Answer:
        """GET; an underscore in a header's name stands for a hyphen."""
        return self.ask("GET", url, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, url: str, body: bytes, encoding: str = FORM) -> Answer:
        """POST a body in this encoding."""
        return self.ask("POST", url, body, {"Content-Type": encoding})

    def drain(self) -> None:
        """Move all events into the database."""
        collect.drain(self.settings, self.store)


@contextmanager
def serving(
    settings: Settings, store: Store, *, idle_s: int = IDLE_S, app: Starlette | None = None
) -> Iterator[Service]:
    """Run the service, or another application, on a free port, in a thread."""
    ready = threading.Event()
    listener = listen("127.0.0.1:0")
    server = server_of(app or create_app(settings, store), ready.set, idle_s=idle_s)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        assert ready.wait(10)
        yield Service(listener.getsockname()[1], settings, store)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
