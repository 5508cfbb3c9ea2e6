"""The report in a terminal: plain lines for any width from 40 columns on, no colour needed."""

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from buzz.core import names
from buzz.core.report import words
from buzz.core.report.model import Report, Step, cumulative, marks
from buzz.core.text import one_line
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.model import Relay

FULL, MACHINE, TRACK = "█", "▒", "·"
NARROWEST = 24  # below this nothing is laid out any more, only cut
WIDEST = 100
MIN_BAR = 14  # columns of a bar that still says something beside its label
MAX_LABEL = 34
SHORT = 8  # a value this short stays beside its label, which is cut
BLOGS, OPPOSED, UNCERTAIN, REFUSALS, LINKS = 10, 5, 10, 8, 10  # lines of each list


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bar: shares are of the full width."""

    label: str
    value: str
    share: float
    machine: float = 0.0
    track: float = 1.0


def lines(report: Report, width: int) -> list[str]:
    """Return the report as lines at most so many columns wide (but never below 24)."""
    width = max(NARROWEST, min(width, WIDEST))
    sections = [_head(report, width), *(section for section in _sections(report, width) if section)]
    return [line.rstrip() for section in sections for line in (*section, "")][:-1]


def _sections(report: Report, width: int) -> Iterator[list[str]]:
    if report.facts.account.targeted:
        yield _titled(_("Recipients"), _wrapped(words.account_sum(report), width), width)
    yield _titled(_("From the letter to the relay"), _funnel_lines(report, width), width)
    yield _titled(_("Relays"), _relays(report, width), width)
    yield _titled(_("Since the send, cumulative"), _bars(_time(report), width), width)
    yield _titled(_("Talking points: which travelled"), _bars(_points(report), width), width)
    yield _titled(_("In which manner"), _bars(_modes(report), width), width)
    yield _titled(_("Who carried it on"), _leaders(report, width), width)
    yield _titled(_("Oppositions"), _opposed(report, width), width)
    yield _titled(_("Uncertain"), _uncertain(report, width), width)
    yield _titled(_("Refused, by reply"), _refusals(report, width), width)
    yield _titled(_("Links"), _links(report, width), width)
    yield _titled(_("Waived at the check"), _waived(report, width), width)
    yield _afterwards(report, width)


# --- the sections -----------------------------------------------------------------------------


def _head(report: Report, width: int) -> list[str]:
    campaign = report.facts.campaign
    facts = [campaign.slug, _(names.CAMPAIGN_STATES[campaign.state])]
    if report.sent_at:
        facts.append(_("sent {when}").format(when=formats.moment(report.sent_at)))
    title = one_line(campaign.subject)
    return [
        *(_wrapped(title, width) if title else []),
        *_wrapped(" · ".join(facts), width),
        "",
        *_wrapped(" ".join(words.recap(report)), width),
    ]


def _funnel(report: Report) -> list[Row]:
    targeted = report.facts.account.targeted
    return [
        Row(
            label=_(words.STEPS[step.step]),
            value=words.fraction(step)
            if step.step is Step.TARGETED or step.share is None
            else f"{words.fraction(step)} · {words.share(step.share)}",
            share=_share(step.count, targeted),
            machine=_share(step.machine, targeted),
            track=_share(step.of, targeted),
        )
        for step in report.funnel
        if targeted
    ]


def _funnel_lines(report: Report, width: int) -> list[str]:
    found = _bars(_funnel(report), width)
    if any(step.machine for step in report.funnel):
        found += _wrapped(_("{sign} by machines only").format(sign=MACHINE), width)
    return found


def _waived(report: Report, width: int) -> list[str]:
    return [line for text in words.waived(report) for line in _wrapped(text, width)]


def _relays(report: Report, width: int) -> list[str]:
    if not report.facts.relays:
        return []  # the recap has said so
    text = words.found_sum(report) + "."
    if report.found.opposed:
        count = len(report.found.opposed)
        text += " " + ngettext(
            "{n} of them speaks against the message.",
            "{n} of them speak against the message.",
            count,
        ).format(n=formats.number(count))
    if report.lags_s:
        text += " " + _("First relay after {first}, half within {median}.").format(
            first=words.span(report.first_lag_s), median=words.span(report.median_lag_s)
        )
    return _wrapped(text, width)


def _time(report: Report) -> list[Row]:
    return [
        Row(
            label=words.span(hours * 3600),
            value=formats.number(count),
            share=_share(count, len(report.lags_s)),
        )
        for hours, count in cumulative(report.lags_s, marks(report.lags_s))
    ]


def _points(report: Report) -> list[Row]:
    relayed = len(report.found.relayed)
    return [
        Row(
            label=f"{point.number}. {point.text}",
            value=formats.number(point.posts),
            share=_share(point.posts, relayed),
        )
        for point in report.points
        if relayed  # before the first relay, "none travelled" says too much
    ]


def _modes(report: Report) -> list[Row]:
    relayed = len(report.found.relayed)
    return [
        Row(label=name, value=formats.number(count), share=_share(count, relayed))
        for name, count in words.modes(report)
        if count
    ]


def _leaders(report: Report, width: int) -> list[str]:
    shown = report.blogs[:BLOGS]
    rows = [
        Row(
            label=f"{place}. {blog.name}",
            value=_("{n} · rank {rank} · after {lag}").format(
                n=formats.number(blog.relays),
                rank=words.DASH if blog.rank is None else formats.number(blog.rank),
                lag=words.span(blog.median_lag_s),
            ),
            share=_share(blog.relays, shown[0].relays),
        )
        for place, blog in enumerate(shown, start=1)
    ]
    return _bars(rows, width) + _rest(len(report.blogs) - len(shown), width)


def _opposed(report: Report, width: int) -> list[str]:
    shown = report.found.opposed[:OPPOSED]
    found = [line for relay in shown for line in _post(report, relay, width)]
    return found + _rest(len(report.found.opposed) - len(shown), width)


def _post(report: Report, relay: Relay, width: int) -> list[str]:
    blog = one_line(report.facts.blog(relay.blog).name)
    title = one_line(relay.title) or relay.url
    return [
        "  " + _cut(title, width - 2),
        "    " + _cut(f"#{relay.id} · {blog} · {words.span(max(0, relay.lag_s))}", width - 4),
        "    " + _cut(one_line(relay.url), width - 4),
    ]


def _uncertain(report: Report, width: int) -> list[str]:
    shown = report.facts.uncertain[:UNCERTAIN]
    found = [
        "  "
        + _cut(
            f"{one_line(report.facts.blog(one.blog).name)} · "
            + (
                _("seen since: it arrived")
                if one.seen
                else names.last_words(None, one.reply_text) or words.DASH
            ),
            width - 2,
        )
        for one in shown
    ]
    if found:
        found += _wrapped(
            _("decide: buzz send resolve {slug}").format(slug=report.facts.campaign.slug), width
        )
    return found + _rest(len(report.facts.uncertain) - len(shown), width)


def _refusals(report: Report, width: int) -> list[str]:
    shown = report.facts.refusals[:REFUSALS]
    found = [
        "  "
        + _cut(
            f"{formats.number(refusal.count)} \N{MULTIPLICATION SIGN} "
            f"{names.last_words(refusal.reply_code, refusal.reply_text) or words.DASH}",
            width - 2,
        )
        for refusal in shown
    ]
    return found + _rest(len(report.facts.refusals) - len(shown), width)


def _links(report: Report, width: int) -> list[str]:
    shown = report.facts.links[:LINKS]
    measured = report.facts.clicked.tracked
    found: list[str] = []
    for use in shown:
        clicked = (
            _("clicked in {n} of {of} letters").format(
                n=formats.number(use.person), of=formats.number(measured)
            )
            if measured
            else _("not measured")
        )
        if use.aggregate:
            clicked += " · " + _("{n} anonymous").format(n=formats.number(use.aggregate))
        if use.visits:
            clicked += " · " + _("{n} by share link").format(n=formats.number(use.visits))
        found += ["  " + _cut(one_line(use.url), width - 2), "    " + _cut(clicked, width - 4)]
    return found + _rest(len(report.facts.links) - len(shown), width)


def _afterwards(report: Report, width: int) -> list[str]:
    facts = report.facts
    parts = [
        (facts.unsubscribed, _("{n} unsubscribed")),
        (facts.bounced, _("{n} bounced")),
        (facts.complained, _("{n} complained")),
    ]
    said = [text.format(n=formats.number(count)) for count, text in parts if count]
    return (
        _wrapped(_("After the send: {facts}").format(facts=", ".join(said)), width) if said else []
    )


# --- laying out -------------------------------------------------------------------------------


def _titled(title: str, body: list[str], width: int) -> list[str]:
    return [*textwrap.wrap(title, width), *body] if body else []


def _bars(rows: Sequence[Row], width: int) -> list[str]:
    """Return the rows on one line each, or on two or three where the terminal is narrow."""
    if not rows:
        return []
    label = min(MAX_LABEL, max(cells(row.label) for row in rows))
    value = max(cells(row.value) for row in rows)
    room = width - 2 - label - 2 - 2 - value
    if room >= MIN_BAR:
        return [
            f"  {_fit(row.label, label)}  {_fit(_bar(row, room), room)}  {_fit(row.value, value)}"
            for row in rows
        ]
    return [line for row in rows for line in _narrow(row, width)]


def _narrow(row: Row, width: int) -> list[str]:
    room = width - 2
    beside = room - 2 - cells(row.value)  # what is left for the label on the same line
    if cells(row.label) <= beside or cells(row.value) <= SHORT:
        head = [f"  {_fit(row.label, beside)}  {row.value}"]
    else:
        head = [f"  {_cut(row.label, room)}", f"  {_cut(row.value, room)}"]
    return [*head, f"  {_bar(row, room)}"]


def _bar(row: Row, room: int) -> str:
    """Return a bar; something is at least one block, and never more than the track."""
    full = _blocks(row.share, room)
    machine = min(_blocks(row.machine, room), room - full)
    track = max(0, _blocks(row.track, room) - full - machine)
    return FULL * full + MACHINE * machine + TRACK * track


def _blocks(share: float, room: int) -> int:
    return min(room, max(1, round(share * room))) if share > 0 else 0


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rest(hidden: int, width: int) -> list[str]:
    if hidden <= 0:
        return []
    return _wrapped(
        ngettext("and {n} more", "and {n} more", hidden).format(n=formats.number(hidden)), width
    )


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width - 2, initial_indent="  ", subsequent_indent="  ")


def cells(text: str) -> int:
    """Return how many columns a terminal gives the text (UAX #11).

    >>> cells("où"), cells("日本")
    (2, 4)
    """
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _cut(text: str, room: int) -> str:
    """Return the text, cut with an ellipsis where it is wider than the room."""
    if cells(text) <= room:
        return text
    kept, used = "", 0
    for char in text:
        used += _cell(char)
        if used > room - 1:
            break
        kept += char
    return kept.rstrip() + "…"


def _fit(text: str, room: int) -> str:
    """Return the text exactly as wide as the room."""
    text = _cut(text, room)
    return text + " " * (room - cells(text))
