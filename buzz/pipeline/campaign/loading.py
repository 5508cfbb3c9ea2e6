"""Reading: a campaign's folder and the templates, the recipients, the compiled letter."""

import dataclasses
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from buzz import locales
from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core import consent, letter
from buzz.core.text import is_slug
from buzz.edges import bounds, files
from buzz.edges.store import Transaction
from buzz.edges.store import campaigns as stored
from buzz.errors import CheckRefused, UsageError
from buzz.locales import gettext as _
from buzz.model import Campaign, Channel, CompiledLetter, Consent, Recipient, Tracking
from buzz.pipeline import collect, segments

LETTER = "letter.md"
COMPILE_CPU_S = 5.0  # the sample letter takes a tenth of a second in both languages
COMPILE_MEMORY = 256_000_000  # bytes; {{ '%1000000000d' % 1 }} wants three times a gigabyte


def load(settings: Settings, slug: str) -> Campaign:
    """Return the campaign in ``campaigns/SLUG/letter.md``.

    Its ``content_hash`` covers whatever decides what is sent: the file, the templates, the sender.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: the file has mistakes.
    """
    return found_in(settings, source(settings, slug), slug)


def found_in(settings: Settings, text: str, slug: str) -> Campaign:
    """Return the campaign that this text describes, as :func:`load` does."""
    found = core.parse(text, slug=slug, path=place(slug))
    return dataclasses.replace(found, content_hash=_content_hash(settings, text))


def source(settings: Settings, slug: str) -> str:
    """Return the text of a campaign's ``letter.md``.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: the file is a link, or no text in UTF-8.
    """
    try:
        return files.read_text(letter_file(settings, slug), place(slug))
    except FileNotFoundError:
        raise UsageError(
            _("there is no campaign `{slug}`").format(slug=slug),
            place=place(slug),
            remedy=_("run: buzz campaign new {slug}, or see: buzz campaign list").format(slug=slug),
        ) from None


def letter_file(settings: Settings, slug: str) -> Path:
    """Return where a campaign's ``letter.md`` is, or is to be written.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: the file or its folder is a link: it could lead anywhere.
    """
    path = folder(settings, slug) / LETTER
    if path.is_symlink() or path.parent.is_symlink():
        raise CheckRefused(
            _("a campaign is a real folder, not a link"),
            place=place(slug),
            remedy=_("copy what it leads to"),
        )
    return path


def folder(settings: Settings, slug: str) -> Path:
    """Return a campaign's folder.

    Raises:
        UsageError: the name is not one: it could lead elsewhere.
    """
    if not is_slug(slug):
        raise UsageError(
            _("`{slug}` is not the name of a campaign").format(slug=slug),
            remedy=_("use small letters, digits and hyphens, e.g. retraites-2026"),
        )
    return settings.campaigns / slug


def place(slug: str) -> str:
    """Return how messages name a campaign's file."""
    return f"campaigns/{slug}/{LETTER}"


def sources(settings: Settings) -> dict[str, str]:
    """Return the templates by name; one in the workspace replaces the product's.

    Raises:
        CheckRefused: one cannot be read.
    """
    return {
        path.name: files.read_text(path, f"templates/{path.name}")
        for directory in reversed(settings.templates)
        for path in sorted(directory.glob("*.j2"))
    }


def recipients(settings: Settings, tx: Transaction, campaign: Campaign) -> tuple[Recipient, ...]:
    """Return who gets the letter, best rank first: one for each address, active, in the segment.

    A recipient's language is the blog's where we speak it, else the letter's: that of the words
    around the campaign's own text.
    """
    wanted = segments.parsed(tx, campaign.segment)
    chosen = core.choose(wanted, segments.candidates(tx))
    said = collect.consents_in_force(tx)  # an old blogs.csv must not undo a refusal

    def allowed(mode: consent.Mode, slug: str, channel: Channel) -> Tracking:
        return consent.allowed(mode, said.get((slug, channel), Consent.UNKNOWN))

    return tuple(
        Recipient(
            blog=blog.slug,
            name=blog.name,
            email=blog.email,
            language=locales.supported(blog.language, campaign.language),
            federation=blog.federation,
            rank=rank,
            opens=allowed(settings.tracking.opens, blog.slug, Channel.OPEN),
            clicks=allowed(settings.tracking.clicks, blog.slug, Channel.CLICK),
            needs_notice=blog.notice_at is None,
            source=blog.source,
        )
        for blog, rank in ((candidate.blog, candidate.rank) for candidate in chosen)
    )


def compile_all(
    settings: Settings, tx: Transaction, campaign: Campaign
) -> dict[str, CompiledLetter]:
    """Return the campaign's letter by language; the addresses in it are stored, each with an id.

    Args:
        tx: a transaction that writes.

    Raises:
        CheckRefused: a template is missing, broken, insatiable, or uses what does not exist.
    """
    links = stored.ensure_links(tx, campaign.slug, letter.urls_in(campaign))
    templates = sources(settings)
    with bounds.bounded(
        cpu_s=COMPILE_CPU_S,
        memory=COMPILE_MEMORY,
        place=f"templates/{campaign.template}.html.j2",
        remedy=_("mend the template"),
    ):
        return {
            language: letter.compile_letter(
                campaign,
                language=language,
                sender=settings.sender,
                sources=templates,
                links=links,
            )
            for language in locales.LANGUAGES
        }


def _content_hash(settings: Settings, text: str) -> str:
    """Return the hash of all that decides what is sent."""
    templates: Mapping[str, str] = sources(settings)
    facts = (text, *templates.values(), repr(settings.sender), settings.web.base_url)
    return blake2b("\0".join(facts).encode(), digest_size=16).hexdigest()
