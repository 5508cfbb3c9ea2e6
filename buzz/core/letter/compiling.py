"""Rendering: once per template and language, never per recipient.

Jinja fills a template with the campaign and with *slots*, opaque words that stand for what differs
from one recipient to the next; premailer puts the styles inline; the words survive both. Templates
belong to the workspace but are not trusted: they get plain dictionaries in an immutable sandbox,
without what multiplies (``lipsum``, ``cycler``, ``joiner``, repeated texts, powers).
"""

import html
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from premailer import Premailer

from buzz import locales
from buzz.core.text import first_sentences, one_line
from buzz.core.urls import is_web
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import Campaign, CompiledLetter, Link, LinkId, Sender, TalkingPoint
from buzz.model.kit import SHORT_CHARS

COLUMNS = 76  # of the text part; RFC 5322 §2.1.1 allows 78, a quote mark needs two
BLOCKS = ("mail", "pixel", "notice")  # what some recipients get and others do not
RECIPIENT = ("name", "federation", "rank", "source")  # of any length, inside sentences
_ADDRESSES = ("unsubscribe", "online", "preferences", "kit", "pixel_url")
_UNWANTED_GLOBALS = ("lipsum", "cycler", "joiner")
_UNWANTED_FILTERS = ("center", "format", "indent", "wordwrap", "xmlattr", "pprint")

_HREF = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_MARGIN = re.compile(r"[ >]*(?:(?:-|→|\d+\.) )?")
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
    slots = _slots(campaign, language, sources, links)
    values = _values(campaign, language, sender, slots, {link.url: link.id for link in links})
    environment = _environment(sources, slots)
    page = _rendered(environment, f"{campaign.template}.html.j2", values, language)
    text = _rendered(environment, f"{campaign.template}.txt.j2", values, language)
    page = _inlined(page)
    subject, preheader = (
        _with_slots(text, slots) for text in (campaign.subject, campaign.preheader)
    )
    text = _tidy(text)
    content = "\0".join((subject, preheader, page, text, *(link.url for link in links)))
    return CompiledLetter(
        language=language,
        subject=subject,
        preheader=preheader,
        html=page,
        text=text,
        slots=slots,
        links=tuple(links),
        content_hash=blake2b(content.encode(), digest_size=16).hexdigest(),
    )


def _slots(
    campaign: Campaign, language: str, sources: Mapping[str, str], links: Sequence[Link]
) -> dict[str, str]:
    """Return a word for each slot: lower-case ASCII that occurs nowhere in what is rendered."""
    names = (
        *RECIPIENT,
        *_ADDRESSES,
        *BLOCKS,
        *(f"{kind}:{link.id}" for link in links for kind in ("click", "relay")),
    )
    content = "\0".join((repr(campaign), language, *sources.values()))
    stem = "qz"
    while stem in content:
        digest = blake2b(f"{stem}\0{content}".encode(), digest_size=4).hexdigest()
        stem = f"qz{digest}"
    return {name: f"{stem}x{number:03d}q" for number, name in enumerate(names)}


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
    name, address = mailbox(campaign.from_ or sender.from_)
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


# --- Jinja --------------------------------------------------------------------------------------


