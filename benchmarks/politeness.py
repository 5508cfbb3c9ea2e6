"""Let a server judge ``buzz poll`` over simulated days, by Rachel Kroll's rules for feed readers.

    python benchmarks/politeness.py [--days 8] [--every-min 20]

Hosts of many kinds live under ``*.localhost``: honest, forgetful, lying, weary, gone, moved. Cron
is simulated (``BUZZ_CLOCK_OFFSET_S``); every run is followed by a second one at once, as after a
restart. Each request is held against the rules:

identity
    a User-Agent with an address of ours; no cookies, no referrer
conditional
    at most one request an hour for a feed; validators byte for byte those of the last answer
unconditional
    at most one request without validators a day, but for those that were told when to come again
retry-after
    after 429, and 503 with Retry-After, none to that host before its time
gone
    after 410 at most one a week
moved
    after four answers 301 the old address is left alone
together
    at most two requests at a host at once, and a pause between two starts

Prints JSON; leaves with 1 if a rule was broken.
"""

import argparse
import asyncio
import contextlib
import io
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from aiohttp import web

from benchmarks import common
from buzz.cli import main as buzz
from buzz.config import load
from buzz.edges.store import blogs, open_store
from buzz.model import Blog

HOUR, DAY = 3600.0, 86_400.0
SLACK_S = 70.0  # of an hour: cron does not start at the same second, and a run takes its time
PAUSE_S = 0.2  # between a start and the next but one: nominally two pauses of 0.2, but a busy
# machine may hold a connection up on its way
PEACE_S = {"weary": 3 * HOUR, "repairs": 5 * HOUR}
ON_ITS_WAY_S = 1.0  # a request that has started before an answer came is no defiance of it
SHARED = 6  # blogs on the host that grows weary
TOML = """
[poll]
allow_networks = ["127.0.0.0/8"]
host_pause_s = 0.2
timeout_s = 5
"""


@dataclass
class Seen:
    """What the judge knows of one address."""

    at: list[float] = field(default_factory=list)  # simulated seconds
    unconditional: list[float] = field(default_factory=list)
    given: tuple[str, str] = ("", "")  # validators of the last 200


Answer = tuple[int, dict[str, str], str]


