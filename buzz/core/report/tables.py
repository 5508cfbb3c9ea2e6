"""The tables: the twin of each chart, and those that stand on their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from buzz.core import names
from buzz.core.report import words
from buzz.core.report.model import Report, cumulative, marks
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _

BLOGS_SHOWN = 100  # lines; the rest is counted
RECEIVERS_SHOWN = 25
UNCERTAIN_SHOWN = 50
REFUSALS_SHOWN = 25
TEXT_CHARS = 120  # of a server's words or an address in a cell
NAME_CHARS = 60
POINT_CHARS = 400  # of a talking point


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading; ``figure`` stands to the right, ``wide`` is text that needs room."""

    name: str
    figure: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells, already words."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] = ()
    rest: str = ""  # what is not shown, counted


def _text(name: str, *, wide: bool = False) -> Column:
    return Column(name=name, wide=wide)


def _figure(name: str) -> Column:
    return Column(name=name, figure=True)


def _more(total: int, shown: int) -> str:
    """Return how many rows are not shown, or an empty string."""
    hidden = total - shown
    if hidden <= 0:
        return ""
    return ngettext("{n} more is not shown here.", "{n} more are not shown here.", hidden).format(
        n=formats.number(hidden)
    )


def all_tables(report: Report) -> Mapping[str, Table]:
    """Return every table of the report, by name."""
    return {
        "account": account(report),
        "funnel": funnel(report),
        "time": over_time(report),
        "modes": modes(report),
        "points": points(report),
        "leaderboard": leaderboard(report),
        "uncertain": uncertain(report),
        "refusals": refusals(report),
        "receivers": receivers(report),
        "links": links(report),
    }


def account(report: Report) -> Table:
    """Return how many are in each state, with the sum."""
    targeted = report.facts.account.targeted
    return Table(
        caption=_("Recipients by state"),
        columns=(_text(_("State")), _figure(_("Recipients")), _figure(_("Share"))),
        rows=tuple(
            (
                _(names.DELIVERY_STATES[state]),
                formats.number(count),
                words.share(count / targeted if targeted else None),
            )
            for state, count in words.counts(report).items()
        ),
        total=(_("in all"), formats.number(targeted), ""),
    )


def funnel(report: Report) -> Table:
    """Return the steps with numerator, denominator, what they mean and how sure they are."""
    return Table(
        caption=_("Each step with its own denominator"),
        columns=(
            _text(_("Step")),
            _figure(_("Count")),
            _figure(_("Out of")),
            _figure(_("Share")),
            _figure(_("Machines only")),
            _text(_("What it means"), wide=True),
            _text(_("How sure"), wide=True),
        ),
        rows=tuple(
            (
                _(words.STEPS[step.step]),
                formats.number(step.count) if step.of else words.DASH,
                formats.number(step.of) if step.of else words.DASH,
                words.share(step.share),
                formats.number(step.machine) if step.machine else "",
                _(words.MEANINGS[step.step]),
                _(words.CERTAINTY[step.step]) if step.of else _("not measured"),
            )
            for step in report.funnel
        ),
    )


def over_time(report: Report) -> Table:
    """Return how many relays had come by which hour."""
    relayed = len(report.lags_s)
    return Table(
        caption=_("Relays since the send, cumulative"),
        columns=(_text(_("Within")), _figure(_("Relays")), _figure(_("Share"))),
        rows=tuple(
            (words.span(hours * 3600), formats.number(count), words.share(count / relayed))
            for hours, count in cumulative(report.lags_s, marks(report.lags_s))
        ),
    )


def modes(report: Report) -> Table:
    """Return the relays by mode, with the sum."""
    counted = words.modes(report)
    relayed = len(report.found.relayed)
    return Table(
        caption=_("Relays by mode"),
        columns=(_text(_("Mode")), _figure(_("Relays")), _figure(_("Share"))),
        rows=tuple(
            (name, formats.number(count), words.share(count / relayed if relayed else None))
            for name, count in counted
        ),
        total=(_("in all"), formats.number(sum(count for _name, count in counted)), ""),
    )


def points(report: Report) -> Table:
    """Return the talking points in full, with the posts and blogs that carry each."""
    relayed = len(report.found.relayed)
    return Table(
        caption=_("Talking points, out of {n} relays").format(n=formats.number(relayed)),
        columns=(
            _text(_("Point")),
            _text(_("Text"), wide=True),
            _figure(_("Relays")),
            _figure(_("Share")),
            _figure(_("Blogs")),
        ),
        rows=tuple(
            (
                str(point.number),
                words.clipped(point.text, POINT_CHARS),
                formats.number(point.posts),
                words.share(point.posts / relayed if relayed else None),
                formats.number(point.blogs),
            )
            for point in report.points
        ),
    )


