"""``buzz rank hold``: blogs that keep their rank after a flood, until a person has looked."""

from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    hold = typer.Typer(
        no_args_is_help=True, help=N_("Blogs held at their rank after a flood of posts.")
    )
    work.command(hold, "list", example="buzz rank hold list")(list_)
    work.command(hold, "release", example="buzz rank hold release --help")(release)
    app.add_typer(hold, name="hold")


def list_(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help=N_("Also those that were released, and by whom."))
    ] = False,
    json: work.Json = False,
) -> None:
    """List the blogs that flooded their feeds and wait for a person's look."""
    from dataclasses import asdict

    from buzz.cli.rank import words
    from buzz.pipeline import rank

    found = rank.holds(work.current().store, everything=everything)
    if json:
        console.emit({"holds": [asdict(hold) for hold in found.holds]})
        return
    for hold in found.holds:
        console.data(f"{found.names.get(hold.blog, '')} ({hold.blog})")
        for line in words.flood(hold):
            console.data(f"  {line}")
    if not found.holds:
        console.say(_("No blog is held."))
    elif any(hold.released_at is None for hold in found.holds):
        console.say(_("Look at the blog; if all is well: buzz rank hold release BLOG"))


def release(
    blog: Annotated[str, typer.Argument(metavar="BLOG", help=N_("The blog's slug."))],
    *,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help=N_("Who decides; else your login."))
    ] = "",
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Let a blog go back to the rank of its score: you have looked, and its posts are real."""
    from buzz.edges import person
    from buzz.pipeline import rank

    here = work.current()
    who = by or person.login()
    released = rank.release(here.store, blog, here.now(), who, dry_run=dry_run)
    if json:
        console.emit({"blog": blog, "released": len(released), "by": who})
        return
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))
        return
    console.say(
        _("{blog} is released by {who}; the next ranking places it by its score.").format(
            blog=blog, who=who
        )
    )
