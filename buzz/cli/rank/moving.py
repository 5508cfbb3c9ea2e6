"""``buzz rank diff`` and ``rising``: who moved, who left, who comes up."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buzz.core.ranking import Change
    from buzz.pipeline.rank import RankDiff

_MOVERS = 10  # of those on both lists that rose or fell most
_RISING = 20


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(app, "diff", example="buzz rank diff --help")(diff)
    work.command(app, "rising", example="buzz rank rising")(rising)


def diff(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help=N_("Compare with the ranking in force at the end of this day."),
        ),
    ] = None,
    json: work.Json = False,
) -> None:
    """Show who entered and left the list, and who moved most, since the day before."""
    from buzz.pipeline import rank

    found = rank.diff(work.current().store, _day(since))
    if json:
        console.emit(
            {
                "as_of": found.as_of.isoformat(),
                "since": found.since.isoformat(),
                "entered": [_facts(change) for change in _entered(found)],
                "left": [_facts(change) for change in _left(found)],
                "moved": [
                    {**_facts(change), "gain": change.gain}
                    for change in found.changes
                    if change.gain
                ],
            }
        )
    else:
        _show(found)


def rising(
    *,
    top: Annotated[
        int, typer.Option("--top", min=1, metavar="N", help=N_("Only the best N."))
    ] = _RISING,
    json: work.Json = False,
) -> None:
    """Show the new talents: who, outside the list, has been most active in the last days."""
    from buzz.cli.rank import words
    from buzz.locales import formats
    from buzz.pipeline import rank

    found = rank.rising(work.current().store, top)
    if json:
        blogs = [{**words.facts(r.blog), "rising_score": r.score} for r in found.blogs]
        console.emit({"as_of": found.as_of.isoformat(), "blogs": blogs})
        return
    console.table(
        [_("rising"), _("rank"), _("blog"), _("score of 7 days"), _("days of 30"), _("state")],
        [
            (
                formats.number(number),
                words.place(r.blog.rank),
                found.names.get(r.blog.slug, r.blog.slug),
                formats.number(r.score, digits=2),
                str(r.blog.active_days_30),
                words.state(r.blog),
            )
            for number, r in enumerate(found.blogs, 1)
        ],
        right="rrlrrl",
    )
    if not found.blogs:
        console.say(_("No blog outside the list has a post that counts."))


def _day(since: datetime | None) -> date | None:
    return since.date() if since else None


def _entered(found: "RankDiff") -> "list[Change]":
    return [change for change in found.changes if change.listed and not change.was_listed]


def _left(found: "RankDiff") -> "list[Change]":
    left = (change for change in found.changes if change.was_listed and not change.listed)
    return sorted(left, key=lambda change: change.former_rank or 0)


def _facts(change: "Change") -> dict[str, object]:
    return {"slug": change.slug, "rank": change.rank, "former_rank": change.former_rank}


def _show(found: "RankDiff") -> None:
    from buzz.locales import formats

    both = [change for change in found.changes if change.listed and change.was_listed]
    risen = sorted((c for c in both if c.gain > 0), key=lambda c: -c.gain)[:_MOVERS]
    fallen = sorted((c for c in both if c.gain < 0), key=lambda c: c.gain)[:_MOVERS]
    rows = [
        row
        for what, changes in (
            (_("entered"), _entered(found)),
            (_("left"), _left(found)),
            (_("rose"), risen),
            (_("fell"), fallen),
        )
        for row in _rows(what, changes, found.names)
    ]
    console.table([_("what"), _("blog"), _("rank"), _("before"), ""], rows, right="llrrl")
    console.say(
        _("From {since} to {moment}: {entered} entered, {left} left.").format(
            since=formats.moment(found.since),
            moment=formats.moment(found.as_of),
            entered=formats.number(len(_entered(found))),
            left=formats.number(len(_left(found))),
        )
    )


def _rows(what: str, changes: "Sequence[Change]", names: dict[str, str]) -> list[tuple[str, ...]]:
    return [
        (
            what,
            names.get(change.slug, change.slug),
            _number(change.rank),
            _number(change.former_rank),
            f"▲{change.gain}" if change.gain > 0 else f"▼{-change.gain}" if change.gain else "",
        )
        for change in changes
    ]


def _number(rank: int | None) -> str:
    from buzz.locales import formats

    return formats.number(rank) if rank else "\u2013"
