"""The registry's health: what is wrong with ``blogs.csv``, and how each blog's feed is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from buzz.config import Settings
from buzz.core import registry
from buzz.core.feeds import has_lost_posts
from buzz.core.registry import Diff, Registry
from buzz.core.registry.health import WORST_FIRST, is_well, worst_first
from buzz.edges.store import Store, blogs, feeds
from buzz.locales import gettext as _
from buzz.model import BlogStatus, Feed, FeedState, Finding, Level
from buzz.pipeline.registry import written_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look over the registry found."""

    problems: tuple[Finding, ...]  # of the file
    drift: Diff | None  # what importing blogs.csv would change; None: it cannot be imported
    ill: tuple[Feed, ...]  # feeds that do not work, worst first
    lost: tuple[Feed, ...]  # those that work, but lost posts between two polls of late
    well: tuple[Feed, ...]  # the others
    states: Mapping[FeedState, int]  # how many feeds are in each state that occurs, worst first


def check(settings: Settings, store: Store) -> Checked:
    """Return what is wrong with ``blogs.csv`` and how the feeds of the active blogs are."""
    with store.read() as tx:
        before = blogs.all_blogs(tx)
        known = feeds.all_feeds(tx)
    written = written_in(settings)
    found = _not_there(settings.registry_file)
    if written is not None:
        found = registry.read(
            written,
            file=settings.registry_file.name,
            allowed=settings.poll.allow_networks,
        )
    everything = worst_first(
        known.get(blog.slug) or Feed(blog=blog.slug, url=blog.feed_url or blog.url)
        for blog in before
        if blog.status is BlogStatus.ACTIVE
    )
    counts = Counter(feed.state for feed in everything)
    now = settings.now()
    working = [feed for feed in everything if is_well(feed)]
    return Checked(
        problems=found.findings,
        drift=None if found.errors else registry.diff(before, found.blogs),
        ill=tuple(feed for feed in everything if not is_well(feed)),
        lost=tuple(feed for feed in working if has_lost_posts(feed, now)),
        well=tuple(feed for feed in working if not has_lost_posts(feed, now)),
        states={state: counts[state] for state in WORST_FIRST if counts[state]},
    )


def _not_there(file: Path) -> Registry:
    return Registry(
        findings=(
            Finding(
                rule="file",
                level=Level.ERROR,
                place=file.name,
                what=_("there is no such file"),
                remedy=_("run: buzz blogs export {file}").format(file=file.name),
            ),
        )
    )
