"""Whether a campaign may be sent now: planned, approved, in time, within what a day allows."""

from datetime import date, datetime
from datetime import time as clock_time

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.core import names, rates
from buzz.edges.store import Store, Transaction, audit, campaigns, deliveries
from buzz.errors import CheckRefused, TemporaryFailure
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.model import BEFORE_SENDING, ENDED, CampaignState, CampaignStatus
from buzz.pipeline.campaign import APPROVE
from buzz.pipeline.send.lanes import quiet, warmed_up
from buzz.pipeline.send.planning import plan
from buzz.pipeline.send.standing import differs


def prepare(settings: Settings, store: Store, slug: str, now: datetime) -> None:
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
    if found is None or found.planned_at is None or is_stale(settings, store, found):
        plan(settings, store, slug, now)


def may_be_sent(settings: Settings, tx: Transaction, slug: str, now: datetime) -> CampaignStatus:
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


def is_stale(settings: Settings, store: Store, found: CampaignStatus) -> bool:
    """Tell whether the plan is of another letter than the files, and nothing has left yet."""
    if found.started_at is not None or found.state in ENDED:
        return False
    with store.read() as tx:
        return differs(settings, tx, found.slug)


def allowance(settings: Settings, tx: Transaction, now: datetime) -> int | None:
    """Return how many letters may still leave today; None: all.

    Raises:
        TemporaryFailure: none.
    """
    if not settings.send.warm_up_since:
        return None
    here = now.astimezone(formats.PARIS)
    midnight = datetime.combine(here.date(), clock_time(), formats.PARIS)
    left = rates.warm_up_allowance(
        date.fromisoformat(settings.send.warm_up_since),
        here.date(),
        deliveries.accepted_since(tx, midnight),
    )
    if left == 0:
        raise warmed_up()
    return left
