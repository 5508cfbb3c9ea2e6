"""The night's ranking: read the posts, let the core decide, store the list."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core import ranking as core
from buzz.edges import files
from buzz.edges.store import Store, Transaction, blogs, feeds, rankholds, rankings, runs
from buzz.errors import BuzzError, LockHeld
from buzz.model import Hold, Ranking, Run
from buzz.pipeline.rank import reading

COMMAND = "rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class RankReport:
    """What a run decided."""

    ranking: Ranking
    listed: int
    entered: tuple[str, ...]  # slugs, best first
    left: tuple[str, ...]  # slugs, by their former rank
    unreachable: int  # blogs whose score stands still or decays because their feed is away
    held: tuple[Hold, ...] = ()  # new ones: floods that nobody has looked at


def run(settings: Settings, store: Store, now: datetime, *, dry_run: bool = False) -> RankReport:
    """Rank the registry as of now and store the result, unless it is a dry run.

    Raises:
        LockHeld: another ranking goes on.
        BuzzError: it failed; that is recorded where the database still takes it.
    """
    try:
        return _run(settings, store, now, dry_run=dry_run)
    except LockHeld:
        raise
    except BuzzError as exc:
        if not dry_run:
            with suppress(BuzzError), store.write() as tx:
                runs.add(tx, _failure(exc, now, settings.now()))
        raise


def _run(settings: Settings, store: Store, now: datetime, *, dry_run: bool) -> RankReport:
    half_life = settings.rank.half_life_days
    with files.lock(settings.lock("rank")):
        made = reading.sketch(store, reading.first_day(now, half_life), keep=not dry_run)
        with store.read() as tx:
            former = rankings.before(tx, now)
            members = [blog.slug for blog in former.blogs if blog.listed] if former else []
            posts, marks = reading.judged(tx, now, half_life, made)
            waiting = rankholds.waiting(tx)
            looked_at = _looked_at(rankholds.released(tx))
            found = core.floods(posts, marks, now, looked_at)
            new = _new_holds(tx, found, waiting, former, now)
            ranking = core.rank(
                blogs.all_blogs(tx),
                feeds.all_feeds(tx),
                blogs.registered(tx),
                posts,
                marks,
                as_of=now,
                size=settings.rank.size,
                half_life_days=half_life,
                former=members,
                held={hold.blog: hold.rank for hold in (*waiting, *new)},
            )
        report = _report(ranking, members, new)
        if not dry_run:
            with store.write() as tx:
                rankings.save(tx, ranking)
                rankholds.add(tx, new)
                runs.add(tx, _record(report, now, settings.now()))
    return report


def _looked_at(released: Iterable[Hold]) -> dict[str, int]:
    """Return by slug how many posts a day a person has found to be right."""
    most: dict[str, int] = {}
    for hold in released:
        most[hold.blog] = max(hold.posts, most.get(hold.blog, 0))
    return most


def _new_holds(
    tx: Transaction,
    found: Iterable[core.Flood],
    waiting: Iterable[Hold],
    former: Ranking | None,
    now: datetime,
) -> tuple[Hold, ...]:
    """Return the holds of floods in a blog of the registry that is not held already."""
    ranks = {blog.slug: blog.rank for blog in former.blogs if blog.score > 0} if former else {}
    known = {hold.blog for hold in waiting}
    registered = blogs.registered(tx)
    return tuple(
        Hold(
            blog=flood.blog,
            since=now,
            rank=ranks.get(flood.blog),
            day=flood.day,
            posts=flood.posts,
            usual=flood.usual,
        )
        for flood in found
        if flood.blog in registered and flood.blog not in known
    )


def _report(ranking: Ranking, members: list[str], held: tuple[Hold, ...]) -> RankReport:
    listed = [blog.slug for blog in ranking.blogs if blog.listed]
    before, after = set(members), set(listed)
    return RankReport(
        ranking=ranking,
        listed=len(listed),
        entered=tuple(slug for slug in listed if slug not in before),
        left=tuple(slug for slug in members if slug not in after),
        unreachable=sum(blog.status not in core.REACHED for blog in ranking.blogs),
        held=held,
    )


def _record(report: RankReport, started_at: datetime, ended_at: datetime) -> Run:
    return Run(
        command=COMMAND,
        started_at=started_at,
        ended_at=ended_at,
        exit_code=0,
        summary={
            "ranked": len(report.ranking.blogs),
            "listed": report.listed,
            "entered": len(report.entered),
            "left": len(report.left),
            "held": len(report.held),
        },
    )


def _failure(exc: BuzzError, started_at: datetime, ended_at: datetime) -> Run:
    return Run(
        command=COMMAND,
        started_at=started_at,
        ended_at=ended_at,
        exit_code=exc.exit_code,
        summary={"error": exc.what},
    )
