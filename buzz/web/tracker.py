"""Opens, clicks and visits: the token is read, consent asked, one line written, then answered.

No database stands in the way of an answer. What a hit needs to know (whose letter, what was
agreed to, where a link leads) is kept in memory and read again every second; what is missing is
looked up once in a thread. When the database is away, events go to the spool all the same and
consent is asked when they are drained. HEAD and OPTIONS leave no trace.
"""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from buzz.config import Settings
from buzz.core import consent
from buzz.core.tracking import LINK_PREVIEW, TokenPayload, classify, read_token
from buzz.edges.spool import Spool
from buzz.edges.store import Store, campaigns, events
from buzz.errors import BuzzError
from buzz.model import Channel, Consent, DeliveryId, Event, EventKind, LinkId, Purpose
from buzz.pipeline import collect
from buzz.web.answers import PIXEL_ANSWER, redirect

DRAIN_EVERY_S = 1.0
STALE_AFTER_S = 0.1  # what was agreed to is not read more often than this for a hit
MAX_REMEMBERED = 200_000  # links and deliveries; then memory begins anew
_STOP_WITHIN_S = 5.0
_KINDS = {
    Purpose.OPEN: EventKind.OPEN,
    Purpose.CLICK: EventKind.CLICK,
    Purpose.RELAY: EventKind.RELAY_VISIT,
}


