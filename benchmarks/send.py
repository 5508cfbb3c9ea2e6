"""Measure a whole send, ours and others', with every body's commit before it.

    python benchmarks/send.py [--messages 1500] [--connections 10] [--rounds 3] [--latency-ms 0]
                              [--only ours,smtp-source] [--node-modules DIR] [--folder DIR]

Each sender runs in a process of its own against the same sink (Postfix's smtp-sink where there is
one), one after the other, round by round; quoted are medians. Ours sends the sample campaign from
a planned workspace with ``send.start``: claims, dots, outcomes, throttle and timeouts are in it.
The others get the same letter's text and HTML, or its size, and build what they build. CPU and
memory are those of the sending process alone. With ``--latency-ms`` a proxy in a further process
holds every byte back for half of it, each way. Variants of ours show what durability costs.

Peers that are not installed are left out: ``smtp-source`` (Debian's postfix), ``nodemailer`` (npm,
``--node-modules`` names the folder), ``django``, ``mailmerge`` (PyPI). Prints JSON.
"""

import argparse
import asyncio
import contextlib
import csv
import email.message
import email.policy
import importlib.util
import json
import multiprocessing
import os
import resource
import shutil
import smtplib
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.common import circumstances
from buzz import config
from buzz.config import Settings
from buzz.edges import files
from buzz.edges.store import blogs, deliveries, open_store
from buzz.model import Blog, DeliveryId
from buzz.pipeline import send
from buzz.pipeline.send import ledger, snapshot

SLUG = "retraites"
HOST = "127.0.0.1"
SENDER = "lettre@parti.example"
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
# Messages a second, ours to theirs (specs: 20 ms of round trip for the pool of aiosmtplib).
GOALS = {
    "smtp-source": 0.9,
    "nodemailer": 8,
    "django": 10,
    "smtplib": 20,
    "mailmerge": 10,
    "aiosmtplib": 3.5,
}
REPLIES = {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}
POSTFIX = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))


# --- the other side ---------------------------------------------------------------------------


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


def _serve(ready: Connection) -> None:
    with socketserver.ThreadingTCPServer((HOST, 0), Sink) as server:
        server.daemon_threads = True
        ready.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink, or ours where there is none, and give its port."""
    program = shutil.which("smtp-sink", path=POSTFIX)
    if program is None:
        with _process(_serve) as port:
            yield port
        return
    port = free_port()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    process = subprocess.Popen((program, *user, f"{HOST}:{port}", "1000"))
    try:
        wait_for(port)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def slow(port: int, latency_ms: float) -> Iterator[int]:
    """Run a proxy with such a round trip before this port, and give its own; 0: none."""
    if not latency_ms:
        yield port
        return
    with _process(_delay, port, latency_ms / 2000) as own:
        yield own


def _delay(ready: Connection, port: int, wait_s: float) -> None:
    """Pass on what comes, later, both ways."""

    async def one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                loop.call_later(wait_s, writer.write, data)
        loop.call_later(wait_s, writer.close)

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, port)
        await asyncio.gather(one_way(reader, back), one_way(there, writer))

    async def main() -> None:
        server = await asyncio.start_server(both, HOST, 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def _process(target: Callable[..., None], *arguments: object) -> Iterator[int]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody listens there."""
    for _try in range(100):
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)


# --- ours -------------------------------------------------------------------------------------


def workspace(folder: Path, port: int, recipients: int, connections: int) -> Settings:
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


def letter_of(settings: Settings) -> bytes:
    """Return the first recipient's letter."""
    with closing(open_store(settings.database_url)) as store, store.read() as tx:
        first = deliveries.get(tx, deliveries.of_campaign(tx, SLUG)[0].id)
        assert first is not None
        frozen = snapshot.load(tx, SLUG, settings.secret)
        return frozen.unchecked_message(first, settings.now())


def ours(given: "Given", variant: str = "") -> None:
    """Send with the product's own function."""
    settings = config.load(given.folder)
    with closing(open_store(settings.database_url)) as store:
        if variant == "normal":
            _relaxed(store)
        if variant == "alone":
            _one_by_one()
        with measured():
            result = send.start(settings, store, SLUG, settings.now())
    assert result.account.accepted == given.messages, result


def _relaxed(store: object) -> None:
    """Have commits survive the end of the process, but not of the machine."""
    import sqlalchemy as sa

    def pragma(connection: object, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]

    # There is no setting for it, because nobody should want it.
    engine = store._engine  # type: ignore[attr-defined]  # noqa: SLF001  (see above)
    sa.event.listen(engine, "connect", pragma)
    engine.dispose()


def _one_by_one() -> None:
    """Have each dot committed alone, as without the group commit."""
    commit, door = ledger.Ledger.dot, asyncio.Lock()

    async def dot(self: ledger.Ledger, id_: DeliveryId) -> None:
        async with door:
            await commit(self, id_)

    setattr(ledger.Ledger, "dot", dot)  # noqa: B010  (for this measurement only)
    ledger.GATHER_S = 0


