"""``buzz campaign``: write a letter, check it, look at it, send it to oneself."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import checking, console, work
from buzz.core.names import CAMPAIGN_STATES
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import CampaignState

if TYPE_CHECKING:
    from buzz.pipeline.campaign import Made, Overview

app = typer.Typer(no_args_is_help=True, help=N_("The letters: campaigns/SLUG/letter.md."))

Slug = Annotated[str, typer.Argument(metavar="SLUG", help=N_("The campaign's folder name."))]
As = Annotated[
    str,
    typer.Option("--as", metavar="BLOG", help=N_("As this blog gets it; else the first one.")),
]
Subject = Annotated[
    str, typer.Option("--subject", metavar="TEXT", help=N_("Subject of the letter."))
]
For = Annotated[
    str, typer.Option("--segment", metavar="SEGMENT", help=N_("Who gets it, e.g. top:200."))
]


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="campaign")


@work.command(app, "new", example='buzz campaign new rentree --subject "La rentrée des blogs"')
def new(
    slug: Slug,
    *,
    subject: Subject = "",
    preheader: Annotated[
        str, typer.Option("--preheader", metavar="TEXT", help=N_("What is shown behind it."))
    ] = "",
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help=N_("lettre, flash, or one of yours."))
    ] = "",
    like: Annotated[
        str, typer.Option("--like", metavar="SLUG", help=N_("Begin as this campaign was."))
    ] = "",
    segment: For = "",
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help=N_("fr or en; else the one in force."))
    ] = "",
    dry_run: work.DryRun = False,
) -> None:
    """Start a campaign: a letter to fill in; what only you can write stands in double brackets."""
    from buzz.pipeline import campaign

    settings = work.current().settings
    if console.is_interactive():
        subject = subject or console.ask(_("Subject (Enter: later): "))
        if not template and not like:
            template, like = _ask_beginning()
        segment = segment or console.ask(
            _(
                "Who gets it: all, listed, top:200, tag:…, federation:…, lang:… (Enter: {usual}): "
            ).format(usual=_("as then") if like else campaign.DEFAULT_SEGMENT)
        )
    if like:
        made = campaign.copy(
            settings, like, slug, subject=subject, segment=segment, dry_run=dry_run
        )
    else:
        made = campaign.make(
            settings,
            slug,
            subject=subject,
            preheader=preheader,
            segment=segment,
            template=template,
            language=language,
            dry_run=dry_run,
        )
    _say_made(made, dry_run=dry_run)


@work.command(app, "copy", example="buzz campaign copy retraites retraites-2 --dry-run")
def copy(
    slug: Slug,
    new: Annotated[str, typer.Argument(metavar="NEW", help=N_("The new campaign's name."))],
    subject: Subject = "",
    segment: For = "",
    *,
    dry_run: work.DryRun = False,
) -> None:
    """Start a campaign from an earlier one: its letter in all languages, its images, no dates."""
    from buzz.pipeline import campaign

    made = campaign.copy(
        work.current().settings, slug, new, subject=subject, segment=segment, dry_run=dry_run
    )
    _say_made(made, dry_run=dry_run)


def _ask_beginning() -> tuple[str, str]:
    """Return the template, or else the campaign, that a person wants to begin from."""
    from buzz.pipeline import campaign

    now = work.current()
    templates = campaign.templates(now.settings)
    earlier = [found.status.slug for found in campaign.campaigns(now.settings, now.store)]
    console.say(_("templates: {names}").format(names=", ".join(templates)))
    if earlier:
        console.say(_("earlier campaigns: {names}").format(names=", ".join(earlier)))
    answer = console.ask(_("Begin from (Enter: {usual}): ").format(usual=campaign.DEFAULT_TEMPLATE))
    return ("", answer) if answer in earlier and answer not in templates else (answer, "")


def _say_made(made: "Made", *, dry_run: bool) -> None:
    words = _("would write {path}") if dry_run else _("wrote {path}")
    for name in made.files:
        console.say(words.format(path=made.path.parent / name))
    if not dry_run:
        console.say(
            _("see it while you write: buzz campaign preview {slug} --watch").format(
                slug=made.campaign
            )
        )
        console.say(
            _("next: edit it, then run: buzz campaign check {slug}").format(slug=made.campaign)
        )


checking.plant(app)  # check, approve


@work.command(app, "preview", example="buzz campaign preview retraites -o letter.html")
def preview(
    slug: Slug,
    blog: As = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help=N_("Where to write the HTML.")),
    ] = None,
    *,
    text: Annotated[bool, typer.Option("--text", help=N_("Print the text part instead."))] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help=N_("Show it in a browser, anew after each save."))
    ] = False,
) -> None:
    """Show the letter as one blog would get it: written to a file, or while you write it."""
    from buzz.edges import files
    from buzz.pipeline import campaign

    now = work.current()
    if watch:
        _watch(slug, blog)
        return
    seen = campaign.preview(now.settings, now.store, slug, now.now(), blog=blog)
    if text:
        console.data(seen.text)
        return
    path = now.settings.data / "previews" / f"{slug}.html"
    if output is None:
        files.private_folder(path.parent)
    else:
        path = now.output(output)
    files.write(path, campaign.with_local_pictures(now.settings, seen.html))
    console.say(
        _("{subject}, as {name} gets it: {path}").format(
            subject=seen.subject, name=seen.recipient.name, path=path
        )
    )
    console.open_page(path.resolve().as_uri())


def _watch(slug: str, blog: str) -> None:
    from buzz.web import preview

    now = work.current()

    def listening(address: str) -> None:
        console.say(_("the letter is shown at {address} (Ctrl-C ends it)").format(address=address))
        console.open_page(address)

    preview.watch(now.settings, now.store, slug, blog, listening)


@work.command(app, "test", example="buzz campaign test retraites --to vous@parti.example --dry-run")
def send_test(
    slug: Slug,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help=N_("Who gets the test."))],
    blog: As = "",
    *,
    dry_run: work.DryRun = False,
) -> None:
    """Send the letter to one address of your own; no campaign counts it."""
    from buzz.pipeline import campaign

    now = work.current()
    trial = campaign.send_test(
        now.settings, now.store, slug, to, now.now(), blog=blog, dry_run=dry_run
    )
    words = (
        _("would send “{subject}” ({kb} KB) to {to} through {next_hop}")
        if dry_run
        else _("sent “{subject}” ({kb} KB) to {to} through {next_hop}: {reply}")
    )
    console.say(
        words.format(
            subject=trial.subject,
            kb=round(trial.size / 1000),
            to=trial.to,
            next_hop=trial.next_hop,
            reply=trial.reply,
        )
    )
    for one in trial.signatures:
        verdict = _("the signature holds") if one.holds else one.reason
        console.say(f"DKIM {one.domain}, {one.selector} ({one.algorithm}): {verdict}")


@work.command(app, "list", example="buzz campaign list")
def list_(*, json: work.Json = False) -> None:
    """List the campaigns."""
    from buzz.pipeline import campaign

    now = work.current()
    found = campaign.campaigns(now.settings, now.store)
    if json:
        console.emit({"campaigns": [_facts(one) for one in found]})
        return
    if not found:
        console.say(_("no campaign yet; run: buzz campaign new SLUG"))
        return
    console.table(
        [_("campaign"), _("state"), _("subject"), _("talking points")],
        [
            (
                one.status.slug,
                _state(one),
                one.campaign.subject if one.campaign else one.status.subject,
                len(one.campaign.talking_points) if one.campaign else None,
            )
            for one in found
        ],
        right="lllr",
    )


@work.command(app, "show", example="buzz campaign show retraites")
def show(slug: Slug, *, json: work.Json = False) -> None:
    """Show a campaign: its message, its state, and how many would get it now."""
    from buzz.pipeline import campaign

    now = work.current()
    one = campaign.overview(now.settings, now.store, slug)
    if json:
        console.emit(_facts(one))
        return
    found = one.campaign
    assert found is not None  # overview raises where the file has mistakes
    console.data(found.subject)
    console.data(found.preheader)
    for point in found.talking_points:
        console.data(f"  {point.number}. {point.title}")
    people = one.recipients or 0
    rows: Sequence[tuple[str, object]] = (
        (_("state"), _state(one)),
        (
            _("recipients"),
            ngettext("{n} blog ({segment})", "{n} blogs ({segment})", people).format(
                n=people, segment=found.segment
            ),
        ),
        (_("links"), "\n".join(found.links)),
        (_("slogans"), "\n".join(found.slogans)),
        (_("hashtags"), " ".join(found.hashtags)),
        (_("not before"), found.not_before),
        (_("not after"), found.not_after),
    )
    console.table(["", ""], [row for row in rows if row[1]])


def _state(one: "Overview") -> str:
    state = _(CAMPAIGN_STATES[one.status.state])
    if one.campaign is None:
        return _("{state}; its file has mistakes or is gone").format(state=state)
    if one.status.state is CampaignState.CHECKED and not one.is_checked:
        return _("changed since the check")
    return state


def _facts(one: "Overview") -> dict[str, Any]:
    status, found = one.status, one.campaign
    return {
        "slug": status.slug,
        "state": status.state.value,
        "subject": found.subject if found else status.subject,
        "readable": found is not None,
        "checked": one.is_checked,
        "checked_at": _iso(status.checked_at),
        "planned_at": _iso(status.planned_at),
        "started_at": _iso(status.started_at),
        "finished_at": _iso(status.finished_at),
        "recipients": one.recipients,
        "segment": found.segment if found else "",
        "talking_points": [point.title for point in found.talking_points] if found else [],
        "links": list(found.links) if found else [],
    }


def _iso(time: Any) -> str | None:
    return time.isoformat() if time else None
