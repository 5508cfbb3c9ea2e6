"""``buzz send``: the letter leaves, and every recipient is accounted for."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.core import names
from buzz.errors import CancelledByPerson, TemporaryFailure, UsageError
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Account, CampaignState, DeliveryState

if TYPE_CHECKING:
    from buzz.pipeline.send import Doubt, SendReport

app = typer.Typer(no_args_is_help=True, help=N_("Send a campaign's letter."))

Slug = Annotated[str, typer.Argument(metavar="SLUG", help=N_("The campaign's name."))]
Wait = Annotated[
    bool, typer.Option("--wait", help=N_("Stay until what is put off has been tried again."))
]

_WATCH_S = 2.0  # between two looks
_WIDE = 100  # columns from which uncertain deliveries stand in a table

# The states in the order in which they are told, and what they are called.
_STATES = {
    "accepted": N_("accepted by the mail server"),
    "planned": N_("still to be sent"),
    "claimed": N_("in flight"),
    "deferred": N_("put off by the server, will be tried again"),
    "refused": N_("refused"),
    "suppressed": N_("not written to any more"),
    "cancelled": N_("cancelled"),
    "uncertain": N_("uncertain: may have arrived"),
}


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="send")


@work.command(app, "plan", example="buzz send plan retraites --dry-run")
def plan(slug: Slug, *, dry_run: work.DryRun = False, json: work.Json = False) -> None:
    """Check a campaign and freeze who gets which letter; nothing is sent yet."""
    from buzz.pipeline import send

    here = work.current()
    planned = send.plan(here.settings, here.store, slug, here.now(), dry_run=dry_run)
    _show(planned, json=json)
    if not dry_run:
        console.say(_("Next: buzz send start {slug} --confirm {slug}").format(slug=slug))


@work.command(app, "start", example="buzz send start retraites --dry-run")
def start(
    slug: Slug,
    *,
    confirm: Annotated[
        str, typer.Option(metavar="SLUG", help=N_("The campaign's name once more: send it."))
    ] = "",
    wait: Wait = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> int:
    """Send a campaign, or go on where it stopped; without --confirm, say what would be sent."""
    from buzz.pipeline import send

    here = work.current()
    if confirm and confirm != slug:
        raise UsageError(
            _("--confirm names another campaign: {confirm}").format(confirm=confirm), place=slug
        )
    if dry_run or not confirm:
        _recap(send.outlook(here.settings, here.store, slug, here.now()), json=json)
        if dry_run or not _typed(slug):
            return 0
    return _send(slug, wait=wait, json=json)


@work.command(app, "resume", example="buzz send resume --due")
def resume(
    slug: Annotated[
        str, typer.Argument(metavar="SLUG", help=N_("The campaign's name; with --due: all."))
    ] = "",
    *,
    due: Annotated[
        bool, typer.Option("--due", help=N_("Only what is due; a pause stays one. For cron."))
    ] = False,
    wait: Wait = False,
    json: work.Json = False,
) -> int:
    """Go on with a campaign that was begun and then paused or interrupted."""
    from buzz.pipeline import send

    here = work.current()
    if due:
        return _resume_due(slug, json=json)
    if not slug:
        raise UsageError(
            _("which campaign?"), place="buzz send resume", remedy="buzz send resume --due"
        )
    found = send.resumable(here.settings, here.store, slug)
    if found.state is CampaignState.FINISHED:
        _show(found, json=json)
        return 0
    return _send(slug, wait=wait, json=json)


@work.command(app, "pause", example="buzz send pause --help")
def pause(slug: Slug, *, json: work.Json = False) -> None:
    """Stop sending after what is in flight, until it is resumed."""
    from buzz.pipeline import send

    here = work.current()
    _show(send.pause(here.store, slug, here.now()), json=json)
    console.say(_("Paused. Go on with: buzz send resume {slug}").format(slug=slug))


@work.command(app, "cancel", example="buzz send cancel retraites --dry-run")
def cancel(
    slug: Slug, *, yes: work.Yes = False, dry_run: work.DryRun = False, json: work.Json = False
) -> None:
    """Cancel what has not left yet; what has left stays in the account."""
    from buzz.pipeline import send

    here = work.current()
    found = send.cancel(here.store, slug, here.now(), dry_run=True)
    left = found.account.planned + found.account.deferred
    if not dry_run:
        question = ngettext(
            "Cancel the letter to {n} recipient?", "Cancel the letter to {n} recipients?", left
        ).format(n=formats.number(left))
        if not console.confirmed(question, yes=yes, remedy=f"buzz send cancel {slug} --yes"):
            raise CancelledByPerson(_("nothing was cancelled"))
        found = send.cancel(here.store, slug, here.now())
    _show(found, json=json)


@work.command(app, "status", example="buzz send status retraites")
def status(
    slug: Slug,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help=N_("Say it again and again, as long as it is sent."))
    ] = False,
    json: work.Json = False,
) -> None:
    """Say where a campaign stands: how many recipients are in each state."""
    from buzz.pipeline import send

    here = work.current()
    found = send.status(here.settings, here.store, slug)
    _show(found, json=json)
    while watch and found.holder:
        time.sleep(_WATCH_S)
        found = send.status(here.settings, here.store, slug)
        _show(found, json=json)
    _advise(found)


@work.command(app, "retry", example="buzz send retry retraites --deferred")
def retry(
    slug: Slug,
    *,
    deferred: Annotated[
        bool, typer.Option("--deferred", help=N_("Those that the server put off (the default)."))
    ] = False,
    refused: Annotated[
        bool, typer.Option("--refused", help=N_("Those that were refused for good."))
    ] = False,
    json: work.Json = False,
) -> None:
    """Plan again what the server put off or refused, for the next start or resume."""
    from buzz.pipeline import send

    here = work.current()
    chosen = {DeliveryState.DEFERRED: deferred or not refused, DeliveryState.REFUSED: refused}
    states = [state for state, wanted in chosen.items() if wanted]
    _show(send.retry(here.store, slug, here.now(), states=states), json=json)
    console.say(_("Next: buzz send resume {slug}").format(slug=slug))


@work.command(app, "uncertain", example="buzz send uncertain retraites")
def uncertain(slug: Slug, *, json: work.Json = False) -> None:
    """List who may or may not have got the letter: the line was lost after it left."""
    from buzz.pipeline import send

    found = send.uncertain(work.current().store, slug)
    if json:
        console.emit({"campaign": slug, "uncertain": [_facts(doubt) for doubt in found]})
        return
    rows = [
        (
            doubt.delivery.email,
            doubt.delivery.blog,
            formats.moment(doubt.attempt.ended_at),
            _why(doubt),
            doubt.attempt.last_words,
        )
        for doubt in found
    ]
    if not found:
        console.say(_("No delivery is uncertain."))
    elif console.width() >= _WIDE:
        console.table([_("address"), _("blog"), _("when"), _("why"), _("last words")], rows)
    else:  # an address cut into pieces is none
        for address, blog, when, *words in rows:
            console.data(f"{address} · {blog}\n  {when} · {' · '.join(filter(None, words))}")
    if found:
        console.say(
            _(
                "Look into the mail server's log. Then: buzz send resolve {slug} "
                "--assume-delivered, or --resend at the risk of a double."
            ).format(slug=slug)
        )


@work.command(app, "resolve", example="buzz send resolve retraites --assume-delivered --dry-run")
def resolve(
    slug: Slug,
    *,
    assume_delivered: Annotated[
        bool, typer.Option("--assume-delivered", help=N_("Count them as accepted."))
    ] = False,
    resend: Annotated[
        bool, typer.Option("--resend", help=N_("Send them again: some may get it twice."))
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ADDRESS", help=N_("Whom; may be given more than once.")),
    ] = None,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Settle uncertain deliveries: you decide, for nobody can know."""
    from buzz.pipeline import send

    if assume_delivered == resend:
        raise UsageError(
            _("say which: --assume-delivered or --resend"),
            place=slug,
            remedy=f"buzz send uncertain {slug}",
        )
    here = work.current()
    found = send.resolve(here.store, slug, only or (), here.now(), resend=resend, dry_run=dry_run)
    _show(found, json=json)