class Judge:
    """The server: every host answers in its manner, every request is held against the rules."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.requests = 0
        self.violations: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._seen: defaultdict[str, Seen] = defaultdict(Seen)
        self._peace: dict[str, tuple[float, float]] = {}  # from when to when, by host
        self._gone: dict[str, float] = {}
        self._moved: Counter[str] = Counter()
        self._now_at: Counter[str] = Counter()
        self._started: defaultdict[str, list[float]] = defaultdict(list)
        self._began = time.time()
        self.hosts: dict[str, Callable[[str, bool], Answer]] = {
            "honest": self._honest,
            "dated": lambda path, known: self._honest(path, known, etag=False),
            "bare": lambda path, _known: (200, {}, self._document(path)),
            "forgetful": lambda _path, _known: (200, _validators("s"), self._document("same")),
            "liar": lambda path, known: (
                (304, _validators("x"), "")
                if known
                else (200, _validators("x"), self._document(path))
            ),
            "busy": lambda path, known: self._honest(path, known, every_h=0.5),
            "fresh": lambda path, known: self._with(
                self._honest(path, known), "Cache-Control", "max-age=7200"
            ),
            "missing": lambda _path, _known: (404, {}, ""),
            "broken": lambda _path, _known: (500, {}, ""),
            "page": lambda _path, _known: (200, {}, "<!doctype html><p>Bonjour"),
            "gone": lambda _path, _known: (410, {}, ""),
            "wall": lambda _path, _known: (403, {"cf-mitigated": "challenge"}, ""),
            "moved": lambda _path, _known: (301, {"Location": self.url("honest", "/moved")}, ""),
            "passing": lambda _path, _known: (302, {"Location": self.url("dated", "/x")}, ""),
            "weary": self._weary,
            "repairs": self._repairs,
        }
        self.port = 0

    def url(self, host: str, path: str = "/feed") -> str:
        """Return an address at a host."""
        return f"http://{host}.localhost:{self.port}{path}"

    @property
    def now(self) -> float:
        """Return the simulated time in seconds since the beginning."""
        return time.time() - self._began + self.offset_s

    def begin_run(self) -> None:
        """Forget the starts of another run: the pause is between those of one."""
        self._started.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, and judge it."""
        host = request.host.split(".")[0]
        self.requests += 1
        self._now_at[host] += 1
        try:
            known = self._judge(host, request)
            status, headers, body = self.hosts[host](request.path, known)
            await asyncio.sleep(0.01)
            return self._remember(host, request, status, headers, body)
        finally:
            self._now_at[host] -= 1

    def _judge(self, host: str, request: web.Request) -> bool:
        """Hold a request against the rules; return whether it has what was given last."""
        seen = self._seen[host + request.path]
        sent = (
            request.headers.get("If-None-Match", ""),
            request.headers.get("If-Modified-Since", ""),
        )
        now, real = self.now, time.monotonic()
        self._rule("identity", host, "+http" in request.headers.get("User-Agent", ""))
        self._rule("identity", host, not {"Cookie", "Referer"} & request.headers.keys())
        self._rule("together", host, self._now_at[host] <= 2)
        started = self._started[host]
        self._rule("together", host, len(started) < 2 or real - started[-2] > PAUSE_S)
        begins, ends = self._peace.get(host, (0.0, 0.0))
        self._rule("retry-after", host, not begins < now < ends)
        self._rule("gone", host, now - self._gone.get(host, -9 * DAY) > 7 * DAY - SLACK_S)
        self._rule("moved", host, self._moved[host] < 4)
        self._rule("conditional", host, not seen.at or now - seen.at[-1] > HOUR - SLACK_S)
        if any(sent):
            self._rule("conditional", host, seen.given in {sent, ("", "")})
        elif seen.unconditional:
            self._rule("unconditional", host, now - seen.unconditional[-1] > DAY - SLACK_S)
        started.append(real)
        seen.at.append(now)
        if not any(sent):
            seen.unconditional.append(now)
        return any(sent) and sent == seen.given

    def _rule(self, rule: str, host: str, holds: bool) -> None:  # noqa: FBT001  (reads as a sentence)
        if not holds:
            self.violations[rule] += 1
            self.examples.setdefault(rule, f"{host} after {self.now / HOUR:.2f} h")

    def _remember(
        self, host: str, request: web.Request, status: int, headers: dict[str, str], body: str
    ) -> web.Response:
        if status in {429, 503}:
            self._peace[host] = (self.now + ON_ITS_WAY_S, self.now + PEACE_S[host] - ON_ITS_WAY_S)
            self._seen[host + request.path].unconditional.clear()
        if status == 410:
            self._gone[host] = self.now
        self._moved[host] += status == 301
        if status == 200:
            self._seen[host + request.path].given = (
                headers.get("ETag", ""),
                headers.get("Last-Modified", ""),
            )
        answer = web.Response(status=status, headers=headers, text=body or None)
        answer.set_cookie("visitor", "42")
        return answer

    # --- the hosts' manners -------------------------------------------------------------------

    def _honest(
        self,
        path: str,
        known: bool,  # noqa: FBT001  (a host's one question)
        *,
        etag: bool = True,
        every_h: float = 5.0,
    ) -> Answer:
        period = int(self.now / HOUR / every_h)
        headers = _validators(str(period))
        if not etag:
            del headers["ETag"]
        if known and self._seen_period(path, headers):
            return 304, headers, ""
        return 200, headers, self._document(path, every_h)

    def _seen_period(self, path: str, headers: dict[str, str]) -> bool:
        given = (headers.get("ETag", ""), headers.get("Last-Modified", ""))
        return any(s.given == given for name, s in self._seen.items() if name.endswith(path))

    def _weary(self, path: str, known: bool) -> Answer:  # noqa: FBT001  (a host's one question)
        if int(self.now / DAY) % 2:
            return self._honest(path, known)
        return 429, {"Retry-After": f"{PEACE_S['weary']:.0f}"}, ""

    def _repairs(self, path: str, known: bool) -> Answer:  # noqa: FBT001  (a host's one question)
        if int(self.now / DAY) % 2:
            return self._honest(path, known)
        until = datetime.now(UTC) + timedelta(seconds=PEACE_S["repairs"])
        return 503, {"Retry-After": format_datetime(until, usegmt=True)}, ""

    def _with(self, answer: Answer, name: str, value: str) -> Answer:
        return answer[0], {**answer[1], name: value}, answer[2]

    def _document(self, path: str, every_h: float = 5.0) -> str:
        newest = 0 if path == "same" else int(self.now / HOUR / every_h)
        start = datetime.now(UTC) + timedelta(seconds=self.offset_s - self.now)
        items = "".join(
            f"<item><guid>{path}-{n}</guid><title>Billet {n}</title>"
            f"<pubDate>{format_datetime(start + timedelta(hours=n * every_h))}</pubDate>"
            f"<description>{'Des mots pour le dire. ' * 9}{n}</description></item>"
            for n in range(newest, newest - 15, -1)
        )
        return f'<rss version="2.0"><channel><title>{path}</title>{items}</channel></rss>'