# --- theirs -----------------------------------------------------------------------------------


def built(number: int, text: str, page: str) -> email.message.EmailMessage:
    """Return a message as one writes it with the standard library."""
    message = email.message.EmailMessage()
    message["From"], message["To"] = SENDER, f"b{number}@blogs.example"
    message["Subject"] = "Retraites : ce qui change"
    message["List-Unsubscribe"] = f"<https://lettre.parti.example/u/{number}>"
    message.set_content(text)
    message.add_alternative(page, subtype="html")
    return message


def smtplib_(given: "Given") -> None:
    """Use one connection of the standard library, which knows of no other way."""
    with measured(), smtplib.SMTP(HOST, given.port) as client:
        for number in range(given.messages):
            client.send_message(built(number, *given.parts))


def aiosmtplib_(given: "Given") -> None:
    """Use a pool of aiosmtplib's clients, each with its share."""
    import aiosmtplib

    async def lane(numbers: Iterator[int]) -> None:
        async with aiosmtplib.SMTP(hostname=HOST, port=given.port, use_tls=False) as client:
            for number in numbers:
                await client.send_message(built(number, *given.parts))

    async def main() -> None:
        numbers = iter(range(given.messages))
        await asyncio.gather(*(lane(numbers) for _lane in range(given.connections)))

    with measured():
        asyncio.run(main())


def django(given: "Given") -> None:
    """Use Django's SMTP backend, with one connection kept open."""
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives, get_connection

    settings.configure(EMAIL_HOST=HOST, EMAIL_PORT=given.port)
    text, page = given.parts
    with measured(), get_connection() as connection:
        for number in range(given.messages):
            message = EmailMultiAlternatives(
                "Retraites : ce qui change", text, SENDER, [f"b{number}@blogs.example"],
                connection=connection,
                headers={"List-Unsubscribe": f"<https://lettre.parti.example/u/{number}>"},
            )  # fmt: skip
            message.attach_alternative(page, "text/html")
            message.send()


