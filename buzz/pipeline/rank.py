"""The night's ranking: read the posts, let the core decide, store the list; show and explain it.

Nothing is fetched here. A ranking is stored whole, so that any night's list can be shown, compared
and explained later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from buzz.config import Settings
from buzz.core import ranking as core
from buzz.core.ranking import Explanation, Post
from buzz.edges import files
from buzz.edges.store import Store, Transaction, blogs, feeds, rankings, runs
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.model import Blog, BlogStatus, Feed, Ranking, Run
from buzz.pipeline import registry


@dataclass(frozen=True, slots=True, kw_only=True)
class RankReport:
    """What a run decided."""

    ranking: Ranking
    listed: int
    entered: tuple[str, ...]  # slugs, best first
    left: tuple[str, ...]  # slugs, by their former rank
    unreachable: int  # blogs whose score stands still or decays because their feed is away


@dataclass(frozen=True, slots=True, kw_only=True)
class RankView:
    """A ranking to look at, with what the reader needs beside it."""

    ranking: Ranking
    names: dict[str, str]  # slug -> name of the blog
    former_ranks: dict[str, int]  # slug -> rank in the ranking before


@dataclass(frozen=True, slots=True, kw_only=True)
class RankExplanation:
    """Why one blog stands where it stands, with the blog and its feed."""

    as_of: datetime
    blog: Blog
    feed: Feed | None
    why: Explanation


def run(settings: Settings, store: Store, now: datetime, *, dry_run: bool = False) -> RankReport:
    """Rank the registry as of now and store the result, unless it is a dry run.

    Raises:
        LockHeld: another ranking goes on.
    """
    with files.lock(settings.lock("rank")):
        with store.read() as tx:
            former = rankings.before(tx, now)
            members = [blog.slug for blog in former.blogs if blog.listed] if former else []
            ranking = core.rank(
                blogs.all_blogs(tx),
                feeds.all_feeds(tx),
                blogs.registered(tx),
                _posts(tx, now, settings.rank.half_life_days),
                as_of=now,
                size=settings.rank.size,
                half_life_days=settings.rank.half_life_days,
                former=members,
            )
        report = _report(ranking, members)
        if not dry_run:
            with store.write() as tx:
                rankings.save(tx, ranking)
                runs.add(tx, _record(report, now, settings.now()))
    return report


def show(store: Store) -> RankView | None:
    """Return the latest ranking, or None before the first run."""
    with store.read() as tx:
        ranking = rankings.latest(tx)
        if ranking is None:
            return None
        former = rankings.before(tx, ranking.as_of)
        return RankView(
            ranking=ranking,
            names={blog.slug: blog.name for blog in blogs.all_blogs(tx)},
            former_ranks={blog.slug: blog.rank for blog in former.blogs} if former else {},
        )


def explain(store: Store, slug: str) -> RankExplanation:
    """Return why a blog has its place in the latest ranking, from the posts known at that time.

    Raises:
        UsageError: no such blog.
        BuzzError: there is no ranking yet, or the blog is not in it.
    """
    with store.read() as tx:
        blog = registry.find(tx, slug)
        ranking = rankings.latest(tx)
        if ranking is None:
            raise BuzzError(
                _("there is no ranking yet"), remedy=_("run: buzz poll, then buzz rank run")
            )
        why = core.explain(
            ranking,
            blog.slug,
            _posts(tx, ranking.as_of, ranking.half_life_days),
            rankings.before(tx, ranking.as_of),
        )
        feed = feeds.all_feeds(tx).get(blog.slug)
    if why is None:
        raise _unranked(blog)
    return RankExplanation(as_of=ranking.as_of, blog=blog, feed=feed, why=why)


def _unranked(blog: Blog) -> BuzzError:
    if blog.status is BlogStatus.PAUSED:
        return BuzzError(
            _("this blog is paused, and so it is not ranked"),
            place=blog.slug,
            remedy=_("run: buzz blogs edit {slug} --status active").format(slug=blog.slug),
        )
    return BuzzError(
        _("this blog came into the registry after the latest ranking"),
        place=blog.slug,
        remedy=_("run: buzz rank run"),
    )


def _posts(tx: Transaction, as_of: datetime, half_life_days: float) -> list[Post]:
    days = timedelta(days=core.reading_days(half_life_days))
    return rankings.posts(tx, core.today(as_of) - days, as_of)


def _report(ranking: Ranking, members: list[str]) -> RankReport:
    listed = [blog.slug for blog in ranking.blogs if blog.listed]
    before, after = set(members), set(listed)
    return RankReport(
        ranking=ranking,
        listed=len(listed),
        entered=tuple(slug for slug in listed if slug not in before),
        left=tuple(slug for slug in members if slug not in after),
        unreachable=sum(blog.status not in core.REACHED for blog in ranking.blogs),
    )


def _record(report: RankReport, started_at: datetime, ended_at: datetime) -> Run:
    return Run(
        command="rank",
        started_at=started_at,
        ended_at=ended_at,
        exit_code=0,
        summary={
            "ranked": len(report.ranking.blogs),
            "listed": report.listed,
            "entered": len(report.entered),
            "left": len(report.left),
        },
    )
