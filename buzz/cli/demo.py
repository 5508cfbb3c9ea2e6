"""``buzz demo``: the whole round trip in a small world, told as it goes."""

import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.locales import mark as N_

FULL_WORLD = 1500


class _Terminal:
    """Tells the story on stdout."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a new chapter."""
        console.data(f"\n[{time.monotonic() - self._began:5.1f} s]  {title}\n")
        console.flush()

    def command(self, arguments: Sequence[str]) -> None:
        """Show a command that is about to run."""
        console.data("  $ buzz " + shlex.join(arguments))
        console.flush()

    def output(self, text: str, lines: int) -> None:
        """Show what a command printed, at most so many lines."""
        printed = text.rstrip().splitlines()
        for line in printed[:lines]:
            console.data("    " + line)
        if len(printed) > lines:
            console.data("    … " + _("{n} more lines").format(n=len(printed) - lines))
        console.flush()

    def say(self, text: str) -> None:
        """Say something between the commands."""
        console.data("  " + text)
        console.flush()


def plant(root: typer.Typer) -> None:
    """Plant ``demo``."""
    work.command(root, "demo", example="buzz demo --blogs 100")(_demo)


def _demo(
    *,
    blogs: Annotated[
        int, typer.Option(min=10, max=FULL_WORLD, help=N_("How many blogs take part."))
    ] = FULL_WORLD,
    keep: Annotated[
        Path | None, typer.Option(help=N_("Make the workspace in this folder (new or empty)."))
    ] = None,
    feeds: Annotated[
        Path | None,
        typer.Option(help=N_("Poll the feed documents of this folder instead of the small world.")),
    ] = None,
) -> None:
    """Play a whole campaign in a small world on this machine: nothing leaves it."""
    from buzz.demo import story

    folder = _folder(keep)
    teller = _Terminal()
    console.data(_("La Lettre du Buzz: the whole round trip, in {folder}").format(folder=folder))
    if feeds is not None:
        if not feeds.is_dir():
            raise UsageError(_("this is not a folder"), place=str(feeds))
        story.play_documents(folder, feeds.resolve(), teller)
        return
    try:
        outcome = story.play(folder, blogs, teller)
    except KeyboardInterrupt:
        teller.say(_("What was done so far is in {folder}").format(folder=folder))
        raise
    teller.chapter(_("Found against true"))
    console.data(
        "  "
        + _(
            "{true} posts truly relayed the letter: {found} found, {to_check} put before a person,"
            " {missed} missed. {false} posts were called relays wrongly; of {critics} critics,"
            " {critics_as_relays} were taken for relays."
        ).format(
            true=outcome.true_relays,
            found=outcome.found,
            to_check=outcome.to_check,
            missed=outcome.missed,
            false=outcome.false,
            critics=outcome.critics,
            critics_as_relays=outcome.critics_as_relays,
        )
    )
    console.data("\n  " + _("Report: {path}").format(path=outcome.report))
    console.data("\n  " + _("What to try next:"))
    console.data(f"    cd {shlex.quote(str(folder))}")
    for line in (
        f"relays list {story.SLUG}",
        f"rank explain {outcome.best_blog}",
        f"report show {story.SLUG}",
        "status",
    ):
        console.data(f"    {_ourselves()} {line}")


def _ourselves() -> str:
    """Return how the person can call this very program from another folder."""
    beside = Path(sys.executable).with_name("buzz")
    if shutil.which("buzz") or not beside.exists():
        return "buzz"
    return shlex.quote(str(beside))


def _folder(keep: Path | None) -> Path:
    """Return the folder of the workspace, made and empty."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="buzz-demo-"))
    folder = keep.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            _("this folder is not empty"), place=str(folder), remedy=_("name a new one")
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder
