"""``buzz serve``: the service that letters point to."""

from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""

    @work.command(root, "serve", example="buzz serve --bind 127.0.0.1:8025")
    def serve(
        bind: Annotated[
            str, typer.Option(metavar="HOST:PORT", help=N_("Where to listen. Default: web.bind."))
        ] = "",
    ) -> None:
        """Answer what letters point to: opens, clicks, unsubscribing, the letter online."""
        from buzz.web.server import serve as run

        current = work.current()

        def listening(address: str) -> None:
            console.say(
                _("listening at {address}; letters point to {base_url}. Ctrl-C stops.").format(
                    address=address, base_url=current.settings.web.base_url
                )
            )

        run(current.settings, current.store, bind or current.settings.web.bind, listening)
