"""What a command works with: the workspace's settings and its database, opened when asked for."""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.config import FILE, Settings, find_workspace, load
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.locales import mark as N_

if TYPE_CHECKING:
    from collections.abc import Callable

    from buzz.edges.store import Store

_OURS = re.compile(r"letter(\.[a-z]{2,3})?\.md|.+\.j2")  # letters and templates


@dataclass(kw_only=True)
class Work:
    """One command's surroundings."""

    workspace_option: str = ""
    quiet: bool = False
    debug: bool = False

    @cached_property
    def settings(self) -> Settings:
        """Return the workspace's settings."""
        return load(find_workspace(Path.cwd(), self.workspace_option))

    @cached_property
    def store(self) -> "Store":
        """Return the workspace's database."""
        from buzz.edges.store import open_store

        return open_store(self.settings.database_url)

    def output(self, path: Path) -> Path:
        """Return where a command may write what a person asked for.

        Raises:
            UsageError: the workspace itself lives there: a slip of the pen would end it.
        """
        real, workspace = path.resolve(), self.settings.workspace.resolve()
        if (
            real in {workspace / FILE, workspace / self.settings.registry_file.name}
            or real.parent == workspace / self.settings.data.name
            or (real.is_relative_to(workspace) and _OURS.fullmatch(real.name))
        ):
            raise UsageError(
                _("this belongs to the workspace and is not replaced"),
                place=str(path),
                remedy=_("choose another name"),
            )
        return path

    def now(self) -> datetime:
        """Return the present, aware UTC."""
        return self.settings.now()

    def close(self) -> None:
        """Close what was opened."""
        if "store" in self.__dict__:
            self.store.close()


_work: ContextVar[Work] = ContextVar("work")


def begin(work: Work) -> None:
    """Make this the work of the command that is about to run."""
    _work.set(work)


def current() -> Work:
    """Return the work of the command that runs."""
    return _work.get()


# Options that mean the same everywhere.
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON for other programs."))]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help=N_("Say what would be done and change nothing."))
]
Yes = Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))]


def command(
    app: typer.Typer, name: str | None = None, *, example: str
) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Register a command; its help ends with the example, which a test runs."""
    return app.command(name, epilog=example)
