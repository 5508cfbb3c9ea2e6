"""Checking: the letter rendered for every recipient and judged; that it passed is recorded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core import letter, relay, tracking
from buzz.edges.store import Store, checks
from buzz.edges.store import campaigns as stored
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import (
    Campaign,
    CompiledLetter,
    DeliveryId,
    Finding,
    LetterUrls,
    Level,
    Probe,
    Recipient,
    Waiver,
)
from buzz.pipeline import workspace
from buzz.pipeline.campaign import loading, probing, waiving

_ANY_DELIVERY = DeliveryId(10**9)  # tokens of a real letter are no longer than this one's


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found."""

    campaign: str
    subject: str = ""
    content_hash: str = ""  # of what was checked
    recipients: int = 0
    largest_bytes: int = 0  # of the HTML
    findings: tuple[Finding, ...] = ()  # those that count: errors first
    waived: tuple[Finding, ...] = ()  # those that a person lets pass
    waivers: tuple[Waiver, ...] = ()  # of this campaign, whether or not anything was found
    probes: tuple[Probe, ...] = ()  # what is known of its links

    @property
    def errors(self) -> int:
        """Return how many findings stop a send."""
        return sum(finding.level is Level.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Return how many findings deserve a second look."""
        return sum(finding.level is Level.WARNING for finding in self.findings)

    @property
    def passed(self) -> bool:
        """Tell whether the letter may go out."""
        return not self.errors


def check(
    settings: Settings,
    store: Store,
    slug: str,
    now: datetime,
    *,
    asks_links: bool = False,
    waive: Iterable[str] = (),
    unwaive: Iterable[str] = (),
    progress: probing.Progress = probing.silent,
) -> CheckReport:
    """Render a campaign's letter for every recipient and judge it; record that it passed.

    Args:
        settings: the workspace's.
        store: its database.
        slug: the campaign's name.
        now: aware UTC.
        asks_links: ask over the network whether the letter's links answer; else what is known of
            them counts.
        waive: ``RULE=reason`` of rules that shall pass for this campaign from now on.
        unwaive: rules that shall hold again.
        progress: of asking the links.

    Raises:
        UsageError: there is no such campaign, or no such rule.
        CheckRefused: that rule cannot be waived.
    """
    waivers = waiving.parsed(waive)
    try:
        written = loading.written(settings, slug)
    except CheckRefused as exc:
        return CheckReport(campaign=slug, findings=(_finding("letter-file", exc),))
    waiving.waive(store, slug, waivers, now)
    waiving.unwaive(store, slug, unwaive, now)
    try:
        campaign, mistakes = loading.read(settings, slug, written)
        if campaign is None:
            return CheckReport(campaign=slug, findings=mistakes)
        with store.write() as tx:
            letters = loading.compile_all(settings, tx, campaign)
            people = loading.recipients(settings, tx, campaign)
    except CheckRefused as exc:
        return CheckReport(campaign=slug, findings=(_finding("templates", exc),))
    probes = (
        probing.ask(settings, store, campaign, now, progress)
        if asks_links
        else probing.known(settings, store, campaign, now)
    )
    trial = Trials(settings, campaign, letters, now)
    findings = _looks_into(letters.values())
    for (language, version), file in zip(loading.versions(campaign).items(), written, strict=True):
        readers = loading.readers(people, campaign, language)
        masses, wordings = _weights(version)
        context = core.Context(
            campaign=version,
            path=file.place,
            source=file.text,
            sender=settings.sender,
            masses=masses,
            wordings=wordings,
            probes=_of_version(probes, version),
            sources=loading.sources(settings),
            others=len(people) - len(readers),
            now=now,
        )
        try:
            findings += core.check(
                context,
                trial.rendered(readers),
                None if readers else trial.stand_in(language),
            )
        except CheckRefused as exc:
            return CheckReport(campaign=slug, findings=(_finding("templates", exc),))
    findings += workspace.sample_sender(campaign.from_ or settings.sender.from_)
    with store.read() as tx:
        in_force = checks.waived(tx, slug)
    counted, waived = core.judged((*trial.refused, *findings), in_force)
    report = CheckReport(
        campaign=slug,
        subject=campaign.subject,
        content_hash=campaign.content_hash,
        recipients=len(people),
        largest_bytes=trial.largest_bytes,
        findings=counted,
        waived=waived,
        waivers=in_force,
        probes=probes,
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


class Trials:
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
        self._online: dict[str, str] = {}
        self.refused: list[Finding] = []
        self.largest_bytes = 0

    def rendered(self, people: Sequence[Recipient]) -> Iterator[core.Rendered]:
        """Yield what each recipient gets; whose address will not do goes into ``refused``.

        Raises:
            CheckRefused: the template cannot be rendered for one of them.
        """
        for recipient in people:
            try:
                with loading.rendering(self._letters[recipient.language]):
                    made = self._one(recipient)
            except CheckRefused as exc:
                if exc.place.startswith("templates"):  # one is enough, and may have taken long
                    what = f"{exc.what} ({recipient.blog})"
                    raise CheckRefused(what, place=exc.place, remedy=exc.remedy) from exc
                self.refused.append(_finding("address", exc, recipient.blog))
            else:
                yield made

    def stand_in(self, language: str) -> core.Rendered | None:
        """Return the letter as nobody in particular would get it, or None: it cannot be made."""
        nobody = Recipient(
            blog="",
            name=_("your blog"),
            email="blog@blog.example",
            language=language,
            federation="75",
            rank=1,
            needs_notice=True,
            source="https://blog.example/",
        )
        return next(self.rendered([nobody]), None)

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
            has_notice=letter.has_notice(compiled, recipient, urls),
            holes=letter.holes(compiled, recipient, urls),
            online=self._page_online(compiled, urls),
        )

    def _page_online(self, compiled: CompiledLetter, urls: LetterUrls) -> str:
        """Return the page online: the same for all, for all are tried as one delivery."""
        if compiled.language not in self._online:
            self._online[compiled.language] = letter.online_html(compiled, urls)
        return self._online[compiled.language]


def _of_version(probes: Sequence[Probe], version: Campaign) -> dict[str, Probe]:
    """Return what is known of the links that this version has, by address."""
    own = set(letter.urls_in(version))
    return {probe.url: probe for probe in probes if probe.url in own}


def _weights(campaign: Campaign) -> tuple[dict[int, float], dict[int, str]]:
    """Return what each talking point weighs (docs/relay.md), and how the light ones may gain."""
    said = {p.number: f"{p.title}. {p.text}" for p in campaign.talking_points}
    masses = {number: relay.weight(text, campaign.language) for number, text in said.items()}
    wordings = {}
    for number, mass in masses.items():
        if mass < core.MIN_MASS:
            others = [text for other, text in said.items() if other != number]
            own_words = (campaign.intro_text, *others, campaign.closing_text)
            wordings[number] = relay.wording(said[number], own_words, campaign.language)
    return masses, wordings


def _looks_into(letters: Iterable[CompiledLetter]) -> list[Finding]:
    """Return where templates do more with what is a recipient's than print it."""
    return [
        Finding(
            rule="template-cases",
            level=Level.WARNING,
            place=place,
            what=_("the template decides by its recipient: the letter is rendered for each case"),
            remedy=_("nothing, if readers are to get different letters; look at some of them"),
        )
        for place in dict.fromkeys(each.source.place for each in letters if each.source)
    ]


def _finding(rule: str, exc: CheckRefused, place: str = "") -> Finding:
    return Finding(
        rule=rule,
        level=Level.ERROR,
        place=exc.place or (f"blogs.csv ({place})" if place else ""),
        what=exc.what,
        remedy=exc.remedy or _("see: buzz campaign preview"),
    )
