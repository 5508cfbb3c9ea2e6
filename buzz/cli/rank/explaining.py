"""``buzz rank explain``: why a blog stands where it stands, post by post."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.cli.rank import words
from buzz.core.names import FEED_STATES
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import FeedState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buzz.core.ranking import Explanation, ScoredDay
    from buzz.pipeline.rank import RankExplanation

_CHART_DAYS = 30
_CHART_BAR = 12  # blocks of the longest bar: a line of the chart fits 40 columns
_POSTS = 7  # columns


def plant(app: typer.Typer) -> None:
    """Plant this file's command."""
    work.command(app, "explain", example="buzz rank explain le-blog-de-karim")(explain)


def explain(
    blog: Annotated[str, typer.Argument(metavar="BLOG", help=N_("The blog's slug."))],
    *,
    json: work.Json = False,
) -> None:
    """Explain a blog's rank: its days, what does not count and why, how far the cut is."""
    from buzz.pipeline import rank

    explanation = rank.explain(work.current().store, blog)
    if json:
        console.emit(_explanation_facts(explanation))
    else:
        console.data("\n".join(_explanation_lines(explanation)))


def _explanation_facts(explanation: "RankExplanation") -> dict[str, Any]:
    why = explanation.why
    return {
        "as_of": explanation.as_of.isoformat(),
        **words.facts(why.blog),
        "scored_on": why.blog.scored_on,
        "former_rank": why.former_rank,
        "size": why.size,
        "half_life_days": why.half_life_days,
        "days": [
            {
                "day": day.day,
                "age_days": day.age_days,
                "entries": day.posts,
                "value": day.value,
                "weight": day.weight,
                "points": day.points,
            }
            for day in why.days
        ],
        "left_out": [
            {"entry": post.id, "day": post.day, "title": post.title, "reason": reason.value}
            for post, reason in why.left_out
        ],
        "enters_at": {"rank": why.enter_rank, "score": why.enter_score},
        "stays_to": {"rank": why.stay_rank, "score": why.stay_score},
        "silence_days": why.silence_days,
        "gap_at": explanation.gap_at,
        "is_lower_bound": explanation.gap_at is not None,
        "holds": [asdict(hold) for hold in explanation.holds],
    }


def _explanation_lines(explanation: "RankExplanation") -> list[str]:
    blog, why = explanation.blog, explanation.why
    return [
        blog.name,
        _("Rank {rank} of {moment}: {place}").format(
            rank=formats.number(why.blog.rank),
            moment=formats.moment(explanation.as_of),
            place=_("on the list") if why.blog.listed else _("not on the list"),
        ),
        *([_before(why.former_rank)] if why.former_rank else []),
        _("Score {score}: a post loses half its weight in {days} days").format(
            score=formats.number(why.blog.score, digits=2),
            days=f"{why.half_life_days:g}",
        ),
        *_unreachable(explanation),
        *_lost(explanation),
        *(line for hold in explanation.holds for line in words.flood(hold)),
        "",
        *_chart(why.days),
        *_left_out(why),
        "",
        *_cut(why),
    ]


def _before(former_rank: int) -> str:
    return _("Rank before: {rank}").format(rank=formats.number(former_rank))


def _unreachable(explanation: "RankExplanation") -> list[str]:
    feed, placed = explanation.feed, explanation.why.blog
    if placed.status in {FeedState.OK, FeedState.MOVED}:
        return []
    if placed.status is FeedState.NEW or placed.scored_on is None:
        return [_(FEED_STATES[placed.status])]
    state, since = _(FEED_STATES[placed.status]), feed.last_success if feed else None
    return [
        _("{state}; last reached on {day}").format(state=state, day=formats.day(since))
        if since
        else _("{state}; never reached").format(state=state),
        _("Ages count from {day}: its score is kept for 14 days, then decays").format(
            day=formats.day(placed.scored_on)
        ),
    ]


def _lost(explanation: "RankExplanation") -> list[str]:
    """Return that its posts were not all seen, where that is so of days that count."""
    if explanation.gap_at is None:
        return []
    return [
        _("At least: posts were lost between two polls before {day}").format(
            day=formats.day(explanation.gap_at)
        )
    ]


def _chart(days: "Sequence[ScoredDay]") -> list[str]:
    """Return a line with a bar for each day of the last 30, latest first, and one for the rest."""
    if not days:
        return [_("No post that counts.")]
    most = max(day.points for day in days)
    lines = [_row(_("day"), "", _("posts"), _("points"))]
    recent = [day for day in days if day.age_days < _CHART_DAYS]
    for day in recent:
        bar = "█" * max(1, round(_CHART_BAR * day.points / most))
        points = formats.number(day.points, digits=2)
        lines.append(_row(formats.day(day.day), bar, day.posts, points))
    older = days[len(recent) :]
    if older:
        points = formats.number(sum(day.points for day in older), digits=2)
        posts = sum(day.posts for day in older)
        lines.append(_row(_("before that"), "", posts, points))
    return lines


def _row(day: str, bar: str, posts: object, points: str) -> str:
    return f"{day:<12} {bar:<{_CHART_BAR}} {posts:>{_POSTS}} {points:>6}"


def _left_out(why: "Explanation") -> list[str]:
    if not why.left_out:
        return []
    shown = [
        f"  {formats.day(post.day)}: {_(words.REASONS[reason])}: {post.title}"
        for post, reason in why.left_out[: words.NAMED]
    ]
    hidden = len(why.left_out) - len(shown)
    more = [_("  … and {n} more (--json has all)").format(n=hidden)] if hidden else []
    return ["", _("Does not count:"), *shown, *more]


def _cut(why: "Explanation") -> list[str]:
    """Return how far the edge of the list is."""
    lines = [
        _("The list has {size} places.").format(size=formats.number(why.size)),
        _edge(_("A newcomer surely enters at rank {rank}"), why.enter_rank, why.enter_score),
        _edge(_("A member may stay down to rank {rank}"), why.stay_rank, why.stay_score),
    ]
    if why.silence_days is not None:
        if why.stay_score is not None and why.blog.rank <= why.stay_rank:
            ahead = formats.number(why.blog.score - why.stay_score, digits=2)
            lines.append(_("Ahead of that: {points} points.").format(points=ahead))
        lines.append(
            ngettext(
                "A silence of {n} day would cost the place.",
                "A silence of {n} days would cost the place.",
                why.silence_days,
            ).format(n=why.silence_days)
        )
    elif why.enter_score is not None and not why.blog.held:
        lines.append(
            _("Missing to enter: {points} points.").format(
                points=formats.number(max(why.enter_score - why.blog.score, 0.0), digits=2)
            )
        )
    return lines


def _edge(text: str, rank: int, score: float | None) -> str:
    line = text.format(rank=formats.number(rank))
    if score is None:
        return line + _(" (there are fewer blogs).")
    return line + _(" (score {score} now).").format(score=formats.number(score, digits=2))
