"""Measure a whole send: CPU and wall time a message, with every body's commit before it.

    python benchmarks/send.py [--messages 1500] [--connections 5] [--folder DIR]

Makes a workspace with the sample campaign, plans it, and sends it with the product's own function
to a sink in another process that answers 250 to everything. Prints JSON. CPU is that of the
sending process alone, its database thread included; the sink's is not in it.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import socketserver
import subprocess
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from buzz import config
from buzz.edges import files
from buzz.edges.store import blogs, open_store
from buzz.model import Blog
from buzz.pipeline import send

SLUG = "retraites"
TOML = """
[sender]
from = "La Lettre du Buzz <lettre@parti.example>"
organisation = "Parti de l'Exemple"
postal_address = "1 rue de l'Exemple, 75001 Paris"
controller = "Parti de l'Exemple, dpo@parti.example"
[smtp]
port = {port}
tls = "none"
connections = {connections}
[send]
rate_per_s = 0
"""


REPLIES = {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}


class Sink(socketserver.StreamRequestHandler):
    """Take every message and keep nothing."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Hold one dialogue."""
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                while self.rfile.readline() != b".\r\n":
                    pass
            self.wfile.write(REPLIES.get(verb, b"250 ok\r\n"))
            if verb == b"QUIT":
                return


def sink(ready: Connection) -> None:
    """Run the sink in this process, and tell its port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        server.daemon_threads = True
        ready.send(server.server_address[1])
        server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the workspace is made: its disk counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        facts = measure(Path(folder), given.messages, given.connections)
    print(json.dumps({**facts, **circumstances()}))


def circumstances() -> dict[str, object]:
    """Return the machine and the commit."""
    commit = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607  (whichever git there is)
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    ).stdout.strip()  # fmt: skip
    return {
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit,
    }


def workspace(folder: Path, port: int, recipients: int, connections: int) -> config.Settings:
    """Make a workspace with the sample campaign to so many, and return its settings."""
    (folder / config.FILE).write_text(TOML.format(port=port, connections=connections))
    files.write(files.private_folder(folder / "data") / "secret.key", "for the benchmark only")
    shutil.copytree(files.shared("campaigns") / SLUG, folder / "campaigns" / SLUG)
    letter = folder / "campaigns" / SLUG / "letter.md"
    letter.write_text(letter.read_text().replace("segment: listed", "segment: all"))
    settings = config.load(folder)
    people = [
        Blog(slug=f"b{n}", name=f"Blog {n}", email=f"b{n}@blogs.example", source="x")
        for n in range(recipients)
    ]
    with closing(open_store(settings.database_url)) as store, store.write() as tx:
        blogs.save(tx, people, datetime.now(UTC))
    return settings


def measure(folder: Path, messages: int, connections: int) -> dict[str, float]:
    """Send so many messages from a workspace in this folder, and return what it cost."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=sink, args=(theirs,), daemon=True)
    server.start()
    settings = workspace(folder, ours.recv(), messages, connections)
    with closing(open_store(settings.database_url)) as store:
        begun = time.process_time()
        send.plan(settings, store, SLUG, settings.now())
        planned = time.process_time() - begun
        cpu, wall = time.process_time(), time.perf_counter()
        result = send.start(settings, store, SLUG, settings.now())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    server.kill()
    assert result.account.accepted == messages, result
    return {
        "messages": messages,
        "connections": connections,
        "plan_cpu_us": round(planned / messages * 1e6),
        "cpu_us": round(cpu / messages * 1e6),
        "wall_us": round(wall / messages * 1e6),
        "messages_per_s": round(messages / wall),
    }


if __name__ == "__main__":
    main()