def mailmerge(given: "Given") -> None:
    """Use the command of mailmerge, with its files."""
    text, _page = given.parts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mailmerge_server.conf").write_text(
            f"[smtp_server]\nhost = {HOST}\nport = {given.port}\n"
        )
        head = f"TO: {{{{email}}}}\nSUBJECT: Retraites\nFROM: {SENDER}\n\n"
        # As large as ours: its text as often as fits.
        body = text.replace("{", "(") * (given.size // len(text) + 1)
        (folder / "mailmerge_template.txt").write_text(head + body[: given.size])
        with (folder / "mailmerge_database.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["email"])
            rows.writerows([f"b{number}@blogs.example"] for number in range(given.messages))
        with measured(children=True):
            subprocess.run(
                (sys.executable, "-c", MAILMERGE, "--no-limit", "--no-dry-run"),
                cwd=folder, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip


def smtp_source(given: "Given") -> None:
    """Use Postfix's load generator: the same bytes to everybody, nothing recorded."""
    program = shutil.which("smtp-source", path=POSTFIX)
    command = (
        *(str(program), "-d", "-l", str(given.size), "-m", str(given.messages)),
        *("-s", str(given.connections), "-f", SENDER, "-t", "b@blogs.example"),
        f"{HOST}:{given.port}",
    )
    with measured(children=True):
        subprocess.run(command, check=True)


MAILMERGE = "from mailmerge.__main__ import main; main()"  # its -m form is broken
NODE = """
const nodemailer = require('nodemailer');
const [port, messages, connections, file] = process.argv.slice(2);
const [text, html] = JSON.parse(require('fs').readFileSync(file));
const pool = nodemailer.createTransport({host: '127.0.0.1', port: +port, pool: true, secure: false,
  ignoreTLS: true, maxConnections: +connections, maxMessages: Infinity});
let next = 0, done = 0;
function more() {
  while (pool.isIdle() && next < +messages) {
    const n = next++;
    pool.sendMail({from: 'lettre@parti.example', to: `b${n}@blogs.example`, text, html,
      subject: 'Retraites : ce qui change',
      headers: {'List-Unsubscribe': `<https://lettre.parti.example/u/${n}>`}}, error => {
        if (error) throw error;
        if (++done === +messages) pool.close();
      });
  }
}
pool.on('idle', more);
more();
"""


def nodemailer(given: "Given") -> None:
    """Use nodemailer's pool, fed as its manual says."""
    with tempfile.TemporaryDirectory() as name:
        script, parts = Path(name) / "send.js", Path(name) / "parts.json"
        script.write_text(NODE)
        parts.write_text(json.dumps(given.parts))
        numbers = (str(given.port), str(given.messages), str(given.connections))
        with measured(children=True):
            subprocess.run(
                ("node", str(script), *numbers, str(parts)),  # noqa: S607  (whichever there is)
                check=True, env={**os.environ, "NODE_PATH": str(given.node_modules)},
            )  # fmt: skip


SENDERS: dict[str, Callable[["Given"], None]] = {
    "ours": ours,
    "ours-normal": lambda given: ours(given, "normal"),
    "ours-ungrouped": lambda given: ours(given, "alone"),
    "smtp-source": smtp_source,
    "nodemailer": nodemailer,
    "aiosmtplib": aiosmtplib_,
    "django": django,
    "smtplib": smtplib_,
    "mailmerge": mailmerge,
}


def is_there(name: str, node_modules: Path | None) -> bool:
    """Tell whether a sender can be run here."""
    match name:
        case "smtp-source":
            return shutil.which("smtp-source", path=POSTFIX) is not None
        case "nodemailer":
            return node_modules is not None and (node_modules / "nodemailer").exists()
        case "django" | "mailmerge":
            return importlib.util.find_spec(name) is not None
        case _:
            return True


# --- measuring --------------------------------------------------------------------------------


class Given(argparse.Namespace):
    """What a sender is to send, and where to."""

    sender: str
    port: int
    messages: int
    connections: int
    folder: Path
    node_modules: Path | None
    parts: tuple[str, str]  # text and HTML of the letter
    size: int  # bytes of the whole letter


@contextmanager
def measured(*, children: bool = False) -> Iterator[None]:
    """Print what the block took, as JSON."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    before, begun = resource.getrusage(who), time.perf_counter()
    yield
    wall_s, after = time.perf_counter() - begun, resource.getrusage(who)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    most_kib = 0 if children else _most_kib()
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "max_rss_kib": most_kib}))


def _most_kib() -> int:
    """Return the most memory this process has had; what getrusage says began with its parent's."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def one(sender: str, given: argparse.Namespace, port: int, root: Path) -> dict[str, float]:
    """Run one sender in a process of its own, and return what it took."""
    folder = Path(tempfile.mkdtemp(dir=root))
    settings = workspace(
        folder, port, given.messages if sender.startswith("ours") else 1, given.connections
    )
    with closing(open_store(settings.database_url)) as store:
        begun = time.process_time()
        send.plan(settings, store, SLUG, settings.now())
        planned_s = time.process_time() - begun
    message = letter_of(settings)
    policy = email.policy.default
    letter = email.message_from_bytes(message, policy=policy)
    parts = [part.get_content() for part in letter.walk() if not part.is_multipart()]
    (folder / "parts.json").write_text(json.dumps([parts, len(message)]))
    command = [
        *(sys.executable, __file__, "--run", sender, "--port", str(port)),
        *("--messages", str(given.messages), "--connections", str(given.connections)),
        *("--folder", str(folder)),
    ]
    if given.node_modules:
        command += ["--node-modules", str(given.node_modules)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    shutil.rmtree(folder)
    return {**json.loads(done.stdout), "planned_s": planned_s}


def compare(given: argparse.Namespace, root: Path) -> dict[str, object]:
    """Run all senders round by round, and return the medians, and ours to theirs."""
    names = [name for name in given.only.split(",") if is_there(name, given.node_modules)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with sink() as far, slow(far, given.latency_ms) as port:
        for _round in range(given.rounds):
            for name in names:
                found[name].append(one(name, given, port, root))
    senders = {name: _figures(runs, given.messages) for name, runs in found.items()}
    own = senders.get("ours", {}).get("messages_per_s")
    return {
        "messages": given.messages,
        "connections": given.connections,
        "latency_ms": given.latency_ms,
        "rounds": given.rounds,
        "senders": senders,
        "ours_to_theirs": {
            name: {"ratio": round(own / figures["messages_per_s"], 2), "goal": GOALS[name]}
            for name, figures in senders.items()
            if own and name in GOALS
        },
    }


def _figures(runs: list[dict[str, float]], messages: int) -> dict[str, float]:
    def median(key: str) -> float:
        return statistics.median(run[key] for run in runs)

    return {
        "messages_per_s": round(messages / median("wall_s")),
        "cpu_us": round(median("cpu_s") / messages * 1e6),
        "plan_cpu_us": round(median("planned_s") / messages * 1e6),
        "max_rss_mib": round(median("max_rss_kib") / 1024, 1),  # 0: not known
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=0, help="of a round trip")
    parser.add_argument("--only", default=",".join(SENDERS))
    parser.add_argument("--node-modules", type=Path, help="where nodemailer is installed")
    parser.add_argument("--folder", type=Path, help="where the workspace is made: its disk counts")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(namespace=Given())
    if given.run:
        given.parts, given.size = json.loads((given.folder / "parts.json").read_text())
        SENDERS[given.run](given)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as root:
        print(json.dumps({**compare(given, Path(root)), **circumstances()}))


if __name__ == "__main__":
    main()
