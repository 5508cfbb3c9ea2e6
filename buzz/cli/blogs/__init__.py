"""``buzz blogs``: the registry, its health, and where more of it may be found."""

import typer

from buzz.cli.blogs import checking, discovering, editing, importing, listing
from buzz.locales import mark as N_


def plant(root: typer.Typer) -> None:
    """Plant this noun's commands."""
    app = typer.Typer(no_args_is_help=True, help=N_("The registry of blogs: blogs.csv."))
    for part in (importing, listing, editing, checking, discovering):
        part.plant(app)
    root.add_typer(app, name="blogs")
