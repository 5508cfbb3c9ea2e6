"""``buzz blogs add``, ``edit`` and ``remove``: one blog's line of the registry."""

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.cli.blogs import changing
from buzz.locales import gettext as _
from buzz.locales import mark as N_

Slug = Annotated[str, typer.Argument(metavar="SLUG", help=N_("The blog's slug."))]

# One option for each column of blogs.csv; what a cell may hold is core.registry's to say.
_CELLS = {
    "slug": ("SLUG", N_("Its short name everywhere; else made from the name.")),
    "name": ("TEXT", N_("Name of the blog.")),
    "url": ("ADDRESS", N_("Home page.")),
    "feed_url": ("ADDRESS", N_("Address of the feed.")),
    "email": ("ADDRESS", N_("Where the letter goes.")),
    "language": ("CODE", N_("Language of the blog: fr, br, oc, …")),
    "federation": ("CODE", N_("Local federation: 75, 2A, 974, …")),
    "tags": ("TAGS", N_("Tags, separated by semicolons.")),
    "status": ("active|paused", N_("A paused blog is neither polled nor ranked nor written to.")),
    "consent_open": ("unknown|granted|denied", N_("Consent to measuring opens.")),
    "consent_click": ("unknown|granted|denied", N_("Consent to measuring clicks.")),
    "notice_at": ("DATE", N_("When the person was told what is held on them.")),
    "source": ("TEXT", N_("Where the address comes from.")),
    "note": ("TEXT", N_("A note.")),
    "ground": ("public|member|consent", N_("Legal ground: GDPR art. 9.2 e, d or a.")),
    "evidence": ("TEXT", N_("Evidence of the ground: an address or a date.")),
}


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(
        app, "add", example='buzz blogs add "Vu de Brest" --feed-url https://brest.example/feed/'
    )(add)
    work.command(app, "edit", example="buzz blogs edit le-blog-de-karim --federation 29")(edit)
    work.command(app, "remove", example="buzz blogs remove le-blog-de-karim --yes")(remove)


def _takes_cells(*, but: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each column but one, in place of its ``**cells``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        options = {
            column: Annotated[
                str | None,
                typer.Option(f"--{column.replace('_', '-')}", metavar=metavar, help=help_),
            ]
            for column, (metavar, help_) in _CELLS.items()
            if column != but
        }
        own = [p for p in inspect.signature(function).parameters.values() if p.name != "cells"]
        more = [
            inspect.Parameter(
                column, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option
            )
            for column, option in options.items()
        ]
        function.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]  # read by inspect
        function.__annotations__.update(options)
        return function

    return decorate


@_takes_cells(but="name")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help=N_("Name of the blog."))],
    *,
    dry_run: work.DryRun = False,
    json: work.Json = False,
    **cells: str | None,
) -> None:
    """Add a blog to blogs.csv and to the database."""
    from buzz.pipeline import registry

    at = work.current()
    plan = registry.plan_add(at.settings, at.store, {"name": name, **_given(cells)})
    changing.carry_out(plan, yes=True, dry_run=dry_run, json=json)


@_takes_cells(but="slug")
def edit(
    slug: Slug, *, dry_run: work.DryRun = False, json: work.Json = False, **cells: str | None
) -> None:
    """Change what is given of one blog; an empty text takes a value away."""
    from buzz.pipeline import registry

    at = work.current()
    given = _given(cells)
    plan = registry.plan_edit(at.settings, at.store, slug, given)
    changing.carry_out(plan, yes=True, dry_run=dry_run, json=json)
    if given.get("feed_url") and not dry_run:
        _undo_move(slug, given["feed_url"])


def _undo_move(slug: str, address: str) -> None:
    """Ask a feed at the address that was given, though it once seemed to have moved."""
    from buzz.pipeline import poll

    at = work.current()
    if poll.undo_move(at.store, slug, address, at.now()):
        console.say(_("the move of this feed is undone: it is asked at this address again"))


def remove(
    slugs: Annotated[list[str], typer.Argument(metavar="SLUG…", help=N_("Slugs of blogs."))],
    *,
    yes: work.Yes = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Remove blogs and their posts; to leave one alone, set its status to paused instead."""
    from buzz.pipeline import registry

    at = work.current()
    plan = registry.plan_remove(at.settings, at.store, slugs)
    changing.carry_out(plan, yes=yes, dry_run=dry_run, json=json)


def _given(cells: dict[str, str | None]) -> dict[str, str]:
    return {column: cell for column, cell in cells.items() if cell is not None}
