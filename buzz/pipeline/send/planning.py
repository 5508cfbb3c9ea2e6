"""The plan: who gets what, frozen, made and checked before the first letter leaves."""

from dataclasses import replace
from datetime import datetime
from email.utils import parseaddr

from buzz.config import Settings
from buzz.core import campaign as core_campaign
from buzz.core import delivery as core
from buzz.core import letter
from buzz.edges import smtp
from buzz.edges.store import Store, Transaction, campaigns, deliveries, suppressions
from buzz.edges.store.deliveries import Envelope
from buzz.errors import CheckRefused, ConfigurationError
from buzz.locales import gettext as _
from buzz.model import (
    BEFORE_SENDING,
    Campaign,
    CampaignStatus,
    DeliveryState,
    Level,
)
from buzz.pipeline import campaign as campaign_files
from buzz.pipeline import kit
from buzz.pipeline.campaign import loading
from buzz.pipeline.campaign.loading import place
from buzz.pipeline.send import snapshot
from buzz.pipeline.send.report import SendReport, has_begun, report


class _Undo(Exception):
    """A dry run's way out of its transaction, which leaves no trace."""

    def __init__(self, report: SendReport) -> None:
        super().__init__()
        self.report = report


def plan(
    settings: Settings, store: Store, slug: str, now: datetime, *, dry_run: bool = False
) -> SendReport:
    """Freeze a campaign's letters and recipients, and return its account.

    Every recipient's message is made once, so that a template that fails for one stops the
    campaign before the first is sent. A plan may be made again until the first letter leaves.

    Raises:
        CheckRefused: the check has found errors, or sending has begun.
    """
    campaign = campaign_files.load(settings, slug)
    with store.read() as tx:
        status = campaigns.get(tx, slug)
        _not_begun(tx, status)
    if status is None or status.checked_hash != campaign.content_hash:
        _check(settings, store, slug, now)
    try:
        with store.write() as tx:
            # Asked again: while the letter was checked, somebody else may have begun to send it.
            status = campaigns.get_for_update(tx, slug)
            _not_begun(tx, status)
            if status is None or status.checked_hash != campaign.content_hash:
                raise CheckRefused(
                    _("the letter was edited while it was being checked"),
                    place=place(slug),
                    remedy=_("run the command again"),
                )
            return _plan(settings, tx, campaign, now, dry_run=dry_run)
    except _Undo as undone:
        return undone.report


def _not_begun(tx: Transaction, status: CampaignStatus | None) -> None:
    """Make sure that a plan may still be made, for it replaces every delivery.

    Raises:
        CheckRefused: sending has begun.
    """
    if status is None:
        return
    if status.state not in BEFORE_SENDING or has_begun(deliveries.account(tx, status.slug)):
        raise CheckRefused(
            _("this campaign is already being sent or has ended"),
            place=status.slug,
            remedy=_("see: buzz send status {slug}; for another letter: buzz campaign new").format(
                slug=status.slug
            ),
        )


def _check(settings: Settings, store: Store, slug: str, now: datetime) -> None:
    checked = campaign_files.check(settings, store, slug, now)
    if not checked.passed:
        errors = (finding for finding in checked.findings if finding.level is Level.ERROR)
        raise CheckRefused(
            _("the check found what stops a send"),
            place=place(slug),
            remedy=_("mend it, then: buzz campaign check {slug}").format(slug=slug),
            details=[f"{e.place}: {e.what} ({e.remedy})" for e in errors],
        )


def envelope(settings: Settings, campaign: Campaign) -> Envelope:
    """Return what all messages of a campaign have in common.

    Raises:
        ConfigurationError: the sender has no address.
    """
    from_ = campaign.from_ or settings.sender.from_
    author = parseaddr(from_)[1]
    _local, at, domain = author.rpartition("@")
    if not at or not domain:
        raise ConfigurationError(
            _("`{from_}` is no sender: it has no address").format(from_=from_),
            place="buzz.toml [sender] from",
            remedy=_("write: Name <address@domain>"),
        )
    return Envelope(
        from_=from_,
        reply_to=campaign.reply_to or settings.sender.reply_to,
        mail_from=settings.bounces.address or author,
        list_id=f"lettre.{domain}",
        base_url=settings.web.base_url,
        content_hash=campaign.content_hash,
        not_before=campaign.not_before.isoformat() if campaign.not_before else "",
    )


def _plan(
    settings: Settings, tx: Transaction, campaign: Campaign, now: datetime, *, dry_run: bool
) -> SendReport:
    slug, common = campaign.slug, envelope(settings, campaign)
    pack = core_campaign.message_pack(
        campaign,
        organisation=settings.sender.organisation,
        sent_at=now,
        base_url=settings.web.base_url,
    )
    letters = campaign_files.compile_all(settings, tx, campaign)
    campaigns.freeze(tx, slug, letters, pack, now, kits=kit.made(settings, campaign, letters))
    recipients = campaign_files.recipients(settings, tx, campaign)
    if not recipients:
        raise CheckRefused(
            _("the segment reaches nobody with an address: {segment}").format(
                segment=campaign.segment
            ),
            place=place(slug),
            remedy=_("see: buzz blogs list, and run: buzz rank run"),
        )
    hashes = [core.address_hash(settings.secret, r.email) for r in recipients]
    gone = suppressions.contains(tx, hashes)
    targets = [
        (recipient, DeliveryState.SUPPRESSED if hash_ in gone else DeliveryState.PLANNED)
        for recipient, hash_ in zip(recipients, hashes, strict=True)
    ]
    deliveries.plan(tx, slug, targets, common, now)
    _seal(tx, slug, settings.secret, common, now)
    planned = report(tx, slug)
    if dry_run:
        raise _Undo(planned)
    return planned


def _seal(tx: Transaction, slug: str, secret: bytes, common: Envelope, now: datetime) -> None:
    """Make every message, and record its name and hash."""
    domain = parseaddr(common.from_)[1].rpartition("@")[2]
    frozen = snapshot.load(tx, slug, secret)
    for batch in deliveries.in_batches(tx, slug):
        sealed = []
        for delivery in batch:
            named = replace(delivery, message_id=core.message_id(slug, delivery.id, domain))
            compiled = frozen.letters[frozen.language_for(named.recipient)]
            with loading.rendering(compiled):
                message = frozen.unchecked_message(named, now)
            smtp.wire(message)  # raises where it could not be sent as it is
            sealed.append((named.id, named.message_id, letter.message_hash(message)))
        deliveries.seal(tx, sealed)
