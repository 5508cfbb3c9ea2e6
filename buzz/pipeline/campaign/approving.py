"""Approving: a second person answers for a letter as it was checked."""

from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.edges.store import Store, audit, checks
from buzz.edges.store import campaigns as stored
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import CampaignState, Waiver
from buzz.pipeline.campaign import loading

APPROVE = "campaign approve"  # under which it is recorded who did


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person answers for."""

    campaign: str
    subject: str
    waivers: tuple[Waiver, ...]  # what they let pass with it


def approve(
    settings: Settings, store: Store, slug: str, now: datetime, *, dry_run: bool = False
) -> Approval:
    """Approve a letter as it passed the check; an edit takes that back.

    Raises:
        UsageError: there is no such campaign.
        CheckRefused: it was not checked as it stands, or its sending has begun.
    """
    campaign = loading.load(settings, slug)
    with store.write() as tx:
        status = stored.get_for_update(tx, slug)
        if status is None or status.checked_hash != campaign.content_hash:
            raise CheckRefused(
                _("the letter was not checked as it stands"),
                place=loading.place(slug),
                remedy=_("run: buzz campaign check {slug}").format(slug=slug),
            )
        if status.state not in {CampaignState.CHECKED, CampaignState.APPROVED}:
            raise CheckRefused(
                _("this campaign is already being sent or has ended"),
                place=slug,
                remedy=_("see: buzz send status {slug}").format(slug=slug),
            )
        if not dry_run:
            stored.set_state(tx, slug, CampaignState.APPROVED, now)
            audit.add(tx, APPROVE, now, campaign=slug, detail=campaign.content_hash)
        return Approval(campaign=slug, subject=status.subject, waivers=checks.waived(tx, slug))
