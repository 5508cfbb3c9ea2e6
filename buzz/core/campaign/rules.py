"""The rules of ``campaign check``: what stops a send, and what only deserves a second look.

docs/letter.md lists them. Each works on what recipients really get: the rendered
subject, HTML and text. The structure of the HTML is judged on the longest letter of each
language; whether all variables have a value and all addresses are right, on every single one.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from buzz.core.campaign import linkrules
from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.lookrules import LOOK_RULES
from buzz.core.campaign.looks import looks
from buzz.core.campaign.markdown import PLACEHOLDER, VARIABLE
from buzz.core.campaign.page import read_page
from buzz.core.campaign.pagerules import RULES, size
from buzz.core.text import visible
from buzz.core.urls import is_of_this_machine
from buzz.locales import gettext as _
from buzz.locales import ngettext
from buzz.model import Finding, Level, Recipient

PREHEADER = range(40, 111)
MIN_MASS = 25  # summed idf of a passage by which a relay can be told from chance
_SHOWN = 3  # blogs named in one finding
_CODE = re.compile(r"(`+)[^`]+\1")
_ACTIVE = frozenset(
    {"script", "style", "iframe", "object", "embed", "form", "input", "button", "svg", "link"}
    | {"meta", "base"}
)
_HTML = re.compile(
    r"<(script|style|iframe|object|embed|form|input|button|svg|link|meta|base|a|abbr|b|big|br"
    r"|center|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|small|span|strong|sub|sup|table|td|tr|u|ul)"
    r"\b[^<>]*>",
    re.IGNORECASE,
)


def check(
    context: Context, letters: Iterable[Rendered], stand_in: Rendered | None = None
) -> tuple[Finding, ...]:
    """Return what is wrong with a campaign: errors first, then warnings.

    What is found in several letters at the same place is told once.

    Args:
        context: what is looked at beside the letters.
        letters: of everybody who gets one.
        stand_in: a letter to be looked at where nobody gets one, so that all is told at once.
    """
    findings = [*_letter_file(context), *linkrules.dead(context)]
    longest: dict[tuple[str, bool], Rendered] = {}
    everyone: list[Recipient] = []
    unnoticed: list[str] = []
    holes: dict[str, list[str]] = {}
    for letter in letters:
        recipient = letter.recipient
        everyone.append(recipient)
        if recipient.needs_notice and not letter.has_notice:
            unnoticed.append(recipient.blog)
        for name in letter.holes:
            holes.setdefault(name, []).append(recipient.blog)
        kind = (recipient.language, recipient.needs_notice)
        if kind not in longest or len(letter.html) > len(longest[kind].html):
            longest[kind] = letter
    findings += _segment(context, everyone, unnoticed)
    findings += _variables(context, holes)
    if stand_in and not longest:
        longest[stand_in.recipient.language, True] = stand_in
    findings += _ways_out(context, longest.values())
    findings += _closely(context, longest.values())
    once: dict[tuple[str, str, str], Finding] = {}
    for found in findings:
        once.setdefault((found.rule, found.place, found.what), found)
    return tuple(sorted(once.values(), key=lambda f: f.level is Level.WARNING))


def _closely(context: Context, letters: Collection[Rendered]) -> Iterator[Finding]:
    """Judge letters by their structure and by how they look; by size, the largest of them."""
    if letters:
        yield from size(context, max(letters, key=lambda letter: len(letter.html)))
    for letter in letters:
        page = read_page(letter.html)
        for rule in (*RULES, linkrules.rewriting):
            yield from rule(context, letter, page)
        seen = looks(letter.html)
        for look_rule in LOOK_RULES:
            yield from look_rule(context, letter, page, seen)


# --- the campaign as it is written ----------------------------------------------------------------


def _letter_file(context: Context) -> Iterator[Finding]:
    campaign = context.campaign
    for match in PLACEHOLDER.finditer(context.source):
        yield context.error(
            "to-write",
            _("still to be written: {text}").format(text=visible(match.group())),
            _("put your own words there"),
            context.line_of(match.group()),
        )
    yield from _raw_html(context)
    if campaign.not_after and campaign.not_after <= context.now:
        yield context.error(
            "not-after",
            _("the letter must not go out after {time}").format(
                time=campaign.not_after.isoformat(" ", "minutes")
            ),
            _("change not_after, if it is still worth sending"),
            context.line_of("not_after:"),
        )
    if len(campaign.preheader) not in PREHEADER or campaign.preheader == campaign.subject:
        yield context.warning(
            "5-preheader",
            _("the preheader has {n} characters").format(n=len(campaign.preheader))
            if campaign.preheader != campaign.subject
            else _("the preheader repeats the subject"),
            _("write 40 to 110 that go on where the subject ends"),
            context.line_of("preheader:"),
        )
    if not campaign.links:
        yield context.warning(
            "relay-links",
            _("the campaign names no address it wants to be linked"),
            _("add links: to the front matter; relays are found by them"),
            f"{context.path}:1",
        )
    yield from _generic(context)
    for name in ("organisation", "postal_address", "controller"):
        if not getattr(context.sender, name):
            yield context.error(
                "12-sender",
                _("[sender] {name} is empty").format(name=name),
                _("the law wants it in the letter: fill it in"),
                "buzz.toml",
            )


def _generic(context: Context) -> Iterator[Finding]:
    """Tell of talking points that nobody could be proved to have passed on."""
    for point in context.campaign.talking_points:
        mass = context.masses.get(point.number, MIN_MASS)
        if mass < MIN_MASS:
            wording = context.wordings.get(point.number, "")
            yield context.warning(
                "16-generic",
                _("talking point {n} could be anybody's: its words weigh {mass} of {most}").format(
                    n=point.number, mass=round(mass), most=MIN_MASS
                ),
                _("give it words of its own, as you do in “{wording}”").format(wording=wording)
                if wording
                else _("give it a figure, a name or an image of its own"),
                f"{context.path}:{point.line}",
            )


def _raw_html(context: Context) -> Iterator[Finding]:
    """Tell of HTML in the Markdown: readers would see it as it is typed."""
    for number, line in enumerate(context.source.split("\n"), 1):
        for match in _HTML.finditer(_CODE.sub("", line)):
            report = context.error if match[1].lower() in _ACTIVE else context.warning
            yield report(
                "markdown-html",
                _("readers would see `{tag}`: HTML means nothing here").format(tag=match.group()),
                _("write Markdown: **bold**, *italic*, [words](https://…)"),
                f"{context.path}:{number}",
            )


def _segment(
    context: Context, everyone: Sequence[Recipient], unnoticed: Sequence[str]
) -> Iterator[Finding]:
    if not everyone and not context.others:
        yield context.error(
            "segment",
            _("nobody is in the segment `{segment}`").format(segment=context.campaign.segment),
            _("import blogs with addresses, run: buzz rank run, or write another segment: all"),
            context.line_of("segment:"),
        )
    if unnoticed:
        yield context.error(
            "privacy-notice",
            ngettext(
                "{n} blog was never told what we hold on it, nor in this letter: {blogs}",
                "{n} blogs were never told what we hold on them, nor in this letter: {blogs}",
                len(unnoticed),
            ).format(n=len(unnoticed), blogs=_some(unnoticed)),
            _("give the template its notice block, or set notice_at where they were told"),
            context.templates.page,
        )


def _ways_out(context: Context, letters: Iterable[Rendered]) -> Iterator[Finding]:
    if any(is_of_this_machine(letter.urls.unsubscribe) for letter in letters):
        yield context.warning(
            "10-unsubscribe",
            _("no reader can follow the links of the letter: they lead to this machine"),
            _("write the public address of `buzz serve`: [web] base_url"),
            "buzz.toml",
        )


def _variables(context: Context, holes: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    used = {match[1]: match[0] for match in VARIABLE.finditer(context.source)}
    for name, without in sorted(holes.items()):
        yield context.error(
            "14-variables",
            ngettext(
                "{n} recipient has no {name}: {blogs}",
                "{n} recipients have no {name}: {blogs}",
                len(without),
            ).format(n=len(without), name=name, blogs=_some(without)),
            _("fill it in for them, narrow the segment, or do without the variable"),
            context.line_of(used[name])
            if name in used
            else context.templates.line_of(f"recipient.{name}"),
        )


def _some(slugs: Sequence[str]) -> str:
    return ", ".join(slugs[:_SHOWN]) + (" …" if len(slugs) > _SHOWN else "")
