"""The report of a campaign: count what is known, let the core tell it, write it where asked.

What the trackers have spooled is drained first, so that the report counts every event that was
acknowledged. Nothing else is changed.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from buzz import __version__
from buzz.config import Settings
from buzz.core import report as core
from buzz.core.report import Facts, Report
from buzz.core.text import is_slug
from buzz.edges import files
from buzz.edges.store import Store, reports
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.model import CampaignStatus
from buzz.pipeline import collect

BOM = "\ufeff"  # without it a spreadsheet reads UTF-8 as something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that was written."""

    path: Path
    bytes: int


def report(settings: Settings, store: Store, slug: str, now: datetime) -> Report:
    """Return the report of one campaign; one that was never planned has zeros in it.

    Raises:
        UsageError: there is no such campaign, neither in the database nor as a folder.
    """
    collect.drain(settings, store)
    with store.read() as tx:
        facts = reports.facts(tx, slug)
    if facts is None:
        facts = _draft(settings, slug)
    return core.build(facts, now=now, version=__version__)


def html(settings: Settings, store: Store, slug: str, output: Path, now: datetime) -> Written:
    """Write the report as one self-contained HTML file, readable by its owner alone.

    Raises:
        UsageError: there is no such campaign.
        ConfigurationError: the place cannot be written.
    """
    return _write(output, core.html(report(settings, store, slug, now)))


def csv(settings: Settings, store: Store, slug: str, now: datetime) -> str:
    """Return the report as CSV: one line a blog.

    Raises:
        UsageError: there is no such campaign.
    """
    return core.sheet(report(settings, store, slug, now))


def csv_file(settings: Settings, store: Store, slug: str, output: Path, now: datetime) -> Written:
    """Write the report as CSV, with the mark by which spreadsheets know UTF-8.

    Raises:
        UsageError: there is no such campaign.
        ConfigurationError: the place cannot be written.
    """
    return _write(output, BOM + csv(settings, store, slug, now))


def _draft(settings: Settings, slug: str) -> Facts:
    """Return the facts of a campaign that is only a folder so far.

    Raises:
        UsageError: there is no such folder.
    """
    if is_slug(slug) and (settings.campaigns / slug).is_dir():
        return Facts(campaign=CampaignStatus(slug=slug))
    raise UsageError(
        _("there is no campaign of this name"), place=slug, remedy=_("see: buzz campaign list")
    )


def _write(path: Path, text: str) -> Written:
    content = text.encode()
    files.write(path, content)
    return Written(path=path, bytes=len(content))
