"""The story of one campaign in the small world, told by running the product's own commands.

Every command is a process of its own (``python -m buzz …``), as a person or cron would start it,
against real HTTP, SMTP and a real SQLite file. What the bloggers truly did is known to the world
alone; at the end it is compared with what the product found.
"""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Protocol
from urllib.request import urlopen

from buzz import config, locales
from buzz.core import registry
from buzz.demo import documents, readers, world
from buzz.demo.stage import Stage
from buzz.demo.world import World
from buzz.edges import files
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.model import Blog

SLUG = "urgences"  # of the demo's campaign
DAYS = timedelta(days=3)  # between the letter and the report
GREYLISTED = timedelta(minutes=30)  # later, the deferred ones are tried again
LISTED_SHARE = 0.8  # of the registry: so that the cut of the ranking means something
SERVE_TIMEOUT_S = 15
SHOWN_LINES = 24  # of what a command prints


class Teller(Protocol):
    """Whoever tells the story to a person."""

    def chapter(self, title: str) -> None:
        """Begin a new chapter."""

    def command(self, arguments: Sequence[str]) -> None:
        """Show a command that is about to run."""

    def output(self, text: str, lines: int) -> None:
        """Show what a command printed, at most so many lines."""

    def say(self, text: str) -> None:
        """Say something between the commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the product's findings compare with the truth of the world, counted in posts."""

    true_relays: int  # on blogs whose feed can be read
    found: int  # of them, called relayed
    to_check: int  # of them, put before a person
    missed: int
    false: int  # called relayed, and are not
    critics: int  # posts against the letter
    critics_as_relays: int
    best_blog: str  # slug: the first in the ranking
    report: Path


