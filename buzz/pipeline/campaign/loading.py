"""Reading: a campaign's folder and the templates, the recipients, the compiled letter."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
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
from buzz.model import (
    Campaign,
    Channel,
    CompiledLetter,
    Consent,
    Finding,
    Recipient,
    Tracking,
)
from buzz.pipeline import collect, segments
from buzz.pipeline.campaign import pictures

LETTER = "letter.md"
PARTS = frozenset({"base.html.j2", "pieces.html.j2"})  # of letters, and none themselves
_OWN = (LETTER, "letter.fr.md")  # the campaign's own where it is there, else French
_TRANSLATION = re.compile(r"letter\.([a-z]{2,3})\.md")
COMPILE_CPU_S = 5.0  # the sample letter takes a tenth of a second in both languages
COMPILE_MEMORY = 256_000_000  # bytes; {{ '%1000000000d' % 1 }} wants three times a gigabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file of a letter, as it was read."""

    place: str  # how messages name it
    text: str
    language: str  # that its name says; empty: none


def load(settings: Settings, slug: str) -> Campaign:
    """Return the campaign in ``campaigns/SLUG/``.

    Its ``content_hash`` covers whatever decides what is sent: the files, the templates, the sender.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: a file has mistakes.
    """
    campaign, findings = read(settings, slug, written(settings, slug))
    if campaign is None:
        raise core.refused(findings)
    return campaign


def read(
    settings: Settings, slug: str, files_: Sequence[Written]
) -> tuple[Campaign | None, tuple[Finding, ...]]:
    """Return the campaign that these files describe, or None and what is wrong with them.

    Args:
        files_: of :func:`written`; the first is the campaign's own, the others translate it.
    """
    show = partial(pictures.show, settings, slug)
    first, *others = files_
    campaign, findings = core.read(
        first.text, slug=slug, path=first.place, language=first.language, show=show
    )
    if campaign is None:
        return None, findings
    translations = []
    for file in others:
        translation, wrong = core.read(
            file.text,
            slug=slug,
            path=file.place,
            language=file.language,
            original=campaign,
            show=show,
        )
        findings += wrong
        if translation:
            translations.append(translation)
    if findings:
        return None, findings
    images = [image.url for version in (campaign, *translations) for image in version.images]
    texts = [file.text for file in files_]
    return dataclasses.replace(
        campaign,
        translations=tuple(translations),
        content_hash=_content_hash(settings, [*texts, *images]),
    ), ()


def written(settings: Settings, slug: str) -> tuple[Written, ...]:
    """Return the files of a campaign's letter, its own first: the one without a language.

    Where each has a language, French is the campaign's own, else the first by the alphabet.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: a file is a link, or no text in UTF-8.
    """
    found = []
    for path in letter_files(settings, slug):
        name = place(slug, path.name)
        _real(path, slug)
        match = _TRANSLATION.fullmatch(path.name)
        found.append(
            Written(
                place=name, text=files.read_text(path, name), language=match[1] if match else ""
            )
        )
    if not found:
        raise UsageError(
            _("there is no campaign `{slug}`").format(slug=slug),
            place=place(slug),
            remedy=_("run: buzz campaign new {slug}, or see: buzz campaign list").format(slug=slug),
        )
    return tuple(found)


def letter_files(settings: Settings, slug: str) -> tuple[Path, ...]:
    """Return the files of a campaign's letter, its own first; none: there is no such campaign."""
    names = (
        path
        for path in folder(settings, slug).glob("letter*.md")
        if path.name == LETTER or _TRANSLATION.fullmatch(path.name)
    )
    return tuple(
        sorted(names, key=lambda path: (path.name != LETTER, path.name not in _OWN, path.name))
    )


def letter_file(settings: Settings, slug: str) -> Path:
    """Return where a campaign's ``letter.md`` is to be written.

    Raises:
        UsageError: the name is no campaign's.
        CheckRefused: the file or its folder is a link: it could lead anywhere.
    """
    path = folder(settings, slug) / LETTER
    _real(path, slug)
    return path


def _real(path: Path, slug: str) -> None:
    if path.is_symlink() or path.parent.is_symlink():
        raise CheckRefused(
            _("a campaign is a real folder, not a link"),
            place=place(slug, path.name),
            remedy=_("copy what it leads to"),
        )


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


def place(slug: str, name: str = LETTER) -> str:
    """Return how messages name a campaign's file."""
    return f"campaigns/{slug}/{name}"


def versions(campaign: Campaign) -> dict[str, Campaign]:
    """Return the campaign and its translations by language, the campaign's own first."""
    return {_tag(found.language): found for found in (campaign, *campaign.translations)}


def _tag(language: str) -> str:
    return language.partition("-")[0].lower()


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

    A recipient's language is that of their letter, see :func:`language_for`.
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
            language=language_for(blog.language, campaign),
            federation=blog.federation,
            rank=rank,
            opens=allowed(settings.tracking.opens, blog.slug, Channel.OPEN),
            clicks=allowed(settings.tracking.clicks, blog.slug, Channel.CLICK),
            needs_notice=blog.notice_at is None,
            source=blog.source,
        )
        for blog, rank in ((candidate.blog, candidate.rank) for candidate in chosen)
    )


def language_for(wish: str, campaign: Campaign) -> str:
    """Return in which language a letter goes to a blog, a key of :func:`compile_all`.

    The blog's, where the letter is written in it or we at least speak it around the campaign's
    own text; else the campaign's.
    """
    tag = _tag(wish)
    return tag if tag in versions(campaign) else locales.supported(wish, campaign.language)


def readers(
    people: Sequence[Recipient], campaign: Campaign, language: str
) -> tuple[Recipient, ...]:
    """Return who reads the campaign in the words of this version, a key of :func:`versions`."""
    known = versions(campaign)
    own = next(iter(known))
    return tuple(
        person
        for person in people
        if (person.language if person.language in known else own) == language
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
    written_in = versions(campaign)
    links = {
        tag: stored.ensure_links(tx, campaign.slug, letter.urls_in(version))
        for tag, version in written_in.items()
    }
    templates = sources(settings)
    own = _tag(campaign.language)
    with _bounded(f"templates/{campaign.template}.html.j2"):
        return {
            tag: letter.compile_letter(
                written_in.get(tag, campaign),
                language=locales.supported(tag, campaign.language),
                sender=settings.sender,
                sources=templates,
                links=links.get(tag, links[own]),
            )
            for tag in dict.fromkeys((*locales.LANGUAGES, *written_in))
        }


def rendering(compiled: CompiledLetter) -> AbstractContextManager[None]:
    """Return what bounds the rendering for one recipient, where there may be one."""
    return _bounded(compiled.source.place) if compiled.source else nullcontext()


def _bounded(place: str) -> AbstractContextManager[None]:
    return bounds.bounded(
        cpu_s=COMPILE_CPU_S, memory=COMPILE_MEMORY, place=place, remedy=_("mend the template")
    )


def _content_hash(settings: Settings, texts: Sequence[str]) -> str:
    """Return the hash of all that decides what is sent."""
    templates: Mapping[str, str] = sources(settings)
    facts = (*texts, *templates.values(), repr(settings.sender), settings.web.base_url)
    return blake2b("\0".join(facts).encode(), digest_size=16).hexdigest()
