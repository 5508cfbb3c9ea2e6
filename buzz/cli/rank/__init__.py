"""``buzz rank``: which blogs are alive, who has a place on the list, and why."""

import typer

from buzz.cli.rank import explaining, holding, listing, moving, trying
from buzz.locales import mark as N_


def plant(root: typer.Typer) -> None:
    """Plant this noun's commands."""
    app = typer.Typer(no_args_is_help=True, help=N_("The ranking of the blogs, and why."))
    for part in (listing, explaining, moving, holding, trying):
        part.plant(app)
    root.add_typer(app, name="rank")
