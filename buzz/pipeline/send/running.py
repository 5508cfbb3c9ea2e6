"""A run: take the lease, send what is planned, leave the account in order."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.core import names, rates
from buzz.edges.store import Store, audit, campaigns, deliveries, instances, leases, runs
from buzz.edges.store.leases import Fenced
from buzz.errors import BuzzError, CheckRefused, Interrupted
from buzz.locales import gettext as _
from buzz.model import CampaignState, CampaignStatus, Run
from buzz.pipeline.mail import next_hop
from buzz.pipeline.send import snapshot
from buzz.pipeline.send.lanes import BACKOFF_S, Lanes, Manners, warmed_up
from buzz.pipeline.send.ledger import Ledger
from buzz.pipeline.send.planning import plan
from buzz.pipeline.send.queue import Queue
from buzz.pipeline.send.readiness import allowance, is_stale, may_be_sent, prepare
from buzz.pipeline.send.report import SendReport, report
from buzz.pipeline.send.standing import differs, status

_SIGNAL_EXIT = 128
_ECHO_S = 0.05  # less than a person's two key strokes


def start(
    settings: Settings,
    store: Store,
    slug: str,
    now: datetime,
    *,
    on_progress: Callable[[int], None] = lambda _n: None,
    backoff_s: tuple[float, ...] = BACKOFF_S,
    wait: bool = False,
    by_itself: bool = False,
) -> SendReport:
    """Send a campaign, from the beginning or from where it stopped, and return its account.

    What ended the run before its time stands in the report's ``trouble``: nothing is lost, and
    the same command goes on where it stopped.

    Args:
        settings: of the workspace.
        store: the database.
        slug: the campaign.
        now: the present.
        on_progress: called with 1 for each recipient who is done, 0 for one to be tried again.
        backoff_s: between the tries to connect.
        wait: stay until what is put off has been tried again, and until the server is back.
        by_itself: no person asked for it; then a pause stays a pause.

    Raises:
        CheckRefused: the check has found errors, an approval is missing, it has ended, or this is
            not the workspace that sends with this database.
        LockHeld: another process is sending it.
        TemporaryFailure: it is too early, or the quiet hours.
    """
    signers = settings.signers  # a key that cannot be read stops us here
    prepare(settings, store, slug, now)
    holder = leases.own_holder()
    with store.write() as tx:
        fence = leases.take_lease(tx, slug, holder, now)
        campaign = may_be_sent(settings, tx, slug, now)  # nobody else can change it from here on
        if by_itself:
            _no_pause_ends(campaign)
        deliveries.release(tx, slug, now)  # what a dead sender has left behind
        campaigns.set_state(tx, slug, CampaignState.SENDING, now)
        audit.add(tx, "send start", now, campaign=slug)
        frozen = snapshot.load(tx, slug, settings.secret, signers)
        left_today = allowance(settings, tx, now)
        instances.may_send(tx, settings.instance_file)
    ledger = Ledger(
        store,
        slug,
        fence,
        secret=settings.secret,
        clock=settings.now,
        not_after=campaign.not_after,
        instance_file=settings.instance_file,
    )
    manners = Manners(
        connections=settings.smtp.connections,
        messages=settings.smtp.messages,
        quiet_hours=settings.send.quiet_hours,
        not_after=campaign.not_after,
        backoff_s=backoff_s,
        wait=wait,
    )
    receivers = rates.Receivers(settings.receivers)
    queue = Queue(
        ledger.claim,
        receivers,
        rate_per_s=settings.send.rate_per_s,
        time=time.monotonic,
        allowance=left_today,
    )
    lanes = Lanes(
        ledger=ledger,
        queue=queue,
        receiver_of=receivers.of,
        snapshot=frozen,
        server=next_hop(settings),
        manners=manners,
        clock=settings.now,
        on_progress=on_progress,
    )
    try:
        trouble = asyncio.run(_run(lanes, ledger, slug))
    finally:
        ledger.close()
        _settle(settings, store, slug, fence, is_unwelcome=lanes.is_unwelcome)
    with store.write() as tx:
        result = report(tx, slug, changed=differs(settings, tx, slug), trouble=trouble)
        if trouble is None and queue.allowance == 0 and result.account.planned:
            result = replace(result, trouble=warmed_up())
        runs.add(tx, _run_record(result, now, settings.now()))
    return result


def resume_due(
    settings: Settings, store: Store, now: datetime, slug: str = ""
) -> tuple[SendReport, ...]:
    """Go on with the letters that are being sent and have something due, as cron does.

    A pause is left to the person who made it, and a letter that another process is sending to
    that one.

    Args:
        settings: of the workspace.
        store: the database.
        now: the present.
        slug: only this campaign; empty: all of them.
    """
    with store.read() as tx:
        known = [report(tx, one.slug) for one in campaigns.all_campaigns(tx) if _goes_on(one, slug)]
    return tuple(
        start(settings, store, found.campaign, now, by_itself=True)
        for found in known
        if not found.holder and _has_due(found, now)
    )


def _goes_on(campaign: CampaignStatus, slug: str) -> bool:
    return campaign.state is CampaignState.SENDING and slug in {"", campaign.slug}


def _has_due(found: SendReport, now: datetime) -> bool:
    """Tell whether there is something to be done now; what is in flight, a dead sender has left."""
    is_due = found.next_at is not None and found.next_at <= now
    return is_due or bool(found.account.planned or found.account.claimed)


def ready(settings: Settings, store: Store, slug: str, now: datetime) -> SendReport:
    """Plan a campaign where that is missing or stale, and return its account.

    Raises:
        CheckRefused: the check has found errors, an approval is missing, or it has ended.
        TemporaryFailure: it is too early, or the quiet hours.
    """
    prepare(settings, store, slug, now)
    with store.read() as tx:
        may_be_sent(settings, tx, slug, now)
    return status(settings, store, slug)


def outlook(settings: Settings, store: Store, slug: str, now: datetime) -> SendReport:
    """Return what :func:`start` would begin with, and change nothing.

    Raises:
        CheckRefused: the check has found errors.
    """
    with store.read() as tx:
        known = campaigns.get(tx, slug)
    if known is None or known.planned_at is None or is_stale(settings, store, known):
        return plan(settings, store, slug, now, dry_run=True)
    return status(settings, store, slug)


def _no_pause_ends(campaign: CampaignStatus) -> None:
    """Make sure that nobody has paused it.

    Raises:
        CheckRefused: somebody has.
    """
    if campaign.state is not CampaignState.SENDING:
        state = _(names.CAMPAIGN_STATES[campaign.state])
        raise CheckRefused(
            _("it is not being sent (state: {state})").format(state=state), place=campaign.slug
        )


async def _run(lanes: Lanes, ledger: Ledger, slug: str) -> BuzzError | None:
    """Run the lanes until they are done or a signal comes; return what stopped them."""
    with _signals(lanes, slug):
        try:
            try:
                await lanes.run()
            finally:
                await ledger.flush()
        except BuzzError as exc:
            lanes.stop(exc)
    return lanes.trouble


@contextmanager
def _signals(lanes: Lanes, slug: str) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP stop the lanes once; a second one ends the process at once.

    SIGHUP says that the terminal is gone; who was started with nohup(1) does not hear it.
    What follows in the same instant is an echo: timeout(1) signals its command, then its group.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    heeded = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heeded.append(signal.SIGHUP)
    heard = False

    def stop(number: int) -> None:
        nonlocal heard
        if heard:
            return
        heard = True
        loop.call_later(_ECHO_S, leave)
        lanes.stop(
            Interrupted(
                _("interrupted; what was in flight has been finished"),
                exit_code=_SIGNAL_EXIT + number,
                remedy=_("go on with: buzz send resume {slug}").format(slug=slug),
            )
        )

    def leave() -> None:
        for number in heeded:
            loop.remove_signal_handler(number)

    for number in heeded:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        leave()


def _settle(settings: Settings, store: Store, slug: str, fence: int, *, is_unwelcome: bool) -> None:
    """Put right what was in flight, say what the campaign has come to, give the lease back."""
    now = settings.now()
    try:
        with store.write() as tx:
            state = leases.hold(tx, slug, fence)
            deliveries.release(tx, slug, now)
            campaign = campaigns.get(tx, slug)
            assert campaign is not None, "it has a row: its lease was ours"
            is_late = campaign.not_after is not None and now >= campaign.not_after
            if state is CampaignState.CANCELLED or is_late:
                deliveries.cancel(tx, slug, now)
            account = deliveries.account(tx, slug)
            end = core.settled(state, account, is_late=is_late, is_unwelcome=is_unwelcome)
            if end is not state:
                campaigns.set_state(tx, slug, end, now)
            leases.release_lease(tx, slug, fence)
    except Fenced:
        return


def _run_record(result: SendReport, started_at: datetime, ended_at: datetime) -> Run:
    counts = {name: n for name, n in result.facts().items() if isinstance(n, int)}
    return Run(
        command=f"send start {result.campaign}",
        started_at=started_at,
        ended_at=max(started_at, ended_at),
        exit_code=result.exit_code,
        summary=counts,
    )
