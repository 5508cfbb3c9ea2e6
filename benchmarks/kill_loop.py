"""Kill a sender again and again, at moments uniform in time, and count whom that harms.

    python benchmarks/kill_loop.py [--kills 500] [--recipients 15000] [--seed N] [--folder DIR]
                                   [--plain] [--mutate]

A sender is forked, killed with SIGKILL somewhere between its first step and its end, and followed
by the next, until the kills are used up; then one sends the rest. The server runs in a process of
its own, counts what it has accepted, and takes a few milliseconds over each final dot, which is
where a kill hurts most. Prints JSON; leaves with 1 if anybody was lost or written to twice.

``--plain`` has a server without PIPELINING. ``--mutate`` proves that the loop can fail: it commits
the dot after the body instead of before, and somebody is written to twice.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing
from contextvars import ContextVar
from multiprocessing.connection import Connection
from pathlib import Path

from send import SLUG, circumstances, workspace

from buzz.config import Settings
from buzz.core.delivery import Exchange
from buzz.edges.smtp import Envelope
from buzz.edges.smtp.pipelined import Pipelined
from buzz.edges.store import deliveries, open_store
from buzz.model import DeliveryId, DeliveryState
from buzz.pipeline import send
from buzz.pipeline.send.ledger import Ledger

LONGEST_S = 0.4  # after which a sender is killed at the latest
DOT_S = 0.003  # what the server takes over each final dot


def server(pipe: Connection, *, pipelining: bool) -> None:
    """Accept everything; tell the port first, and the counts by recipient when asked."""
    hello = b"250-sink\r\n250 PIPELINING\r\n" if pipelining else b"250 sink\r\n"
    replies = {b"QUIT": b"221 bye\r\n", b"EHLO": hello}
    accepted: Counter[str] = Counter()

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rcpt_to = ""
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                rcpt_to = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"DATA":
                writer.write(b"354 go\r\n")
                while (body := await reader.readline()) != b".\r\n":
                    if not body:
                        return
                accepted[rcpt_to] += 1
                await asyncio.sleep(DOT_S)
            writer.write(replies.get(verb, b"250 ok\r\n"))

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await dialogue(reader, writer)
        writer.transport.abort()

    async def main() -> None:
        listening = await asyncio.start_server(one, "127.0.0.1", 0, limit=2**20)
        pipe.send(listening.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)
        pipe.send(accepted)

    asyncio.run(main())


def mutate() -> None:
    """Have the dot committed after the body."""
    commit, finish = Ledger.dot, Pipelined.finish
    owed: ContextVar[tuple[Ledger, DeliveryId]] = ContextVar("owed")  # one a lane

    async def later(ledger: Ledger, id_: DeliveryId) -> None:
        owed.set((ledger, id_))

    async def first(
        connection: Pipelined, body: bytes, following: Envelope | None = None
    ) -> Exchange:
        exchange = await finish(connection, body, following)
        await commit(*owed.get())
        return exchange

    setattr(Ledger, "dot", later)  # noqa: B010  (the mutation: mypy would not have it)
    setattr(Pipelined, "finish", first)  # noqa: B010


def sender(settings: Settings) -> None:
    """Send what is planned."""
    with closing(open_store(settings.database_url)) as store:
        send.start(settings, store, SLUG, settings.now())


def in_state(settings: Settings, state: DeliveryState) -> set[str]:
    """Return the addresses of the recipients in this state."""
    with closing(open_store(settings.database_url)) as store, store.read() as tx:
        return {d.email for d in deliveries.of_campaign(tx, SLUG, state)}


def unsent(settings: Settings) -> bool:
    """Tell whether a sender would find something to do."""
    with closing(open_store(settings.database_url)) as store, store.read() as tx:
        found = deliveries.account(tx, SLUG)
    return found.targeted != found.accepted + found.uncertain


def integrity(settings: Settings) -> str:
    """Return what SQLite says of the file."""
    with closing(sqlite3.connect(settings.data / "buzz.db")) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


def loop(
    folder: Path, kills: int, recipients: int, connections: int, seed: int, *, pipelining: bool
) -> dict[str, int]:
    """Return what so many kills did."""
    chance = random.Random(seed)
    ours, theirs = multiprocessing.Pipe()
    serving = multiprocessing.get_context("spawn").Process(
        target=server, args=(theirs,), kwargs={"pipelining": pipelining}, daemon=True
    )
    serving.start()
    settings = workspace(folder, ours.recv(), recipients, connections)
    with closing(open_store(settings.database_url)) as store:
        send.plan(settings, store, SLUG, settings.now())
    fork, done, most, broken = multiprocessing.get_context("fork"), 0, 0, 0
    uncertain: set[str] = set()
    while done < kills and unsent(settings):
        process = fork.Process(target=sender, args=(settings,))
        process.start()
        process.join(chance.uniform(0, LONGEST_S))
        if not process.is_alive():
            continue  # it was faster: all that was left is sent
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        done += 1
        dots = in_state(settings, DeliveryState.DOT)
        most = max(most, len(dots))
        uncertain |= dots
        broken += integrity(settings) != "ok"
        print(f"\r{done} kills", end="", file=sys.stderr, flush=True)
    if unsent(settings):
        sender(settings)
    ours.send("counts")
    accepted: Counter[str] = ours.recv()
    serving.join()
    ours_accepted = in_state(settings, DeliveryState.ACCEPTED)
    listed = in_state(settings, DeliveryState.UNCERTAIN)
    return {
        "kills": done,
        "recipients": recipients,
        "lost": len(ours_accepted - accepted.keys()) + recipients - len(ours_accepted | listed),
        "doubled": sum(n > 1 for n in accepted.values()),
        "uncertain": len(listed),
        "uncertain_not_listed": len(uncertain ^ listed),
        "uncertain_that_arrived": len(listed & accepted.keys()),
        "most_uncertain_in_a_kill": most,
        "connections": connections,
        "databases_damaged": broken,
        "seed": seed,
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--recipients", type=int, default=15_000)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", type=Path, help="where the workspace is made: its disk counts")
    parser.add_argument("--plain", action="store_true", help="the server has no PIPELINING")
    parser.add_argument("--mutate", action="store_true", help="commit the dot after the body")
    given = parser.parse_args()
    if given.mutate:
        mutate()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        facts = loop(
            Path(folder),
            given.kills,
            given.recipients,
            given.connections,
            given.seed,
            pipelining=not given.plain,
        )
    print(json.dumps({**facts, **circumstances()}))
    harm = ("lost", "doubled", "uncertain_not_listed", "databases_damaged")
    return int(
        any(facts[name] for name in harm) or facts["most_uncertain_in_a_kill"] > given.connections
    )


if __name__ == "__main__":
    sys.exit(main())
