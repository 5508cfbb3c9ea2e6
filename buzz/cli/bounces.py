"""``buzz bounces``: what comes back about the letters."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import BounceKind

if TYPE_CHECKING:
    from buzz.pipeline.bounces import Collected

app = typer.Typer(no_args_is_help=True, help=N_("What comes back: bounces and complaints."))

KINDS = {
    BounceKind.HARD: N_("no such address"),
    BounceKind.SOFT: N_("could not be reached"),
    BounceKind.POLICY: N_("refused by policy"),
    BounceKind.DELAYED: N_("delayed"),
    BounceKind.COMPLAINT: N_("called spam"),
    BounceKind.AUTOMATIC: N_("automatic reply"),
    BounceKind.DELIVERED: N_("notice of delivery"),
    BounceKind.UNKNOWN: N_("not understood"),
}


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="bounces")


@work.command(app, "collect", example="buzz bounces collect bounces.mbox")
def collect(
    mailbox: Annotated[
        str,
        typer.Argument(
            help=N_("A Maildir, an mbox, imaps://user@host/FOLDER, or - for standard input."),
            metavar="MAILBOX",
        ),
    ] = "",
    *,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Read bounces and complaints, and write no more to addresses that do not exist or complain."""
    from buzz.pipeline import bounces

    here = work.current()
    done = bounces.collect(here.settings, here.store, here.now(), source=mailbox, dry_run=dry_run)
    if json:
        console.emit(
            {
                "read": done.read,
                **{kind.value: done.kinds[kind] for kind in BounceKind},
                "unproven": done.unproven,
                "repeated": done.repeated,
                "suppressed": done.suppressed,
                "kept": None if done.kept is None else str(done.kept),
            }
        )
        return
    _tell(done)
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))


def _tell(done: "Collected") -> None:
    counts = [(done.kinds[kind], _(KINDS[kind])) for kind in BounceKind]
    counts += [
        (done.unproven, _("without proof that a letter of ours is meant")),
        (done.repeated, _("read before")),
    ]
    shown = [(formats.number(count), words) for count, words in counts if count]
    if shown:
        console.table(["", ""], shown, right="rl")
    console.say(
        ngettext("{n} message read.", "{n} messages read.", done.read).format(
            n=formats.number(done.read)
        )
    )
    if done.suppressed:
        n = done.suppressed
        console.say(
            ngettext(
                "{n} address is not written to any more; see: buzz suppress list",
                "{n} addresses are not written to any more; see: buzz suppress list",
                n,
            ).format(n=formats.number(n))
        )
    if done.kept is not None:
        console.say(_("What was not understood is kept in {folder}.").format(folder=done.kept))


@work.command(app, "list", example="buzz bounces list --campaign retraites")
def list_(
    *,
    campaign: Annotated[
        str, typer.Option("--campaign", help=N_("Only about this campaign."), metavar="SLUG")
    ] = "",
    json: work.Json = False,
) -> None:
    """List what came back about the letters, newest first, with the servers' words."""
    from buzz.pipeline import bounces

    found = bounces.listed(work.current().store, campaign)
    if json:
        facts = []
        for one in found:
            fields = asdict(one.bounce) | {"address": one.address}
            facts.append({k: v for k, v in fields.items() if k not in {"digest", "address_hash"}})
        console.emit({"bounces": facts})
        return
    if found:
        console.table(
            [_("on"), _("address"), _("what came back"), _("campaign"), _("the server's words")],
            [
                (
                    formats.day(one.bounce.at),
                    one.address,
                    _(KINDS[one.bounce.kind]),
                    one.bounce.campaign,
                    f"{one.bounce.status} {one.bounce.words}".strip(),
                )
                for one in found
            ],
        )
    n = len(found)
    console.say(
        ngettext("{n} bounce or complaint.", "{n} bounces and complaints.", n).format(
            n=formats.number(n)
        )
    )
