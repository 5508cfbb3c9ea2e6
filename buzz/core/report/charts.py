"""The geometry of the charts: where each bar, line and label stands. Templates only draw it.

Across, everything is in per cent of the chart's width and down in pixels, so that a chart fits a
telephone and a desk alike while its letters keep their size; nothing needs a script.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from buzz.core.report import words
from buzz.core.report.model import FunnelStep, PointFate, Report, Step
from buzz.core.text import one_line
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _

LINE = 20  # px between two lines of a label
BAR = 12  # px, height of a bar
NOTE = 18  # px, the line below a bar
GAP = 20  # px between two rows
LABEL_CHARS = 33  # of a line of a label: fits beside its figure on a telephone 375 px wide
LABEL_LINES = 3
NAME_CHARS = 26  # of a blog's name, beside its figure
PLOT = 200  # px, height of the time chart
MAX_TICKS = 5
LEADERS = 15  # blogs drawn; the table has more


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a bar, in per cent of the chart's width."""

    start: float
    width: float
    kind: str  # CSS class: what it stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: a label and a value above the bar, a note below it. ``y`` are in px."""

    label: tuple[str, ...]  # lines
    value: str
    note: str = ""
    track: float = 100  # per cent: the whole of which the segments are parts
    segments: tuple[Segment, ...] = ()
    y: int = 0

    @property
    def bar_y(self) -> int:
        """Return where the bar begins."""
        return self.y + LINE * len(self.label) + 4

    @property
    def note_y(self) -> int:
        """Return the baseline of the note."""
        return self.bar_y + BAR + 15

    @property
    def height(self) -> int:
        """Return the height of the row without the gap below it."""
        return LINE * len(self.label) + 4 + BAR + (NOTE if self.note else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Rows of bars."""

    id: str
    title: str
    says: str  # the chart in one sentence, for who cannot see it
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        """Return the height in px."""
        return self.bars[-1].y + self.bars[-1].height + 4 if self.bars else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled place on an axis, in per cent of the plot."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeChart:
    """Relays since the send, cumulative: a staircase in a plot of 1000 by 100."""

    id: str
    title: str
    says: str
    path: str  # SVG path of the staircase
    area: str  # the same, closed below
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    median: Tick  # half of the relays had come
    median_y: float
    height: int = PLOT
    label_after: bool  # the median's label stands to the right of it


def _stacked(id_: str, title: str, says: str, bars: Iterable[Bar]) -> BarChart:
    """Return the chart with its rows one below the other."""
    placed: list[Bar] = []
    y = 0
    for bar in bars:
        placed.append(replace(bar, y=y))
        y += placed[-1].height + GAP
    return BarChart(id=id_, title=title, says=says, bars=tuple(placed))


def wrapped(text: str, chars: int = LABEL_CHARS, lines: int = LABEL_LINES) -> tuple[str, ...]:
    """Return the text in at most so many lines of so many characters, the last one clipped."""
    text = one_line(text)
    found: list[str] = []
    while text and len(found) < lines - 1 and len(text) > chars:
        space = text.rfind(" ", chars // 2, chars + 1)
        cut = space if space > 0 else chars
        found.append(text[:cut])
        text = text[cut:].lstrip()
    return (*found, words.clipped(text, chars)) if text else tuple(found)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


# --- which charts there are -------------------------------------------------------------------


def funnel(report: Report) -> BarChart:
    """Return the funnel, all steps on one scale: everybody targeted is the full width."""
    targeted = report.facts.account.targeted
    return _stacked(
        "funnel",
        _("From the letter to the relay"),
        "; ".join(f"{_(words.STEPS[step.step])}: {words.fraction(step)}" for step in report.funnel),
        (_funnel_bar(step, targeted) for step in report.funnel),
    )


def _funnel_bar(step: FunnelStep, targeted: int) -> Bar:
    reached = _percent(step.count, targeted)
    segments = [Segment(start=0, width=reached, kind=f"step-{step.step}")]
    note = words.fraction(step)
    if step.machine:
        segments.append(
            Segment(start=reached, width=_percent(step.machine, targeted), kind="machine")
        )
        note += " · " + _("{n} by machines only").format(n=formats.number(step.machine))
    return Bar(
        label=(_(words.STEPS[step.step]),),
        value="" if step.step is Step.TARGETED else words.share(step.share),
        note=note,
        track=_percent(step.of, targeted),
        segments=tuple(segment for segment in segments if segment.width),
    )


def account(report: Report) -> BarChart:
    """Return everybody targeted as one bar of states."""
    counts = words.counts(report)
    targeted = report.facts.account.targeted
    segments: list[Segment] = []
    start = 0.0
    for state, count in counts.items():
        width = 100 * count / targeted if targeted else 0.0
        if width:
            segments.append(Segment(start=round(start, 2), width=round(width, 2), kind=state))
        start += width
    bar = Bar(
        label=(_("Everybody targeted"),),
        value=formats.number(targeted),
        segments=tuple(segments),
    )
    return _stacked("account", _("Everybody is accounted for"), words.account_sum(report), (bar,))


def points(report: Report) -> BarChart:
    """Return the talking points, each with the posts that carry it; none before any relay."""
    relayed = len(report.found.relayed)
    return _stacked(
        "points",
        _("Talking points: which travelled"),
        "; ".join(f"{point.number}: {formats.number(point.posts)}" for point in report.points),
        (_point_bar(point, relayed) for point in report.points if relayed),
    )


def _point_bar(point: PointFate, relayed: int) -> Bar:
    width = _percent(point.posts, relayed)
    return Bar(
        label=wrapped(f"{point.number}. {point.text}"),
        value=formats.number(point.posts),
        note=ngettext("on {n} blog", "on {n} blogs", point.blogs).format(
            n=formats.number(point.blogs)
        )
        if point.posts
        else _("did not travel"),
        segments=(Segment(start=0, width=width, kind="step-relayed"),) if width else (),
    )


def modes(report: Report) -> BarChart:
    """Return in which manner the message was carried."""
    relayed = len(report.found.relayed)
    counted = words.modes(report)
    return _stacked(
        "modes",
        _("In which manner"),
        "; ".join(f"{name}: {formats.number(count)}" for name, count in counted),
        (_mode_bar(name, count, relayed) for name, count in counted if count),
    )


def _mode_bar(name: str, count: int, relayed: int) -> Bar:
    width = _percent(count, relayed)
    return Bar(
        label=(name.capitalize(),),
        value=f"{formats.number(count)} · {words.share(count / relayed)}",
        segments=(Segment(start=0, width=width, kind="step-relayed"),),
    )


def leaderboard(report: Report) -> BarChart:
    """Return the blogs that relayed most."""
    leaders = report.blogs[:LEADERS]
    most = leaders[0].relays if leaders else 0
    return _stacked(
        "leaderboard",
        _("Who carried it on"),
        "; ".join(
            f"{words.clipped(blog.name, NAME_CHARS)}: {formats.number(blog.relays)}"
            for blog in leaders
        ),
        (
            Bar(
                label=(f"{place}. {words.clipped(blog.name, NAME_CHARS)}",),
                value=formats.number(blog.relays),
                note=_("rank {rank} · after {lag}").format(
                    rank=words.DASH if blog.rank is None else formats.number(blog.rank),
                    lag=words.span(blog.median_lag_s),
                ),
                segments=(
                    Segment(start=0, width=_percent(blog.relays, most), kind="step-relayed"),
                ),
            )
            for place, blog in enumerate(leaders, start=1)
        ),
    )


def over_time(report: Report) -> TimeChart | None:
    """Return the relays since the send as a rising staircase, or None: there are none."""
    lags = [max(0, lag) for lag in report.lags_s]
    median = report.median_lag_s
    if not lags or median is None:
        return None
    step_h, end_h = _hours(max(lags))
    end_s = end_h * 3600
    top_step, top = _counts(len(lags))
    stairs: dict[float, int] = {}  # x in 0..1000 -> relays by then
    for count, lag in enumerate(lags, start=1):
        stairs[round(1000 * lag / end_s, 1)] = count
    path = "M0 100" + "".join(
        f"H{x:g}V{100 - 100 * count / top:.4g}" for x, count in stairs.items()
    )
    path += "H1000"
    at = _percent(max(0, median), end_s)
    return TimeChart(
        id="over-time",
        title=_("Relays since the send"),
        says=_("{n} relays; the first after {first}, half of them within {median}").format(
            n=formats.number(len(lags)),
            first=words.span(report.first_lag_s),
            median=words.span(median),
        ),
        path=path,
        area=path + "V100H0Z",
        x_ticks=tuple(
            Tick(at=_percent(hour, end_h), label=_axis_hours(hour, step_h))
            for hour in range(0, end_h + 1, step_h)
        ),
        y_ticks=tuple(
            Tick(at=100 - _percent(n, top), label=formats.number(n))
            for n in range(0, top + 1, top_step)
        ),
        median=Tick(at=at, label=_median_label(len(lags), words.span(median))),
        median_y=100 - _percent(len(lags) / 2, top),
        label_after=at <= 50,  # noqa: PLR2004  (the half of the plot with more room on its right)
    )


def _median_label(relays: int, span: str) -> str:
    if relays == 1:
        return _("after {span}").format(span=span)
    return _("half after {span}").format(span=span)


def _hours(last_s: int) -> tuple[int, int]:
    """Return the step between two labels of the time axis and its end, in hours."""
    last_h = max(1, -(-last_s // 3600))
    step = next(
        (s for s in (1, 2, 3, 6, 12, 24, 48, 72, 168, 336) if last_h <= s * MAX_TICKS),
        -(-last_h // (MAX_TICKS * 24)) * 24,
    )
    return step, -(-last_h // step) * step


def _counts(most: int) -> tuple[int, int]:
    """Return the step between two labels of the count axis and its end."""
    step = 1
    for factor in _nice():
        step = factor
        if most <= factor * (MAX_TICKS - 1):
            break
    return step, -(-most // step) * step


def _nice() -> Iterable[int]:
    """Return 1, 2, 5, 10, 20, 50, … without end."""
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def _axis_hours(hour: int, step_h: int) -> str:
    day_h = 24
    if not hour:
        return "0"
    if step_h % day_h == 0:
        return _("{n} d").format(n=formats.number(hour // day_h))
    return _("{n} h").format(n=formats.number(hour))
