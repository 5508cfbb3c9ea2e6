"""Poll a registry of which a tenth is hostile: the others must not notice, nor our memory.

    python benchmarks/hostile.py [--feeds 1500] [--share 0.1] [--documents FOLDER]

Two cold polls through ``python -m buzz poll``, each in a workspace of its own, over one server on
loopback: the sound blogs alone, then all. Compares the entries of the sound ones one by one, the
time until the last sound one was stored, and tells the peak memory of the main process. Documents
are those of FOLDER (default: ``$BUZZ_DATA/feeds``), or made up where there is none; their hosts
take 100 to 300 ms. Prints JSON; leaves with 1 if a sound blog was touched or memory passed 120 MiB.
"""

import argparse
import asyncio
import contextlib
import io
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import common
from buzz.config import load
from buzz.edges.store import Store, blogs, entries, feeds, open_store
from buzz.model import Blog

MAX_MEMORY_MIB = 120
TIMEOUT_S = 20.0
TOML = """
[poll]
allow_networks = ["127.0.0.0/8"]
"""
ITEM = "<item><guid>{n}</guid><title>Billet {n}</title><description>{words}</description></item>"
HEAD = '<?xml version="1.0" encoding="utf-8"?>'
Headers = dict[str, str]
Answer = tuple[str, Headers, bytes]  # status line, headers, body


def rss(inner: str) -> bytes:
    """Return a document with these children of its channel."""
    return f'{HEAD}<rss version="2.0"><channel><title>x</title>{inner}</channel></rss>'.encode()


def plain(body: bytes, **headers: str) -> Answer:
    """Return a good answer with a body that may not be good."""
    return "200 OK", {"Content-Type": "application/rss+xml", **headers}, body


def item(n: int, words: str = "Des mots pour le dire, assez pour compter. ") -> str:
    """Return an item."""
    return ITEM.format(n=n, words=words * 3)


def deep(n: int) -> bytes:
    """Return a document with so many elements within each other."""
    return rss("<item><description>" + "<div>" * n + "</div>" * n + "</description></item>")


def entities() -> bytes:
    """Return a billion laughs."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'{HEAD}<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><rss>&l9;</rss>'.encode()


def bomb() -> bytes:
    """Return 300 MB of blanks, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()


def fixed() -> dict[str, Answer]:
    """Return the hostile answers that are bytes."""
    many = "".join(item(n) for n in range(20_000))
    author = f"<item><author>{'a@' * 16_000}</author>{'<title>x</title>'}</item>"
    return {
        "gzip bomb": plain(bomb(), **{"Content-Encoding": "gzip"}),
        "entity bomb": plain(entities()),
        "external entity": plain(
            f'{HEAD}<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>'.encode()
        ),
        "100,000 nested": plain(deep(100_000)),
        "nested markup": plain(rss(item(1, "&lt;b&gt;" * 30_000))),
        "20,000 items": plain(rss(many)),
        "huge author": plain(rss(author)),
        "huge title": plain(rss(f"<item><title>{'&lt;a ' * 200_000}</title></item>")),
        "5 MB of text": plain(rss(item(1, "mot " * 400_000))),
        "html": plain(b"<!doctype html><p>Bonjour</p>"),
        "json": plain(b'{"version": "https://jsonfeed.org/version/1"}'),
        "blank": plain(b" \n"),
        "0 bytes": plain(b""),
        "pdf": plain(b"%PDF-1.7\n" + bytes(range(256)) * 400),
        "a path": plain(b"/etc/passwd"),
        "redirect loop": ("301 Moved", {"Location": "/feed?x"}, b""),
        "private address": ("302 Found", {"Location": "http://169.254.169.254/"}, b""),
        "half a document": plain(rss(item(1))[:150]),
        "wrong charset": plain(
            b"\xff\xfe<\x00r\x00", **{"Content-Type": "text/xml; charset=utf-7"}
        ),
    }


async def dripping() -> AsyncIterator[bytes]:
    """Yield a byte now and then, for ever."""
    while True:
        yield b" "
        await asyncio.sleep(0.5)


async def endless() -> AsyncIterator[bytes]:
    """Yield a document without an end."""
    yield rss("").removesuffix(b"</channel></rss>")
    while True:
        yield item(1).encode() * 100
        await asyncio.sleep(0)


async def silent() -> AsyncIterator[bytes]:
    """Yield nothing."""
    await asyncio.Event().wait()
    yield b""


STREAMS: dict[str, Callable[[], AsyncIterator[bytes]]] = {
    "slow drip": dripping,
    "endless": endless,
    "silent": silent,
}


def sound(documents: Path | None, n: int) -> list[bytes]:
    """Return so many sound documents, real ones where there are any."""
    if documents is not None and documents.is_dir():
        real = [p.read_bytes() for p in sorted(documents.glob("*.*")) if p.suffix != ".csv"]
        return [real[i % len(real)] for i in range(n)]
    return [rss("".join(item(m, f"Billet {i}, {m}. ") for m in range(20))) for i in range(n)]


