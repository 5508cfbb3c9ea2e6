"""Checking: the letter rendered for every recipient and judged; that it passed is recorded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core import letter, relay, tracking
from buzz.edges.store import Store
from buzz.edges.store import campaigns as stored
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import (
    Campaign,
    CompiledLetter,
    DeliveryId,
    Finding,
    Level,
    Recipient,
)
from buzz.pipeline.campaign import loading

_ANY_DELIVERY = DeliveryId(10**9)  # tokens of a real letter are no longer than this one's


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found."""

    campaign: str
    subject: str = ""
    content_hash: str = ""  # of what was checked
    recipients: int = 0
    largest_bytes: int = 0  # of the HTML
    findings: tuple[Finding, ...] = ()  # errors first

    @property
    def errors(self) -> int:
        """Return how many findings stop a send."""
        return sum(finding.level is Level.ERROR for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Tell whether the letter may go out."""
        return not self.errors


def check(settings: Settings, store: Store, slug: str, now: datetime) -> CheckReport:
    """Render a campaign's letter for every recipient and judge it; record that it passed.

    Raises:
        UsageError: there is no such campaign.
        CheckRefused: its file or a template cannot be read.
    """
    written = loading.written(settings, slug)
    campaign, mistakes = loading.read(settings, slug, written)
    if campaign is None:
        return CheckReport(campaign=slug, findings=mistakes)
    try:
        with store.write() as tx:
            letters = loading.compile_all(settings, tx, campaign)
            people = loading.recipients(settings, tx, campaign)
    except CheckRefused as exc:
        return CheckReport(
            campaign=slug, subject=campaign.subject, findings=(_finding("templates", exc),)
        )
    trial = _Trial(settings, campaign, letters, now)
    findings: list[Finding] = []
    for (language, version), file in zip(loading.versions(campaign).items(), written, strict=True):
        readers = loading.readers(people, campaign, language)
        context = core.Context(
            campaign=version,
            path=file.place,
            source=file.text,
            sender=settings.sender,
            masses=_masses(version),
            others=len(people) - len(readers),
            now=now,
        )
        findings += core.check(context, trial.rendered(readers))
    findings.sort(key=lambda finding: finding.level is Level.WARNING)
    report = CheckReport(
        campaign=slug,
        subject=campaign.subject,
        content_hash=campaign.content_hash,
        recipients=len(people),
        largest_bytes=trial.largest_bytes,
        findings=(*trial.refused, *findings),
    )
    if report.passed:
        with store.write() as tx:
            stored.record_check(
                tx,
                slug,
                subject=campaign.subject,
                content_hash=campaign.content_hash,
                not_after=campaign.not_after,
                now=now,
            )
    return report


class _Trial:
    """Renders for one recipient after the other, made into bytes as a send does."""

    def __init__(
        self,
        settings: Settings,
        campaign: Campaign,
        letters: Mapping[str, CompiledLetter],
        now: datetime,
    ) -> None:
        self._settings = settings
        self._campaign = campaign
        self._letters = letters
        self._now = now
        self.refused: list[Finding] = []
        self.largest_bytes = 0

    def rendered(self, people: Sequence[Recipient]) -> Iterator[core.Rendered]:
        """Yield what each recipient gets; whose message cannot be made goes into ``refused``."""
        for recipient in people:
            try:
                yield self._one(recipient)
            except CheckRefused as exc:
                self.refused.append(_finding("address", exc, recipient.blog))

    def _one(self, recipient: Recipient) -> core.Rendered:
        compiled = self._letters[recipient.language]
        sender = self._settings.sender
        urls = tracking.letter_urls(
            self._settings.secret,
            self._settings.web.base_url,
            campaign=self._campaign.slug,
            delivery=_ANY_DELIVERY,
            recipient=recipient,
            links=compiled.links,
        )
        letter.message_bytes(
            compiled,
            recipient,
            urls,
            from_=self._campaign.from_ or sender.from_,
            reply_to=self._campaign.reply_to or sender.reply_to,
            message_id="<check@buzz.invalid>",
            date=self._now,
            list_id="buzz.invalid",
        )
        html = letter.html_of(compiled, recipient, urls)
        self.largest_bytes = max(self.largest_bytes, len(html.encode()))
        return core.Rendered(
            recipient=recipient,
            urls=urls,
            clicks={link.url: urls.clicks[link.id] for link in compiled.links},
            subject=letter.subject_of(compiled, recipient),
            html=html,
            text=letter.text_of(compiled, recipient, urls),
            has_notice=letter.has_notice(compiled),
        )


def _masses(campaign: Campaign) -> dict[int, float]:
    """Return by how much each talking point can be told from chance (docs/relay.md)."""
    return {
        point.number: relay.read(f"{point.title}. {point.text}", campaign.language).mass[-1]
        for point in campaign.talking_points
    }


def _finding(rule: str, exc: CheckRefused, place: str = "") -> Finding:
    return Finding(
        rule=rule,
        level=Level.ERROR,
        place=exc.place or (f"blogs.csv ({place})" if place else ""),
        what=exc.what,
        remedy=exc.remedy or _("see: buzz campaign preview"),
    )
