"""The rules of ``campaign check`` by name: what each is for, and whether a person may waive it.

A waiver is a person's decision that one finding shall not stop one letter. Where the law decides,
or where there would be nothing to send, no person can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from buzz.errors import CheckRefused, UsageError
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Finding, Level, Waiver


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule is for."""

    title: str  # a msgid
    because: str = ""  # why nobody can waive it, a msgid; empty: a person may


_LAW = N_("the law wants it")
_NOTHING = N_("there would be no letter to send")

RULES: Mapping[str, Rule] = {
    "letter-file": Rule(N_("The letter is a text file of its own"), _NOTHING),
    "front-matter": Rule(N_("The front matter says what can be meant"), _NOTHING),
    "headers": Rule(N_("No value smuggles a header into the message"), _NOTHING),
    "languages": Rule(N_("The translations say the same"), _NOTHING),
    "segment": Rule(N_("The segment reaches somebody"), _NOTHING),
    "talking-points": Rule(N_("Each talking point has a title and a text"), _NOTHING),
    "markdown-heading": Rule(N_("Headings are those of a letter"), _NOTHING),
    "markdown-html": Rule(N_("The text is Markdown, without HTML"), _NOTHING),
    "to-write": Rule(N_("Nothing is left to be written"), _NOTHING),
    "not-after": Rule(N_("It is not too late"), _NOTHING),
    "templates": Rule(N_("The templates can be rendered"), _NOTHING),
    "template-cases": Rule(N_("The templates say the same to everybody")),
    "address": Rule(N_("Mail can be sent to every address as it stands"), _NOTHING),
    "1-layout": Rule(N_("Tables that every client lays out, from 320 to 600 px")),
    "2-head": Rule(N_("The page says its language, its title and its colours")),
    "3-size": Rule(N_("Small enough not to be cut")),
    "4-styles": Rule(N_("Styles that no client drops")),
    "5-preheader": Rule(N_("A preheader that goes on where the subject ends")),
    "6-outlook": Rule(N_("Outlook lays it out and draws the buttons")),
    "7-images": Rule(N_("It can be read without its images")),
    "8-contrast": Rule(N_("Text stands out, by day and by night")),
    "8-underline": Rule(N_("Links are seen without colour")),
    "8-size": Rule(N_("The letter is set in 16 px or more")),
    "8-targets": Rule(N_("What is pressed is at least 44 px high")),
    "8-labels": Rule(N_("Links say where they lead")),
    "9-text": Rule(N_("The text part says the same, with every link")),
    "10-unsubscribe": Rule(N_("A way to unsubscribe that is seen"), _LAW),
    "11-online": Rule(N_("A page online, which names nobody")),
    "12-sender": Rule(N_("Who writes, from where, why, and who answers for the data"), _LAW),
    "13-active": Rule(N_("Nothing acts, nothing watches the reader"), _LAW),
    "13-images": Rule(N_("Images lie beside the letter, and can be shown"), _LAW),
    "14-variables": Rule(N_("Every variable has a value for every recipient"), _NOTHING),
    "15-links": Rule(N_("The links lead somewhere")),
    "16-generic": Rule(N_("Each talking point can be recognised later")),
    "17-links": Rule(N_("Every link comes out as it went in"), _NOTHING),
    "relay-links": Rule(N_("The campaign says what it wants to be linked")),
    "privacy-notice": Rule(N_("Everybody is told what is held on them"), _LAW),
}


def title_of(rule: str) -> str:
    """Return what a rule is for, in the language in force; unknown ones by their name."""
    return _(RULES[rule].title) if rule in RULES else rule


def can_be_waived(rule: str) -> bool:
    """Tell whether a person may waive this rule."""
    return rule in RULES and not RULES[rule].because


def waivable(rule: str, reason: str) -> None:
    """Make sure that a person may waive this rule, and says why.

    Raises:
        UsageError: there is no such rule, or no reason.
        CheckRefused: nobody can waive it.
    """
    if rule not in RULES:
        near = get_close_matches(rule, RULES, n=1, cutoff=0.5)
        raise UsageError(
            _("there is no rule `{rule}`").format(rule=rule),
            remedy=_("did you mean `{near}`?").format(near=near[0])
            if near
            else _("rules are named in what the check prints"),
        )
    if RULES[rule].because:
        raise CheckRefused(
            _("`{rule}` cannot be waived: {because}").format(
                rule=rule, because=_(RULES[rule].because)
            ),
            remedy=_("mend what the check found"),
        )
    if not reason.strip():
        raise UsageError(
            _("a waiver wants a reason"),
            remedy=_('write: --waive {rule}="why it may pass"').format(rule=rule),
        )


def judged(
    findings: Sequence[Finding], waivers: Sequence[Waiver]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the findings that count, errors first, and those that a person lets pass."""
    rules = {waiver.rule for waiver in waivers if can_be_waived(waiver.rule)}
    found = sorted(dict.fromkeys(findings), key=lambda finding: finding.level is Level.WARNING)
    return (
        tuple(finding for finding in found if finding.rule not in rules),
        tuple(finding for finding in found if finding.rule in rules),
    )