@work.command(app, "adopt", example="buzz send adopt --dry-run")
def adopt(*, yes: work.Yes = False, dry_run: work.DryRun = False, json: work.Json = False) -> None:
    """Let this workspace send with its database, after a restore or a move; no other may then."""
    from buzz.pipeline import send

    if not dry_run and not console.confirmed(
        _("Letters may have left that this database knows nothing of. Send from here from now on?"),
        yes=yes,
        remedy="buzz send adopt --yes",
    ):
        raise CancelledByPerson(_("nothing was changed"))
    here = work.current()
    paused = send.adopt(here.settings, here.store, here.now(), dry_run=dry_run)
    if json:
        console.emit({"paused": list(paused)})
        return
    for slug in paused:
        console.say(_("Paused; look at it first: buzz send status {slug}").format(slug=slug))
    console.say(
        _("This workspace would send with its database.")
        if dry_run
        else _("This workspace sends with its database from now on.")
    )


def _resume_due(slug: str, *, json: bool) -> int:
    """Go on with what is due, and return the worst ending; what must wait is no failure."""
    from buzz.pipeline import send

    here = work.current()
    found = send.resume_due(here.settings, here.store, here.now(), slug)
    if json:
        console.emit({"resumed": [one.facts() for one in found]})
    for one in found:
        if not json:
            _show(one, json=False)
            _advise(one)
        if one.trouble is not None and not isinstance(one.trouble, TemporaryFailure):
            raise one.trouble
    endings = {one.exit_code for one in found} - {TemporaryFailure.exit_code}
    return max(endings, default=0)


