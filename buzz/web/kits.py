"""The relay kit over HTTP: a blog's page, its pictures, and what a network shows of a relay link.

Whoever knows a kit's address may look at it: it says neither whose it is nor anything that the
letter does not say. Nothing here is recorded.
"""

from collections.abc import Callable
from hashlib import blake2b

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from buzz import locales
from buzz.config import Settings
from buzz.core import kit as core
from buzz.core.tracking import PATHS, TokenPayload, make_token
from buzz.edges.store import Store
from buzz.locales import gettext as _
from buzz.model import Kit, Markup, Passage, Purpose
from buzz.pipeline import kit as kits
from buzz.web import answers, requests
from buzz.web.pages import Pages
from buzz.web.pages.kit import INSTANCE, MARKUP, PASSAGE, Addresses, KitPages, Preview

_READ = ["GET"]
_PICTURES = {"png": "image/png", "svg": "image/svg+xml"}


class Kits:
    """The kit's pages and pictures, each as an endpoint."""

    def __init__(self, settings: Settings, store: Store, pages: Pages) -> None:
        self._settings = settings
        self._store = store
        self._secret = settings.secret
        self._base = settings.web.base_url.rstrip("/")
        self._pages = KitPages(pages)

    def routes(self) -> list[Route]:
        """Return which address answers what."""
        kit, pictures = (f"{PATHS[purpose]}{{token}}" for purpose in (Purpose.KIT, Purpose.CARD))
        return [
            Route(kit, self.page, methods=_READ),
            Route(f"{kit}/mastodon", self.mastodon, methods=_READ),
            Route(f"{pictures}/{{language}}.{{kind}}", self.picture, methods=_READ),
        ]

    async def page(self, request: Request) -> Response:
        """Show everything that may be pasted, in the markup that the query names."""
        token = requests.token(self._secret, request, Purpose.KIT)
        asked = request.query_params.get(MARKUP, "")
        markup = Markup(asked) if asked in set(Markup) else Markup.HTML
        return await run_in_threadpool(self._page, token, request.path_params["token"], markup)

    async def mastodon(self, request: Request) -> Response:
        """Ask for an instance, and show the link to it; whoever wants to go there clicks it.

        A redirect would send anybody anywhere.
        """
        token = requests.token(self._secret, request, Purpose.KIT)
        return await run_in_threadpool(
            self._mastodon,
            token,
            request.path_params["token"],
            request.query_params.get(PASSAGE, "0"),
            request.query_params.get(INSTANCE),
        )

    async def picture(self, request: Request) -> Response:
        """Give a passage's card (PNG) or the campaign's badge (SVG), the same for every blog."""
        token = requests.token(self._secret, request, Purpose.CARD)
        kind, language = (request.path_params[name] for name in ("kind", "language"))
        if kind not in _PICTURES:
            raise HTTPException(404)
        body = await run_in_threadpool(self._drawn, token, language, kind)
        etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return answers.picture(b"", _PICTURES[kind], etag, status=304)
        return answers.picture(body, _PICTURES[kind], etag)

    async def preview(self, token: TokenPayload, url: str) -> Response | None:
        """Return what a network's robot finds at a relay link: words and a card, or None.

        People are led on at once; robots make of this the box under a post.

        Args:
            token: of the relay link.
            url: where it leads.
        """
        return await run_in_threadpool(self._preview, token, url)

    # --- what they show -------------------------------------------------------------------------

    def _page(self, token: TokenPayload, spelled: str, markup: Markup) -> Response:
        mine = self._mine(token)
        with locales.speaking(mine.language):
            html = self._pages.kit(mine, markup, self._addresses(mine.campaign, mine.kit, spelled))
        return answers.page(html, self._pages.policy)

    def _mastodon(
        self, token: TokenPayload, spelled: str, number: str, typed: str | None
    ) -> Response:
        mine = self._mine(token)
        passage = _passage(mine.kit, lambda passage: str(passage.number) == number)
        relay = mine.relays.get(passage.link, "") if passage.link is not None else ""
        share = core.mastodon(mine.kit, passage, relay, typed) if typed is not None else None
        addresses = self._addresses(mine.campaign, mine.kit, spelled)
        with locales.speaking(mine.language):
            html = self._pages.mastodon(
                passage, addresses, language=mine.kit.language, typed=typed, share=share
            )
        wrong = typed is not None and share is None
        return answers.page(html, self._pages.plain_policy, 400 if wrong else 200)

    def _drawn(self, token: TokenPayload, language: str, kind: str) -> bytes:
        from buzz.core.kit import card  # noqa: PLC0415  (needs Pillow and a font; few do)

        kit = kits.of_campaign(self._store, token.campaign, language)
        if kit is None:
            raise HTTPException(404)
        passage = _passage(kit, lambda passage: passage.number == token.link)
        if kind == "png":
            return card.card(kit, passage)
        with locales.speaking(locales.supported(language)):
            return card.badge(kit, _("I pass it on:")).encode()

    def _preview(self, token: TokenPayload, url: str) -> Response | None:
        kit = kits.of_relay(self._store, token)
        if kit is None:
            return None
        wanted = [passage for passage in kit.passages if passage.link == token.link]
        # An address of several talking points, or of none, is the whole letter's.
        passage = wanted[-1] if len(wanted) in {1, 2} else kit.passages[0]
        addresses = self._addresses(token.campaign, kit, "")
        relay = f"{self._base}{PATHS[Purpose.RELAY]}" + make_token(
            self._secret,
            Purpose.RELAY,
            campaign=token.campaign,
            delivery=token.delivery,
            link=token.link,
        )
        preview = Preview.of(passage, addresses, url=relay, language=kit.language)
        with locales.speaking(kit.language):
            html = self._pages.relayed(preview, url)
        return answers.page(html, self._pages.plain_policy)

    def _mine(self, token: TokenPayload) -> kits.BlogKit:
        """Return a blog's kit.

        Raises:
            HTTPException: 404, nothing is held on the blog any more.
        """
        mine = kits.of_blog(self._settings, self._store, token)
        if mine is None:
            raise HTTPException(404)
        return mine

    def _addresses(self, campaign: str, kit: Kit, spelled: str) -> Addresses:
        def pictures(number: int) -> str:
            made = make_token(self._secret, Purpose.CARD, campaign=campaign, link=number)
            return f"{PATHS[Purpose.CARD]}{made}/{kit.language.partition('-')[0].lower()}"

        return Addresses(
            base=self._base,
            kit=f"{PATHS[Purpose.KIT]}{spelled}",
            pictures={passage.number: pictures(passage.number) for passage in kit.passages},
        )


def _passage(kit: Kit, is_wanted: Callable[[Passage], bool]) -> Passage:
    """Return a passage of the kit.

    Raises:
        HTTPException: 404, there is none.
    """
    found = next(filter(is_wanted, kit.passages), None)
    if found is None:
        raise HTTPException(404)
    return found
