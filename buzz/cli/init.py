"""``buzz init``: a new workspace."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(root, "init", example="buzz init ma-lettre --sample")(init)


def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help=N_("Where; else this folder."))
    ] = None,
    *,
    sample: Annotated[
        bool, typer.Option("--sample", help=N_("With a sample registry of 1,500 fictional blogs."))
    ] = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Make a workspace: settings, registry, a sample campaign. What exists is left as it is."""
    from datetime import UTC, datetime

    from buzz.pipeline import workspace

    where = folder or Path(work.current().workspace_option or ".")
    done = workspace.make(where, sample=sample, dry_run=dry_run, now=datetime.now(UTC))
    if json:
        console.emit(
            {"folder": str(done.folder), "made": done.made, "kept": done.kept, "blogs": done.blogs}
        )
        return
    for name in done.made:
        console.say(f"+ {name}")
    for name in done.kept:
        console.say(_("= {name} (existed, left as it is)").format(name=name))
    if not done.is_data_ignored:
        console.say(_("add a line /data/ to .gitignore: it holds the database and the secret"))
    if dry_run:
        console.say(_("nothing was changed (--dry-run)"))
        return
    if done.blogs:
        console.say(_("{n} blogs are in the registry").format(n=done.blogs))
    console.say(_("Workspace: {folder}").format(folder=done.folder))
    following = "buzz status"
    if done.folder != Path.cwd():
        following = f"cd {shlex.quote(str(done.folder))} && {following}"
    console.say(_("Next: {command}").format(command=following))
