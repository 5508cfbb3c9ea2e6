"""``buzz rank backtest``: would the list have been a good one?"""

from pathlib import Path
from typing import Annotated

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_

METHODS = {
    "raw_count_30": N_("raw count, 30 days"),
    "active_days_30": N_("active days, 30 days"),
    "decayed_log": N_("log2(1 + posts), decayed"),
    "tempered": N_("tempered, decayed"),
    "tempered_hysteresis": N_("the same, with hysteresis (ours)"),
}
PICKS = {
    "half_life_7": N_("half-life of 7 days (rank rising)"),
    "next_in_rank": N_("next in rank"),
    "random": N_("at random"),
}


def plant(app: typer.Typer) -> None:
    """Plant this file's commands."""
    work.command(app, "backtest", example="buzz rank backtest --help")(backtest)


def backtest(
    *,
    posts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=N_("A table of posts (blog,day,length,text_hash; CSV, may be gzipped)."),
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, metavar="K", help=N_("Places; else 15.7 % of the blogs.")),
    ] = None,
    json: work.Json = False,
) -> None:
    """Judge the ranking by what came after: on past days, beside simpler ways to rank."""
    from dataclasses import asdict

    from buzz.locales import formats
    from buzz.pipeline import rank

    here = work.current()
    trial = rank.backtest(here.settings, here.store, here.now(), posts=posts, size=k)
    if json:
        methods = {name: asdict(figures) for name, figures in trial.methods.items()}
        console.emit(
            {
                "methods": methods,
                "rising": trial.rising,
                "k": trial.k,
                "days": len(trial.days),
                "first_day": trial.days[0],
                "last_day": trial.days[-1],
                "blogs": trial.blogs,
            }
        )
        return
    console.table(
        [_("score"), _("alive"), _("precision"), _("NDCG"), _("churn a day"), _("burst")],
        [
            (
                _(METHODS[name]),
                formats.percent(figures.alive, digits=1),
                formats.percent(figures.precision, digits=1),
                formats.number(figures.ndcg, digits=3),
                formats.number(figures.churn, digits=1),
                formats.percent(figures.burst, digits=1),
            )
            for name, figures in trial.methods.items()
        ],
        right="lrrrrr",
    )
    if trial.rising:
        console.data("")
        console.table(
            [_("picks outside the list"), _("on it in 2 to 4 weeks")],
            [(_(PICKS[n]), formats.percent(hits, digits=1)) for n, hits in trial.rising.items()],
            right="lr",
        )
    console.say(
        _("{k} places for {blogs} blogs, on {days} days from {first} to {last}.").format(
            k=formats.number(trial.k),
            blogs=formats.number(trial.blogs),
            days=formats.number(len(trial.days)),
            first=formats.day(trial.days[0]),
            last=formats.day(trial.days[-1]),
        )
    )
