"""``buzz blogs list`` and ``show``: what the registry says."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.cli.blogs.editing import Slug
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Blog, BlogStatus

_WIDE, _MEDIUM = 100, 60  # columns of a terminal from which more of each blog is listed


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(app, "list", example="buzz blogs list --federation 75")(list_)
    work.command(app, "show", example="buzz blogs show le-blog-de-karim")(show)


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


def _table(blogs: Iterable[Blog]) -> None:
    """Print as much of each blog as the terminal is wide."""
    width = console.width()
    columns = {_("slug"): [b.slug for b in blogs], _("name"): [b.name for b in blogs]}
    if width >= _MEDIUM:
        columns[_("federation")] = [b.federation for b in blogs]
    if width >= _WIDE:
        columns[_("language")] = [b.language for b in blogs]
        columns[_("status")] = [b.status for b in blogs]
        columns[_("tags")] = [" ".join(b.tags) for b in blogs]
    console.table(list(columns), list(zip(*columns.values(), strict=True)), right="wl")
