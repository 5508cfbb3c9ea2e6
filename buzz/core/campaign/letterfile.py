"""``letter.md``: YAML front matter, then Markdown; each mistake with its line and its remedy.

A letter may stand in several languages, one file each. One of them is the campaign's; what holds
for all of it (who gets it, when, from whom, by which template) is said there, and the others are
its translations, talking point by talking point.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from email.utils import parseaddr
from functools import partial
from hashlib import blake2b
from typing import Any

import yaml
from frontmatter.default_handlers import YAMLHandler

from buzz.core.campaign import markdown
from buzz.core.campaign.markdown import Show
from buzz.core.campaign.segment import parse_segment
from buzz.core.campaign.typography import mended
from buzz.core.text import is_slug, one_line, visible
from buzz.core.urls import is_web
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.locales import ngettext
from buzz.locales.formats import PARIS
from buzz.model import Campaign, Finding, Level, TalkingPoint

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_TEXTS = ("subject", "preheader", "language", "from", "reply_to", "segment", "template")
_LISTS = ("links", "slogans", "hashtags", "names", "third_party_quotes")
_TIMES = ("not_before", "not_after")
_IN_HEADERS = ("subject", "from", "reply_to")
_SMUGGLED = re.compile(r"[\r\n]|=\?[^\s?]*\?[bq]\?[^?]*(?:\?=)?", re.IGNORECASE)  # RFC 2047 §2
_OF_ALL = ("from_", "reply_to", "segment", "template", *_TIMES)  # the same in every language
_DEFAULT_LANGUAGE = "fr"  # as Campaign has it
KEYS = (*_TEXTS, *_LISTS, *_TIMES)


def parse(text: str, *, slug: str, path: str, show: Show = markdown.no_images) -> Campaign:
    """Return the campaign that a ``letter.md`` describes.

    Args:
        text: the file's content.
        slug: the campaign's folder name.
        path: the file, as messages shall name it.
        show: finds the images beside it.

    Raises:
        CheckRefused: the file has mistakes; each is named with its line and remedy.
    """
    campaign, findings = read(text, slug=slug, path=path, show=show)
    if campaign is None:
        raise refused(findings)
    return campaign


def read(
    text: str,
    *,
    slug: str,
    path: str,
    show: Show = markdown.no_images,
    language: str = "",
    original: Campaign | None = None,
) -> tuple[Campaign | None, tuple[Finding, ...]]:
    """Return the campaign, or None and what is wrong with the file.

    Args:
        text, slug, path, show: as for :func:`parse`.
        language: what the file's name says it is written in; empty: its front matter says it.
        original: the campaign that this file is a translation of.
    """
    file = _File(path)
    front, content = _split(text.removeprefix("\ufeff").replace("\r\n", "\n"), file)
    first_line = text.count("\n") - content.count("\n") + 1
    values = _spoken(_front_matter(front, file), language, file)
    if original:
        values = _translated(values, original, file)
    markdown.variables(content, first_line, file.report)
    parts = markdown.body(content, first_line, file.report, language=_language(values), show=show)
    if not parts.points and not file.findings:
        file.report(
            "talking-points",
            first_line,
            _("the letter has no talking point"),
            _("begin each one with a line: ## Its title"),
        )
    for point in parts.points:
        if not point.title or not point.html:
            file.report(
                "talking-points",
                point.line,
                _("a talking point needs a title and a text"),
                _("write it, or take the ## line out"),
            )
    if original and len(parts.points) != len(original.talking_points) and not file.findings:
        file.report(
            "languages",
            first_line,
            _("{n} talking points here, {m} in the campaign's own language").format(
                n=len(parts.points), m=len(original.talking_points)
            ),
            _("translate each one, in the same order: relays are counted by their number"),
        )
    if file.findings:
        return None, tuple(file.findings)
    return (
        Campaign(
            slug=slug,
            **values,
            intro_html=parts.intro.html,
            intro_text=parts.intro.text,
            closing_html=parts.closing.html,
            closing_text=parts.closing.text,
            talking_points=tuple(
                TalkingPoint(
                    number=number,
                    title=point.title,
                    markdown=point.markdown,
                    html=point.html,
                    text=point.text,
                    line=point.line,
                )
                for number, point in enumerate(parts.points, 1)
            ),
            images=tuple(
                dict.fromkeys(
                    image
                    for part in (parts.intro, *parts.points, parts.closing)
                    for image in part.images
                )
            ),
            content_hash=blake2b(text.encode(), digest_size=16).hexdigest(),
        ),
        (),
    )


def refused(findings: tuple[Finding, ...]) -> CheckRefused:
    """Return the error that tells of these findings."""
    if len(findings) == 1:
        (only,) = findings
        return CheckRefused(only.what, place=only.place, remedy=only.remedy)
    return CheckRefused(
        ngettext("{n} mistake", "{n} mistakes", len(findings)).format(n=len(findings)),
        place=findings[0].place.partition(":")[0],
        details=[f"{f.place}: {f.what} ({f.remedy})" for f in findings],
    )


def _language(values: Mapping[str, Any]) -> str:
    return str(values.get("language") or _DEFAULT_LANGUAGE)


def _spoken(values: dict[str, Any], language: str, file: "_File") -> dict[str, Any]:
    """Return the values with their language, and their prose in its typography."""
    said = values.get("language", "")
    if language and said and said.partition("-")[0].lower() != language:
        file.wrong(
            "language",
            _("the file's name says `{language}`").format(language=language),
            _("rename the file, or take the key out"),
        )
    spoken = {**values, "language": said or language} if said or language else values
    mend = partial(mended, language=_language(spoken))
    for key in ("subject", "preheader"):
        if key in spoken:
            spoken[key] = mend(spoken[key])
    if "slogans" in spoken:
        spoken["slogans"] = tuple(map(mend, spoken["slogans"]))
    return spoken


def _translated(values: dict[str, Any], original: Campaign, file: "_File") -> dict[str, Any]:
    """Return the values of a translation: those of the whole campaign are the original's."""
    inherited = {key: getattr(original, key) for key in (*_OF_ALL, *_LISTS)}
    for key in _OF_ALL:
        if key in values and values[key] != inherited[key]:
            file.wrong(
                key.rstrip("_"),
                _("this holds for the whole campaign, and its own letter says otherwise"),
                _("take it out here"),
            )
    return {**inherited, **{key: value for key, value in values.items() if value != ()}}


