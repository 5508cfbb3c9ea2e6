"""Trying: what one recipient would get, as a file or as a real message to oneself."""

import dataclasses
import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from email_validator import EmailNotValidError, validate_email

from buzz import locales
from buzz.config import Settings
from buzz.core import dkim, letter
from buzz.edges import smtp
from buzz.edges.store import Store, blogs
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.model import Campaign, CompiledLetter, LetterUrls, Recipient, Tracking
from buzz.pipeline.campaign import loading
from buzz.pipeline.mail import next_hop

_NOBODY = "nobody@blog.invalid"  # RFC 2606 §2


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A letter as one recipient would get it, its links plain and its ways out without effect."""

    campaign: str
    recipient: Recipient
    subject: str
    html: str
    text: str
    headers: tuple[tuple[str, str], ...]  # of the message, as a mail client reads them
    size: int  # octets of the message
    people: tuple[Recipient, ...]  # who gets it, best rank first


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A test message and what the next hop said to it."""

    campaign: str
    to: str
    subject: str
    size: int  # octets
    next_hop: str
    reply: str  # empty: a dry run
    signatures: tuple[dkim.Verdict, ...] = ()  # as a receiver judges them by the keys we have


def preview(
    settings: Settings, store: Store, slug: str, now: datetime, *, blog: str = ""
) -> Preview:
    """Return the letter as a blog would get it: the named one, or the first of the segment.

    Raises:
        UsageError: there is no such campaign or blog.
        CheckRefused: ``letter.md`` or a template has mistakes.
    """
    campaign, compiled, recipient, people = _for_one(settings, store, slug, blog)
    urls = _without_effect(settings)
    addressed = dataclasses.replace(recipient, email=recipient.email or _NOBODY)
    message = _message(
        settings, campaign, compiled, addressed, message_id=f"<{slug}@preview.invalid>", now=now
    )
    head = email.message_from_bytes(message, policy=email.policy.default)
    return Preview(
        campaign=campaign.slug,
        recipient=recipient,
        subject=letter.subject_of(compiled, recipient),
        html=letter.html_of(compiled, recipient, urls),
        text=letter.text_of(compiled, recipient, urls),
        headers=tuple((name, str(value)) for name, value in head.items()),
        size=len(message),
        people=people,
    )


def send_test(
    settings: Settings,
    store: Store,
    slug: str,
    to: str,
    now: datetime,
    *,
    blog: str = "",
    dry_run: bool = False,
) -> Trial:
    """Send the letter to one address, as a blog would get it; no campaign counts it.

    Raises:
        UsageError: there is no such campaign or blog, or the address is none.
        CheckRefused: ``letter.md`` or a template has mistakes.
        BuzzError: the next hop did not take it; the message says why.
    """
    address = _address(to)
    campaign, compiled, recipient, _people = _for_one(settings, store, slug, blog)
    compiled = dataclasses.replace(compiled, subject=f"[{_('test')}] {compiled.subject}")
    recipient = dataclasses.replace(recipient, email=address)
    sender = campaign.from_ or settings.sender.from_
    mail_from = parseaddr(sender)[1]
    message_id = f"<{slug}.test.{now:%Y%m%d%H%M%S%f}@{mail_from.rpartition('@')[2]}>"
    message = _message(settings, campaign, compiled, recipient, message_id=message_id, now=now)
    message = dkim.sign(message, settings.signers, now)
    records = {signer.record_name: signer.record for signer in settings.signers}
    server = next_hop(settings)
    reply = ""
    if not dry_run:
        reply = smtp.send_one(server, mail_from=mail_from, rcpt_to=address, message=message)
    return Trial(
        campaign=slug,
        to=address,
        subject=letter.subject_of(compiled, recipient),
        size=len(message),
        next_hop=server.name,
        reply=reply,
        signatures=dkim.verify(message, lambda name: records.get(name, "")),
    )


def _message(
    settings: Settings,
    campaign: Campaign,
    compiled: CompiledLetter,
    recipient: Recipient,
    *,
    message_id: str,
    now: datetime,
) -> bytes:
    sender = campaign.from_ or settings.sender.from_
    return letter.message_bytes(
        compiled,
        recipient,
        _without_effect(settings),
        from_=sender,
        reply_to=campaign.reply_to or settings.sender.reply_to,
        message_id=message_id,
        date=now,
        list_id=parseaddr(sender)[1].rpartition("@")[2],
    )


def _for_one(
    settings: Settings, store: Store, slug: str, blog: str
) -> tuple[Campaign, CompiledLetter, Recipient, tuple[Recipient, ...]]:
    """Return the campaign, the letter of one blog, that blog, and everybody who gets it."""
    campaign = loading.load(settings, slug)
    with store.write() as tx:
        letters = loading.compile_all(settings, tx, campaign)
        people = loading.recipients(settings, tx, campaign)
        known = blogs.get(tx, blog) if blog else None
    chosen = next((person for person in people if not blog or person.blog == blog), None)
    if chosen is None and known is not None:
        chosen = Recipient(  # not in the segment; shown all the same
            blog=known.slug,
            name=known.name,
            email=known.email,
            language=loading.language_for(known.language, campaign),
            federation=known.federation,
            needs_notice=known.notice_at is None,
            source=known.source,
        )
    elif chosen is None and blog:
        raise UsageError(
            _("there is no blog `{slug}`").format(slug=blog), remedy=_("see: buzz blogs list")
        )
    elif chosen is None:  # an empty registry must not keep anybody from writing
        language = loading.language_for(campaign.language, campaign)
        with locales.speaking(language):
            name = _("your blog")
        chosen = Recipient(
            blog="",
            name=name,
            email="",
            language=language,
            federation="75",
            rank=1,
            needs_notice=True,
        )
    chosen = dataclasses.replace(chosen, opens=Tracking.NONE, clicks=Tracking.NONE)
    return campaign, letters[chosen.language], chosen, people


def _without_effect(settings: Settings) -> LetterUrls:
    """Return addresses that show where they would lead, and do nothing to anybody."""
    base = settings.web.base_url.rstrip("/")
    return LetterUrls(
        clicks={},
        relays={},
        unsubscribe=f"{base}/u/preview",
        online=f"{base}/l/preview",
        preferences=f"{base}/p/preview",
        kit=f"{base}/k/preview",
    )


def _address(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as exc:
        raise UsageError(
            _("`{text}` is not an address").format(text=text),
            remedy=_("write it as name@domain.example"),
        ) from exc
