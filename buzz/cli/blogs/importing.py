"""``buzz blogs import`` and ``export``: the registry comes from a file and goes into one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.cli.blogs import changing
from buzz.errors import PartialFailure
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(app, "import", example="buzz blogs import blogs.csv --yes")(import_)
    work.command(app, "export", example="buzz blogs export")(export)


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=N_("A registry, CSV in UTF-8; or somebody's list, OPML or one address a line."),
        ),
    ],
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help=N_("Keep the blogs that the file does not have."))
    ] = False,
    yes: work.Yes = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> int:
    """Bring the registry to what a file says: show the difference, ask, then write.

    A list of others, such as OPML, only adds what is new.
    """
    from buzz.pipeline import lists, registry

    at = work.current()
    plan = lists.plan_import(at.settings, at.store, file, keep=keep)
    for finding in plan.left_out:
        console.say(_("left out: {line}").format(line=registry.line_of(finding)))
    if plan.known:
        console.say(
            ngettext(
                "{n} blog of this list is known: it stays as it is",
                "{n} blogs of this list are known: they stay as they are",
                plan.known,
            ).format(n=plan.known)
        )
    more = {"known": plan.known, "left_out": [asdict(finding) for finding in plan.left_out]}
    changing.carry_out(plan, yes=yes, dry_run=dry_run, json=json, more=more)
    return PartialFailure.exit_code if plan.left_out else 0


def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help=N_("Where to; else it is printed."))
    ] = None,
    *,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help=N_("For Excel: semicolons, BOM, and no cell acts as a formula.")
        ),
    ] = False,
    opml: Annotated[
        bool,
        typer.Option("--opml", help=N_("As OPML, for readers of feeds; FILE.opml says so too.")),
    ] = False,
    yes: work.Yes = False,
) -> None:
    """Write the registry as CSV; importing it again changes nothing."""
    from buzz.edges import files
    from buzz.pipeline import lists, registry

    store = work.current().store
    if opml or (file is not None and file.suffix.lower() == ".opml"):
        content = lists.export(store)
    else:
        content = registry.export(store, spreadsheet=spreadsheet)
    if file is None:
        console.verbatim(content)
        return
    if file.exists():
        changing.agree(
            _("{file} exists. Replace it?").format(file=file),
            yes=yes,
            remedy=_("add --yes, or choose another name"),
        )
    files.write(file, content)
    console.say(_("written: {file}").format(file=file))
