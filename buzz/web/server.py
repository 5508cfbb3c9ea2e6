"""The server under the service: one process, one socket, quiet, and it stops when asked to."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from buzz.config import Settings
from buzz.edges.store import Store
from buzz.errors import ConfigurationError, UsageError
from buzz.locales import gettext as _
from buzz.locales import system
from buzz.web.app import create_app
from buzz.web.limits import MAX_HEADER_BYTES

IDLE_S = 10  # a connection on which no whole request has come by then is closed
AT_ONCE = 1000  # connections; more are told to come back (503)
_BACKLOG = 1024
_STOP_WITHIN_S = 5
_MAX_PORT = 65_535


def serve(
    settings: Settings, store: Store, bind: str, listening: Callable[[str], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: the workspace.
        store: its database.
        bind: ``HOST:PORT``; port 0 takes a free one.
        listening: told the address once requests are answered.

    Raises:
        UsageError: the address is no address.
        ConfigurationError: it is taken, or is not ours to take.
    """
    run(create_app(settings, store), bind, listening)


def run(app: Starlette, bind: str, listening: Callable[[str], object] | None = None) -> None:
    """Serve an application until SIGINT or SIGTERM; the others are those of :func:`serve`.

    Raises:
        ConfigurationError: as :func:`serve`.
    """
    with listen(bind) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        server = server_of(app, lambda: listening and listening(f"http://{shown}:{port}"))
        asyncio.run(server.serve(sockets=[listener]))


def server_of(
    app: Starlette,
    listening: Callable[[], object] = lambda: None,
    *,
    idle_s: int = IDLE_S,
) -> uvicorn.Server:
    """Return a server of an application, to be run on a socket from :func:`listen`.

    The application has it as ``state.server``: an answer without an end looks there for one.
    """
    config = uvicorn.Config(
        app,
        access_log=False,  # who asked for what is nobody's business
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # nothing here looks at an address
        lifespan="on",
        timeout_keep_alive=idle_s,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
        limit_concurrency=AT_ONCE,
        http=_Connection,  # httptools is faster, but lets headers grow without end
        ws="none",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    app.state.server = server = _Server(config, listening)
    return server


def listen(bind: str) -> socket.socket:
    """Return a socket that listens at ``HOST:PORT``; port 0 takes a free one.

    Raises:
        UsageError: the address is no address.
        ConfigurationError: it is taken, or is not ours to take.
    """
    host, colon, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > _MAX_PORT:
        raise UsageError(
            _("{bind} is no address to listen at").format(bind=bind),
            remedy=_("use HOST:PORT, e.g. 127.0.0.1:8025"),
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise ConfigurationError(
            _("cannot listen: {why}").format(why=system.words(exc)),
            place=bind,
            remedy=_(
                "stop what listens there, or choose another: buzz serve --bind 127.0.0.1:8026"
            ),
        ) from exc
    # Handed down to each connection. asyncio would not do it for a socket without a protocol
    # number, and Nagle's algorithm costs 40 ms between the head of an answer and its body.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Connection(H11Protocol):
    """One connection, which has so long for each request, its body included.

    Uvicorn's own clock runs only between requests: who sends nothing, or a byte now and then,
    would hold one of the connections for ever.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, which may have come already."""
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self._too_late)

    def _too_late(self) -> None:
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:  # else we are the slow ones
            self.transport.close()


class _Server(uvicorn.Server):
    """Uvicorn, but that it says when it listens and ends like any command."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; uvicorn's own way raises the signal again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        asked = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in asked}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
