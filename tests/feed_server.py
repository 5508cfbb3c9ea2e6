"""A real HTTP server on loopback whose every host behaves as a test wants it to.

``server.set("karim", document(FEED))`` makes ``http://karim.localhost:PORT/…`` answer so. It speaks
just enough HTTP/1.1, and just as badly as asked: raw bytes, no end, no answer, no manners.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 410: "Gone"}


@dataclass(frozen=True)
class Request:
    """What somebody asked for."""

    host: str
    path: str
    headers: dict[str, str]  # names in lower case
    method: str = "GET"


@dataclass(frozen=True)
class Reply:
    """What comes back.

    ``pieces`` are sent after the head without a length; ``raw`` is sent instead of everything;
    ``delay_s`` passes before the first byte; None for ever; with ``holds`` the line stays open.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: Callable[[], Iterator[bytes]] | None = None
    raw: bytes | None = None
    delay_s: float | None = 0.0
    holds: bool = False


Handler = Callable[[Request], Reply]


def document(body: bytes, content_type: str = "application/rss+xml", **headers: str) -> Handler:
    """Return a handler that serves a body, and 304 to whoever has it."""
    etag = f'W/"{hashlib.sha1(body).hexdigest()}"'  # noqa: S324  (as servers do)

    def answer(request: Request) -> Reply:
        if request.headers.get("if-none-match") == etag:
            return Reply(304, {"ETag": etag})
        return Reply(200, {"Content-Type": content_type, "ETag": etag, **headers}, body)

    return answer


def rss(*items: str, title: str = "Un blog") -> bytes:
    """Return an RSS document with these items."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>{title}</title><link>http://blog.example/</link>{''.join(items)}</channel></rss>"
    ).encode()


def item(guid: str, title: str = "Un titre", text: str = "", published: str = "") -> str:
    """Return an RSS item."""
    date = f"<pubDate>{published}</pubDate>" if published else ""
    link = f"<link>http://blog.example/{guid}</link>"
    words = text or "Un texte assez long pour compter. " * 4
    return (
        f"<item><title>{title}</title>{link}<guid isPermaLink='false'>{guid}</guid>{date}"
        f"<description>{words}</description></item>"
    )


class FeedServer:
    """The server, in a thread of its own."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self.most_at_once: dict[str, int] = {}  # connections in work, by host
        self._now: dict[str, int] = {}
        self._handlers: dict[str, Handler] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def set(self, host: str, handler: Handler | Reply) -> str:
        """Let a host answer so, and return the address of its feed."""
        self._handlers[host] = handler if callable(handler) else lambda _request: handler
        return self.url(host)

    def url(self, host: str, path: str = "/feed") -> str:
        """Return an address at a host, whether or not it answers."""
        return f"http://{host}.localhost:{self.port}{path}"

    def asked(self, host: str) -> list[Request]:
        """Return the requests for one host, in order."""
        return [request for request in self.requests if request.host == host]

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._answer(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = ""
        try:
            start = await reader.readexactly(1)
            if start == b"\x16":  # a TLS hello, on a port for plain HTTP
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            request = _request(start + await reader.readuntil(b"\r\n\r\n"))
            host = request.host
            self.requests.append(request)
            self._now[host] = self._now.get(host, 0) + 1
            self.most_at_once[host] = max(self.most_at_once.get(host, 0), self._now[host])
            handler = self._handlers.get(host)
            await _send(writer, handler(request) if handler else Reply(404))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left: what many tests are about
        finally:
            self._now[host] = self._now.get(host, 1) - 1
            writer.close()


def _request(head: bytes) -> Request:
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    host = headers.get("host", "").split(":")[0].removesuffix(".localhost")
    method, path, _version = first.split(" ", 2)
    return Request(host, path, headers, method)


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    if reply.delay_s is None:
        await asyncio.Event().wait()
    elif reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    if reply.raw is not None:
        writer.write(reply.raw)
        await writer.drain()
        if reply.holds:
            await asyncio.Event().wait()
        return
    length = {} if reply.pieces else {"Content-Length": str(len(reply.body))}
    head = {**length, "Connection": "close", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Whatever')}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    writer.write("\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + reply.body)
    await writer.drain()
    for piece in reply.pieces() if reply.pieces else ():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
