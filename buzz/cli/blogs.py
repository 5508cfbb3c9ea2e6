"""``buzz blogs``: the registry."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.errors import CancelledByPerson, PartialFailure
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import Blog, BlogStatus

if TYPE_CHECKING:
    from buzz.core.registry import Diff
    from buzz.pipeline.registry import Plan

_SHOWN = 20  # lines of one kind of change; --json has them all
_WIDE, _MEDIUM = 100, 60  # columns of a terminal from which more of each blog is listed

app = typer.Typer(no_args_is_help=True, help=N_("The registry of blogs: blogs.csv."))

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


def plant(root: typer.Typer) -> None:
    """Plant the commands of the registry: this file's, and those with files of their own."""
    from buzz.cli import discover, health

    health.plant(app)
    discover.plant(app)
    root.add_typer(app, name="blogs")


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


@work.command(app, "import", example="buzz blogs import blogs.csv --yes")
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
    carry_out(plan, yes=yes, dry_run=dry_run, json=json, more=more)
    return PartialFailure.exit_code if plan.left_out else 0


@work.command(app, "export", example="buzz blogs export")
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
        agree(
            _("{file} exists. Replace it?").format(file=file),
            yes=yes,
            remedy=_("add --yes, or choose another name"),
        )
    files.write(file, content)
    console.say(_("written: {file}").format(file=file))


@work.command(app, "list", example="buzz blogs list --federation 75")
def list_(
    *,
    tag: Annotated[str, typer.Option(metavar="TAG", help=N_("Only with this tag."))] = "",
    federation: Annotated[
        str, typer.Option(metavar="CODE", help=N_("Only of this local federation."))
    ] = "",
    language: Annotated[str, typer.Option(metavar="CODE", help=N_("Only in this language."))] = "",
    status: Annotated[BlogStatus | None, typer.Option(help=N_("Only of this status."))] = None,
    segment: Annotated[
        str,
        typer.Option(
            metavar="SEGMENT", help=N_("Only of this segment, e.g. top:300 and not lang:en.")
        ),
    ] = "",
    json: work.Json = False,
) -> None:
    """List the blogs of the registry."""
    from buzz.pipeline import registry, segments

    found = registry.listing(
        work.current().store,
        tag=tag,
        federation=federation,
        language=language,
        status=status or "",
    )
    if segment:
        chosen = {blog.slug for blog in segments.selected(work.current().store, segment)}
        found = tuple(blog for blog in found if blog.slug in chosen)
    if json:
        console.emit({"blogs": [asdict(blog) for blog in found]})
    elif found:
        _table(found)
    else:
        console.say(_("no blog to list (see: buzz blogs import --help)"))


@work.command(app, "show", example="buzz blogs show le-blog-de-karim")
def show(slug: Slug, *, json: work.Json = False) -> None:
    """Show all that the registry says of one blog."""
    from buzz.core.registry import cells_of
    from buzz.pipeline import registry

    blog = registry.show(work.current().store, slug)
    if json:
        console.emit(asdict(blog))
        return
    cells = cells_of(blog)
    longest = max(map(len, cells))
    for column, cell in cells.items():
        console.data(f"{column:<{longest}}  {cell}".rstrip())


@work.command(
    app, "add", example='buzz blogs add "Vu de Brest" --feed-url https://brest.example/feed/'
)
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
    carry_out(plan, yes=True, dry_run=dry_run, json=json)


@work.command(app, "edit", example="buzz blogs edit le-blog-de-karim --federation 29")
@_takes_cells(but="slug")
def edit(
    slug: Slug, *, dry_run: work.DryRun = False, json: work.Json = False, **cells: str | None
) -> None:
    """Change what is given of one blog; an empty text takes a value away."""
    from buzz.pipeline import registry

    at = work.current()
    given = _given(cells)
    plan = registry.plan_edit(at.settings, at.store, slug, given)
    carry_out(plan, yes=True, dry_run=dry_run, json=json)
    if given.get("feed_url") and not dry_run:
        _undo_move(slug, given["feed_url"])


def _undo_move(slug: str, address: str) -> None:
    """Ask a feed at the address that was given, though it once seemed to have moved."""
    from buzz.pipeline import poll

    at = work.current()
    if poll.undo_move(at.store, slug, address, at.now()):
        console.say(_("the move of this feed is undone: it is asked at this address again"))


@work.command(app, "remove", example="buzz blogs remove le-blog-de-karim --yes")
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
    carry_out(plan, yes=yes, dry_run=dry_run, json=json)


def _given(cells: dict[str, str | None]) -> dict[str, str]:
    return {column: cell for column, cell in cells.items() if cell is not None}


# --- showing ----------------------------------------------------------------------------------


def carry_out(
    plan: "Plan", *, yes: bool, dry_run: bool, json: bool, more: Mapping[str, Any] | None = None
) -> None:
    """Show a plan, ask where that is due, and carry it out."""
    from buzz.pipeline import registry

    for finding in plan.warnings:
        console.say(registry.line_of(finding))
    if not json:
        _show_diff(plan.diff)
    if not dry_run and not plan.is_done:
        if plan.diff:
            agree(_question(plan.diff), yes=yes, remedy=_("look at it, then add --yes"))
        at = work.current()
        registry.apply(at.settings, at.store, plan, at.now())
    if json:
        facts = {**names(plan.diff), "blogs": len(plan.blogs), "written": not dry_run}
        console.emit({**facts, **(more or {})})
    elif dry_run:
        console.say(_("nothing was changed (--dry-run)"))


def names(diff: "Diff") -> dict[str, Any]:
    """Return a difference as JSON has it."""
    return {
        "added": [blog.slug for blog in diff.added],
        "changed": [asdict(change) for change in diff.changed],
        "removed": [blog.slug for blog in diff.removed],
    }


def _question(diff: "Diff") -> str:
    if diff.removed:
        return _("The posts, ranks and relays of removed blogs go with them. Go on?")
    return _("Go on?")


def agree(question: str, *, yes: bool, remedy: str) -> None:
    """Go on if the person agrees.

    Raises:
        CancelledByPerson: they do not.
        UsageError: nobody can be asked.
    """
    if not console.confirmed(question, yes=yes, remedy=remedy):
        raise CancelledByPerson(_("nothing was changed"))


def _show_diff(diff: "Diff") -> None:
    from buzz.pipeline.registry import counted

    _some(f"+ {blog.slug}  {blog.name}" for blog in diff.added)
    _some(
        f"~ {change.slug}  {column}: {before or '-'} → {after or '-'}"
        for change in diff.changed
        for column, (before, after) in change.fields.items()
    )
    for blog in diff.removed:
        console.data(f"- {blog.slug}  {blog.name}")
    console.data(counted(diff))


def _some(lines: Iterable[str]) -> None:
    """Print the first lines, and how many more there are."""
    everything = list(lines)
    for line in everything[:_SHOWN]:
        console.data(line)
    if (more := len(everything) - _SHOWN) > 0:
        console.data(_("… and {n} more (all of them: --json)").format(n=more))


def _table(blogs: Iterable[Blog]) -> None:
    """Print as much of each blog as the terminal is wide."""
    width = console.width()
    columns = {_("slug"): [b.slug for b in blogs], _("name"): [b.name for b in blogs]}
    if width >= _MEDIUM:
        columns[_("federation")] = [b.federation for b in blogs]
        columns[_("language")] = [b.language for b in blogs]
    if width >= _WIDE:
        columns[_("status")] = [b.status for b in blogs]
        columns[_("tags")] = [" ".join(b.tags) for b in blogs]
    console.table(list(columns), list(zip(*columns.values(), strict=True)))
