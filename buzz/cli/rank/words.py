"""Words and signs that the commands of the ranking share."""

from collections.abc import Mapping

from buzz.core.names import FEED_STATES
from buzz.core.ranking.movement import band
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import FeedState, Hold, LeftOut, RankedBlog

WIDE, WIDEST = 80, 100  # columns from which names and figures are shown, and from which dates
NAMED = 10  # blogs or posts named one by one; --json has them all

REASONS = {
    LeftOut.SHORT: N_("too short"),
    LeftOut.REPEATED_TITLE: N_("same title within 7 days"),
    LeftOut.REPEATED_LINK: N_("same link within 7 days"),
    LeftOut.NEAR_COPY: N_("a text that was there before"),
    LeftOut.BACKFILL: N_("backlog of the first poll"),
    LeftOut.REDATED: N_("its date was moved"),
}


def place(rank: int) -> str:
    """Return a rank as it is told: exactly among the first 100, in bands of 100 below."""
    first, last = band(rank)
    return formats.number(rank) if first == last else f"{first}\u2013{last}"


def move(former_ranks: Mapping[str, int], blog: RankedBlog) -> str:
    """Return how a blog moved since the ranking before: a sign that needs no colour.

    With the number of ranks among the first 100; below, only what leads into another band counts.
    """
    if not former_ranks:
        return ""
    former = former_ranks.get(blog.slug)
    if former is None:
        return _("new")
    exact = band(blog.rank)[0] == band(blog.rank)[1]
    gain = former - blog.rank if exact or band(former) != band(blog.rank) else 0
    sign = "▲" if gain > 0 else "▼" if gain < 0 else "="
    return f"{sign}{abs(gain)}" if gain and exact else sign


def state(blog: RankedBlog) -> str:
    """Return what is the matter with a blog, if anything."""
    words = _(FEED_STATES[blog.status]) if blog.status is not FeedState.OK else ""
    return ", ".join(filter(None, (_("held after a flood") if blog.held else "", words)))


def flood(hold: Hold) -> list[str]:
    """Return what is known of a flood: what came, and what has become of the blog's rank."""
    told = _("Flood: {posts} posts on {day}, usually {usual} on a full day").format(
        posts=formats.number(hold.posts),
        day=formats.day(hold.day),
        usual=formats.number(hold.usual),
    )
    place = _("rank {rank}").format(rank=formats.number(hold.rank)) if hold.rank else _("no rank")
    since = _("  held since {moment}, at {place}").format(
        moment=formats.moment(hold.since), place=place
    )
    if hold.released_at:
        then = _("  released by {who}, {moment}").format(
            who=hold.released_by, moment=formats.moment(hold.released_at)
        )
    else:
        then = _("  until: buzz rank hold release {slug}").format(slug=hold.blog)
    return [told, since, then]


def facts(blog: RankedBlog) -> dict[str, object]:
    """Return a blog's place for other programs."""
    return {
        "rank": blog.rank,
        "slug": blog.slug,
        "score": blog.score,
        "listed": blog.listed,
        "held": blog.held,
        "active_days_30": blog.active_days_30,
        "entries_30": blog.entries_30,
        "last_published": blog.last_published.isoformat() if blog.last_published else None,
        "status": blog.status.value,
    }