def _validators(word: str) -> dict[str, str]:
    return {"ETag": f'W/"{word}é"', "Last-Modified": f"Mon, 02 Mar 2026 09:00:00 GMT+{word}"}


@contextlib.contextmanager
def serving(judge: Judge) -> Iterator[None]:
    """Serve on a free port of loopback, in a thread."""
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", judge.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        judge.port = runner.addresses[0][1]
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def judged(folder: Path, days: float, every_min: float) -> Judge:
    """Return the judge after so many days of cron in a workspace made in a folder."""
    judge = Judge()
    with serving(judge):
        (folder / "buzz.toml").write_text(TOML, encoding="utf-8")
        os.environ["BUZZ_CLOCK_OFFSET_S"] = "0"
        settings = load(folder)
        store = open_store(settings.database_url)
        known = [
            Blog(slug=host, name=host, feed_url=judge.url(host))
            for host in judge.hosts
            if host != "weary"
        ]
        known += [
            Blog(slug=f"weary{n}", name="weary", feed_url=judge.url("weary", f"/{n}"))
            for n in range(SHARED)
        ]
        with store.write() as tx:
            blogs.save(tx, known, settings.now())
        store.close()
        step_s = every_min * 60
        for step in range(round(days * DAY / step_s)):
            judge.offset_s = step * step_s
            os.environ["BUZZ_CLOCK_OFFSET_S"] = str(judge.offset_s)
            for _ in range(2):  # the second is a restart
                judge.begin_run()
                with contextlib.redirect_stderr(io.StringIO()) as said:
                    code = buzz(["--workspace", str(folder), "--quiet", "poll"])
                if code:
                    raise SystemExit(said.getvalue())
        del os.environ["BUZZ_CLOCK_OFFSET_S"]
    return judge


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=float, default=8)
    parser.add_argument("--every-min", type=float, default=20)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        judge = judged(Path(folder), options.days, options.every_min)
    violations = sum(judge.violations.values())
    common.tell(
        {
            "days": options.days,
            "runs": round(options.days * DAY / options.every_min / 60) * 2,
            "requests": judge.requests,
            "violations": violations,
            "by_rule": dict(judge.violations),
            "examples": judge.examples,
            "seconds": round(time.monotonic() - began, 1),
            "rows": [
                common.row(
                    f"manners, {judge.requests} requests in {options.days:g} days",
                    violations,
                    "violations",
                    most=0,
                )
            ],
        }
    )
    return 1 if judge.violations else 0


if __name__ == "__main__":
    sys.exit(main())
