"""Poll: ask every feed that is due, and store what came, as it comes.

Fetching is asynchronous, parsing happens in processes of its own, storing in a thread, a quarter of
a second's worth at a time: a run that is killed at feed 700 has stored nearly 700, and the next
run goes on with the rest. A feed's failure is a state of that feed and never stops the others; when
nobody at all answers, the fault is ours, and no feed's state changes.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime

from buzz.config import Settings
from buzz.core import feeds as decide
from buzz.edges import files
from buzz.edges.store import Store, feeds, holds, moves, runs
from buzz.errors import BuzzError, Interrupted
from buzz.locales import gettext as _
from buzz.model import Move, MoveKind, Run
from buzz.pipeline import registry
from buzz.pipeline.poll import outages
from buzz.pipeline.poll.outages import Outage
from buzz.pipeline.poll.poller import Poller
from buzz.pipeline.poll.tally import Failed, PollReport

__all__ = ["COMMAND", "Failed", "PollReport", "poll", "undo_move"]

COMMAND = outages.COMMAND

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
            was touched; or the database is away, or the disk full.
    """
    if only:
        with store.read() as tx:
            registry.find(tx, only)
    with files.lock(settings.lock(COMMAND)):
        with store.read() as tx:
            due = feeds.due(tx, now + decide.EARLY, every=every, only=only)
            total = feeds.count(tx)
            owners = decide.Owners(feeds.addresses(tx))
            held = holds.at(tx, now)
        with progress(len(due)) as advance:
            poller = Poller(settings, store, now, owners=owners, held=held, advance=advance)
            try:
                stopped_by = asyncio.run(poller.run(due))
            except BuzzError as exc:  # our fault ends the run; what came before is stored
                with suppress(BuzzError):  # it may be the database's
                    report = _report(store, poller, total=total, due=len(due))
                    _record(store, _run(now, settings.now(), exc), report)
                raise
        report = _report(store, poller, total=total, due=len(due))
        outage = outages.at(store, now) if poller.is_our_outage else None
        error = _error(report, stopped_by, outage)
        _record(store, _run(now, settings.now(), error), report, outage)
    if error:
        raise error
    return report


def _report(store: Store, poller: Poller, *, total: int, due: int) -> PollReport:
    with store.read() as tx:
        states = Counter(feed.state.value for feed in feeds.all_feeds(tx).values())
    return poller.tally.report(feeds=total, due=due, states=dict(states))


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
    report: PollReport, stopped_by: signal.Signals | None, outage: Outage | None
) -> BuzzError | None:
    """Return what the run as a whole must end with; failing feeds are not it."""
    if stopped_by is not None:
        return Interrupted(
            _("interrupted; what was done so far is kept"),
            exit_code=128 + stopped_by,
            remedy=_("the next run goes on with the rest"),
        )
    return None if outage is None else outage.error(report)


def _run(started_at: datetime, ended_at: datetime, error: BuzzError | None) -> Run:
    return Run(
        command=COMMAND,
        started_at=started_at,
        ended_at=ended_at,
        exit_code=error.exit_code if error else 0,
    )


def _record(store: Store, run: Run, report: PollReport, outage: Outage | None = None) -> None:
    summary = asdict(report)
    del summary["states"], summary["failures"]
    if outage:
        summary[outages.SINCE] = outage.since.isoformat()
    with store.write() as tx:
        runs.add(tx, replace(run, summary=summary))
