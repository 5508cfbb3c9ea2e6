"""Being written."""

import typer


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
