"""Overview: the campaigns there are, in the folder and in the database."""

from dataclasses import dataclass

from buzz.config import Settings
from buzz.core.text import is_slug
from buzz.edges.store import Store
from buzz.edges.store import campaigns as stored
from buzz.errors import CheckRefused
from buzz.model import Campaign, CampaignStatus
from buzz.pipeline.campaign import loading


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One campaign: what its file says and what happened to it."""

    status: CampaignStatus
    campaign: Campaign | None  # None: the file has mistakes or is gone
    recipients: int | None = None  # as of now; None: not asked for
    is_checked: bool = False  # what passed the check is what the file says now


def campaigns(settings: Settings, store: Store) -> tuple[Overview, ...]:
    """Return every campaign, by slug."""
    with store.read() as tx:
        known = {status.slug: status for status in stored.all_campaigns(tx)}
    in_folder = (
        path.name
        for path in settings.campaigns.glob("*")
        if is_slug(path.name) and loading.letter_files(settings, path.name)
    )
    return tuple(
        _overview(settings, slug, known.get(slug)) for slug in sorted({*known, *in_folder})
    )


def overview(settings: Settings, store: Store, slug: str) -> Overview:
    """Return one campaign, with how many would get its letter now.

    Raises:
        UsageError: there is no such campaign.
        CheckRefused: its file has mistakes.
    """
    campaign = loading.load(settings, slug)
    with store.read() as tx:
        status = stored.get(tx, slug) or CampaignStatus(slug=slug)
        people = loading.recipients(settings, tx, campaign)
    return Overview(
        status=status,
        campaign=campaign,
        recipients=len(people),
        is_checked=status.checked_hash == campaign.content_hash,
    )


def _overview(settings: Settings, slug: str, status: CampaignStatus | None) -> Overview:
    known = status or CampaignStatus(slug=slug)
    if not loading.letter_files(settings, slug):
        return Overview(status=known, campaign=None)
    try:
        campaign = loading.load(settings, slug)
    except CheckRefused:
        return Overview(status=known, campaign=None)
    return Overview(
        status=known, campaign=campaign, is_checked=known.checked_hash == campaign.content_hash
    )