@dataclass(slots=True)
class _File:
    """What was found in one file, and where its keys stand."""

    path: str
    findings: list[Finding] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def report(self, rule: str, line: int, what: str, remedy: str) -> None:
        self.findings.append(
            Finding(
                rule=rule,
                level=Level.ERROR,
                place=f"{self.path}:{line}",
                what=what,
                remedy=remedy,
            )
        )

    def wrong(self, key: str, what: str, remedy: str) -> None:
        self.report("front-matter", self.lines.get(key, 1), f"{key}: {what}", remedy)


def _split(text: str, file: _File) -> tuple[str, str]:
    """Return front matter, from the end of its first line ``---``, and body."""
    handler = YAMLHandler()
    front, content = "", text
    if handler.detect(text):
        with suppress(ValueError):  # no second line ---
            front, content = handler.split(text)
    if not front:
        file.report(
            "front-matter",
            1,
            _("the front matter does not begin and end with a line ---"),
            _("begin the file with: ---, subject: …, --- on three lines"),
        )
        return "", text
    return front, content


def _front_matter(front: str, file: _File) -> dict[str, Any]:
    """Return the fields of a campaign; what is wrong is reported."""
    try:
        node = yaml.compose(front, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        _report_yaml(exc, 1, file)
        return {}
    except RecursionError:
        file.report("front-matter", 1, _("the front matter nests too deep"), "subject: …")
        return {}
    if not isinstance(node, yaml.MappingNode | None):
        file.report("front-matter", 1, _("the front matter is no list of keys"), "subject: …")
        return {}
    return _fields(_given(node, file), file)


def _given(node: yaml.MappingNode | None, file: _File) -> dict[str, Any]:
    """Return the value of each key; a value that is none is reported at its line."""
    given: dict[str, Any] = {}
    constructor = yaml.constructor.SafeConstructor()
    for key, value in node.value if node else ():
        line = key.start_mark.line + 1
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        if name in file.lines:
            file.report("front-matter", line, f"{name}: {_('stands twice')}", _("keep one"))
        file.lines[name] = line
        try:
            given[name] = constructor.construct_object(value, deep=True)
        except (yaml.YAMLError, ValueError) as exc:  # ValueError: 2026-99-99 is no day
            _report_yaml(exc, line, file)
    return given


def _report_yaml(exc: Exception, line: int, file: _File) -> None:
    mark = getattr(exc, "problem_mark", None)
    file.report(
        "front-matter",
        mark.line + 1 if mark else line,
        _("this is not YAML: {why}").format(why=getattr(exc, "problem", None) or exc),
        _('put the value in quotes, e.g. subject: "Retraites : la lettre", or ["#tag"]'),
    )


def _fields(given: Mapping[Any, Any], file: _File) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in KEYS:
            near = get_close_matches(str(key), KEYS, n=1)
            file.wrong(
                str(key),
                _("unknown key"),
                _("did you mean `{near}`?").format(near=near[0])
                if near
                else _("known keys: {keys}").format(keys=", ".join(KEYS)),
            )
        elif value is not None or key in _LISTS:
            values[key] = _READ[key](key, value, file)
    if not values.get("subject") and not file.findings:
        file.wrong("subject", _("the letter has no subject"), 'subject: "…"')
    _check_values(values, file)
    if "from" in values:
        values["from_"] = values.pop("from")
    return {key: value for key, value in values.items() if value not in (None, "")}


def _text(key: str, value: Any, file: _File) -> str:
    if not isinstance(value, str):
        # Nine short lines of YAML can stand for a list of a billion words.
        shown = "[…]" if isinstance(value, list | dict) else str(value)
        file.wrong(
            key,
            _("{value} is not a text").format(value=shown),
            _('put it in quotes: {key}: "{value}"').format(key=key, value=shown),
        )
        return ""
    markdown.variables(value, file.lines.get(key, 1), file.report)
    if key in _IN_HEADERS and (hidden := _SMUGGLED.search(value.strip())):
        file.report(
            "headers",
            file.lines.get(key, 1),
            _("{key}: {what} could hide a header, e.g. Bcc").format(
                key=key,
                what=_("a line break") if hidden[0] in "\r\n" else f"`{visible(hidden[0])}`",
            ),
            _("write it on one line, as people shall read it"),
        )
    return one_line(value)


def _texts(key: str, value: Any, file: _File) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if value is None or not all(isinstance(item, str) and item.strip() for item in items):
        file.wrong(
            key,
            _("not a list of texts"),
            _('put each in quotes; YAML reads what follows a bare # as a comment: ["#tag"]'),
        )
        return ()
    return tuple(one_line(item) for item in items)


def _time(key: str, value: Any, file: _File) -> datetime | None:
    """Return a time as aware UTC; without a zone it is meant as in Paris.

    A day alone counts whole: "not before" means from its beginning, "not after" up to its end.
    """
    if isinstance(value, str):
        value = _iso(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value + timedelta(days=1) if key == "not_after" else value
        value = datetime.combine(day, time())
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=PARIS)).astimezone(UTC)
    file.wrong(key, _("not a date and time"), f"{key}: 2026-03-02 18:00")
    return None


