"""Lists of others: what OPML and its kin bring to the registry, and the registry as OPML.

A list only ever adds (docs/decisions/0006): blogs that are known stay as they are, and those that
the list lacks stay as well.
"""

from dataclasses import replace
from pathlib import Path

from buzz.config import Settings
from buzz.core.registry import lists, opml
from buzz.core.registry.rows import Listing
from buzz.edges.store import Store, blogs
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import Level
from buzz.pipeline import registry
from buzz.pipeline.registry import Plan

_MOST_DETAILS = 20  # lines of a hopeless list that are named


def plan_import(settings: Settings, store: Store, file: Path, *, keep: bool = False) -> Plan:
    """Return what importing a file would change, be it a registry or somebody's list.

    Args:
        settings: the workspace's.
        store: its database.
        file: what it is shows by its content; ``blogs.csv`` itself is always a registry.
        keep: blogs that a registry does not have stay; those that a list lacks always do.

    Raises:
        UsageError: the file cannot be read.
        CheckRefused: something in a registry is wrong, nothing in a list can be taken, or
            ``blogs.csv`` holds edits never imported.
    """
    if file.resolve() != settings.registry_file.resolve():
        content = registry.content_of(file)
        listing = lists.read_list(content[: lists.MAX_BYTES], file=file.name)
        if listing:
            if len(content) > lists.MAX_BYTES:
                raise registry.too_large(file, lists.MAX_BYTES)
            return _plan(settings, store, listing, file)
    return registry.plan_import(settings, store, file, keep=keep)


def export(store: Store) -> bytes:
    """Return the registry as the database has it, as OPML."""
    with store.read() as tx:
        everything = blogs.all_blogs(tx)
    return opml.write_opml(everything, title="La Lettre du Buzz")


def _plan(settings: Settings, store: Store, listing: Listing, file: Path) -> Plan:
    before, written, style = registry.present(settings, store)
    found = lists.arrivals(listing, before, file=file.name, allowed=settings.poll.allow_networks)
    bad = tuple(finding for finding in found.findings if finding.level is Level.ERROR)
    if bad and not found.blogs and not found.known:
        raise CheckRefused(
            _("nothing in this list can be taken"),
            place=str(file),
            details=[registry.line_of(finding) for finding in bad[:_MOST_DETAILS]],
        )
    return replace(
        registry.plan_of(
            {blog.slug: blog for blog in (*before, *found.blogs)},
            before,
            written,
            style,
            [finding for finding in found.findings if finding.level is not Level.ERROR],
        ),
        left_out=bad,
        known=found.known + found.repeated,
    )
