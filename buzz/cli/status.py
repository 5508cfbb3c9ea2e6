"""``buzz status``: where things stand, and what to do next."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from buzz.cli import console, work
from buzz.core.names import CAMPAIGN_STATES, DELIVERY_STATES, FEED_STATES, IN_STATE
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.model import BlogStatus, Verdict

if TYPE_CHECKING:
    from buzz.core.status import CampaignLine, Status
    from buzz.model import Run

_CAMPAIGNS = 8  # shown; --json has them all
_LABEL = 10  # columns of the words on the left


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(root, "status", example="buzz status")(status)


def status(*, json: work.Json = False) -> None:
    """Show where things stand, and what to do next."""
    from buzz.pipeline import status as pipeline

    at = work.current()
    found = pipeline.status(at.settings, at.store, at.now())
    if json:
        console.emit(_facts(found, str(at.settings.workspace)))
        return
    for label, text in _lines(found, at.now()):
        console.paragraph(text, first=f"{label:<{_LABEL}} ", indent=" " * (_LABEL + 1))
    _say_next(found)


def _say_next(found: "Status") -> None:
    if not found.next_steps:
        console.data("\n" + _("Nothing to do: cron polls and ranks."))
        return
    console.data("\n" + _("Next:"))
    for step in found.next_steps:
        console.data(f"  {step.command}\n      {step.why}")


def _lines(found: "Status", now: datetime) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of each line."""
    active, paused = found.blogs[BlogStatus.ACTIVE], found.blogs[BlogStatus.PAUSED]
    yield (
        _("Blogs"),
        _("{n}: {active} active ({with_email} with an e-mail address), {paused} paused").format(
            n=formats.number(active + paused),
            active=formats.number(active),
            with_email=formats.number(found.with_email),
            paused=formats.number(paused),
        ),
    )
    feeds = [f"{formats.number(n)} {_(FEED_STATES[state])}" for state, n in found.feeds.items()]
    yield _("Feeds"), ", ".join(feeds) or _("none")
    if found.newest:
        yield (
            _("Posts"),
            _("{n}, the newest found {span} ago").format(
                n=formats.number(found.entries), span=formats.span(now - found.newest)
            ),
        )
    if ranking := found.ranking:
        yield (
            _("Ranking"),
            _("{moment}: {ranked} blogs, {listed} listed").format(
                moment=formats.moment(ranking.as_of),
                ranked=formats.number(ranking.ranked),
                listed=formats.number(ranking.listed),
            ),
        )
    for number, run in enumerate(found.runs):
        yield "" if number else _("Runs"), _run(run, found.failed.get(run.command, 0))
    for number, line in enumerate(found.campaigns[:_CAMPAIGNS]):
        yield "" if number else _("Letters"), _campaign(line)
    if (more := len(found.campaigns) - _CAMPAIGNS) > 0:
        yield "", _("… and {n} more (all of them: --json)").format(n=more)


def _run(run: "Run", failed: int) -> str:
    ended = _("done") if run.exit_code == 0 else _("exit code {n}").format(n=run.exit_code)
    if failed:
        ended += ngettext(
            "; {n} of the last runs did not end well",
            "; {n} of the last runs did not end well",
            failed,
        ).format(n=failed)
    return _("{command}: {moment}, {span}, {ended}").format(
        command=run.command,
        moment=formats.moment(run.started_at),
        span=formats.span(run.ended_at - run.started_at),
        ended=ended,
    )


def _campaign(line: "CampaignLine") -> str:
    words = _("{name}: {value}").format(
        name=line.campaign.slug, value=_(CAMPAIGN_STATES[line.campaign.state])
    )
    if line.account.targeted:
        states = [
            IN_STATE[state](n).format(n=formats.number(n))
            for state in DELIVERY_STATES
            if (n := getattr(line.account, state))
        ]
        targeted = _("{n} targeted = {states}").format(
            n=formats.number(line.account.targeted), states=" + ".join(states)
        )
        words = _("{one}; {other}").format(one=words, other=targeted)
    if line.relays:
        relays = _("{relayed} relayed, {to_check} to check").format(
            relayed=line.relays.get(Verdict.RELAYED, 0),
            to_check=line.relays.get(Verdict.TO_CHECK, 0),
        )
        words = _("{one}; {other}").format(one=words, other=relays)
    return words


def _facts(found: "Status", workspace: str) -> dict[str, object]:
    return {
        "workspace": workspace,
        "blogs": {
            "total": sum(found.blogs.values()),
            **{status.value: n for status, n in found.blogs.items()},
            "with_email": found.with_email,
            "imported": found.is_imported,
        },
        "feeds": found.feeds,
        "entries": found.entries,
        "newest": found.newest,
        "ranking": asdict(found.ranking) if found.ranking else None,
        "runs": [
            {
                **asdict(run),
                "seconds": (run.ended_at - run.started_at).total_seconds(),
                "failed_recently": found.failed.get(run.command, 0),
            }
            for run in found.runs
        ],
        "campaigns": [
            {
                "campaign": line.campaign.slug,
                "subject": line.campaign.subject,
                "state": line.campaign.state,
                **asdict(line.account),
                "targeted": line.account.targeted,
                "relays": line.relays,
            }
            for line in found.campaigns
        ],
        "next": [asdict(step) for step in found.next_steps],
    }
