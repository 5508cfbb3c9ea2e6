"""Fetching one address: within bounds of time, size and place, and politely.

``async with Fetcher(...) as fetcher: await fetcher.fetch(url, validators)``. Whatever goes wrong is
a :class:`FetchResult` with a code; foreign exceptions end here. Redirects are followed by hand, so
that every hop passes the guard. No cookies, no proxies, no referrer. A host is asked gently
(:mod:`buzz.edges.fetch.turns`): few connections, a pause between two starts, and not at all while
it wants to be left alone.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urldefrag, urljoin

import aiohttp

from buzz.edges.fetch.body import ACCEPT_ENCODING, Body, BodyError, read
from buzz.edges.fetch.guard import (
    Forbidden,
    Guard,
    check_url,
    is_loopback_name,
    is_reserved_name,
)
from buzz.edges.fetch.headers import max_age, retry_after
from buzz.edges.fetch.resolver import GuardedResolver, Lookup, system_lookup
from buzz.edges.fetch.turns import Held, Turns
from buzz.errors import BuzzError, TemporaryFailure
from buzz.locales import gettext as _
from buzz.locales import system
from buzz.model import FetchOutcome, FetchResult, Validators

__all__ = ["Fetcher", "Guard", "Posted", "is_loopback_name", "is_reserved_name", "retry_after"]

MAX_REDIRECTS = 5
# A dead name server holds a thread for up to half a minute, longer than we wait for a feed: whoever
# comes after must find one that is free, within the time that is his.
LOOKUPS = 4  # at the same time, for each request at the same time
RECEIVE_BUFFER = 1 << 16  # bytes a connection may have sent us before we read them
MAX_HEADER = 32_768  # bytes of one; 8,190 is too little for some Content-Security-Policy
ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
REDIRECTS = frozenset((301, 302, 303, 307, 308))
PERMANENT = frozenset((301, 308))
NOT_MODIFIED = 304
BAD_REQUEST = 400  # and above: an error
# What a second request would end in, too.
_FINAL = frozenset(("dns", "refused", "forbidden-address", "forbidden-port", "forbidden-url"))


async def _at_once() -> None:
    """Hold nothing back."""


class Fetcher:
    """Fetches many addresses at the same time over one set of connections."""

    def __init__(
        self,
        *,
        user_agent: str,
        concurrency: int = 100,
        timeout_s: float = 20.0,
        max_bytes: int = 5_000_000,
        allow_networks: Iterable[str] = (),
        pause_s: float = 0.0,
        holds: Mapping[str, timedelta] | None = None,
        spool: Path | None = None,
        before_request: Callable[[], Awaitable[None]] = _at_once,
        lookup: Lookup = system_lookup,
    ) -> None:
        """Set the bounds.

        Args:
            user_agent: what we call ourselves.
            concurrency: requests at the same time.
            timeout_s: for one address in all, redirects included, waiting for one's turn not.
            max_bytes: of a body, decompressed.
            allow_networks: networks that may be asked though they are not public, on any port.
            pause_s: between two starts at one host or platform.
            holds: hosts and platforms (``feeds.courtesy_host``) that want to be left alone, and
                for how long from now.
            spool: folder for bodies that are large (``FetchResult.large``); None: all of them stay
                in memory.
            before_request: awaited when a request's turn has come: the caller's way to hold back
                while it is busy with what came before.
            lookup: from a host to its addresses.
        """
        self._user_agent = user_agent
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._guard = Guard(allow_networks)
        self._slots = asyncio.Semaphore(concurrency)
        self._spool = spool
        self._turns = Turns(pause_s, holds or {})
        self._before_request = before_request
        self._lookup = lookup
        self._lookups = LOOKUPS * concurrency
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Open the set of connections."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the slots and gates count
                force_close=True,  # most hosts are asked once; 1,500 idle connections are no use
                resolver=GuardedResolver(self._guard, self._lookup, self._lookups),
                socket_factory=self._socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": self._user_agent,
                "Accept": ACCEPT,
                "Accept-Encoding": ACCEPT_ENCODING,
            },
            timeout=aiohttp.ClientTimeout(total=None),  # one clock: fetch()'s
            auto_decompress=False,
            read_bufsize=RECEIVE_BUFFER // 2,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._session.close()

    async def fetch(self, url: str, validators: Validators | None = None) -> FetchResult:
        """Return what came back from an address; a failure of its own is a value.

        Args:
            url: http or https.
            validators: of the body we have, byte for byte as they came; None: we have none.

        Raises:
            TemporaryFailure: the fault is ours: the disk is full, there are too many open files.
        """
        return await self._travel(url, _Wish(validators=validators or Validators()))

    async def probe(self, url: str) -> FetchResult:
        """Return whether an address answers, without its body: HEAD, else GET.

        Some servers know no HEAD, and say so in many ways (RFC 9110 §9.3.2 notwithstanding).
        """
        head = await self._travel(url, _Wish(method="HEAD", wants_body=False))
        if head.outcome is FetchOutcome.FETCHED or head.error in _FINAL:
            return head
        get = await self._travel(url, _Wish(wants_body=False))
        return head if get.outcome is FetchOutcome.HELD else get

    async def _travel(self, url: str, wish: "_Wish") -> FetchResult:
        trip = _Trip(url)
        try:
            for _hop in range(MAX_REDIRECTS + 1):
                answer = await self._hop(trip, wish)
                if not answer.location:
                    result = trip.result(answer)
                    self._turns.heed(result)
                    return result
                trip.follow(answer)
            return trip.failed("redirects", f"more than {MAX_REDIRECTS}")
        except Held as exc:
            return trip.held(exc.wait)
        except BuzzError:
            raise
        except Exception as exc:  # noqa: BLE001  (one dead feed never stops a poll)
            return trip.failed(*_reason(exc))

    async def post(self, url: str, body: bytes, content_type: str) -> "Posted":
        """Send a form to an address; a failure is a value. Redirects are not followed."""
        try:
            check_url(url)
            async with (
                self._slots,
                asyncio.timeout(self._timeout_s),
                self._session.post(
                    url, data=body, headers={"Content-Type": content_type}, allow_redirects=False
                ) as response,
            ):
                return Posted(status=response.status, cookies="Set-Cookie" in response.headers)
        except Exception as exc:  # noqa: BLE001  (as in fetch)
            _code, words = _reason(exc)
            return Posted(error=words)

    async def _hop(self, trip: "_Trip", wish: "_Wish") -> "_Answer":
        check_url(trip.at)
        turn = self._turns.at(trip.at)
        # Gate first: the waiting line of one host must not occupy the slots of the others.
        async with turn.gate, self._slots:
            await self._before_request()
            await turn.come()
            started = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(self._timeout_s - trip.spent_s):
                    return await self._ask(trip, wish)
            finally:
                trip.spent_s += asyncio.get_running_loop().time() - started

    async def _ask(self, trip: "_Trip", wish: "_Wish") -> "_Answer":
        validators = wish.validators
        headers = {
            name: value
            for name, value in (
                ("If-None-Match", validators.etag),
                ("If-Modified-Since", validators.last_modified),
            )
            if value
        }
        async with self._session.request(
            wish.method, trip.at, headers=headers, allow_redirects=False
        ) as response:
            location = response.headers.get("Location", "")
            if response.status in REDIRECTS and location:
                return _Answer(status=response.status, headers={}, location=location)
            trip.status = response.status
            body = None
            if wish.wants_body and response.ok and response.status != NOT_MODIFIED:
                body = Body(self._max_bytes, self._spool)
                encoding = response.headers.get("Content-Encoding", "")
                try:
                    await read(response.content.iter_any(), encoding, body)
                except BaseException:  # cancelled too: what was spooled of the body is deleted
                    body.drop()
                    raise
            return _Answer(
                status=response.status,
                headers=response.headers,
                body=body,
                was_conditional=bool(headers),
            )

    def _socket(self, address: "aiohttp.AddrInfoType") -> socket.socket:
        """Return a socket for an address that was checked: no way around this leads to a host."""
        family, kind, protocol, _name, (host, port, *_rest) = address
        self._guard.check(str(host), int(port))
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made


class _Wish(NamedTuple):
    """How an address is asked."""

    method: str = "GET"
    validators: Validators = Validators()
    wants_body: bool = True


class Posted(NamedTuple):
    """What came back to a form."""

    status: int = 0  # 0: nothing
    cookies: bool = False  # it set one
    error: str = ""


class _Answer(NamedTuple):
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: Body | None = None
    location: str = ""  # of a redirect
    was_conditional: bool = False


class _Trip:
    """One fetch on its way over redirects."""

    def __init__(self, url: str) -> None:
        self.at = urldefrag(url).url
        self.spent_s = 0.0
        self.status = 0  # of an answer whose body was not read to its end, too
        self._url = url
        self._hops: list[int] = []

    def follow(self, answer: _Answer) -> None:
        """Go where a redirect points to."""
        target = answer.location.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.at = urldefrag(urljoin(self.at, target.strip())).url
        self._hops.append(answer.status)

    def result(self, answer: _Answer) -> FetchResult:
        """Return what an answer that is no redirect means."""
        if answer.status == NOT_MODIFIED and answer.was_conditional:
            outcome, error = FetchOutcome.NOT_MODIFIED, ""
        elif 200 <= answer.status < 300:  # noqa: PLR2004  (RFC 9110 §15.3)
            outcome, error = FetchOutcome.FETCHED, ""
        else:
            outcome, error = FetchOutcome.FAILED, "http"
        if answer.status >= BAD_REQUEST and "cf-mitigated" in answer.headers:
            error = "challenge"  # Cloudflare's wall for robots: the blog may well be alive
        return FetchResult(
            url=self._url,
            outcome=outcome,
            final_url=self.at,
            status=answer.status,
            body=bytes(answer.body.data) if answer.body else b"",
            large=answer.body.large if answer.body else None,
            digest=answer.body.digest if answer.body else "",
            content_type=answer.headers.get("Content-Type", ""),
            validators=Validators(
                etag=_sendable(answer.headers.get("ETag", "")),
                last_modified=_sendable(answer.headers.get("Last-Modified", "")),
            ),
            permanent=bool(self._hops) and PERMANENT.issuperset(self._hops),
            retry_after=retry_after(
                answer.headers.get("Retry-After", ""), answer.headers.get("Date", "")
            ),
            max_age=max_age(answer.headers.get("Cache-Control", ""), answer.headers.get("Age", "")),
            error=error,
            duration_ms=round(self.spent_s * 1000),
        )

    def held(self, wait: timedelta) -> FetchResult:
        """Return that a host on the way wants to be left alone for so long."""
        return FetchResult(
            url=self._url, outcome=FetchOutcome.HELD, final_url=self.at, retry_after=wait
        )

    def failed(self, error: str, detail: str) -> FetchResult:
        """Return a failure without an answer, or with one that broke off."""
        return FetchResult(
            url=self._url,
            outcome=FetchOutcome.FAILED,
            final_url=self.at,
            status=self.status,
            permanent=bool(self._hops) and PERMANENT.issuperset(self._hops),
            error=error,
            detail=detail,
            duration_ms=round(self.spent_s * 1000),
        )


def _sendable(value: str) -> str:
    """Return a validator that can be sent back byte for byte; one that cannot is none."""
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8 would come back as something else
        return ""
    return value


def _reason(exc: BaseException) -> tuple[str, str]:
    """Return the code and the words of a failure: where foreign exceptions become ours.

    Raises:
        TemporaryFailure: it is no failure of the feed's.
    """
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if isinstance(cause, OSError) and cause.errno in _OURS:
        raise TemporaryFailure(
            _("no connection can be made: {why}").format(why=system.words(cause)),
            place="[poll] concurrency",
            remedy=_("lower it, or raise the limits of this machine (ulimit -n)"),
        ) from exc
    words = str(cause) or type(cause).__name__
    if isinstance(cause, Forbidden | BodyError):
        return cause.code, words
    return next((code for kinds, code in _CODES if isinstance(exc, kinds)), "broken"), words


# What this machine lacks, whomever it wanted to ask.
_OURS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

# In order: the first that fits.
_CODES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), "dns"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls"),
    ((aiohttp.ClientConnectorError,), "refused"),
    ((aiohttp.InvalidURL, ValueError), "forbidden-url"),
    ((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError), "dropped"),
    ((aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError), "not-http"),
)
