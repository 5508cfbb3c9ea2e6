"""The service's routes: which address answers what.

GET, HEAD and OPTIONS change nothing but for the events that the tracker counts; POST acts and has
committed before it answers. A token that is not ours, for whatever reason, gets one and the same
404. Pages speak the language of the letter's reader; without one, that of the browser.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from buzz import locales
from buzz.config import Settings
from buzz.core import letter as letters
from buzz.core.tracking import (
    PATHS,
    PIXEL_SUFFIX,
    TokenPayload,
    make_token,
    online_urls,
)
from buzz.edges import spool
from buzz.edges.store import Store, campaigns
from buzz.errors import BuzzError
from buzz.model import Channel, Purpose
from buzz.pipeline import collect, privacy
from buzz.web import answers, limits, pages, pictures, requests
from buzz.web.kits import Kits
from buzz.web.pages import Page, Pages
from buzz.web.tracker import Hit, Previewer, Tracker

_READ = ["GET"]  # Starlette adds HEAD
_READ_AND_ACT = ["GET", "POST"]
_STYLES = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_CHANNELS = {pages.OPENS: Channel.OPEN, pages.CLICKS: Channel.CLICK}


def create_app(settings: Settings, store: Store) -> Starlette:
    """Return the service of a workspace; it drains its spool while it runs.

    Raises:
        ConfigurationError: the workspace has no signing secret, or no spool can be written.
    """
    service = _Service(settings, store)
    tracker = service.tracker

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tracker.start()
        try:
            yield
        finally:
            await run_in_threadpool(tracker.stop)

    def hit(purpose: Purpose, suffix: str = "", preview: Previewer | None = None) -> Route:
        path = f"{PATHS[purpose]}{{token}}{suffix}"
        return Route(path, Hit(tracker, settings.secret, purpose, preview), methods=_READ)

    def shown(purpose: Purpose, endpoint: Callable[..., object], methods: list[str]) -> Route:
        return Route(f"{PATHS[purpose]}{{token}}", endpoint, methods=methods)

    app = Starlette(
        routes=[
            hit(Purpose.OPEN, PIXEL_SUFFIX),
            hit(Purpose.CLICK),
            hit(Purpose.RELAY, preview=service.kits.preview),
            shown(Purpose.UNSUBSCRIBE, service.unsubscribe, _READ_AND_ACT),
            shown(Purpose.PREFERENCES, service.preferences, _READ_AND_ACT),
            shown(Purpose.ONLINE, service.online, _READ),
            *service.kits.routes(),
            pictures.route(settings),
            Route("/health", service.health, methods=_READ),
            Route("/", service.home, methods=_READ),
        ],
        middleware=[Middleware(limits.Limits, refuse=service.problem)],
        exception_handlers={
            HTTPException: service.refused,
            BuzzError: service.away,
            Exception: service.failed,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would lead to whatever host the client names
    return app


class _Service:
    """The pages, each as an endpoint."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._secret = settings.secret
        self._pages = Pages(settings.sender)
        self.tracker = Tracker(settings, store)
        self.kits = Kits(settings, store, self._pages)

    # --- endpoints ------------------------------------------------------------------------------

    async def unsubscribe(self, request: Request) -> Response:
        """GET asks, POST stops the letter (RFC 8058: either encoding, no redirect, no cookie)."""
        token = requests.token(self._secret, request, Purpose.UNSUBSCRIBE)
        if request.method == "POST":
            # Whatever the body says: a mail client's odd encoding must keep nobody on the list.
            await limits.body(request)
            return await run_in_threadpool(self._stop_letter, token)
        return await run_in_threadpool(self._unsubscribe, token)

    async def preferences(self, request: Request) -> Response:
        """GET shows what is measured and sent, POST stops one of them."""
        token = requests.token(self._secret, request, Purpose.PREFERENCES)
        if request.method == "POST":
            form = parse_qs((await limits.body(request)).decode("latin-1"))
            return await run_in_threadpool(self._stop, token, form.get(pages.STOP, [""])[0])
        return await run_in_threadpool(self._preferences, token)

    async def online(self, request: Request) -> Response:
        """Show the letter as it was sent, without its reader's name."""
        token = requests.token(self._secret, request, Purpose.ONLINE)
        return await run_in_threadpool(self._online, token)

    async def health(self, _request: Request) -> Response:
        """Say for a watchdog whether events reach the database, and whether any were lost."""
        waiting = await run_in_threadpool(spool.waiting_bytes, collect.folder(self._settings))
        facts = {
            "v": 1,
            "status": "ok" if self.tracker.is_draining and not self.tracker.lost else "degraded",
            "draining": self.tracker.is_draining,
            "waiting_bytes": waiting,
            "lost": self.tracker.lost,
        }
        headers = {**answers.HEADERS, "content-security-policy": answers.NOTHING}
        return JSONResponse(facts, headers=headers)

    async def home(self, request: Request) -> Response:
        """Say whose service this is."""
        with locales.speaking(requests.wish(request)):
            return self._page(self._pages.home())

    # --- what they show -------------------------------------------------------------------------

    def _unsubscribe(self, token: TokenPayload) -> Response:
        return self._shown(
            privacy.reader(self._settings, self._store, token), self._unsubscribe_page
        )

    def _stop_letter(self, token: TokenPayload) -> Response:
        now = self._settings.now()
        return self._shown(
            privacy.stop_letter(self._settings, self._store, token, now), self._unsubscribe_page
        )

    def _unsubscribe_page(self, reader: privacy.Reader) -> Page:
        preferences = make_token(
            self._secret, Purpose.PREFERENCES, campaign=reader.campaign, delivery=reader.delivery
        )
        return self._pages.unsubscribe(reader, f"{PATHS[Purpose.PREFERENCES]}{preferences}")

    def _preferences(self, token: TokenPayload) -> Response:
        return self._shown(
            privacy.reader(self._settings, self._store, token), self._pages.preferences
        )

    def _stop(self, token: TokenPayload, what: str) -> Response:
        now = self._settings.now()
        if what == pages.LETTER:
            reader = privacy.stop_letter(self._settings, self._store, token, now)
        elif what in _CHANNELS:
            reader = self._stop_measuring(token, what)
        else:
            raise HTTPException(400)
        return self._shown(
            reader,
            lambda reader: self._pages.preferences(reader, notice=pages.stopped_words(what)),
        )

    def _stop_measuring(self, token: TokenPayload, what: str) -> privacy.Reader | None:
        before = privacy.reader(self._settings, self._store, token)
        if before is None:
            return None
        with locales.speaking(before.language):
            wording = pages.stop_words(what)
        after = privacy.stop_measuring(
            self._settings,
            self._store,
            token,
            _CHANNELS[what],
            wording=wording,
            version=pages.WORDING_VERSION,
            now=self._settings.now(),
        )
        self.tracker.refresh()  # from the next hit on, not from the next second
        return after

    def _online(self, token: TokenPayload) -> Response:
        with self._store.read() as tx:
            delivery = privacy.delivery_of(tx, token)
            if delivery is None:
                raise HTTPException(404)
            compiled = campaigns.letters(tx, delivery.campaign)
        letter = compiled.get(delivery.recipient.language) or next(iter(compiled.values()), None)
        if letter is None:
            raise HTTPException(404)
        urls = online_urls(
            self._secret,
            self._settings.web.base_url,
            campaign=delivery.campaign,
            delivery=delivery.id,
            recipient=delivery.recipient,
            links=letter.links,
        )
        html = letters.online_html(letter, urls)
        return answers.page(html, pages.policy_for(*_STYLES.findall(html), letter=True))

    def _shown(
        self, reader: privacy.Reader | None, page: Callable[[privacy.Reader], Page]
    ) -> Response:
        """Return a reader's page in their language.

        Raises:
            HTTPException: 404, nothing is held on them any more.
        """
        if reader is None:
            raise HTTPException(404)
        with locales.speaking(reader.language):
            return self._page(page(reader))

    def _page(
        self, page: Page, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        return answers.page(self._pages.html(page), self._pages.policy, status, headers)

    # --- what went wrong ------------------------------------------------------------------------

    def problem(
        self, request: Request, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        """Return the page for a status, in the browser's language."""
        with locales.speaking(requests.wish(request)):
            return self._page(self._pages.problem(status), status, headers)

    async def refused(self, request: Request, exc: Exception) -> Response:
        """Answer a request that is wrong in itself."""
        assert isinstance(exc, HTTPException)
        headers = {name.lower(): value for name, value in (exc.headers or {}).items()}
        if request.method == "OPTIONS" and "allow" in headers:
            return Response(status_code=204, headers={**answers.HEADERS, **headers})
        return self.problem(request, exc.status_code, headers)

    async def away(self, request: Request, _exc: Exception) -> Response:
        """Answer while the database is away."""
        return self.problem(request, 503, {"retry-after": "60"})

    async def failed(self, request: Request, _exc: Exception) -> Response:
        """Answer after a fault of our own."""
        return self.problem(request, 500)