def _iso(text: str) -> date | None:
    """Return the day or the time that is written so (ISO 8601), or None."""
    for read in (date.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return read(text)
    return None


_READ: dict[str, Callable[[str, Any, _File], Any]] = {
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_LISTS, _texts),
    **dict.fromkeys(_TIMES, _time),
}


def _check_values(values: dict[str, Any], file: _File) -> None:
    """Report values that cannot be meant, and put the others into their common form."""
    language = values.get("language", "")
    if language and not _LANGUAGE.fullmatch(language):
        file.wrong("language", _("`{tag}` is no language").format(tag=language), "language: fr")
    if values.get("template") and not is_slug(values["template"]):
        file.wrong("template", _("not the name of a template"), "template: lettre")
    for key in ("from", "reply_to"):
        if values.get(key) and "@" not in parseaddr(values[key])[1]:
            file.wrong(key, _("not an address"), f'{key}: "Nom <adresse@parti.example>"')
    for url in values.get("links", ()):
        if not is_web(url):
            file.wrong("links", _("`{url}` is no web address").format(url=url), "https://…")
    values["links"] = tuple(dict.fromkeys(map(markdown.address, values.get("links", ()))))
    values["hashtags"] = tuple(f"#{tag.removeprefix('#')}" for tag in values.get("hashtags", ()))
    if values.get("segment"):
        try:
            parse_segment(values["segment"])
        except CheckRefused as exc:
            file.report("segment", file.lines.get("segment", 1), exc.what, exc.remedy)
    before, after = values.get("not_before"), values.get("not_after")
    if before and after and before >= after:
        file.wrong("not_after", _("is not after not_before"), _("change one of the two"))
