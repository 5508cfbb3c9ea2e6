"""The words of the report: what each step, state, verdict and mode is called, and what it means."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from buzz.core.names import DELIVERY_STATES, IN_STATE, MODES, WITH_VERDICT
from buzz.core.report.model import FunnelStep, Report, Step, by_mode
from buzz.core.text import one_line
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import DeliveryState, Verdict

NBSP = "\N{NO-BREAK SPACE}"  # between a figure and what it counts
DASH = "\N{EN DASH}"  # nothing was measured, or there is none
STEPS: Mapping[Step, str] = {
    Step.TARGETED: N_("Targeted"),
    Step.ACCEPTED: N_("Accepted"),
    Step.OPENED: N_("Opened"),
    Step.CLICKED: N_("Clicked"),
    Step.VISITED: N_("Share link followed"),
    Step.RELAYED: N_("Relayed"),
}
MEANINGS: Mapping[Step, str] = {
    Step.TARGETED: N_("every recipient the plan chose; each is in exactly one state"),
    Step.ACCEPTED: N_("the receiving server took the letter; whether it was shown is not known"),
    Step.OPENED: N_(
        "a person's mail program fetched the image, among those who agreed to be measured and "
        "whose letter was accepted"
    ),
    Step.CLICKED: N_(
        "a person followed at least one link, among those who agreed to be measured and whose "
        "letter was accepted"
    ),
    Step.VISITED: N_("somebody followed the blog's own share link; nothing is known of visitors"),
    Step.RELAYED: N_(
        "the blog published at least one post that carries the message, judged by "
        "the evidence below"
    ),
}
CERTAINTY: Mapping[Step, str] = {
    Step.TARGETED: N_("exact"),
    Step.ACCEPTED: N_("exact"),
    Step.OPENED: N_("lower bound: images are often blocked"),
    Step.CLICKED: N_("measured"),
    Step.VISITED: N_("measured"),
    Step.RELAYED: N_("judged, with the proof beside it"),
}
NEARLY_NONE = 0.01  # below this share, and above 1 minus it, a decimal is shown


def counts(report: Report) -> dict[DeliveryState, int]:
    """Return how many recipients are in each state, in the order they are shown."""
    return {state: getattr(report.facts.account, state) for state in DELIVERY_STATES}


def modes(report: Report) -> list[tuple[str, int]]:
    """Return the names of the modes with how many relays are of each; the sum is all relays."""
    counted = by_mode(report.found.relayed)
    told = [(_(MODES[mode]), count) for mode, count in counted.items()]
    untold = len(report.found.relayed) - sum(counted.values())
    return [*told, (_("no mode told"), untold)] if untold else told


def account_sum(report: Report) -> str:
    """Return the sum that accounts for everybody: ``1,500 targeted = 1,471 accepted + …``."""
    parts = [text for _state, text in states(report)]
    return f"{targeted(report)} = {' + '.join(parts) or formats.number(0)}"


def targeted(report: Report) -> str:
    """Return how many were targeted."""
    count = report.facts.account.targeted
    return _counted(ngettext("{n} targeted", "{n} targeted", count), count)


def states(report: Report) -> list[tuple[DeliveryState, str]]:
    """Return each state somebody is in, with how many there are."""
    return [
        (state, _counted(IN_STATE[state](count), count))
        for state, count in counts(report).items()
        if count
    ]


def found_sum(report: Report) -> str:
    """Return the sum of the posts found, by verdict."""
    found = report.found
    posts = {
        Verdict.RELAYED: found.relayed,
        Verdict.TO_CHECK: found.to_check,
        Verdict.MENTIONED: found.mentioned,
        Verdict.NOT: found.dismissed,
    }
    parts = [
        _counted(WITH_VERDICT[verdict](len(some)), len(some))
        for verdict, some in posts.items()
        if some
    ]
    total = len(report.facts.relays)
    whole = _counted(ngettext("{n} post judged", "{n} posts judged", total), total)
    return f"{whole} = {' + '.join(parts) or formats.number(0)}"


def _counted(text: str, count: int) -> str:
    """Return the text with the figure; no line ends between a figure and its word."""
    return text.format(n=formats.number(count)).replace(" ", NBSP)


def fraction(step: FunnelStep) -> str:
    """Return a step's figure with its denominator in words."""
    if step.step is Step.TARGETED:
        return ngettext("{n} recipient", "{n} recipients", step.count).format(
            n=formats.number(step.count)
        )
    if step.share is None:
        return _("not measured")
    whole = {
        Step.ACCEPTED: _("{n} of {of} targeted"),
        Step.OPENED: _("{n} of {of} measured"),
        Step.CLICKED: _("{n} of {of} measured"),
    }.get(step.step, _("{n} of {of} accepted"))
    return whole.format(n=formats.number(step.count), of=formats.number(step.of))


def share(value: float | None) -> str:
    """Return a share in per cent, or a dash where nothing was measured.

    Some is never shown as 0 %, and not all never as 100 %.
    """
    if value is None:
        return DASH
    if 0 < value < NEARLY_NONE or 1 - NEARLY_NONE < value < 1:
        return formats.percent(min(max(value, 0.001), 0.999), digits=1)
    return formats.percent(value)


def span(seconds: int | None) -> str:
    """Return a span in words, or a dash where there is none."""
    return DASH if seconds is None else formats.span(timedelta(seconds=seconds))


def recap(report: Report) -> tuple[str, ...]:
    """Return the whole report in at most three sentences."""
    if report.sent_at is None:
        return (_("The letter has not been sent yet: there is nothing to report."),)
    return (_accepted(report), _opened(report), _relayed(report))


def _accepted(report: Report) -> str:
    account = report.facts.account
    return ngettext(
        "{n} of {of} letter was accepted.", "{n} of {of} letters were accepted.", account.targeted
    ).format(n=formats.number(account.accepted), of=formats.number(account.targeted))


def _opened(report: Report) -> str:
    opened = report.facts.opened
    if not opened.tracked:
        return _("Nobody agreed to be measured: how many opened it is not known.")
    return ngettext(
        "Of the {of} reader who agreed to be measured, {n} opened it.",
        "Of the {of} readers who agreed to be measured, {n} opened it.",
        opened.tracked,
    ).format(n=formats.number(opened.person), of=formats.number(opened.tracked))


def _relayed(report: Report) -> str:
    if not report.blogs:
        return _("No relay has been found so far.")
    blogs = len(report.blogs)
    if len(report.lags_s) == 1:
        return _("One blog relayed it, after {first}.").format(first=span(report.first_lag_s))
    return ngettext(
        "{n} blog relayed it, first after {first}; half of the relays came within {median}.",
        "{n} blogs relayed it, the first after {first}; half of the relays came within {median}.",
        blogs,
    ).format(
        n=formats.number(blogs), first=span(report.first_lag_s), median=span(report.median_lag_s)
    )


def clipped(text: str, chars: int) -> str:
    """Return the text on one line, with an ellipsis where it is cut."""
    text = one_line(text)
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"


def waived(report: Report) -> Sequence[str]:
    """Return which rules of the check were waived, each with its reason."""
    return [
        _("{rule}: “{reason}” ({who}, {day})").format(
            rule=waiver.rule,
            reason=one_line(waiver.reason),
            who=one_line(waiver.who),
            day=formats.day(waiver.at.date()),
        )
        for waiver in report.waived
    ]
