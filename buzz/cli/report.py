"""``buzz report``: what became of a letter, with the proof."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.locales import mark as N_

if TYPE_CHECKING:
    from buzz.pipeline.report import Written

app = typer.Typer(no_args_is_help=True, help=N_("What became of a letter, with the proof."))

Slug = Annotated[str, typer.Argument(help=N_("The campaign."), metavar="SLUG")]
Output = Annotated[Path, typer.Option("--output", "-o", help=N_("The file to write."))]
MaybeOutput = Annotated[
    Path | None, typer.Option("--output", "-o", help=N_("The file to write; without it: stdout."))
]


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="report")


@work.command(app, "show", example="buzz report show retraites")
def show(slug: Slug, *, json: work.Json = False) -> None:
    """Show the report of a campaign in the terminal."""
    from buzz.core.report import as_json, lines
    from buzz.pipeline import report

    now = work.current()
    found = report.report(now.settings, now.store, slug, now.now())
    if json:
        console.emit(as_json(found))
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        console.data("\n".join(lines(found, width)))


@work.command(app, "html", example="buzz report html retraites -o report.html")
def html(slug: Slug, output: Output) -> None:
    """Write the report as one HTML file that needs nothing else, to read, send and print."""
    from buzz.pipeline import report

    now = work.current()
    written = report.html(now.settings, now.store, slug, now.output(output), now.now())
    _say_written(written)


@work.command(app, "csv", example="buzz report csv retraites -o report.csv")
def csv(slug: Slug, *, output: MaybeOutput = None) -> None:
    """Print the report as CSV, one line a blog, safe to open in a spreadsheet."""
    from buzz.pipeline import report

    now = work.current()
    if output is None:
        console.data(report.csv(now.settings, now.store, slug, now.now()).rstrip("\r\n"))
    else:
        written = report.csv_file(now.settings, now.store, slug, now.output(output), now.now())
        _say_written(written)


def _say_written(written: "Written") -> None:
    console.say(
        _("{path} written ({size} KB)").format(
            path=written.path, size=formats.number(max(1, written.bytes // 1000))
        )
    )
