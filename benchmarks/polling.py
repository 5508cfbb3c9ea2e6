"""Poll 1,500 real documents, cold and warm, beside reader, newsboat and curl in the same run.

    python benchmarks/polling.py [--feeds 1500] [--rounds 1] [--reader PYTHON] [--only buzz,curl]

One server, in a process of its own, serves every feed at a host of its own: feed n at
``http://127.x.y.z:PORT/``, an address of loopback (127.0.0.0/8) for each, so that no program's
manners towards one host (connections, pauses) hold up another feed, and no name server is asked.
A feed answers after 100 to 300 ms; one in twenty is slow (10 s), another one in twenty fails
(404, 500 or a broken connection, in turn). Documents are those of ``$BUZZ_DATA/feeds`` over and
over, or made up where there are none; gzip for whoever accepts it, with ETag and Last-Modified.

Each program starts from nothing (cold) and then again (warm: 304 for all that has validators). The
rounds are interleaved; the figures are medians. CPU is that of the program and all its children,
memory the peak of its main process. PYTHON is one that can ``import reader`` (``pip install
'reader[cli]'``); newsboat and curl are those on PATH. What is absent is named in ``absent``.
``curl`` only downloads; its warm run sends ``If-None-Match: *``.
"""

import argparse
import asyncio
import gzip
import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import web

from benchmarks import common
from buzz.config import load
from buzz.edges.store import blogs, open_store
from buzz.model import Blog

THREADS = 100  # or connections, of every program
SLOW_S = 10.0
MODIFIED = "Mon, 02 Mar 2026 09:00:00 GMT"
ROUTES = '[poll]\nallow_networks = ["127.0.0.0/8"]\n'
NEWSBOAT = f"reload-threads {THREADS}\ndownload-timeout 30\nsuppress-first-reload yes\n"
READER = """
import sys, reader
with reader.make_reader(sys.argv[1]) as made:
    for url in sys.stdin.read().split():
        made.add_feed(url)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one feed answers."""

    delay_s: float
    status: int  # 0: the connection breaks
    body: bytes
    packed: bytes
    etag: str


def answers(documents: Sequence[bytes], n: int, scale: float) -> list[Answer]:
    """Return what n feeds answer, the same at every call.

    Args:
        documents: to be served over and over.
        n: how many feeds.
        scale: of the delays.
    """
    bodies = [
        (body, gzip.compress(body, 6), f'"{sha256(body).hexdigest()[:16]}"') for body in documents
    ]
    rng = Random(1789)
    share = round(n / 20)
    special = rng.sample(range(n), 2 * share)
    slow, failing = set(special[:share]), special[share:]
    statuses = {number: (404, 500, 0)[turn % 3] for turn, number in enumerate(failing)}
    return [
        Answer(
            (SLOW_S if number in slow else rng.uniform(0.1, 0.3)) * scale,
            statuses.get(number, 200),
            *bodies[number % len(bodies)],
        )
        for number in range(n)
    ]


def address(n: int) -> str:
    """Return the loopback address of feed n."""
    return f"127.{1 + n // 62_500}.{n // 250 % 250}.{1 + n % 250}"


def serve(pipe: Connection, documents: Sequence[bytes], n: int, scale: float) -> None:
    """Serve in a process of its own; tell the port."""
    known = {address(number): answer for number, answer in enumerate(answers(documents, n, scale))}

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = known[request.host.partition(":")[0]]
        await asyncio.sleep(answer.delay_s)
        if not answer.status:
            assert request.transport is not None
            request.transport.abort()
        if answer.status != 200:
            return web.Response(status=answer.status or 500, text="no feed")
        headers = {"ETag": answer.etag, "Last-Modified": MODIFIED}
        asked = request.headers.get("If-None-Match")
        if asked in {answer.etag, "*"} or (
            asked is None and request.headers.get("If-Modified-Since") == MODIFIED
        ):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = "application/xml"
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return web.Response(body=answer.packed, headers=headers)
        return web.Response(body=answer.body, headers=headers)

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listener = socket.socket()
        # All of 127.0.0.0/8, and no other machine.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        listener.bind(("0.0.0.0", 0))  # noqa: S104
        await web.SockSite(runner, listener, backlog=4096).start()
        pipe.send(listener.getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def serving(documents: Sequence[bytes], n: int, scale: float) -> Iterator[list[str]]:
    """Serve n feeds; give their addresses."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, documents, n, scale), daemon=True)
    server.start()
    port = ours.recv()
    try:
        yield [f"http://{address(number)}:{port}/" for number in range(n)]
    finally:
        server.kill()
        server.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program that polls.

    Attributes:
        name: of it.
        prepare: make it know the feeds, from nothing, in an empty folder.
        cold: the command for the first poll in that folder.
        warm: the command for the second.
        entries: count what it has stored.
    """

    name: str
    prepare: Callable[[Path, Sequence[str]], None]
    cold: Callable[[Path], Sequence[str | Path]]
    warm: Callable[[Path], Sequence[str | Path]]
    entries: Callable[[Path], int | None]


def _buzz() -> Program:
    def prepare(folder: Path, urls: Sequence[str]) -> None:
        (folder / "buzz.toml").write_text(ROUTES, encoding="utf-8")
        known = [
            Blog(slug=f"b{number:05}", name=f"B{number}", feed_url=url)  # in this order
            for number, url in enumerate(urls)
        ]
        with closing(open_store(load(folder).database_url)) as store, store.write() as tx:
            blogs.save(tx, known, datetime.now(UTC))

    def command(folder: Path) -> Sequence[str | Path]:
        return [sys.executable, "-m", "buzz", "--workspace", folder, "--quiet", "poll", "--all"]

    return Program(
        name="buzz",
        prepare=prepare,
        cold=command,
        warm=command,
        entries=lambda folder: _count(folder / "data" / "buzz.db", "entries"),
    )


def _reader(python: str) -> Program:
    def prepare(folder: Path, urls: Sequence[str]) -> None:
        subprocess.run(
            [python, "-c", READER, folder / "db"], input="\n".join(urls), text=True, check=True
        )

    def command(folder: Path) -> Sequence[str | Path]:
        options = ["update", "--no-scheduled", "--workers", str(THREADS)]
        return [python, "-m", "reader", "--db", folder / "db", *options]

    return Program(
        name="reader",
        prepare=prepare,
        cold=command,
        warm=command,
        entries=lambda folder: _count(folder / "db", "entries"),
    )


def _newsboat(path: str) -> Program:
    def prepare(folder: Path, urls: Sequence[str]) -> None:
        (folder / "config").write_text(NEWSBOAT, encoding="utf-8")
        (folder / "urls").write_text("\n".join(urls) + "\n", encoding="utf-8")

    def command(folder: Path) -> Sequence[str | Path]:
        own = [f"--config-file={folder}/config", f"--url-file={folder}/urls"]
        return [path, *own, f"--cache-file={folder}/cache.db", "--execute=reload"]

    return Program(
        name="newsboat",
        prepare=prepare,
        cold=command,
        warm=command,
        entries=lambda folder: _count(folder / "cache.db", "rss_item"),
    )


def _curl(path: str) -> Program:
    def prepare(folder: Path, urls: Sequence[str]) -> None:
        lines = (f'url = "{url}"\noutput = "/dev/null"\n' for url in urls)
        (folder / "urls").write_text("".join(lines), encoding="utf-8")

    def cold(folder: Path) -> Sequence[str | Path]:
        many = ["--parallel", "--parallel-max", str(THREADS)]
        return [path, "--silent", "--compressed", *many, "--config", folder / "urls"]

    return Program(
        name="curl",
        prepare=prepare,
        cold=cold,
        warm=lambda folder: [*cold(folder), "--header", "If-None-Match: *"],
        entries=lambda _folder: None,
    )


def programs(reader: str) -> dict[str, Program | None]:
    """Return the programs in the order in which to run them; None for those that are absent.

    Args:
        reader: a Python that can import it, or nothing.
    """
    newsboat, curl = shutil.which("newsboat"), shutil.which("curl")
    return {
        "buzz": _buzz(),
        "reader": _reader(reader) if _has_reader(reader) else None,
        "curl": _curl(curl) if curl else None,
        "newsboat": _newsboat(newsboat) if newsboat else None,
    }


def _has_reader(python: str) -> bool:
    if not python:
        return False
    return not subprocess.run([python, "-c", "import reader"], check=False).returncode


def _count(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        found: tuple[int] = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608
    return found[0]


def measured(
    chosen: Iterable[Program], documents: Sequence[bytes], n: int, *, rounds: int, scale: float
) -> dict[str, Any]:
    """Return what each program took, cold and warm, and what it stored."""
    chosen = list(chosen)
    costs: dict[str, dict[str, list[common.Cost]]] = {
        program.name: {"cold": [], "warm": []} for program in chosen
    }
    stored: dict[str, int | None] = {}
    with serving(documents, n, scale) as urls:
        for _round in range(rounds):
            for program in chosen:
                with tempfile.TemporaryDirectory(prefix="buzz-polling-") as name:
                    folder = Path(name)
                    program.prepare(folder, urls)
                    costs[program.name]["cold"].append(_run(folder, program.cold(folder)))
                    costs[program.name]["warm"].append(_run(folder, program.warm(folder)))
                    stored[program.name] = program.entries(folder)
    return {
        name: {
            **{kind: common.middle(found) for kind, found in kinds.items()},
            "entries": stored[name],
        }
        for name, kinds in costs.items()
    }


def _run(folder: Path, command: Sequence[str | Path]) -> common.Cost:
    at_home = os.environ | {"NO_COLOR": "1", "HOME": str(folder)}  # nobody's own settings
    return common.cost(command, stderr=subprocess.DEVNULL, env=at_home)


def rows(figures: dict[str, Any], floor_s: float) -> list[dict[str, Any]]:
    """Return the table.

    Args:
        figures: of each program.
        floor_s: what the slowest feed takes.
    """

    def of(name: str, kind: str, key: str) -> float | None:
        found: float | None = figures.get(name, {}).get(kind, {}).get(key)
        return found

    goals = (
        ("cold", "wall", "reader", 0.25),
        ("cold", "wall", "newsboat", 0.4),
        ("cold", "wall", "curl", 1.1),
        ("cold", "cpu", "reader", 0.3),
        ("cold", "cpu", "newsboat", None),
        ("warm", "wall", "reader", 0.2),
        ("warm", "wall", "newsboat", 0.2),
        ("warm", "wall", "curl", None),
        ("warm", "cpu", "reader", 0.15),
        ("warm", "cpu", "newsboat", None),
    )
    table = [
        common.row(
            f"{kind} poll, {'wall' if key == 'wall' else 'CPU'}",
            of("buzz", kind, f"{key}_s"),
            "s",
            peer=of(peer, kind, f"{key}_s"),
            than=peer,
            most=most,
        )
        for kind, key, peer, most in goals
    ]
    table.append(
        common.row(
            "the slowest feed alone",
            floor_s,
            "s",
            peer=of("reader", "warm", "wall_s"),
            than="reader",
        )
    )
    wall_s = of("buzz", "warm", "wall_s")
    table.append(
        common.row("warm poll, wall", wall_s, "s", peer=floor_s, than="the slowest feed", most=1.15)
    )
    for kind in ("cold", "warm"):
        peak = of("buzz", kind, "peak_mib")
        table.append(common.row(f"{kind} poll, main process", peak, "MiB", most=100))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--feeds", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="of the delays")
    parser.add_argument("--reader", default=os.environ.get("BUZZ_READER", ""), metavar="PYTHON")
    parser.add_argument("--only", default="buzz,reader,curl,newsboat")
    options = parser.parse_args()
    documents = common.documents(common.data("feeds"))
    known = programs(options.reader)
    wanted = options.only.split(",")
    chosen = [program for name, program in known.items() if program and name in wanted]
    figures = measured(chosen, documents, options.feeds, rounds=options.rounds, scale=options.scale)
    floor_s = max(answer.delay_s for answer in answers(documents, options.feeds, options.scale))
    common.tell(
        {
            "feeds": options.feeds,
            "documents": f"{len(documents)} {'real' if common.data('feeds') else 'made up'}",
            "rounds": options.rounds,
            "floor_s": round(floor_s, 2),
            "absent": [name for name, program in known.items() if program is None],
            "programs": figures,
            "rows": rows(figures, floor_s),
        }
    )


if __name__ == "__main__":
    main()
