"""``buzz cron``: what runs by itself, and its place in the crontab."""

from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import language, ngettext
from buzz.locales import mark as N_

app = typer.Typer(no_args_is_help=True, help=N_("What runs by itself, by cron or systemd."))


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="cron")


@work.command(app, "print", example="buzz cron print")
def print_(
    *,
    systemd: Annotated[
        bool, typer.Option("--systemd", help=N_("Unit files of systemd instead."))
    ] = False,
    json: work.Json = False,
) -> None:
    """Print the lines that poll, rank and go on with campaigns; nothing is changed."""
    from dataclasses import asdict

    from buzz.pipeline import cron

    plan = cron.plan(work.current().settings, language=language())
    if json:
        console.emit({"jobs": [asdict(job) for job in plan.jobs], "units": plan.units})
    elif systemd:
        console.data("\n".join(f"# ~/.config/systemd/user/{n}\n{u}" for n, u in plan.units.items()))
        console.say(_("Then: systemctl --user enable --now buzz-poll.timer …"))
    else:
        console.data(plan.block.rstrip("\n"))


@work.command(app, "install", example="buzz cron install --dry-run")
def install(*, dry_run: work.DryRun = False) -> None:
    """Put these lines into your crontab, or renew them; the rest of it is not touched."""
    from buzz.pipeline import cron

    settings = work.current().settings
    changes = cron.install(settings, language=language(), dry_run=dry_run)
    _say(
        cron.plan(settings, language=language()).block if changes else "",
        done=_("Installed. See: crontab -l; take it back with: buzz cron remove"),
        nothing=_("It is installed already, just so."),
        dry_run=dry_run,
    )


@work.command(app, "remove", example="buzz cron remove --dry-run")
def remove(*, dry_run: work.DryRun = False) -> None:
    """Take this workspace's lines out of your crontab; the rest of it is not touched."""
    from buzz.pipeline import cron

    _say(
        cron.remove(work.current().settings, dry_run=dry_run),
        done=_("Removed: nothing of this workspace runs by itself any more."),
        nothing=_("There was nothing of this workspace in your crontab."),
        dry_run=dry_run,
    )


def _say(lines: str, *, done: str, nothing: str, dry_run: bool) -> None:
    """Say what became of some lines of the crontab; none: there was nothing to do."""
    if not lines:
        console.say(nothing)
    elif dry_run:
        console.data(lines.rstrip("\n"))
        console.say(_("Nothing was changed (--dry-run)."))
    else:
        console.say(done)


@work.command(app, "run", example="buzz cron run")
def run(*, dry_run: work.DryRun = False, json: work.Json = False) -> int:
    """Do the hour's work: letters that were put off, relays of recent ones; cron runs this."""
    from dataclasses import asdict

    from buzz.pipeline import cron

    here = work.current()
    done = cron.run(here.settings, here.store, here.now(), dry_run=dry_run)
    for step in done:
        if step.exit_code:
            console.error(f"{step.step} {step.campaign}: {step.trouble}")
        elif step.trouble:
            console.say(f"{step.step} {step.campaign}: {step.trouble}")
    if json:
        console.emit({"done": [asdict(step) for step in done]})
    elif dry_run:
        for step in done:
            console.data(f"{step.step} {step.campaign}".rstrip())
        console.say(_("Nothing was changed (--dry-run)."))
    else:
        console.say(ngettext("{n} step done.", "{n} steps done.", len(done)).format(n=len(done)))
    return max(step.exit_code for step in done)