def leaderboard(report: Report) -> Table:
    """Return the blogs that relayed, most relays first."""
    shown = report.blogs[:BLOGS_SHOWN]
    return Table(
        caption=_("Blogs that relayed this letter"),
        columns=(
            _text(_("Blog"), wide=True),
            _figure(_("Rank")),
            _figure(_("Relays")),
            _figure(_("Share")),
            _figure(_("Median lag")),
            _figure(_("Letters relayed")),
            _figure(_("Relay rate")),
        ),
        rows=tuple(
            (
                words.clipped(blog.name, NAME_CHARS),
                words.DASH if blog.rank is None else formats.number(blog.rank),
                formats.number(blog.relays),
                words.share(blog.share),
                words.span(blog.median_lag_s),
                _("{n} of {of}").format(
                    n=formats.number(blog.carried), of=formats.number(blog.received)
                )
                if blog.received
                else _("not written to"),
                words.share(blog.rate),
            )
            for blog in shown
        ),
        rest=_more(len(report.blogs), len(shown)),
    )


def uncertain(report: Report) -> Table:
    """Return the letters of which nobody can know whether they arrived."""
    shown = report.facts.uncertain[:UNCERTAIN_SHOWN]
    return Table(
        caption=_("Letters whose fate cannot be known (RFC 1047)"),
        columns=(
            _text(_("Blog"), wide=True),
            _text(_("Since")),
            _text(_("The last words"), wide=True),
            _text(_("Seen since")),
        ),
        rows=tuple(
            (
                words.clipped(report.facts.blog(one.blog).name, NAME_CHARS),
                formats.moment(one.since) if one.since else words.DASH,
                words.clipped(names.last_words(None, one.reply_text) or words.DASH, TEXT_CHARS),
                _("yes: it arrived") if one.seen else _("no"),
            )
            for one in shown
        ),
        rest=_more(len(report.facts.uncertain), len(shown)),
    )


def refusals(report: Report) -> Table:
    """Return the refusals by the server's reply."""
    shown = report.facts.refusals[:REFUSALS_SHOWN]
    return Table(
        caption=_("Replies of the receiving servers (RFC 5321, RFC 3463)"),
        columns=(
            _text(_("Code")),
            _text(_("Enhanced")),
            _text(_("The server's words, once"), wide=True),
            _figure(_("Letters")),
        ),
        rows=tuple(
            (
                str(refusal.reply_code or words.DASH),
                words.clipped(refusal.enhanced_code, NAME_CHARS) or words.DASH,
                words.clipped(refusal.reply_text, TEXT_CHARS) or words.DASH,
                formats.number(refusal.count),
            )
            for refusal in shown
        ),
        total=(_("in all"), "", "", formats.number(report.facts.account.refused)),
        rest=_more(len(report.facts.refusals), len(shown)),
    )


def receivers(report: Report) -> Table:
    """Return how the letters for each mail domain fared."""
    shown = report.facts.receivers[:RECEIVERS_SHOWN]
    return Table(
        caption=_("Mail domains, largest first"),
        columns=(
            _text(_("Domain"), wide=True),
            _figure(_("Targeted")),
            _figure(_("Accepted")),
            _figure(_("Refused")),
            _figure(_("Uncertain")),
            _figure(_("Other states")),
        ),
        rows=tuple(
            (
                words.clipped(receiver.domain, NAME_CHARS) or words.DASH,
                formats.number(receiver.targeted),
                formats.number(receiver.accepted),
                formats.number(receiver.refused),
                formats.number(receiver.uncertain),
                formats.number(receiver.others),
            )
            for receiver in shown
        ),
        rest=_more(len(report.facts.receivers), len(shown)),
    )


def links(report: Report) -> Table:
    """Return what became of each address in the letter."""
    measured = report.facts.clicked.tracked
    return Table(
        caption=_("Addresses in the letter; clicks out of {n} measured letters").format(
            n=formats.number(measured)
        ),
        columns=(
            _text(_("Address"), wide=True),
            _figure(_("Clicked")),
            _figure(_("Machines only")),
            _figure(_("Anonymous")),
            _figure(_("Share link")),
        ),
        rows=tuple(
            (
                words.clipped(use.url, TEXT_CHARS),
                formats.number(use.person) if measured else words.DASH,
                formats.number(use.machine) if measured else words.DASH,
                formats.number(use.aggregate),
                formats.number(use.visits),
            )
            for use in report.facts.links
        ),
    )
