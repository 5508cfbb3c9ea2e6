"""``buzz rank run`` and ``show``: the night's list."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.errors import LockHeld
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext

if TYPE_CHECKING:
    from buzz.model import RankedBlog
    from buzz.pipeline.rank import RankReport, RankView


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(app, "run", example="buzz rank run")(run)
    work.command(app, "show", example="buzz rank show --top 10")(show)


def run(*, dry_run: work.DryRun = False, json: work.Json = False) -> None:
    """Rank the blogs as of now and renew the list; cron runs this at night."""
    from buzz.pipeline import rank

    now = work.current()
    report = None
    try:
        report = rank.run(now.settings, now.store, now.now(), dry_run=dry_run)
    except LockHeld as exc:  # cron: the other run does this work
        console.say(str(exc))
    if json:
        console.emit(_run_facts(report))
    elif report:
        _say_run(report, dry_run=dry_run)


def show(
    *,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help=N_("Only the best N."))
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help=N_("Also the blogs that have no place on the list."))
    ] = False,
    federation: Annotated[
        str, typer.Option(metavar="F", help=N_("Only blogs of this local federation."))
    ] = "",
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="T", help=N_("Only blogs with this tag; several: with all of them.")),
    ] = None,
    json: work.Json = False,
) -> None:
    """Show the latest ranking, and how each blog moved since the day before."""
    from buzz.pipeline import rank

    view = rank.show(
        work.current().store, everyone=everyone, federation=federation, tags=tag or (), top=top
    )
    if json:
        from buzz.cli.rank import words

        as_of = view.ranking.as_of.isoformat() if view else None
        blogs = [words.facts(blog) for blog in view.blogs] if view else []
        console.emit({"as_of": as_of, "blogs": blogs})
    elif view is None:
        console.say(_("There is no ranking yet. Run: buzz poll, then buzz rank run"))
    else:
        _show_table(view, is_part=bool(federation or tag))


def _run_facts(report: "RankReport | None") -> dict[str, Any]:
    """Return what a run did, for other programs; None: another run was at work."""
    return {
        "as_of": report.ranking.as_of.isoformat() if report else None,
        "ranked": len(report.ranking.blogs) if report else 0,
        "listed": report.listed if report else 0,
        "entered": list(report.entered) if report else [],
        "left": list(report.left) if report else [],
        "held": [hold.blog for hold in report.held] if report else [],
    }


def _say_run(report: "RankReport", *, dry_run: bool) -> None:
    from buzz.cli.rank import words
    from buzz.locales import formats

    console.say(
        _("{listed} listed of {ranked} ranked; {entered} entered, {left} left.").format(
            listed=formats.number(report.listed),
            ranked=formats.number(len(report.ranking.blogs)),
            entered=formats.number(len(report.entered)),
            left=formats.number(len(report.left)),
        )
    )
    for label, slugs in ((_("Entered:"), report.entered), (_("Left:"), report.left)):
        if slugs:
            more = ", …" if len(slugs) > words.NAMED else ""
            console.say(f"{label} {', '.join(slugs[: words.NAMED])}{more}")
    if report.unreachable:
        console.say(
            ngettext(
                "{n} blog cannot be reached; its score is kept for 14 days, then decays.",
                "{n} blogs cannot be reached; their scores are kept for 14 days, then decay.",
                report.unreachable,
            ).format(n=formats.number(report.unreachable))
        )
    if report.held:
        console.say(
            ngettext(
                "{n} blog floods its feed; it keeps its rank until you look: buzz rank hold list",
                "{n} blogs flood their feeds; they keep their ranks until you look:"
                " buzz rank hold list",
                len(report.held),
            ).format(n=formats.number(len(report.held)))
        )
    if not report.listed:
        console.say(_("No blog has a post that counts. Run: buzz poll"))
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))


def _last(blog: "RankedBlog") -> str:
    from buzz.locales import formats

    return formats.day(blog.last_published) if blog.last_published else ""


def _show_table(view: "RankView", *, is_part: bool) -> None:
    from buzz.cli.rank import words
    from buzz.locales import formats

    blogs, width = view.blogs, console.width()
    places = [formats.number(number) for number in range(1, len(blogs) + 1)]
    columns = [(_("place"), "r", places)] if is_part else []
    name = view.names.get if width >= words.WIDE else lambda slug, _slug: slug
    columns += [
        (_("rank"), "r", [words.place(blog.rank) for blog in blogs]),
        ("", "w", [words.move(view.former_ranks, blog) for blog in blogs]),
        (_("blog"), "l", [name(blog.slug, blog.slug) for blog in blogs]),
        (_("score"), "r", [formats.number(blog.score, digits=2) for blog in blogs]),
    ]
    states = [words.state(blog) for blog in blogs]
    if width >= words.WIDEST or (width >= words.WIDE and not any(states)):
        columns += [
            (_("days of 30"), "r", [str(blog.active_days_30) for blog in blogs]),
            (_("posts"), "r", [str(blog.entries_30) for blog in blogs]),
        ]
    if width >= words.WIDEST:
        columns += [(_("last post"), "w", [_last(blog) for blog in blogs])]
    if width >= words.WIDE and any(states):
        columns += [(_("state"), "l", states)]
    headings, right, cells = zip(*columns, strict=True)
    console.table(headings, list(zip(*cells, strict=True)), right="".join(right))
    console.say(
        _("As of {moment}: {listed} places of {size} taken, {ranked} blogs ranked.").format(
            moment=formats.moment(view.ranking.as_of),
            listed=formats.number(sum(blog.listed for blog in view.ranking.blogs)),
            size=formats.number(view.ranking.size),
            ranked=formats.number(len(view.ranking.blogs)),
        )
    )
