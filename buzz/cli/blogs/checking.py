"""``buzz blogs check``: the file, and each blog's feed: since when, why, and what to do."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.cli.blogs import changing
from buzz.cli.poll import reason_words
from buzz.core.names import FEED_STATES
from buzz.errors import CheckRefused
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Feed, FeedState

if TYPE_CHECKING:
    from buzz.pipeline.health import Checked

_WIDE = 140  # columns of a terminal from which a table can be read

# What to do about a feed in each state; those that are well need nothing.
_REMEDIES = {
    FeedState.NEW: N_("run: buzz poll --blog {slug}"),
    FeedState.OK: "",
    FeedState.SOFT: N_("it is asked again by itself; if it lasts, look at the site in a browser"),
    FeedState.BLOCKED: N_("the blog may well be alive: ask its author to let our robot in"),
    FeedState.GONE: N_(
        "ask the author for a new address, or: buzz blogs edit {slug} --status paused"
    ),
    FeedState.MOVED: N_("if the new address is right: buzz blogs edit {slug} --feed-url {address}"),
    FeedState.PARKED: N_("the domain was lost: ask the author, then: buzz blogs edit {slug}"),
    FeedState.QUARANTINED: N_("look at the document; then: buzz poll --blog {slug}"),
}
_LOOK_FOR_IT = N_("look for its feed: buzz blogs discover {slug}")
_MEND_ADDRESS = N_("mend the address: buzz blogs edit {slug} --feed-url ADDRESS")
_POLL_OFTEN = N_("it writes faster than it is asked: is cron at work? buzz cron print")
# What the reason says better than the state.
_BY_REASON = {
    "another-blog": N_("remove one of the two: buzz blogs remove {slug}"),
    "html": _LOOK_FOR_IT,
    "json": _LOOK_FOR_IT,
    "not-a-feed": _LOOK_FOR_IT,
    "http-404": _LOOK_FOR_IT,
    "forbidden-address": _MEND_ADDRESS,
    "forbidden-port": _MEND_ADDRESS,
    "forbidden-url": _MEND_ADDRESS,
}


def plant(app: typer.Typer) -> None:
    """Plant this file's command among those of the registry."""
    work.command(app, "check", example="buzz blogs check")(check)


def check(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help=N_("Also the blogs whose feeds are well."))
    ] = False,
    json: work.Json = False,
) -> int:
    """Check blogs.csv and the health of each feed: since when, why, and what to do."""
    from buzz.pipeline import health

    at = work.current()
    found = health.check(at.settings, at.store)
    shown = found.ill + found.lost + (found.well if everything else ())
    if json:
        console.emit(_facts(found, shown, at.now()))
    else:
        _show(found, shown, at.now())
    return CheckRefused.exit_code if found.drift is None else 0


def _facts(found: "Checked", shown: tuple[Feed, ...], now: datetime) -> dict[str, Any]:
    return {
        "problems": [asdict(finding) for finding in found.problems],
        "drift": None if found.drift is None else changing.names(found.drift),
        "states": found.states,
        "ill": [_health(feed, now) for feed in found.ill],
        "lost": [_health(feed, now) for feed in found.lost],
        "well": [_health(feed, now) for feed in shown if feed in found.well],
    }


def _health(feed: Feed, now: datetime) -> dict[str, Any]:
    return {
        "blog": feed.blog,
        "url": feed.address,
        "state": feed.state,
        "since": feed.since,
        "days": (now - feed.since).days if feed.since else None,
        "reason": feed.reason,
        "detail": feed.detail,
        "gap_at": feed.gap_at,
        "last_success": feed.last_success,
        "failures": feed.failures,
        "remedy": _remedy(feed),
    }


def _show(found: "Checked", shown: tuple[Feed, ...], now: datetime) -> None:
    from buzz.pipeline.registry import counted

    for line in changing.some_findings(found.problems):
        console.data(line)
    if found.drift:
        console.data(
            _("blogs.csv is not what the database has: {changes}").format(
                changes=counted(found.drift)
            )
        )
        console.data("  " + _("run: buzz blogs import blogs.csv"))
    if shown and console.width() >= _WIDE:
        console.table(
            [_("blog"), _("feed"), _("last read"), _("why"), _("what to do")],
            [(feed.blog, state_words(feed, now), _read(feed), _why(feed), _remedy(feed))
             for feed in shown],
            right="w",
        )  # fmt: skip
    else:
        for feed in shown:
            _show_narrow(feed, now)
    if found.states:
        counts = (f"{formats.number(n)} {_(FEED_STATES[s])}" for s, n in found.states.items())
        console.say(_("Feeds: {counts}").format(counts=", ".join(counts)))
    if not (found.problems or found.drift or found.ill or found.lost):
        console.say(_("all is well with the registry"))


def _show_narrow(feed: Feed, now: datetime) -> None:
    console.data(feed.blog)
    state = _("{state}; last read: {last}").format(state=state_words(feed, now), last=_read(feed))
    for text in filter(None, (state, _why(feed), feed.address)):
        console.paragraph(text, first="  ", indent="  ")
    if remedy := _remedy(feed):
        words, buzz, command = remedy.partition("buzz ")
        console.paragraph(words, first="  → ", indent="    ")
        if buzz:  # on a line of its own, to be copied
            console.data(f"    {buzz}{command}")


def state_words(feed: Feed, now: datetime) -> str:
    """Return a feed's state and since when, e.g. "blocked by Cloudflare for 3 days"."""
    cloudflare = feed.state is FeedState.BLOCKED and feed.reason == "challenge"
    state = _("blocked by Cloudflare") if cloudflare else _(FEED_STATES[feed.state])
    if feed.since is None:
        return state
    return _("{state} for {span}").format(state=state, span=formats.span(now - feed.since))


def _read(feed: Feed) -> str:
    return formats.day(feed.last_success) if feed.last_success else _("never")


def _why(feed: Feed) -> str:
    if feed.reason:
        return reason_words(feed.reason, feed.detail)
    if feed.gap_at:
        return _("posts were lost between two polls before {day}: counts are lower bounds").format(
            day=formats.day(feed.gap_at)
        )
    return ""


def _remedy(feed: Feed) -> str:
    remedy = _BY_REASON.get(feed.reason) or _REMEDIES[feed.state]
    if not remedy and feed.gap_at:
        remedy = _POLL_OFTEN
    return _(remedy).format(slug=feed.blog, address=feed.move_target) if remedy else ""
