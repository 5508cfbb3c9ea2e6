"""The rules of ``campaign check``: what stops a send, and what only deserves a second look.

docs/letter.md lists them. Each works on what recipients really get: the rendered
subject, HTML and text. The structure of the HTML is judged on the longest letter of each
language; whether all variables have a value and all addresses are right, on every single one.
"""

from collections.abc import Iterable, Iterator, Sequence

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.markdown import PLACEHOLDER, VARIABLE
from buzz.core.campaign.page import read_page
from buzz.core.campaign.pagerules import RULES
from buzz.core.text import visible
from buzz.core.urls import is_of_this_machine
from buzz.locales import gettext as _
from buzz.locales import ngettext
from buzz.model import Finding, Level, Recipient

PREHEADER = range(40, 111)
MIN_MASS = 25  # summed idf of a passage by which a relay can be told from chance
_SHOWN = 3  # blogs named in one finding


def check(context: Context, letters: Iterable[Rendered]) -> tuple[Finding, ...]:
    """Return what is wrong with a campaign: errors first, then warnings."""
    findings = list(_letter_file(context))
    longest: dict[tuple[str, bool], Rendered] = {}
    everyone: list[Recipient] = []
    unnoticed: list[str] = []
    for letter in letters:
        recipient = letter.recipient
        everyone.append(recipient)
        if recipient.needs_notice and not letter.has_notice:
            unnoticed.append(recipient.blog)
        kind = (recipient.language, recipient.needs_notice)
        if kind not in longest or len(letter.html) > len(longest[kind].html):
            longest[kind] = letter
    findings += _segment(context, everyone, unnoticed)
    findings += _variables(context, everyone)
    findings += _ways_out(context, longest.values())
    for letter in longest.values():
        page = read_page(letter.html)
        for rule in RULES:
            findings += rule(context, letter, page)
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: f.level is Level.WARNING))


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
        )
    for point in campaign.talking_points:
        if context.masses.get(point.number, MIN_MASS) < MIN_MASS:
            yield context.warning(
                "16-generic",
                _("talking point {n} is too general to be recognised later").format(n=point.number),
                _("give it a figure, a name or an image of its own"),
                f"{context.path}:{point.line}",
            )
    for name in ("organisation", "postal_address", "controller"):
        if not getattr(context.sender, name):
            yield context.error(
                "12-sender",
                _("[sender] {name} is empty").format(name=name),
                _("the law wants it in the letter: fill it in"),
                "buzz.toml",
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
            context.template,
        )


def _ways_out(context: Context, letters: Iterable[Rendered]) -> Iterator[Finding]:
    if any(is_of_this_machine(letter.urls.unsubscribe) for letter in letters):
        yield context.warning(
            "10-unsubscribe",
            _("no reader can follow the links of the letter: they lead to this machine"),
            _("write the public address of `buzz serve`: [web] base_url"),
            "buzz.toml",
        )


def _variables(context: Context, everyone: Sequence[Recipient]) -> Iterator[Finding]:
    used = {match[1] for match in VARIABLE.finditer(context.source)}
    for name in sorted(used):
        without = [r.blog for r in everyone if getattr(r, name, "") in ("", None)]
        if without:
            yield context.error(
                "14-variables",
                ngettext(
                    "{n} recipient has no {name}: {blogs}",
                    "{n} recipients have no {name}: {blogs}",
                    len(without),
                ).format(n=len(without), name=name, blogs=_some(without)),
                _("fill it in for them, narrow the segment, or do without the variable"),
                context.line_of(f"{{{{ {name} }}}}"),
            )


def _some(slugs: Sequence[str]) -> str:
    return ", ".join(slugs[:_SHOWN]) + (" …" if len(slugs) > _SHOWN else "")
