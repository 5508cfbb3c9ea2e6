"""What people ask and decide about a campaign that is planned, being sent, or stuck."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.edges.store import Store, Transaction, audit, campaigns, deliveries, instances, leases
from buzz.errors import BuzzError, CheckRefused, LockHeld, UsageError
from buzz.locales import gettext as _
from buzz.model import (
    ENDED,
    UNDER_WAY,
    Account,
    Attempt,
    CampaignState,
    Delivery,
    DeliveryId,
    DeliveryState,
)
from buzz.pipeline import campaign as campaign_files
from buzz.pipeline.campaign.loading import written
from buzz.pipeline.send.report import SendReport, report


def status(settings: Settings, store: Store, slug: str) -> SendReport:
    """Return where a campaign stands; one that is only a folder so far has zeros.

    Raises:
        UsageError: there is no such campaign, neither in the database nor as a folder.
    """
    with store.read() as tx:
        if campaigns.get(tx, slug) is None:
            written(settings, slug)
            return SendReport(campaign=slug, state=CampaignState.DRAFT, account=Account())
        return report(tx, slug, changed=differs(settings, tx, slug))


def resumable(settings: Settings, store: Store, slug: str) -> SendReport:
    """Return where a campaign stands that may be resumed, or that has nothing left to be sent.

    Raises:
        UsageError: it was not begun, or was cancelled.
    """
    found = status(settings, store, slug)
    if found.state not in {*UNDER_WAY, CampaignState.FINISHED}:  # cron may go on asking
        raise UsageError(
            _("it is not under way (state: {state})").format(state=found.state_name),
            place=slug,
            remedy=f"buzz send start {slug} --confirm {slug}",
        )
    return found


def differs(settings: Settings, tx: Transaction, slug: str) -> bool:
    """Tell whether the campaign's files are no longer what the plan froze."""
    common = deliveries.envelope(tx, slug)
    if common is None:
        return False
    try:
        return campaign_files.load(settings, slug).content_hash != common.content_hash
    except BuzzError:  # the folder is gone or broken; what is frozen is sent all the same
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A delivery of which nobody can know whether it arrived, and the attempt that left it so."""

    delivery: Delivery
    attempt: Attempt


def uncertain(store: Store, slug: str) -> tuple[Doubt, ...]:
    """Return the deliveries of which nobody can know whether they arrived."""
    with store.read() as tx:
        report(tx, slug)
        return tuple(
            Doubt(delivery=found, attempt=deliveries.attempts_of(tx, found.id)[-1])
            for found in deliveries.of_campaign(tx, slug, DeliveryState.UNCERTAIN)
        )


def adopt(
    settings: Settings, store: Store, now: datetime, *, dry_run: bool = False
) -> tuple[str, ...]:
    """Make this workspace the one that sends with its database; return what is paused by that.

    A copy may not know what has left since; so nothing that was being sent goes on by itself.
    """
    with store.write() as tx:
        paused = [c.slug for c in campaigns.all_campaigns(tx) if c.state is CampaignState.SENDING]
        if dry_run:
            return tuple(paused)
        for slug in paused:
            campaigns.set_state(tx, slug, CampaignState.PAUSED, now)
        audit.add(tx, "send adopt", now)
        instances.adopt(tx, settings.instance_file)
        return tuple(paused)


def pause(store: Store, slug: str, now: datetime) -> SendReport:
    """Have the sender stop after what is in flight; nothing is sent until ``resume``.

    Raises:
        CheckRefused: it is not being sent.
    """
    with store.write() as tx:
        found = _decided_upon(tx, slug)
        if found.state not in UNDER_WAY:
            raise CheckRefused(
                _("it is not being sent (state: {state})").format(state=found.state_name),
                place=slug,
            )
        campaigns.set_state(tx, slug, CampaignState.PAUSED, now)
        audit.add(tx, "send pause", now, campaign=slug)
        return report(tx, slug)


def cancel(store: Store, slug: str, now: datetime, *, dry_run: bool = False) -> SendReport:
    """Cancel what has not left yet. What is in flight is finished by its sender.

    Raises:
        CheckRefused: it has ended already.
    """
    with store.write() as tx:
        found = _decided_upon(tx, slug)
        if found.state in ENDED:
            raise CheckRefused(
                _("this campaign has ended ({state})").format(state=found.state_name), place=slug
            )
        if not dry_run:
            _release_the_dead(tx, slug, now)
            deliveries.cancel(tx, slug, now)
            campaigns.set_state(tx, slug, CampaignState.CANCELLED, now)
            audit.add(tx, "send cancel", now, campaign=slug)
        return report(tx, slug)


def _release_the_dead(tx: Transaction, slug: str, now: datetime) -> None:
    """Put right what a dead sender has left in flight: once it has ended, nobody else will."""
    with suppress(LockHeld):  # one that is alive does it
        fence = leases.take_lease(tx, slug, leases.own_holder(), now)
        deliveries.release(tx, slug, now)
        leases.release_lease(tx, slug, fence)


def retry(
    store: Store, slug: str, now: datetime, *, states: Collection[DeliveryState]
) -> SendReport:
    """Plan those in these states again, deferred or refused ones, to be sent at once.

    Raises:
        CheckRefused: the campaign was cancelled or has expired.
    """
    with store.write() as tx:
        _not_closed(_decided_upon(tx, slug))
        for state in states:
            deliveries.retry(tx, slug, state, now)
        detail = ", ".join(sorted(state.value for state in states))
        audit.add(tx, "send retry", now, campaign=slug, detail=detail)
        return _reopened(tx, slug, now)


def resolve(
    store: Store,
    slug: str,
    addresses: Collection[str],
    now: datetime,
    *,
    resend: bool,
    dry_run: bool = False,
) -> SendReport:
    """Settle uncertain deliveries as a person says, all of them where no address is named.

    Args:
        store: the database.
        slug: the campaign.
        addresses: of the recipients meant.
        now: the present.
        resend: send it again, at the risk of a double; else it counts as accepted.
        dry_run: change nothing.

    Raises:
        UsageError: one of the addresses is not among the uncertain ones.
        CheckRefused: it is to be sent again, but was cancelled or has expired.
    """
    with store.write() as tx:
        found = _decided_upon(tx, slug)
        if resend:
            _not_closed(found)
        known = {d.email: d.id for d in deliveries.of_campaign(tx, slug, DeliveryState.UNCERTAIN)}
        unknown = sorted(set(addresses) - known.keys())
        if unknown:
            raise UsageError(
                _("not among the uncertain ones: {addresses}").format(addresses=", ".join(unknown)),
                place=slug,
                remedy=f"buzz send uncertain {slug}",
            )
        if dry_run:
            return found
        ids: list[DeliveryId] | None = [known[a] for a in addresses] if addresses else None
        target = DeliveryState.PLANNED if resend else DeliveryState.ACCEPTED
        deliveries.resolve(tx, slug, ids, target, now)
        audit.add(
            tx,
            "send resolve",
            now,
            campaign=slug,
            detail=f"{target.value}: {', '.join(map(str, ids or known.values()))}",
        )
        return _reopened(tx, slug, now)


def _decided_upon(tx: Transaction, slug: str) -> SendReport:
    """Return where a campaign stands, and keep its sender from changing that meanwhile."""
    campaigns.get_for_update(tx, slug)
    return report(tx, slug)


def _not_closed(found: SendReport) -> None:
    if found.state in {CampaignState.CANCELLED, CampaignState.EXPIRED}:
        raise CheckRefused(
            _("this campaign has ended ({state})").format(state=found.state_name),
            place=found.campaign,
            remedy=_("make a new one: buzz campaign new SLUG"),
        )


def _reopened(tx: Transaction, slug: str, now: datetime) -> SendReport:
    """Return the report; a finished campaign with something to send again is paused."""
    found = report(tx, slug)
    if found.state is CampaignState.FINISHED and not core.is_finished(found.account):
        campaigns.set_state(tx, slug, CampaignState.PAUSED, now)
    return report(tx, slug)
