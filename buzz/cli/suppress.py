"""``buzz suppress``: who is not written to any more."""

from dataclasses import asdict
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_

app = typer.Typer(no_args_is_help=True, help=N_("Who is not written to any more."))

Address = Annotated[str, typer.Argument(help=N_("The e-mail address."), metavar="ADDRESS")]

REASONS = {
    "unsubscribe": N_("unsubscribed"),
    "hard-bounce": N_("the address does not exist"),
    "soft-bounces": N_("could not be reached three times in a month"),
    "complaint": N_("called a letter spam"),
    "erased": N_("asked to be erased"),
    "by-hand": N_("by hand"),
}


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="suppress")


@work.command(app, "list", example="buzz suppress list")
def list_(*, json: work.Json = False) -> None:
    """List who is not written to any more, since when and why; addresses the registry knows."""
    from buzz.pipeline import suppressions

    here = work.current()
    found = suppressions.listed(here.settings, here.store)
    if json:
        facts = [asdict(one.suppression) | {"address": one.address, "blog": one.blog}
                 for one in found]  # fmt: skip
        console.emit({"suppressions": facts})
        return
    if found:
        console.table(
            [_("since"), _("address"), _("why"), _("campaign")],
            [
                (
                    formats.day(one.suppression.at),
                    one.address or _("(not in the registry)"),
                    _(REASONS.get(one.suppression.reason, one.suppression.reason)),
                    one.suppression.campaign,
                )
                for one in found
            ],
        )
    n = len(found)
    console.say(
        ngettext("{n} address is not written to.", "{n} addresses are not written to.", n).format(
            n=formats.number(n)
        )
    )


@work.command(app, "add", example="buzz suppress add karim@blog.example --dry-run")
def add(address: Address, *, dry_run: work.DryRun = False) -> None:
    """Never write to an address again; of it only a keyed hash is kept."""
    from buzz.pipeline import suppressions

    here = work.current()
    is_new = suppressions.add(here.settings, here.store, address, here.now(), dry_run=dry_run)
    if not is_new:
        console.say(_("{address} is not written to anyway.").format(address=address))
    elif dry_run:
        console.say(_("Nothing was changed (--dry-run)."))
    else:
        console.say(_("{address} is not written to any more.").format(address=address))


@work.command(app, "remove", example="buzz suppress remove karim@blog.example --dry-run")
def remove(address: Address, *, yes: work.Yes = False, dry_run: work.DryRun = False) -> None:
    """Let an address be written to again; who unsubscribed must have asked for it."""
    from buzz.errors import CancelledByPerson
    from buzz.pipeline import suppressions

    here = work.current()
    found = suppressions.find(here.settings, here.store, address)
    if found is None:
        console.say(_("{address} is not suppressed.").format(address=address))
        return
    why = _(REASONS.get(found.reason, found.reason))
    console.say(
        _("{address}: {why}, {day}").format(address=address, why=why, day=formats.day(found.at))
    )
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))
        return
    remedy = f"buzz suppress remove {address} --yes"
    if not console.confirmed(_("Write to this address again?"), yes=yes, remedy=remedy):
        raise CancelledByPerson(_("cancelled"))
    suppressions.remove(here.settings, here.store, address, here.now())
    console.say(_("{address} may be written to again.").format(address=address))
