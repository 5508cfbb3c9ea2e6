"""``buzz rank``: which blogs are alive, who has a place on the list, and why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.core.names import FEED_STATES
from buzz.errors import LockHeld
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import FeedState, LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buzz.core.ranking import Explanation, ScoredDay
    from buzz.model import RankedBlog, Ranking
    from buzz.pipeline.rank import RankExplanation, RankReport, RankView

_NAMED = 10  # blogs that entered or left; --json has them all
_WIDE = 80  # columns from which the whole table is shown
_CHART_DAYS = 30
_CHART_BAR = 16  # blocks of the longest bar: a line of the chart fits 40 columns

REASONS = {
    LeftOut.SHORT: N_("too short"),
    LeftOut.REPEATED_TITLE: N_("same title within 7 days"),
    LeftOut.NEAR_COPY: N_("a text that was there before"),
    LeftOut.BACKFILL: N_("backlog of the first poll"),
    LeftOut.REDATED: N_("its date was moved"),
}

app = typer.Typer(no_args_is_help=True, help=N_("The ranking of the blogs, and why."))


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="rank")


@work.command(app, "run", example="buzz rank run")
def run(*, dry_run: work.DryRun = False, json: work.Json = False) -> None:
    """Rank the blogs as of now and renew the list; cron runs this at night."""
    from buzz.pipeline import rank

    now = work.current()
    try:
        report = rank.run(now.settings, now.store, now.now(), dry_run=dry_run)
    except LockHeld as exc:  # cron: the other run does this work
        console.say(str(exc))
        return
    if json:
        console.emit(_run_facts(report))
    else:
        _say_run(report, dry_run=dry_run)


@work.command(app, "show", example="buzz rank show --top 10")
def show(
    *,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help=N_("Only the best N."))
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help=N_("Also the blogs that have no place on the list."))
    ] = False,
    json: work.Json = False,
) -> None:
    """Show the latest ranking, and how each blog moved since the one before."""
    from buzz.pipeline import rank

    view = rank.show(work.current().store)
    blogs = [blog for blog in view.ranking.blogs if everyone or blog.listed] if view else []
    blogs = blogs[:top]
    if json:
        as_of = view.ranking.as_of.isoformat() if view else None
        console.emit({"as_of": as_of, "blogs": [_blog_facts(blog) for blog in blogs]})
    elif view is None:
        console.say(_("There is no ranking yet. Run: buzz poll, then buzz rank run"))
    else:
        _show_table(view, blogs)


@work.command(app, "explain", example="buzz rank explain le-blog-de-karim")
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


# --- facts for programs -----------------------------------------------------------------------


def _run_facts(report: "RankReport") -> dict[str, Any]:
    return {
        "as_of": report.ranking.as_of.isoformat(),
        "ranked": len(report.ranking.blogs),
        "listed": report.listed,
        "entered": list(report.entered),
        "left": list(report.left),
    }


def _blog_facts(blog: "RankedBlog") -> dict[str, Any]:
    return {
        "rank": blog.rank,
        "slug": blog.slug,
        "score": blog.score,
        "listed": blog.listed,
        "active_days_30": blog.active_days_30,
        "entries_30": blog.entries_30,
        "last_published": blog.last_published.isoformat() if blog.last_published else None,
        "status": blog.status.value,
    }


def _explanation_facts(explanation: "RankExplanation") -> dict[str, Any]:
    why = explanation.why
    return {
        "as_of": explanation.as_of.isoformat(),
        **_blog_facts(why.blog),
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
    }


# --- words for people -------------------------------------------------------------------------


def _say_run(report: "RankReport", *, dry_run: bool) -> None:
    from buzz.locales import formats

    console.say(
        _("{listed} listed of {ranked} ranked; {entered} entered, {left} left.").format(
            listed=formats.number(report.listed),
            ranked=formats.number(len(report.ranking.blogs)),
            entered=formats.number(len(report.entered)),
            left=formats.number(len(report.left)),
        )
    )
    for label, slugs in ((_("Entered:"), report.entered), (_("Left:"), report.left)):
        if slugs:
            more = ", …" if len(slugs) > _NAMED else ""
            console.say(f"{label} {', '.join(slugs[:_NAMED])}{more}")
    if report.unreachable:
        console.say(
            ngettext(
                "{n} blog cannot be reached; its score is kept for 14 days, then decays.",
                "{n} blogs cannot be reached; their scores are kept for 14 days, then decay.",
                report.unreachable,
            ).format(n=formats.number(report.unreachable))
        )
    if not report.listed:
        console.say(_("No blog has a post that counts. Run: buzz poll"))
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))


def _show_table(view: "RankView", blogs: "Sequence[RankedBlog]") -> None:
    from buzz.locales import formats

    columns = [_("rank"), "", _("blog"), _("score")]
    wide = console.width() >= _WIDE
    if wide:
        columns += [_("days of 30"), _("posts"), _("last post"), _("state")]
    rows = []
    for blog in blogs:
        row = [
            formats.number(blog.rank),
            _move(view.former_ranks, blog),
            view.names.get(blog.slug, blog.slug) if wide else blog.slug,
            formats.number(blog.score, digits=2),
        ]
        if wide:
            last = formats.day(blog.last_published.date()) if blog.last_published else ""
            row += [str(blog.active_days_30), str(blog.entries_30), last, _state(blog)]
        rows.append(row)
    console.table(columns, rows, right="rl lrrrll".replace(" ", ""))
    console.say(
        _("As of {moment}: {listed} places of {size} taken, {ranked} blogs ranked.").format(
            moment=formats.moment(view.ranking.as_of),
            listed=formats.number(_listed(view.ranking)),
            size=formats.number(view.ranking.size),
            ranked=formats.number(len(view.ranking.blogs)),
        )
    )


def _listed(ranking: "Ranking") -> int:
    return sum(blog.listed for blog in ranking.blogs)


def _move(former_ranks: dict[str, int], blog: "RankedBlog") -> str:
    """Return how a blog moved since the ranking before: a sign that needs no colour."""
    if not former_ranks:
        return ""
    former = former_ranks.get(blog.slug)
    if former is None:
        return _("new")
    gain = former - blog.rank
    return f"▲{gain}" if gain > 0 else f"▼{-gain}" if gain < 0 else "="


def _state(blog: "RankedBlog") -> str:
    return _(FEED_STATES[blog.status]) if blog.status is not FeedState.OK else ""


def _explanation_lines(explanation: "RankExplanation") -> list[str]:
    from buzz.locales import formats

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
        "",
        *_chart(why.days),
        *_left_out(why),
        "",
        *_cut(why),
    ]


def _before(former_rank: int) -> str:
    from buzz.locales import formats

    return _("Rank before: {rank}").format(rank=formats.number(former_rank))


def _unreachable(explanation: "RankExplanation") -> list[str]:
    from buzz.locales import formats

    feed, placed = explanation.feed, explanation.why.blog
    if placed.status in {FeedState.OK, FeedState.MOVED}:
        return []
    if placed.status is FeedState.NEW or placed.scored_on is None:
        return [_(FEED_STATES[placed.status])]
    state, since = _(FEED_STATES[placed.status]), feed.last_success if feed else None
    return [
        _("{state}; last reached on {day}").format(state=state, day=formats.day(since.date()))
        if since
        else _("{state}; never reached").format(state=state),
        _("Ages count from {day}: its score is kept for 14 days, then decays").format(
            day=formats.day(placed.scored_on)
        ),
    ]


def _chart(days: "Sequence[ScoredDay]") -> list[str]:
    """Return a line with a bar for each day of the last 30, latest first, and one for the rest."""
    from buzz.locales import formats

    if not days:
        return [_("No post that counts.")]
    most = max(day.points for day in days)
    lines = [f"{_('day'):<12} {'':<{_CHART_BAR}} {_('n'):>3} {_('points'):>6}"]
    recent = [day for day in days if day.age_days < _CHART_DAYS]
    for day in recent:
        bar = "█" * max(1, round(_CHART_BAR * day.points / most))
        points = formats.number(day.points, digits=2)
        lines.append(f"{formats.day(day.day):<12} {bar:<{_CHART_BAR}} {day.posts:>3} {points:>6}")
    older = days[len(recent) :]
    if older:
        points = formats.number(sum(day.points for day in older), digits=2)
        posts = sum(day.posts for day in older)
        lines.append(f"{_('before that'):<12} {'':<{_CHART_BAR}} {posts:>3} {points:>6}")
    return lines


def _left_out(why: "Explanation") -> list[str]:
    from buzz.locales import formats

    if not why.left_out:
        return []
    shown = [
        f"  {formats.day(post.day)}: {_(REASONS[reason])}: {post.title}"
        for post, reason in why.left_out[:_NAMED]
    ]
    hidden = len(why.left_out) - len(shown)
    more = [_("  … and {n} more (--json has all)").format(n=hidden)] if hidden else []
    return ["", _("Does not count:"), *shown, *more]


def _cut(why: "Explanation") -> list[str]:
    """Return how far the edge of the list is."""
    from buzz.locales import formats

    lines = [
        _("The list has {size} places.").format(size=formats.number(why.size)),
        _edge(_("A newcomer surely enters at rank {rank}"), why.enter_rank, why.enter_score),
        _edge(_("A member may stay down to rank {rank}"), why.stay_rank, why.stay_score),
    ]
    if why.silence_days is not None:
        lines.append(
            ngettext(
                "A silence of {n} day would cost the place.",
                "A silence of {n} days would cost the place.",
                why.silence_days,
            ).format(n=why.silence_days)
        )
    elif why.enter_score is not None:
        lines.append(
            _("Missing to enter: {points} points.").format(
                points=formats.number(max(why.enter_score - why.blog.score, 0.0), digits=2)
            )
        )
    return lines


def _edge(text: str, rank: int, score: float | None) -> str:
    from buzz.locales import formats

    line = text.format(rank=formats.number(rank))
    if score is None:
        return line + _(" (there are fewer blogs).")
    return line + _(" (score {score} now).").format(score=formats.number(score, digits=2))
