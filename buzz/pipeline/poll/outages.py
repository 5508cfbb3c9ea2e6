"""Outages of our own: not one of many feeds answered, so nothing is known of any.

Cron mails whatever a command says. An outage is said when it begins and once a day while it lasts;
each run ends with 75 all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from buzz.core import urls
from buzz.edges.fetch import is_reserved_name
from buzz.edges.store import Store, runs
from buzz.errors import TemporaryFailure
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.pipeline.poll.tally import Failed, PollReport

COMMAND = "poll"
SINCE = "outage_since"  # key of a run's summary: when the outage began that the run has met
SAID_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage as a run finds it."""

    since: datetime
    now: datetime
    is_told: bool  # a run before has said it, less than a day ago

    def error(self, report: PollReport) -> TemporaryFailure:
        """Return what a run ends with that met it."""
        what = _("not one of {n} feeds answered").format(n=report.due)
        if self.since < self.now:
            what = _("not one of {n} feeds answered, for {span} now").format(
                n=report.due, span=formats.span(self.now - self.since)
            )
        return TemporaryFailure(
            what, place=COMMAND, remedy=_remedy(report.failures), is_told=self.is_told
        )


def at(store: Store, now: datetime) -> Outage:
    """Return the outage that a run of now has met: a new one, or that of the run before."""
    with store.read() as tx:
        last = next(iter(runs.last(tx, COMMAND, limit=1)), None)
    if last is None or SINCE not in last.summary:
        return Outage(since=now, now=now, is_told=False)
    since = datetime.fromisoformat(str(last.summary[SINCE]))
    is_told = (now - since) // SAID_EVERY == (last.started_at - since) // SAID_EVERY
    return Outage(since=since, now=now, is_told=is_told)


def _remedy(failures: Sequence[Failed]) -> str:
    """Return what to do when all of these failed without an answer."""
    if all(is_reserved_name(urls.host(failed.url)) for failed in failures):
        return _(
            "these are the made-up blogs of the sample; import your own: "
            "buzz blogs import FILE, or see it at work: buzz demo"
        )
    if all(failed.reason == "forbidden-address" for failed in failures):
        return _("they are inside private networks: name those in [poll] allow_networks")
    return _("check the network and the name server of this machine")
