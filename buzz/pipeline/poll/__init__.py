"""Poll: ask every feed that is due, and store what came, as it comes.

Fetching is asynchronous, parsing happens in processes of its own, storing in a thread, a quarter of
a second's worth at a time: a run that is killed at feed 700 has stored nearly 700, and the next
run goes on with the rest. A feed's failure is a state of that feed and never stops the others; when
nobody at all answers, the fault is ours, and no feed's state changes.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import datetime

from buzz.config import Settings
from buzz.core import feeds as decide
from buzz.core import urls
from buzz.edges import files
from buzz.edges.fetch import is_reserved_name
from buzz.edges.store import Store, feeds, holds, moves, runs
from buzz.errors import BuzzError, Interrupted, TemporaryFailure
from buzz.locales import gettext as _
from buzz.model import Move, MoveKind, Run
from buzz.pipeline import registry
from buzz.pipeline.poll.poller import Poller
from buzz.pipeline.poll.tally import Failed, PollReport

__all__ = ["COMMAND", "Failed", "PollReport", "poll", "undo_move"]

COMMAND = "poll"

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def _silent(_total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _n: None


def poll(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    every: bool = False,
    only: str = "",
    progress: Progress = _silent,
) -> PollReport:
    """Ask the feeds that are due and store what they say.

    Args:
        settings: of the workspace.
        store: its database.
        now: aware UTC; entries found are first seen then.
        every: those that are not due as well; but no host that wants to be left alone.
        only: slug of the one blog to ask, due or not.
        progress: called with the number of feeds; gives what to call with each step.

    Raises:
        LockHeld: another run is at it.
        Interrupted: a signal came; what was there has been stored.
        UsageError: there is no blog of this slug.
        TemporaryFailure: not one of many feeds answered: the network is away, and no feed's state
            was touched; or the database is.
    """
    if only:
        with store.read() as tx:
            registry.find(tx, only)
    with files.lock(settings.lock(COMMAND)):
        with store.read() as tx:
            due = feeds.due(tx, now + decide.EARLY, every=every, only=only)
            total = feeds.count(tx)
            held = holds.at(tx, now)
        with progress(len(due)) as advance:
            poller = Poller(settings, store, now, held=held, advance=advance)
            stopped_by = asyncio.run(poller.run(due))
        with store.read() as tx:
            states = Counter(feed.state.value for feed in feeds.all_feeds(tx).values())
        report = poller.tally.report(feeds=total, due=len(due), states=dict(states))
        error = _error(report, stopped_by, is_our_outage=poller.is_our_outage)
        _record(settings, store, now, report, error.exit_code if error else 0)
    if error:
        raise error
    return report


def undo_move(store: Store, slug: str, url: str, now: datetime) -> bool:
    """Ask a blog's feed at its registered address again; return whether it had moved.

    Where the undone move led is not believed any more.

    Args:
        store: the database.
        slug: of the blog.
        url: the address a person has given; what moved from another one is left alone.
        now: aware UTC.
    """
    with store.write() as tx:
        feed = feeds.all_feeds(tx).get(slug)
        if feed is None or feed.url != url:
            return False
        after = decide.undone(feed)
        if after == feed:
            return False
        feeds.save(tx, [after])
        undone = Move(
            blog=slug, at=now, from_url=after.move_refused, to_url=feed.url, kind=MoveKind.UNDONE
        )
        moves.add(tx, [undone])
    return True


def _error(
    report: PollReport, stopped_by: signal.Signals | None, *, is_our_outage: bool
) -> BuzzError | None:
    """Return what the run as a whole must end with; failing feeds are not it."""
    if stopped_by is not None:
        return Interrupted(
            _("interrupted; what was done so far is kept"),
            exit_code=128 + stopped_by,
            remedy=_("the next run goes on with the rest"),
        )
    if is_our_outage:
        return TemporaryFailure(
            _("not one of {n} feeds answered").format(n=report.due),
            place=COMMAND,
            remedy=_remedy(report.failures),
        )
    return None


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


def _record(
    settings: Settings, store: Store, started_at: datetime, report: PollReport, exit_code: int
) -> None:
    summary = asdict(report)
    del summary["states"], summary["failures"]
    with store.write() as tx:
        runs.add(
            tx,
            Run(
                command=COMMAND,
                started_at=started_at,
                ended_at=settings.now(),
                exit_code=exit_code,
                summary=summary,
            ),
        )