def _send(slug: str, *, wait: bool, json: bool) -> int:
    """Send what has been agreed to, and return how it ended."""
    from buzz.pipeline import send

    here = work.current()
    begun = send.ready(here.settings, here.store, slug, here.now())
    _undo_delay(begun)
    total = begun.account.planned + begun.account.deferred
    with console.progress(_("sending"), total) as advance:
        result = send.start(
            here.settings, here.store, slug, here.now(), on_progress=advance, wait=wait
        )
    _show(result, json=json)
    _advise(result)
    if result.trouble is not None:
        raise result.trouble
    return result.exit_code


def _typed(slug: str) -> bool:
    """Tell whether a person on a terminal types the campaign's name."""
    if not console.is_interactive():
        console.say(
            _("Nothing was sent. To send: buzz send start {slug} --confirm {slug}").format(
                slug=slug
            )
        )
        return False
    if console.ask(_("To send it, type its name ({slug}): ").format(slug=slug)) != slug:
        raise CancelledByPerson(_("nothing was sent"))
    return True


def _undo_delay(begun: "SendReport") -> None:
    """Leave a person on a terminal some time to change their mind."""
    delay_s = work.current().settings.send.undo_delay_s
    if not delay_s or not console.is_interactive() or begun.state is CampaignState.SENDING:
        return
    console.say(
        _("Sending begins in {seconds} s; Ctrl-C stops it.").format(seconds=formats.number(delay_s))
    )
    try:
        time.sleep(delay_s)
    except KeyboardInterrupt:
        raise CancelledByPerson(_("nothing was sent")) from None


def _show(found: "SendReport", *, json: bool) -> None:
    """Print the account: every recipient is in exactly one line, and the sum is below."""
    if json:
        console.emit(found.facts())
        return
    counts = found.facts()
    rows = [
        (_(words), formats.number(int(str(counts[state]))))
        for state, words in _STATES.items()
        if counts[state]
    ]
    rows.append((_("recipients in all"), formats.number(found.account.targeted)))
    title = _("{name}: {value}").format(name=found.campaign, value=found.state_name)
    console.table([title, ""], rows, right="lr")
    if found.holder:
        pid, _at, host = found.holder.partition("@")
        since = formats.moment(found.held_since) if found.held_since else ""
        console.say(
            _("Process {pid} on {host} is sending it since {since}.").format(
                pid=pid, host=host, since=since
            )
        )
    if found.changed:
        console.say(
            _("The letter was edited since; what was checked and frozen is sent, not the new text.")
        )


def _advise(found: "SendReport") -> None:
    """Say what is left to be done."""
    account: Account = found.account
    if found.state is CampaignState.SENDING and not found.holder and account.planned:
        console.say(
            _("No process is sending it now. Go on with: buzz send resume {slug}").format(
                slug=found.campaign
            )
        )
    if found.next_at is not None:
        console.say(
            _("The first of those put off is due on {when}: buzz send resume {slug}").format(
                when=formats.moment(found.next_at), slug=found.campaign
            )
        )
    if account.uncertain:
        console.say(_("See: buzz send uncertain {slug}").format(slug=found.campaign))


def _recap(found: "SendReport", *, json: bool) -> None:
    """Print what would be sent, to whom, from whom and how long it takes."""
    settings = work.current().settings
    _show(found, json=json)
    if json:
        return
    left, rate = found.account.planned + found.account.deferred, settings.send.rate_per_s
    rows = [
        (_("subject"), found.subject),
        (_("sender"), settings.sender.from_),
        (_("mail server"), f"{settings.smtp.host}:{settings.smtp.port}"),
        (_("takes about"), formats.span(timedelta(seconds=left / rate)) if rate else ""),
        (_("not after"), formats.moment(found.not_after) if found.not_after else ""),
    ]
    for name, value in rows:
        if value:
            console.data(_("{name}: {value}").format(name=name, value=value))


def _why(doubt: "Doubt") -> str:
    """Return why nobody can know: in place of a reply, or one that made no sense."""
    return names.last_words(doubt.attempt.reply_code, doubt.attempt.reply_text)


def _facts(doubt: "Doubt") -> dict[str, object]:
    delivery, attempt = doubt.delivery, doubt.attempt
    return {
        "address": delivery.email,
        "blog": delivery.blog,
        "at": attempt.ended_at.isoformat(),
        "message_id": delivery.message_id,
        "why": attempt.reply_text,
        "reply_code": attempt.reply_code,
        "last_words": attempt.last_words,
    }
