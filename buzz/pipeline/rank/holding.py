"""Holds after floods: listed, and released by a person who is named."""

from dataclasses import dataclass
from datetime import datetime

from buzz.edges.store import Store, blogs, rankholds
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.model import Hold
from buzz.pipeline import registry


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """Holds to look at, oldest first, with the names of the blogs."""

    holds: tuple[Hold, ...]
    names: dict[str, str]


def holds(store: Store, *, everything: bool = False) -> HoldView:
    """Return the holds that wait for a person; also those that were released, if wanted."""
    with store.read() as tx:
        found = rankholds.waiting(tx)
        if everything:
            found = tuple(sorted((*found, *rankholds.released(tx)), key=lambda h: h.since))
        return HoldView(holds=found, names={blog.slug: blog.name for blog in blogs.all_blogs(tx)})


def release(
    store: Store, slug: str, now: datetime, who: str, *, dry_run: bool = False
) -> tuple[Hold, ...]:
    """Release a blog: the next ranking places it by its score. Return what was released.

    So many posts a day are then no flood for this blog any more.

    Raises:
        UsageError: no such blog, or it is not held.
    """
    with store.write() as tx:
        blog = registry.find(tx, slug)
        found = tuple(hold for hold in rankholds.of_blog(tx, slug) if hold.released_at is None)
        if not found:
            raise UsageError(
                _("this blog is not held"), place=blog.slug, remedy=_("see: buzz rank hold list")
            )
        if not dry_run:
            rankholds.release(tx, slug, now, who)
    return found
