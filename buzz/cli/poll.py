"""``buzz poll``: ask the feeds that are due. What cron runs.

Feeds that fail are everyday life: they are remembered, listed and tried again, and the command
exits 0, so that cron does not cry each night. When not one of many answers, it exits 75; a
second run while the first goes on says so and exits 0.
"""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.errors import LockHeld
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext

if TYPE_CHECKING:
    from buzz.pipeline.poll import PollReport

LISTED = 10  # failures named one by one

# What a feed's reason means to a person.
REASONS = {
    "dns": N_("the name of the site does not exist or cannot be looked up"),
    "refused": N_("the site does not accept connections"),
    "timeout": N_("the site did not answer in time"),
    "tls": N_("the certificate of the site is not valid"),
    "dropped": N_("the site broke the connection off"),
    "not-http": N_("the site does not answer as a web server does"),
    "redirects": N_("the address leads in circles"),
    "too-large": N_("the document is larger than poll.max_bytes"),
    "encoding": N_("the document cannot be decompressed"),
    "challenge": N_("a wall against robots stands before the site"),
    "forbidden-address": N_("the address is inside a private network"),
    "forbidden-port": N_("the port is none of the web's"),
    "forbidden-url": N_("this is no address of the web"),
    "parked": N_("the domain is parked: it shows a page that offers it for sale"),
    "moved": N_("the address leads to {what} for good; it is believed after three polls"),
    "moved-elsewhere": N_("the address leads to {what}, a feed that shares nothing with this one"),
    "another-blog": N_("this is the feed of {what}: a blog counts once"),
    "empty": N_("the document is empty"),
    "html": N_("a web page is there, not a feed: find the feed's own address, for feed_url"),
    "json": N_("JSON is there, not a feed in RSS or Atom"),
    "not-a-feed": N_("the document is not a feed"),
    "entities": N_("the document declares dangerous entities"),
    "depth": N_("the document is nested too deeply"),
    "cpu": N_("the document takes too long to read"),
    "memory": N_("the document takes too much memory to read"),
    "parser-died": N_("the document broke the parser"),
    "broken": N_("the document cannot be read"),
    "http-401": N_("the site asks for a password"),
    "http-403": N_("the site refuses to answer us"),
    "http-404": N_("nothing is at this address any more"),
    "http-410": N_("the feed has been given up for good"),
    "http-429": N_("the site asks us to come less often"),
}
# What stands for {what} where it is not known.
_UNNAMED = {
    "moved": N_("another address"),
    "moved-elsewhere": N_("another address"),
    "another-blog": N_("another blog"),
}


def reason_words(reason: str, detail: str = "") -> str:
    """Return a feed's reason in the language in force.

    Args:
        reason: a code.
        detail: what it is about, as in ``Feed.detail``.
    """
    if reason in _UNNAMED:
        return _(REASONS[reason]).format(what=detail or _(_UNNAMED[reason]))
    if reason in REASONS:
        return _(REASONS[reason])
    if reason.startswith("http-"):
        return _("the site answered with the error {status}").format(
            status=reason.removeprefix("http-")
        )
    return reason


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""

    @work.command(root, "poll", example="buzz poll --all")
    def poll(
        *,
        every: Annotated[
            bool, typer.Option("--all", help=N_("Also the feeds that are not due yet."))
        ] = False,
        blog: Annotated[
            str, typer.Option(metavar="SLUG", help=N_("Only this blog, due or not."))
        ] = "",
        json: work.Json = False,
    ) -> None:
        """Ask the feeds that are due and store their new posts."""
        from buzz.pipeline.poll import PollReport
        from buzz.pipeline.poll import poll as run

        at = work.current()
        try:
            report = run(
                at.settings,
                at.store,
                at.now(),
                every=every,
                only=blog,
                progress=partial(console.progress, _("Feeds")),
            )
        except LockHeld as exc:
            console.say(str(exc))
            report = PollReport()
        else:
            _tell(report)
        if json:
            facts = asdict(report)
            del facts["failures"]
            console.emit(facts)


def _tell(report: "PollReport") -> None:
    if not report.feeds:
        console.say(_("no feed to ask yet; fill the registry: buzz blogs import blogs.csv"))
        return
    if not report.due:
        console.say(_("no feed is due; ask all of them with: buzz poll --all"))
        return
    console.say(
        _("{due} of {feeds} feeds asked in {seconds:.0f} s: ").format(
            due=report.due, feeds=report.feeds, seconds=report.seconds
        )
        + _("{fetched} read, {unchanged} not modified, {failed} failed; ").format(
            fetched=report.fetched, unchanged=report.not_modified, failed=report.failed
        )
        + ngettext("{n} new entry", "{n} new entries", report.entries_new).format(
            n=report.entries_new
        )
    )
    if report.held:
        console.say(
            "  "
            + ngettext(
                "{n} feed not asked: its host wants to be left alone for a while",
                "{n} feeds not asked: their hosts want to be left alone for a while",
                report.held,
            ).format(n=report.held)
        )
    for failed in report.failures[:LISTED]:
        console.say(f"  {failed.blog}: {reason_words(failed.reason, failed.detail)}")
    if report.failures:
        more = len(report.failures) - LISTED
        if more > 0:
            console.say("  " + ngettext("and {n} more", "and {n} more", more).format(n=more))
        console.say("  " + _("see: buzz blogs check"))
