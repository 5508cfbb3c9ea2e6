"""``buzz campaign preview --watch``: the letter in a browser on this machine, drawn anew on save.

One page shows what a desktop, a telephone, a telephone at night and a reader of text get, and the
headers of the message, as any blog gets it. Only this machine is answered, and only under its own
name: a page elsewhere that calls itself 127.0.0.1 (DNS rebinding) is not.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import blake2b, sha256
from pathlib import Path

import jinja2
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from buzz import locales
from buzz.config import Settings
from buzz.edges.store import Store
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.pipeline import campaign
from buzz.pipeline.campaign import loading, pictures
from buzz.web import pictures as shown
from buzz.web.server import run

BIND = "127.0.0.1:0"  # any free port of this machine
VIEWS = ("desktop", "phone", "dark", "text")
_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "preview.css").read_text(encoding="utf-8")
_SCRIPT = (_FOLDER / "preview.js").read_text(encoding="utf-8")
_LOOK_EVERY_S = 0.25  # 40 small stat() calls; a save is seen before the eye is on the browser
_SCHEME = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")


def watch(
    settings: Settings,
    store: Store,
    slug: str,
    blog: str = "",
    listening: Callable[[str], None] | None = None,
) -> None:
    """Serve the preview of a campaign until SIGINT or SIGTERM.

    Args:
        blog: as whom it is shown at first; empty: the first of the segment.
        listening: told the address of the page once it answers.

    Raises:
        UsageError: there is no such campaign.
    """
    loading.written(settings, slug)
    start = f"/?as={blog}" if blog else "/"
    run(
        create_app(settings, store, slug),
        BIND,
        lambda address: listening and listening(address + start),
    )


def create_app(settings: Settings, store: Store, slug: str) -> Starlette:
    """Return the preview of one campaign as an application."""
    desk = _Desk(settings, store, slug)
    return Starlette(
        routes=[
            Route("/", desk.page),
            Route("/letter/{view}", desk.letter),
            Route("/changes", desk.changes),
            shown.route(settings),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


class _Desk:
    """What the page asks for. Letters are made on the event loop: bounds are the main thread's."""

    def __init__(self, settings: Settings, store: Store, slug: str) -> None:
        self._settings = settings
        self._store = store
        self._slug = slug
        self._language = locales.language()
        self._template = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        ).get_template("preview.html")
        self._policy = (
            f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; "
            "frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    async def page(self, request: Request) -> Response:
        """Return the page with its four views and the headers, or with what is wrong."""
        blog = request.query_params.get("as", "")
        state = await run_in_threadpool(self._state)
        seen, wrong = self._seen(blog)
        with locales.speaking(self._language):
            html = self._template.render(
                _=_,
                language=self._language,
                slug=self._slug,
                blog=blog,
                state=state,
                seen=seen,
                wrong=wrong,
                style=Markup(_STYLE),  # noqa: S704  (our own file)
                script=Markup(_SCRIPT),  # noqa: S704  (our own file)
            )
        return _answer(html, self._policy)

    async def letter(self, request: Request) -> Response:
        """Return one view of the letter, to stand in a frame without scripts."""
        view = request.path_params["view"]
        seen, wrong = self._seen(request.query_params.get("as", ""))
        if seen is None or view not in VIEWS:
            return Response(str(wrong or ""), status_code=404, media_type="text/plain")
        if view == "text":
            return Response(
                seen.text, media_type="text/plain", headers={"cache-control": "no-store"}
            )
        # A frame cannot be told the colour scheme: the letter's own query is made to hold or not.
        html = _SCHEME.sub("@media all" if view == "dark" else "@media not all", seen.html)
        base = self._settings.web.base_url.rstrip("/")
        html = html.replace(f"{base}{pictures.PATH}", pictures.PATH)
        html = html.replace("<head>", '<head><base target="_blank">', 1)
        return _answer(
            html,
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'",
        )

    async def changes(self, request: Request) -> Response:
        """Tell as server-sent events that a file was saved since the page was drawn."""
        since = request.query_params.get("since", "")

        async def events() -> AsyncIterator[str]:
            yield "retry: 500\n\n"
            before = since
            server = request.app.state.server
            while not server.should_exit and not await request.is_disconnected():
                state = await run_in_threadpool(self._state)
                if state == before != since:  # an editor may write a file in several steps
                    yield f"data: {state}\n\n"
                    return
                before = state
                await asyncio.sleep(_LOOK_EVERY_S)

        return StreamingResponse(
            events(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    def _seen(self, blog: str) -> tuple[campaign.Preview | None, BuzzError | None]:
        with locales.speaking(self._language):
            try:
                now = self._settings.now()
                return (
                    campaign.preview(self._settings, self._store, self._slug, now, blog=blog),
                    None,
                )
            except BuzzError as exc:
                return None, exc

    def _state(self) -> str:
        """Return a word for the files as they are: another one after each save."""
        facts = sorted(f"{path}\0{mark}" for path, mark in self._marks())
        return blake2b("\n".join(facts).encode(), digest_size=8).hexdigest()

    def _marks(self) -> Iterator[tuple[str, str]]:
        workspace = self._settings.workspace
        folders = (loading.folder(self._settings, self._slug), *self._settings.templates)
        for path in (workspace / "buzz.toml", *(p for f in folders for p in f.glob("*"))):
            try:
                facts = path.stat()
            except OSError:  # an editor replaces a file in two steps
                continue
            yield str(path), f"{facts.st_mtime_ns} {facts.st_size} {facts.st_ino}"


def _answer(html: str, policy: str) -> Response:
    return HTMLResponse(
        html,
        headers={
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
