"""``buzz blogs``: the registry."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.cli.poll import reason_words
from buzz.core.names import FEED_STATES
from buzz.errors import CancelledByPerson, CheckRefused
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Blog, BlogStatus, Feed, FeedState

if TYPE_CHECKING:
    from buzz.core.registry import Diff
    from buzz.pipeline.registry import Checked, Plan

_SHOWN = 20  # lines of one kind of change; --json has them all
_WIDE, _MEDIUM = 100, 60  # columns of a terminal from which more of each blog is listed

# What to do about a feed in each state; those that are well need nothing.
_REMEDIES = {
    FeedState.NEW: "",
    FeedState.OK: "",
    FeedState.SOFT: N_("it is asked again by itself; if it lasts, look at the site in a browser"),
    FeedState.BLOCKED: N_("the blog may well be alive: ask its author to let our robot in"),
    FeedState.GONE: N_(
        "ask the author for a new address, or: buzz blogs edit {slug} --status paused"
    ),
    FeedState.MOVED: N_("if the new address is right: buzz blogs edit {slug} --feed-url ADDRESS"),
    FeedState.PARKED: N_("the domain was lost: ask the author, then: buzz blogs edit {slug}"),
    FeedState.QUARANTINED: N_("look at the document; then: buzz poll --blog {slug}"),
}

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
    """Plant this file's commands."""
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
    file: Annotated[Path, typer.Argument(metavar="FILE", help=N_("A registry, CSV in UTF-8."))],
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help=N_("Keep the blogs that the file does not have."))
    ] = False,
    yes: work.Yes = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Bring the registry to what a file says: show the difference, ask, then write."""
    from buzz.pipeline import registry

    at = work.current()
    plan = registry.plan_import(at.settings, at.store, file, keep=keep)
    _carry_out(plan, yes=yes, dry_run=dry_run, json=json)


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
    yes: work.Yes = False,
) -> None:
    """Write the registry as CSV; importing it again changes nothing."""
    from buzz.edges import files
    from buzz.pipeline import registry

    content = registry.export(work.current().store, spreadsheet=spreadsheet)
    if file is None:
        console.verbatim(content)
        return
    if file.exists():
        _agree(
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
    json: work.Json = False,
) -> None:
    """List the blogs of the registry."""
    from buzz.pipeline import registry

    found = registry.listing(
        work.current().store,
        tag=tag,
        federation=federation,
        language=language,
        status=status or "",
    )
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
    _carry_out(plan, yes=True, dry_run=dry_run, json=json)


@work.command(app, "edit", example="buzz blogs edit le-blog-de-karim --federation 29")
@_takes_cells(but="slug")
def edit(
    slug: Slug, *, dry_run: work.DryRun = False, json: work.Json = False, **cells: str | None
) -> None:
    """Change what is given of one blog; an empty text takes a value away."""
    from buzz.pipeline import registry

    at = work.current()
    plan = registry.plan_edit(at.settings, at.store, slug, _given(cells))
    _carry_out(plan, yes=True, dry_run=dry_run, json=json)


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
    _carry_out(plan, yes=yes, dry_run=dry_run, json=json)


@work.command(app, "check", example="buzz blogs check")
def check(*, json: work.Json = False) -> int:
    """Check blogs.csv and the health of each feed: since when, why, and what to do."""
    from buzz.pipeline import registry

    at = work.current()
    found = registry.check(at.settings, at.store)
    if json:
        console.emit(
            {
                "problems": [asdict(finding) for finding in found.problems],
                "drift": None if found.drift is None else _names(found.drift),
                "ill": [_health(feed) for feed in found.ill],
            }
        )
    else:
        _show_check(found)
    return CheckRefused.exit_code if found.drift is None else 0


def _given(cells: dict[str, str | None]) -> dict[str, str]:
    return {column: cell for column, cell in cells.items() if cell is not None}


# --- showing ----------------------------------------------------------------------------------


def _carry_out(plan: "Plan", *, yes: bool, dry_run: bool, json: bool) -> None:
    """Show a plan, ask where that is due, and carry it out."""
    from buzz.pipeline import registry

    for finding in plan.warnings:
        console.say(registry.line_of(finding))
    if not json:
        _show_diff(plan.diff)
    if not dry_run and not plan.is_done:
        if plan.diff:
            _agree(_question(plan.diff), yes=yes, remedy=_("look at it, then add --yes"))
        at = work.current()
        registry.apply(at.settings, at.store, plan, at.now())
    if json:
        console.emit({**_names(plan.diff), "blogs": len(plan.blogs), "written": not dry_run})
    elif dry_run:
        console.say(_("nothing was changed (--dry-run)"))


def _names(diff: "Diff") -> dict[str, Any]:
    return {
        "added": [blog.slug for blog in diff.added],
        "changed": [asdict(change) for change in diff.changed],
        "removed": [blog.slug for blog in diff.removed],
    }


def _health(feed: Feed) -> dict[str, Any]:
    return {
        "blog": feed.blog,
        "url": feed.url,
        "state": feed.state,
        "since": feed.since,
        "reason": feed.reason,
        "last_success": feed.last_success,
        "failures": feed.failures,
    }


def _show_check(found: "Checked") -> None:
    from buzz.pipeline.registry import counted

    console.findings(found.problems)
    if found.drift:
        console.data(
            _("blogs.csv is not what the database has: {changes}").format(
                changes=counted(found.drift)
            )
        )
        console.data("  " + _("run: buzz blogs import blogs.csv"))
    for feed in found.ill:
        _show_ill(feed)
    if not (found.problems or found.drift or found.ill):
        console.say(_("all is well with the registry"))


def _show_ill(feed: Feed) -> None:
    since = formats.day(feed.since) if feed.since else "?"
    last = formats.day(feed.last_success) if feed.last_success else _("never")
    console.data(
        _("{blog}: {state} since {since}, last read: {last}").format(
            blog=feed.blog, state=_(FEED_STATES[feed.state]), since=since, last=last
        )
    )
    console.data(f"  {feed.url}")
    console.data(f"  {reason_words(feed.reason)}")
    console.data("  → " + _(_REMEDIES[feed.state]).format(slug=feed.blog))


def _question(diff: "Diff") -> str:
    if diff.removed:
        return _("The posts, ranks and relays of removed blogs go with them. Go on?")
    return _("Go on?")


def _agree(question: str, *, yes: bool, remedy: str) -> None:
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
