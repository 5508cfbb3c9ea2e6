"""Compiling: a letter rendered once per template and language.

Jinja fills a template with the campaign and with *slots*, opaque words that stand for what differs
from one recipient to the next; premailer puts the styles inline; the words survive both. Where a
template does more with a word than print it, the letter keeps what it can be rendered from again
(see :mod:`~buzz.core.letter.cases`).
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from markupsafe import Markup

from buzz.core.letter import cases, filling
from buzz.core.letter import slots as names
from buzz.core.letter.gates import AskingSandbox
from buzz.core.letter.headers import split_mailbox
from buzz.core.letter.rendering import both_parts
from buzz.core.letter.slots import BLOCKS, RECIPIENT
from buzz.core.text import first_sentences
from buzz.core.urls import is_web
from buzz.model import Campaign, CompiledLetter, LetterUrls, Link, LinkId, Sender, TalkingPoint
from buzz.model.kit import SHORT_CHARS

_URL = "https://buzz.invalid/"  # stands for addresses while a template is looked through
_HREF = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NOWHERE = LetterUrls(
    clicks={}, relays={}, unsubscribe=_URL, online=_URL, preferences=_URL, kit=_URL
)
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})


def urls_in(campaign: Campaign) -> tuple[str, ...]:
    """Return the web addresses that need a link, each once: the campaign's own come first."""
    found = [url for url in _hrefs(campaign) if is_web(url)]
    return tuple(dict.fromkeys((*campaign.links, *found)))


def compile_letter(
    campaign: Campaign,
    *,
    language: str,
    sender: Sender,
    sources: Mapping[str, str],
    links: Sequence[Link],
) -> CompiledLetter:
    """Return the letter with slots where recipients differ.

    Args:
        language: of the fixed words around the campaign's own text.
        sender: who writes.
        sources: Jinja sources by template name; ``NAME.html.j2`` and ``NAME.txt.j2`` are
            rendered, where NAME is the campaign's template.
        links: one for each of :func:`urls_in`.

    Raises:
        CheckRefused: a template is missing, broken, or uses a variable that does not exist.
    """
    content = "\0".join((repr(campaign), language, *sources.values()))
    slots = names.words(links, content)
    values = _values(campaign, language, sender, slots, {link.url: link.id for link in links})
    environment = AskingSandbox(sources, slots)
    nobody = filling.said(language, None, links, _NOWHERE)
    environment.questions.begin({slots[name]: value for name, value in nobody.items()})
    page, text = both_parts(environment, campaign.template, values, language)
    asked = environment.questions.places
    source = cases.source_of(asked[0], campaign.template, sources, values) if asked else None
    subject, preheader = (
        _with_slots(text, slots) for text in (campaign.subject, campaign.preheader)
    )
    content = "\0".join((subject, preheader, page, text, *(link.url for link in links)))
    if source:
        content += repr(source)
    return CompiledLetter(
        language=language,
        subject=subject,
        preheader=preheader,
        html=page,
        text=text,
        slots=slots,
        links=tuple(links),
        content_hash=blake2b(content.encode(), digest_size=16).hexdigest(),
        source=source,
    )


def _values(
    campaign: Campaign,
    language: str,
    sender: Sender,
    slots: Mapping[str, str],
    ids: Mapping[str, LinkId],
) -> dict[str, Any]:
    """Return what a template may use: plain dictionaries, texts and lists."""

    def part(markup: str, text: str) -> dict[str, Any]:
        linked = _HREF.sub(lambda m: f'<a href="{clicked(m[1])}">{m[2]}</a>', markup)
        return {
            "html": Markup(_with_slots(linked, slots)),  # noqa: S704  (cleaned by nh3 at the parser)
            "text": _with_slots(text, slots),
            "links": [
                {"label": html.unescape(_TAG.sub("", m[2])).strip(), "url": clicked(m[1])}
                for m in _HREF.finditer(markup)
            ],
        }

    def clicked(href: str) -> str:
        url = html.unescape(href)
        return slots[f"click:{ids[url]}"] if url in ids else href

    def shared(urls: Sequence[str]) -> str:
        return next((slots[f"relay:{ids[url]}"] for url in urls if url in ids), "")

    def point(said: TalkingPoint) -> dict[str, Any]:
        own = [html.unescape(m[1]) for m in _HREF.finditer(said.html)]
        return {
            **part(said.html, said.text),
            "number": said.number,
            "title": _with_slots(said.title, slots),
            "relay": {"text": _to_paste(said.text), "url": shared([*own, *everywhere])},
        }

    everywhere = urls_in(campaign)
    tag = campaign.language.split("-")[0].lower()
    name, address = split_mailbox(campaign.from_ or sender.from_)
    return {
        "letter": {
            "subject": _with_slots(campaign.subject, slots),
            "preheader": _with_slots(campaign.preheader, slots),
            "language": campaign.language,
            "direction": "rtl" if tag in _RIGHT_TO_LEFT else "ltr",
            "words": language,
        },
        "intro": part(campaign.intro_html, campaign.intro_text),
        "points": [point(said) for said in campaign.talking_points],
        "closing": part(campaign.closing_html, campaign.closing_text),
        "links": [{"url": slots[f"click:{ids[url]}"]} for url in campaign.links if url in ids],
        "relay": {
            "text": " ".join(campaign.slogans[:1]),
            "url": shared(everywhere),
        },
        "slogans": list(campaign.slogans),
        "hashtags": list(campaign.hashtags),
        "sender": {
            "name": name,
            "address": address,
            "organisation": sender.organisation,
            "postal_address": sender.postal_address,
            "controller": sender.controller,
        },
        "recipient": {name: slots[name] for name in RECIPIENT},
        "urls": {
            **{name: slots[name] for name in ("unsubscribe", "online", "preferences", "kit")},
            "pixel": slots["pixel_url"],
        },
        "block": {name: slots[name] for name in BLOCKS},
    }


def _with_slots(text: str, slots: Mapping[str, str]) -> str:
    """Return the text with the slot's word for each ``{{ variable }}`` of the letter."""
    return _VARIABLE.sub(lambda m: slots.get(m[1], m[0]), text)


def _to_paste(text: str) -> str:
    """Return the first sentences of a talking point, as many as fit, ready to paste."""
    return first_sentences(_VARIABLE.sub("", text), SHORT_CHARS)


def _hrefs(campaign: Campaign) -> Iterator[str]:
    points = (point.html for point in campaign.talking_points)
    for markup in (campaign.intro_html, *points, campaign.closing_html):
        yield from (html.unescape(m[1]) for m in _HREF.finditer(markup))
