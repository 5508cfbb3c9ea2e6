"""What people look at: the list, its parts, its movement, its reasons, who comes up."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from buzz.core import ranking as core
from buzz.core.ranking import Change, Explanation, Rising
from buzz.edges.store import Store, Transaction, blogs, feeds, rankholds, rankings
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.locales.formats import PARIS
from buzz.model import Blog, BlogStatus, Feed, Hold, RankedBlog, Ranking
from buzz.pipeline import registry
from buzz.pipeline.rank import reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RankView:
    """A ranking to look at, with what the reader needs beside it."""

    ranking: Ranking
    blogs: tuple[RankedBlog, ...]  # those that were asked for, by rank
    names: dict[str, str]  # slug -> name of the blog
    former_ranks: dict[str, int]  # slug -> rank in the last ranking of a day before


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDiff:
    """Two rankings beside each other."""

    as_of: datetime
    since: datetime  # time of the earlier one
    changes: tuple[Change, ...]  # every blog of both, by its rank now
    names: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RisingView:
    """Who comes up from outside the list, best first."""

    as_of: datetime
    blogs: tuple[Rising, ...]
    names: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankExplanation:
    """Why one blog stands where it stands, with the blog and its feed."""

    as_of: datetime
    blog: Blog
    feed: Feed | None
    why: Explanation
    holds: tuple[Hold, ...] = ()  # all there ever were, oldest first

    @property
    def gap_at(self) -> datetime | None:
        """Return when posts were found lost of which some would count: the score is at least so."""
        gap_at = self.feed.gap_at if self.feed else None
        if gap_at is None:
            return None
        age = (self.as_of - gap_at) / timedelta(days=1)
        return gap_at if age <= core.horizon_days(self.why.half_life_days) else None


def show(
    store: Store,
    *,
    everyone: bool = False,
    federation: str = "",
    tags: Collection[str] = (),
    top: int | None = None,
) -> RankView | None:
    """Return the latest ranking, or None before the first run.

    Args:
        store: the database.
        everyone: also the blogs without a place on the list.
        federation: only those of this local federation.
        tags: only those that have all of these tags.
        top: only so many of them.
    """
    with store.read() as tx:
        ranking = rankings.latest(tx)
        if ranking is None:
            return None
        former = _former(tx, ranking)
        known = {blog.slug: blog for blog in blogs.all_blogs(tx)}
    wanted = {slug for slug, blog in known.items() if _is_of(blog, federation, tags)}
    found = (blog for blog in ranking.blogs if blog.slug in wanted and (everyone or blog.listed))
    return RankView(
        ranking=ranking,
        blogs=tuple(found)[:top],
        names={slug: blog.name for slug, blog in known.items()},
        former_ranks={blog.slug: blog.rank for blog in former.blogs} if former else {},
    )


def _is_of(blog: Blog, federation: str, tags: Collection[str]) -> bool:
    """Tell whether a blog is of a federation and has the tags; capitals make no difference."""
    own = {tag.casefold() for tag in blog.tags}
    return (not federation or blog.federation.casefold() == federation.casefold()) and all(
        tag.casefold() in own for tag in tags
    )


def diff(store: Store, since: date | None = None) -> RankDiff:
    """Return the latest ranking beside the last of a day before, or that in force on a given day.

    Raises:
        BuzzError: there are no two rankings, or none so old.
    """
    with store.read() as tx:
        ranking = _latest(tx)
        end = datetime.combine(since + timedelta(days=1), time(), PARIS) if since else None
        former = rankings.before(tx, min(end, ranking.as_of)) if end else _former(tx, ranking)
        names = {blog.slug: blog.name for blog in blogs.all_blogs(tx)}
    if former is None:
        raise BuzzError(
            _("there is no earlier ranking to compare with"),
            remedy=_("run: buzz rank run, each night"),
        )
    return RankDiff(
        as_of=ranking.as_of,
        since=former.as_of,
        changes=core.changes(ranking, former),
        names=names,
    )


def rising(store: Store, top: int | None = None) -> RisingView:
    """Return the best of those outside the list, by their score with a half-life of 7 days.

    Raises:
        BuzzError: there is no ranking yet.
    """
    with store.read() as tx:
        ranking = _latest(tx)
        posts, marks = reading.judged(tx, ranking.as_of, ranking.half_life_days)
        names = {blog.slug: blog.name for blog in blogs.all_blogs(tx)}
    found = core.rising(ranking, posts, marks)
    return RisingView(as_of=ranking.as_of, blogs=found[:top], names=names)


def explain(store: Store, slug: str) -> RankExplanation:
    """Return why a blog has its place in the latest ranking, from the posts known at that time.

    Raises:
        UsageError: no such blog.
        BuzzError: there is no ranking yet, or the blog is not in it.
    """
    with store.read() as tx:
        blog = registry.find(tx, slug)
        ranking = _latest(tx)
        why = core.explain(
            ranking,
            blog.slug,
            *reading.judged(tx, ranking.as_of, ranking.half_life_days),
            _former(tx, ranking),
        )
        feed = feeds.all_feeds(tx).get(blog.slug)
        holds = rankholds.of_blog(tx, blog.slug)
    if why is None:
        raise _unranked(blog)
    return RankExplanation(as_of=ranking.as_of, blog=blog, feed=feed, why=why, holds=holds)


def _latest(tx: Transaction) -> Ranking:
    ranking = rankings.latest(tx)
    if ranking is None:
        raise BuzzError(
            _("there is no ranking yet"), remedy=_("run: buzz poll, then buzz rank run")
        )
    return ranking


def _former(tx: Transaction, ranking: Ranking) -> Ranking | None:
    """Return the last ranking of a day before, or else the one before: nights are compared.

    Who ranks again by hand in the morning still sees what the night has moved.
    """
    midnight = datetime.combine(core.today(ranking.as_of), time(), PARIS)
    return rankings.before(tx, midnight) or rankings.before(tx, ranking.as_of)


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