class Server:
    """Sound hosts ``s0…``, hostile ones ``h0…``."""

    def __init__(self, documents: list[bytes]) -> None:
        self._documents = documents
        self._fixed = list(fixed().values())
        self._streams = list(STREAMS.values())

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            host = head.lower().split("host: ")[1].split(".")[0]
            await self._answer(host[0], int(host[1:]), writer)
            await writer.drain()
        writer.close()

    async def _answer(self, kind: str, n: int, writer: asyncio.StreamWriter) -> None:
        if kind == "s":
            await asyncio.sleep(random.Random(n).uniform(0.1, 0.3))
            self._send(writer, plain(self._documents[n]))
            return
        n %= len(self._fixed) + len(self._streams)
        if n < len(self._fixed):
            self._send(writer, self._fixed[n])
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n\r\n")
        async for piece in self._streams[n - len(self._fixed)]():
            writer.write(piece)
            await writer.drain()

    def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        status, headers, body = answer
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def serve(pipe: Connection, documents: list[bytes]) -> None:
    """Serve in a process of its own; tell the port."""

    async def run() -> None:
        server = await asyncio.start_server(Server(documents).accept, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    sys.stderr = io.StringIO()  # streams that never end end badly
    asyncio.run(run())


@contextlib.contextmanager
def serving(documents: list[bytes]) -> Iterator[int]:
    """Serve for the block; give the port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(theirs, documents), daemon=True)
    process.start()
    theirs.close()  # so that a server that dies is noticed
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


@dataclass(frozen=True)
class Run:
    """One poll."""

    seconds: float
    seconds_sound: float  # until the last sound blog was stored
    cpu_s: float  # of the main process and of its parsers
    memory_mib: float  # peak of the main process
    entries: frozenset[tuple[object, ...]]  # of the sound blogs
    states: dict[str, int]
    worst: dict[str, str]  # reasons of the hostile ones, by kind


def poll(port: int, sound_blogs: int, hostile_blogs: int, timeout_s: float) -> Run:
    """Poll a registry of so many blogs in a new workspace."""
    folder = Path(tempfile.mkdtemp(prefix="buzz-hostile-"))
    try:
        (folder / "buzz.toml").write_text(TOML, encoding="utf-8")
        settings = load(folder)
        store = open_store(settings.database_url)
        names = [f"s{n}" for n in range(sound_blogs)] + [f"h{n}" for n in range(hostile_blogs)]
        known = [
            Blog(slug=name, name=name, feed_url=f"http://{name}.localhost:{port}/feed")
            for name in names
        ]
        with store.write() as tx:
            blogs.save(tx, known, datetime.now(UTC))
        run = _run(folder, store, sound_blogs, timeout_s)
        store.close()
        return run
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, store: Store, sound_blogs: int, timeout_s: float) -> Run:
    began, used = time.monotonic(), os.times()
    process = subprocess.Popen(
        [sys.executable, "-m", "buzz", "--workspace", str(folder), "--quiet", "poll"],
        env=os.environ | {"BUZZ_POLL_TIMEOUT_S": str(timeout_s)},
    )
    memory_kib, seconds_sound = 0, 0.0
    while process.poll() is None:
        memory_kib = max(memory_kib, _peak_kib(process.pid))
        if not seconds_sound:
            with store.read() as tx:
                states = feeds.all_feeds(tx)
            if sum(slug.startswith("s") for slug in states) == sound_blogs:
                seconds_sound = time.monotonic() - began
        time.sleep(0.1)
    seconds, use = time.monotonic() - began, os.times()
    if process.returncode:
        raise SystemExit(f"buzz poll ended with {process.returncode}")
    with store.read() as tx:
        known = feeds.all_feeds(tx)
        found = frozenset(
            (e.blog, e.identity, e.link, e.title, e.published, e.content_hash, e.left_out)
            for slug in known
            if slug.startswith("s")
            for e in entries.of_blog(tx, slug)
        )
    kinds = [*fixed(), *STREAMS]
    return Run(
        seconds=seconds,
        seconds_sound=seconds_sound or seconds,
        cpu_s=use.children_user + use.children_system - used.children_user - used.children_system,
        memory_mib=memory_kib / 1024,
        entries=found,
        states={
            state: sum(f.state.value == state for f in known.values())
            for state in sorted({f.state.value for f in known.values()})
        },
        worst={
            kinds[int(slug[1:]) % len(kinds)]: feed.reason or "read"
            for slug, feed in known.items()
            if slug.startswith("h")
        },
    )


def _peak_kib(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0])
    return 0


def compared(
    n: int, share: float, documents: Path | None, *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Return both runs' figures, and whether the sound blogs noticed anything."""
    hostile = round(n * share)
    with serving(sound(documents, n - hostile)) as port:
        alone = poll(port, n - hostile, 0, timeout_s)
        together = poll(port, n - hostile, hostile, timeout_s)
    return {
        "feeds": n,
        "hostile": hostile,
        "entries": len(alone.entries),
        "entries_differ": len(alone.entries ^ together.entries),
        "seconds_sound": [round(alone.seconds_sound, 1), round(together.seconds_sound, 1)],
        "ratio_sound": round(together.seconds_sound / alone.seconds_sound, 2),
        "seconds": [round(alone.seconds, 1), round(together.seconds, 1)],
        "cpu_s": [round(alone.cpu_s, 1), round(together.cpu_s, 1)],
        "memory_mib": [round(alone.memory_mib), round(together.memory_mib)],
        "states": [alone.states, together.states],
        "reasons": together.worst,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, default=1500)
    parser.add_argument("--share", type=float, default=0.1)
    data = os.environ.get("BUZZ_DATA")
    parser.add_argument("--documents", type=Path, default=Path(data) / "feeds" if data else None)
    options = parser.parse_args()
    figures = compared(options.feeds, options.share, options.documents)
    memory = max(figures["memory_mib"])
    sound_s, together_s = figures["seconds_sound"]
    rows = [
        common.row(
            f"entries of sound feeds that {figures['hostile']} hostile ones have changed",
            figures["entries_differ"],
            "entries",
            most=0,
        ),
        common.row("main process among hostile feeds", memory, "MiB", most=MAX_MEMORY_MIB),
        common.row(
            "sound feeds among hostile ones", together_s, "s", peer=sound_s, than="the same alone"
        ),
    ]
    common.tell({**figures, "rows": rows})
    return 1 if figures["entries_differ"] or memory > MAX_MEMORY_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