class Tracker:
    """Records hits in a spool of its own, and drains it from :meth:`start` to :meth:`stop`.

    Attributes:
        trouble: why the last drain failed; empty: it did not.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._modes = collect.modes(settings)
        self._consents: Mapping[tuple[str, Channel], Consent] | None = None  # None: not known yet
        self._refreshed = -math.inf  # monotonic seconds
        self._blogs: dict[object, str] = {}  # by delivery and campaign
        self._links: dict[object, str] = {}  # addresses by id
        self._spool = Spool(collect.folder(settings))
        self._stop = threading.Event()
        self._drainer = threading.Thread(target=self._drain_often, name="drain", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        """Begin to drain."""
        self._drainer.start()

    def stop(self) -> None:
        """Drain once more if the database lets us, and close the spool."""
        self._stop.set()
        self._drainer.join(_STOP_WITHIN_S)
        self._spool.close()

    @property
    def lost(self) -> int:
        """Return how many events could not even be written to the spool."""
        return self._spool.lost

    @property
    def is_draining(self) -> bool:
        """Tell whether events reach the database."""
        return self._drainer.is_alive() and not self.trouble

    def refresh(self) -> None:
        """Read again what everybody agreed to.

        Raises:
            TemporaryFailure: the database is locked or away.
        """
        with self._store.read() as tx:
            self._consents = collect.consents_in_force(tx)
        self._refreshed = time.monotonic()

    async def link(self, link_id: LinkId) -> str | None:
        """Return where a link leads, or None: it was never stored.

        Raises:
            BuzzError: the database is away, and nobody has asked for this link before.
        """
        if link_id not in self._links:
            found = await asyncio.to_thread(self._find_link, link_id)
            if found is None:
                return None
            _remember(self._links, link_id, found)
        return self._links[link_id]

    async def record(self, purpose: Purpose, payload: TokenPayload, scope: Scope) -> None:
        """Write down a hit, as far as consent allows."""
        if scope["method"] != "GET":
            return
        event = self._event(_KINDS[purpose], payload, scope)
        if event.delivery is not None and event.kind is not EventKind.RELAY_VISIT:
            kept = await self._admitted(event, event.delivery)
        else:
            kept = consent.admitted(event, blog="", consents={}, modes=self._modes)
        if kept is not None:
            self._spool.append(kept)

    def _event(self, kind: EventKind, payload: TokenPayload, scope: Scope) -> Event:
        agent, rule = classify(scope["method"], *_said(scope))
        now = self._settings.now()
        return Event(
            kind=kind,
            campaign=payload.campaign,
            # Of a blog's visitors nothing is kept but the day.
            at=_day(now) if kind is EventKind.RELAY_VISIT else now,
            delivery=DeliveryId(payload.delivery) if payload.delivery else None,
            link=LinkId(payload.link) if payload.link else None,
            agent=agent,
            rule=rule,
        )

    async def _admitted(self, event: Event, delivery: DeliveryId) -> Event | None:
        """Return what may be recorded; undecided where the database cannot be asked."""
        letter = (delivery, event.campaign)
        if letter not in self._blogs:
            try:
                blog = await asyncio.to_thread(self._find_blog, letter)
            except BuzzError:
                return event
            if blog is None:
                return None
            _remember(self._blogs, letter, blog)
        kept = self._allowed(event, self._blogs[letter])
        # Somebody's own token that is not allowed: they withdrew, or agreed only just now.
        if kept is None and time.monotonic() - self._refreshed > STALE_AFTER_S:
            with suppress(BuzzError):
                await asyncio.to_thread(self.refresh)
            kept = self._allowed(event, self._blogs[letter])
        return kept

    def _allowed(self, event: Event, blog: str) -> Event | None:
        if self._consents is None:
            return event
        return consent.admitted(event, blog=blog, consents=self._consents, modes=self._modes)

    def _find_blog(self, letter: tuple[DeliveryId, str]) -> str | None:
        with self._store.read() as tx:
            return events.blogs_of(tx, (letter,)).get(letter)

    def _find_link(self, link_id: LinkId) -> str | None:
        with self._store.read() as tx:
            link = campaigns.link(tx, link_id)
        return None if link is None else link.url

    def _drain_often(self) -> None:
        stopping = False
        while not stopping:
            try:
                self.refresh()
                collect.drain(self._settings, self._store)
                self._spool.rotate()
                self.trouble = ""
            except (BuzzError, OSError) as exc:
                self.trouble = str(exc)
            stopping = self._stop.wait(DRAIN_EVERY_S)
        with suppress(BuzzError):
            collect.drain(self._settings, self._store)


# Makes of a relay link's token and its address what a network shows of it, or None.
Previewer = Callable[[TokenPayload, str], Awaitable[Response | None]]


class Hit:
    """The ASGI end of ``/o/``, ``/c/`` and ``/r/``."""

    def __init__(
        self,
        tracker: Tracker,
        secret: bytes,
        purpose: Purpose,
        preview: Previewer | None = None,
    ) -> None:
        self._tracker = tracker
        self._secret = secret
        self._purpose = purpose
        self._preview = preview

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the hit and answer with the pixel or the way to the stored address.

        Raises:
            HTTPException: 404, the token or its link is not ours; 503, it cannot be told now.
        """
        payload = read_token(self._secret, self._purpose, scope["path_params"]["token"])
        if payload is None:
            raise HTTPException(404)
        if self._purpose is Purpose.OPEN:
            await self._tracker.record(self._purpose, payload, scope)
            await PIXEL_ANSWER(scope, receive, send)
            return
        url = await self._tracker.link(LinkId(payload.link))
        if url is None:
            raise HTTPException(404)
        await self._tracker.record(self._purpose, payload, scope)
        shown = None
        if self._preview and classify(scope["method"], *_said(scope))[1] == LINK_PREVIEW:
            with suppress(BuzzError):  # the database is away: the way there is enough
                shown = await self._preview(payload, url)
        await (shown or redirect(url))(scope, receive, send)


def _said(scope: Scope) -> tuple[str, str]:
    """Return the agent and the purpose that a request names."""
    agent = purpose = b""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value
        elif name in {b"sec-purpose", b"purpose", b"x-purpose"}:
            purpose = value
    return agent.decode("latin-1"), purpose.decode("latin-1").lower()


def _day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _remember(memory: dict[object, str], key: object, value: str) -> None:
    if len(memory) >= MAX_REMEMBERED:
        memory.clear()
    memory[key] = value