class Story:
    """One workspace in a folder of its own, and the commands run in it."""

    def __init__(self, folder: Path, stage: Stage, teller: Teller) -> None:
        self.folder = folder
        self.stage = stage
        self.teller = teller

    def environment(self) -> dict[str, str]:
        """Return the environment of the product's commands: the world's time and language."""
        return {
            **os.environ,
            "BUZZ_WORKSPACE": str(self.folder),
            "BUZZ_LANG": locales.language(),
            "BUZZ_CLOCK_OFFSET_S": str(self.stage.offset.total_seconds()),
        }

    def run(self, *arguments: str, accept: Sequence[int] = (0,), lines: int = SHOWN_LINES) -> None:
        """Run one command for the person to see.

        Raises:
            BuzzError: it ended with an exit code that is not part of the story.
        """
        self.teller.command(arguments)
        done = self._process(arguments)
        self.teller.output(done.stdout, lines)
        if done.returncode not in accept:
            raise BuzzError(
                _("buzz {command} ended with {code}").format(
                    command=" ".join(arguments), code=done.returncode
                ),
                place=str(self.folder),
            )

    def facts(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON that a command prints."""
        facts: dict[str, Any] = json.loads(self._process((*arguments, "--json")).stdout)
        return facts

    def _process(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  (our own command, our own arguments)
            [sys.executable, "-m", "buzz", *arguments],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            check=False,
        )

    @contextmanager
    def tracker(self, port: int) -> Iterator[None]:
        """Keep ``buzz serve`` running in the block."""
        arguments = ("serve", "--bind", f"127.0.0.1:{port}", "--quiet")
        self.teller.command(arguments[:3])
        with subprocess.Popen(  # noqa: S603  (our own command, our own arguments)
            [sys.executable, "-m", "buzz", *arguments],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        ) as server:
            try:
                _wait_until_up(f"http://127.0.0.1:{port}/health", server)
                yield
            finally:
                server.terminate()


def play(folder: Path, blogs: int, teller: Teller) -> Outcome:
    """Play the whole story in this folder and return how it ended.

    Args:
        folder: where the workspace is made; it stays.
        blogs: how many blogs of the sample registry take part.
        teller: tells it to the person.
    """
    with Stage() as stage:
        stage.offset = -DAYS
        story = Story(folder, stage, teller)
        small = _open(story, blogs)
        _day_of_the_letter(story, small)
        stage.offset = timedelta()
        return _three_days_later(story, small)


def play_documents(folder: Path, documents_folder: Path, teller: Teller) -> list[dict[str, Any]]:
    """Serve real feed documents instead of the world, poll them twice, return both accounts."""
    paths = [p for p in sorted(documents_folder.iterdir()) if p.suffix in {".xml", ".rss", ".atom"}]
    if not paths:
        raise BuzzError(
            _("no feed documents (*.xml, *.rss, *.atom) in this folder"),
            place=str(documents_folder),
        )
    with Stage() as stage:
        story = Story(folder, stage, teller)
        teller.chapter(_("{n} real feed documents, each on a host of its own").format(n=len(paths)))
        blogs = []
        for number, path in enumerate(paths, start=1):
            host = f"f{number:04}.localhost"
            stage.sites[host] = documents.FileSite(path)
            address = f"http://{host}:{stage.feed_port}/"
            blogs.append(
                Blog(slug=f"f{number:04}", name=path.stem[:80], url=address, feed_url=address)
            )
        _make_workspace(story, blogs, size=len(blogs))
        accounts = []
        for title in (_("The first poll"), _("The second poll: nothing has changed")):
            teller.chapter(title)
            teller.command(("poll", "--all", "--json"))
            account = story.facts("poll", "--all")
            teller.output(json.dumps(account), SHOWN_LINES)
            accounts.append(account)
        story.run("rank", "run")
        story.run("rank", "show", "--top", "10")
        return accounts


def _open(story: Story, count: int) -> World:
    """Build the world and the workspace around some blogs of the sample registry."""
    stage, teller = story.stage, story.teller
    sample = registry.read(files.shared("blogs.csv").read_bytes(), file="blogs.csv").blogs
    blogs = [
        dataclasses.replace(
            blog,
            url=documents.local(blog.url, stage.feed_port),
            feed_url=documents.local(blog.feed_url, stage.feed_port),
        )
        for blog in sample[:: max(1, len(sample) // count)][:count]
    ]
    small = world.build(blogs, sent_at=stage.now(), now=stage.now() + DAYS)
    for blogger in small.bloggers.values():
        host = (blogger.blog.feed_url or blogger.blog.url).partition("//")[2].partition(":")[0]
        stage.sites[host] = documents.BlogSite(blogger, stage.now)
        stage.office.mailboxes[blogger.blog.email] = blogger.mailbox
    teller.chapter(
        _("Three days ago: a workspace, and a registry of {n} blogs").format(n=len(blogs))
    )
    _make_workspace(story, blogs, size=max(1, round(len(blogs) * LISTED_SHARE)))
    letter = resources.files("buzz.demo").joinpath("written", "letter.md").read_text("utf-8")
    campaign = story.folder / "campaigns" / SLUG / "letter.md"
    files.write(campaign, letter, mode=files.PUBLIC)
    return small


def _make_workspace(story: Story, blogs: Sequence[Blog], size: int) -> None:
    story.run("init", str(story.folder))
    settings = config.load(story.folder)
    port = _free_port()
    settings = dataclasses.replace(
        settings,
        sender=dataclasses.replace(
            settings.sender,
            from_="Collectif Lits Debout <lettre@lits-debout.example>",
            organisation="Collectif Lits Debout",
            postal_address="4 quai de la Veille, 58000 Nevers",
            controller="Collectif Lits Debout, donnees@lits-debout.example",
        ),
        smtp=dataclasses.replace(settings.smtp, port=story.stage.smtp_port, tls="none"),
        web=config.Web(base_url=f"http://127.0.0.1:{port}", bind=f"127.0.0.1:{port}"),
        # All hosts are this machine, which needs no pause between two requests.
        poll=dataclasses.replace(
            settings.poll, timeout_s=5.0, host_pause_s=0.0, allow_networks=("127.0.0.0/8",)
        ),
        rank=dataclasses.replace(settings.rank, size=size),
        send=dataclasses.replace(settings.send, rate_per_s=0.0),
    )
    files.write(story.folder / config.FILE, config.as_toml(settings), mode=files.PUBLIC)
    table = story.folder / "registry.csv"
    files.write(table, registry.write(blogs))
    story.run("blogs", "import", str(table), "--yes", "--quiet", lines=5)


def _day_of_the_letter(story: Story, small: World) -> None:
    """Poll, rank, check, send; then the readers act."""
    stage, teller = story.stage, story.teller
    teller.chapter(_("Who is active? Every feed is fetched, and the blogs are ranked"))
    story.run("poll", "--all")
    story.run("rank", "run")
    story.run("rank", "show", "--top", "5")
    teller.chapter(_("The letter is checked for every recipient, then sent"))
    story.run("campaign", "check", SLUG)
    settings = config.load(story.folder)
    with story.tracker(int(settings.web.bind.rpartition(":")[2])):
        stage.office.breaks_at = max(1, len(small.bloggers) // 3)
        story.run("send", "start", SLUG, "--confirm", SLUG, accept=(0, 3, 9, 75))
        if stage.office.broke:
            teller.say(
                _(
                    "One line broke after the final dot. Nobody can know whether that letter"
                    " arrived: it is listed, and never sent again by itself (RFC 1047)."
                )
            )
            story.run("send", "uncertain", SLUG, accept=(0, 9))
        stage.offset += GREYLISTED
        teller.say(_("Half an hour later, those who asked for patience are tried again."))
        story.run("send", "resume", SLUG, accept=(0, 3, 9, 75))
        teller.chapter(_("The readers open, click, unsubscribe, or do nothing"))
        mails = [
            readers.read(to, messages[0], settings.web.base_url)
            for to, messages in stage.office.arrived.items()
        ]
        by_email = {b.blog.email: b for b in small.bloggers.values()}
        for letter in mails:
            world.receive(small, by_email[letter.to], letter.relay, now=small.sent_at + DAYS)
        done = stage.do(readers.act(mails, seed=small.seed))
        doubled = sum(len(messages) > 1 for messages in stage.office.arrived.values())
        teller.say(
            _(
                "{letters} letters arrived, {doubled} of them twice. Of {tracked} readers who"
                " agreed to it, {opened} opened and {clicked} clicked; {left} unsubscribed, and"
                " {scanned} filters looked at every link without changing anything."
            ).format(
                letters=len(mails),
                doubled=doubled,
                tracked=sum(bool(m.pixel) for m in mails),
                opened=done.opened,
                clicked=done.clicked,
                left=done.unsubscribed,
                scanned=done.scanned,
            )
        )


def _three_days_later(story: Story, small: World) -> Outcome:
    """Poll again, find the relays, report, and compare with the truth."""
    teller = story.teller
    teller.chapter(_("Today: who carried the message on?"))
    story.run("poll", "--all")
    story.run("rank", "run")
    story.run("relays", "scan", SLUG)
    relays = story.facts("relays", "list", SLUG)["relays"]
    if relays:
        best = next(
            (r for r in relays if r["verdict"] == "relayed" and r["mode"] == "quote"), relays[0]
        )
        story.run("relays", "show", str(best["id"]), lines=80)
    teller.chapter(_("The report"))
    report = story.folder / f"report-{SLUG}.html"
    story.run("report", "show", SLUG, lines=60)
    story.run("report", "html", SLUG, "-o", str(report))
    first = story.facts("rank", "show", "--top", "1")["blogs"][0]["slug"]
    return _compare(small, {r["url"]: r["verdict"] for r in relays}, first, report)


def _compare(small: World, verdicts: dict[str, str], best_blog: str, report: Path) -> Outcome:
    readable = {"well", "slow"}
    truth = {
        post.link: post
        for blogger in small.bloggers.values()
        if blogger.health in readable
        for post in blogger.posts
        if post.published > small.sent_at
    }
    of_relays = Counter(
        verdicts.get(link, "not") for link, post in truth.items() if post.label == "relayed"
    )
    critics = [link for link, post in truth.items() if post.mode == "critique"]
    return Outcome(
        true_relays=of_relays.total(),
        found=of_relays["relayed"],
        to_check=of_relays["to_check"],
        missed=of_relays["mentioned"] + of_relays["not"],
        false=sum(
            verdict == "relayed" and (link not in truth or truth[link].label != "relayed")
            for link, verdict in verdicts.items()
        ),
        critics=len(critics),
        critics_as_relays=sum(verdicts.get(link) == "relayed" for link in critics),
        best_blog=best_blog,
        report=report,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return when the tracker answers.

    Raises:
        BuzzError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + SERVE_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(url, timeout=1):  # noqa: S310  (our own loopback address)
                return
        except OSError:
            time.sleep(0.05)
    raise BuzzError(_("buzz serve did not answer"), place=url)
