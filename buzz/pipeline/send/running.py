"""A run: take the lease, send what is planned, leave the account in order."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.core import names, rates
from buzz.edges.store import Store, Transaction, audit, campaigns, deliveries, leases, runs
from buzz.edges.store.leases import Fenced
from buzz.errors import (
    BuzzError,
    CheckRefused,
    Interrupted,
    TemporaryFailure,
)
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.model import BEFORE_SENDING, ENDED, CampaignState, CampaignStatus, Run
from buzz.pipeline.campaign import APPROVE
from buzz.pipeline.mail import next_hop
from buzz.pipeline.send import snapshot
from buzz.pipeline.send.lanes import BACKOFF_S, Lanes, Manners, quiet
from buzz.pipeline.send.ledger import Ledger
from buzz.pipeline.send.planning import plan
from buzz.pipeline.send.queue import Queue
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
) -> SendReport:
    """Send a campaign, from the beginning or from where it stopped, and return its account.

    What ended the run before its time stands in the report's ``trouble``: nothing is lost, and
    the same command goes on where it stopped.

    Raises:
        CheckRefused: the check has found errors, an approval is missing, or it has ended.
        LockHeld: another process is sending it.
        TemporaryFailure: it is too early, or the quiet hours.
    """
    _prepare(settings, store, slug, now)
    holder = leases.own_holder()
    with store.write() as tx:
        fence = leases.take_lease(tx, slug, holder, now)
        campaign = _may_be_sent(settings, tx, slug, now)  # nobody else can change it from here on
        deliveries.release(tx, slug, now)  # what a dead sender has left behind
        campaigns.set_state(tx, slug, CampaignState.SENDING, now)
        audit.add(tx, "send start", now, campaign=slug)
        frozen = snapshot.load(tx, slug, settings.secret)
    ledger = Ledger(
        store,
        slug,
        fence,
        secret=settings.secret,
        clock=settings.now,
        not_after=campaign.not_after,
    )
    manners = Manners(
        connections=settings.smtp.connections,
        messages=settings.smtp.messages,
        quiet_hours=settings.send.quiet_hours,
        not_after=campaign.not_after,
        backoff_s=backoff_s,
    )
    receivers = rates.Receivers(settings.receivers)
    queue = Queue(ledger.claim, receivers, rate_per_s=settings.send.rate_per_s, time=time.monotonic)
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
        runs.add(tx, _run_record(result, now, settings.now()))
    return result


def ready(settings: Settings, store: Store, slug: str, now: datetime) -> SendReport:
    """Plan a campaign where that is missing or stale, and return its account.

    Raises:
        CheckRefused: the check has found errors, an approval is missing, or it has ended.
        TemporaryFailure: it is too early, or the quiet hours.
    """
    _prepare(settings, store, slug, now)
    with store.read() as tx:
        _may_be_sent(settings, tx, slug, now)
    return status(settings, store, slug)


def outlook(settings: Settings, store: Store, slug: str, now: datetime) -> SendReport:
    """Return what :func:`start` would begin with, and change nothing.

    Raises:
        CheckRefused: the check has found errors.
    """
    with store.read() as tx:
        known = campaigns.get(tx, slug)
    if known is None or known.planned_at is None or _is_stale(settings, store, known):
        return plan(settings, store, slug, now, dry_run=True)
    return status(settings, store, slug)


def _prepare(settings: Settings, store: Store, slug: str, now: datetime) -> None:
    """Plan a campaign where that is missing or stale.

    Raises:
        CheckRefused: the check has found errors.
        TemporaryFailure: these are the quiet hours.
    """
    until = core.quiet_until(settings.send.quiet_hours, now)
    if until is not None:
        raise quiet(until)
    with store.read() as tx:
        found = campaigns.get(tx, slug)
    if found is None or found.planned_at is None or _is_stale(settings, store, found):
        plan(settings, store, slug, now)


def _may_be_sent(settings: Settings, tx: Transaction, slug: str, now: datetime) -> CampaignStatus:
    """Return the status of a planned campaign that may be sent now.

    Raises:
        CheckRefused: it has ended, or an approval is missing.
        TemporaryFailure: it is too early.
    """
    found, common = campaigns.get(tx, slug), deliveries.envelope(tx, slug)
    assert found is not None, "planned"
    assert common is not None, "planned"
    if found.state in ENDED:
        raise CheckRefused(
            _("this campaign has ended ({state})").format(
                state=_(names.CAMPAIGN_STATES[found.state])
            ),
            place=slug,
            remedy=_("see: buzz send status {slug}").format(slug=slug),
        )
    if settings.send.two_person and found.state in BEFORE_SENDING:
        _approved_by_another(tx, found)
    if common.not_before and now < (begin := datetime.fromisoformat(common.not_before)):
        raise TemporaryFailure(
            _("it must not be sent before {when}").format(when=formats.moment(begin)),
            place=slug,
            remedy=_("run the command again then"),
        )
    return found


def _approved_by_another(tx: Transaction, found: CampaignStatus) -> None:
    deed = audit.last(tx, APPROVE, found.slug)
    if found.state is not CampaignState.APPROVED or deed is None:
        raise CheckRefused(
            _("another person must approve it first"),
            place=found.slug,
            remedy=f"buzz campaign approve {found.slug}",
        )
    if deed.who == audit.own_name():
        raise CheckRefused(
            _("you approved it yourself: another person must start it"), place=found.slug
        )


def _is_stale(settings: Settings, store: Store, found: CampaignStatus) -> bool:
    """Tell whether the plan is of another letter than the files, and nothing has left yet."""
    if found.started_at is not None or found.state in ENDED:
        return False
    with store.read() as tx:
        return differs(settings, tx, found.slug)


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
    """Let SIGINT and SIGTERM stop the lanes once; a second one ends the process at once.

    What follows in the same instant is an echo: timeout(1) signals its command, then its group.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
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
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
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