class _ForbiddenOperatorError(SecurityError):
    """An operator, in ``args``, with which a short template makes a huge text."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without what lets a short template make a huge text."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or not numbers:
            raise _ForbiddenOperatorError(operator)
        return super().call_binop(context, operator, left, right)


def _environment(sources: Mapping[str, str], slots: Mapping[str, str]) -> _Sandbox:
    def source(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        return (sources[name], name, lambda: True) if name in sources else None

    environment = _Sandbox(
        loader=FunctionLoader(source),  # like DictLoader, and errors name the template
        undefined=StrictUndefined,
        autoescape=lambda name: not (name or "").endswith(".txt.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _UNWANTED_GLOBALS:
        environment.globals.pop(name)
    for name in _UNWANTED_FILTERS:
        environment.filters.pop(name)
    environment.filters["wrapped"] = partial(wrapped, loose=[slots[name] for name in RECIPIENT])
    environment.globals["_"] = locales.gettext
    return environment


def _rendered(environment: _Sandbox, name: str, values: Mapping[str, Any], language: str) -> str:
    """Return a template's text in the letter's language; what is wrong is said in the desk's.

    Raises:
        CheckRefused: the template is missing, broken, or oversteps.
    """
    try:
        with locales.speaking(language):
            return environment.get_template(name).render(values)
    except TemplateSyntaxError as exc:
        raise CheckRefused(
            exc.message or str(exc),
            place=f"templates/{exc.name or name}:{exc.lineno}",
            remedy=_("mend the template"),
        ) from exc
    except RecursionError as exc:
        raise CheckRefused(
            _("the template includes itself without end"),
            place=f"templates/{name}",
            remedy=_("mend the template"),
        ) from exc
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as exc:
        frames = traceback.extract_tb(exc.__traceback__)
        place = next(
            (f"{f.filename}:{f.lineno}" for f in reversed(frames) if f.filename.endswith(".j2")),
            name,
        )
        raise CheckRefused(
            _what(exc),
            place=f"templates/{place}",
            remedy=_("a template may use: {names}").format(names=", ".join(sorted(values))),
        ) from exc


def _what(exc: Exception) -> str:
    """Return what a template did wrong, as far as we have words of our own for it."""
    match exc:
        case _ForbiddenOperatorError(args=(operator,)):
            return _("`{operator}` on these is not for a template").format(operator=operator)
        case TemplateNotFound():
            return _("there is no template {name}").format(name=exc.name)
        case _:
            return str(exc)


def mailbox(text: str) -> tuple[str, str]:
    """Return name and address of ``Name <address>``; the name may hold any character.

    >>> mailbox("La Lettre, du Buzz <lettre@parti.example>")
    ('La Lettre, du Buzz', 'lettre@parti.example')
    """
    name, _bracket, address = text.rpartition("<")
    return one_line(name).strip('" '), address.strip("> ")


def wrapped(text: str, indent: str = "", *, loose: Sequence[str] = ()) -> str:
    """Return the lines of a text folded at 76 columns; items and quotes stay such.

    Args:
        loose: words of slots that hold a value of any length: such a line is folded once filled.
    """
    return "\n".join(
        indent + line if any(word in line for word in loose) else _folded(indent + line)
        for line in text.split("\n")
    )


def _folded(line: str) -> str:
    """Return one line folded at ordinary spaces: others (no-break) are there to hold.

    ``textwrap`` takes ten times as long, which counts where a line is folded for each recipient.
    """
    if len(line) <= COLUMNS:
        return line
    margin = _MARGIN.match(line)
    current = margin.group() if margin else ""
    hanging = re.sub(r"[^> ]", " ", current)
    lines, empty = [], current
    for word in line[len(current) :].split(" "):
        if current == empty:
            current += word
        elif len(current) + 1 + len(word) > COLUMNS:
            lines.append(current)
            current, empty = hanging + word, hanging
        else:
            current += f" {word}"
    return "\n".join((*lines, current))


def _tidy(text: str) -> str:
    """Return the text part without blanks at line ends and with single empty lines."""
    lines = "\n".join(line.rstrip() for line in text.strip().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"


def _inlined(page: str) -> str:
    """Return the page with its first style block put inline.

    premailer's defaults fetch style sheets over the network, take ``!important`` away (which
    breaks dark mode) and validate CSS by a standard from 2004; all that is off.
    """
    return str(
        Premailer(
            page,
            strip_important=False,
            disable_validation=True,
            remove_classes=False,
            allow_network=False,
            disable_leftover_css=False,
            cssutils_logging_level=logging.CRITICAL,
        ).transform(pretty_print=False)
    )
