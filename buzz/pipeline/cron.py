"""What runs by itself: its lines in the crontab, and the hour's work on the campaigns."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from buzz.config import Settings
from buzz.core import schedule
from buzz.core.schedule import Job
from buzz.edges import crontab
from buzz.edges.store import Store, campaigns, runs
from buzz.errors import BuzzError, LockHeld, TemporaryFailure
from buzz.locales import gettext as _
from buzz.model import CampaignState, CampaignStatus, Run
from buzz.pipeline import bounces, collect, relays, send

COMMAND = "cron run"
SCANNED = timedelta(days=30)  # after a letter, its relays are looked for every hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A workspace's jobs, in both forms."""

    jobs: tuple[Job, ...]
    block: str  # lines of a crontab
    units: dict[str, str]  # of systemd, by file name


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One step of the hour's work."""

    step: str  # ``collect``, ``send resume`` or ``relays scan``
    campaign: str
    exit_code: int = 0
    trouble: str = ""


def plan(settings: Settings, *, language: str) -> Schedule:
    """Return what shall run by itself in this workspace.

    Raises:
        CheckRefused: its path cannot stand in a crontab.
    """
    workspace = str(settings.workspace.resolve())
    found = schedule.jobs(crc32(workspace.encode("utf-8", "surrogateescape")))
    command = (
        *(sys.executable, "-m", "buzz", "--workspace", workspace),
        *("--lang", language, "--quiet"),
    )
    return Schedule(
        jobs=found,
        block=schedule.block(workspace, found, command),
        units=schedule.units(found, command),
    )


def install(settings: Settings, *, language: str, dry_run: bool = False) -> bool:
    """Put the workspace's lines into the user's crontab; tell whether that changes it.

    Raises:
        CheckRefused: our markers in it are damaged.
        ConfigurationError: this machine has no cron.
        BuzzError: it cannot be read or written.
    """
    block = plan(settings, language=language).block
    before = _present(dry_run=dry_run)
    after = schedule.with_block(before, str(settings.workspace.resolve()), block)
    return _write(before, after, dry_run=dry_run)


def remove(settings: Settings, *, dry_run: bool = False) -> str:
    """Take the workspace's lines out of the user's crontab; return them, if there were any.

    Raises:
        CheckRefused: our markers in it are damaged.
        ConfigurationError: this machine has no cron.
        BuzzError: it cannot be read or written.
    """
    before = _present(dry_run=dry_run)
    after, block = schedule.without_block(before, str(settings.workspace.resolve()))
    _write(before, after, dry_run=dry_run)
    return block


def _present(*, dry_run: bool) -> str:
    """Return the crontab; what a dry run would do can be said where there is no cron, too."""
    return "" if dry_run and not crontab.is_there() else crontab.read()


def _write(before: str, after: str, *, dry_run: bool) -> bool:
    if after != before and not dry_run:
        crontab.write(after)
    return after != before


# --- the hour's work --------------------------------------------------------------------------


def run(
    settings: Settings, store: Store, now: datetime, *, dry_run: bool = False
) -> tuple[Done, ...]:
    """Go on with letters that were put off, and look for relays of recent ones.

    Each step stands alone: a failure is reported and the others are done. What another process is
    doing, and what must wait, comes again in an hour. A dry run only says which steps there are.
    """
    with store.read() as tx:
        due = tuple(_due(settings, campaigns.all_campaigns(tx), now))
    if dry_run:
        return due
    done = [_STEPS[step.step](settings, store, step.campaign, now) for step in due]
    with store.write() as tx:
        runs.add(tx, _record(done, now, settings.now()))
    return tuple(done)


def _due(settings: Settings, known: Sequence[CampaignStatus], now: datetime) -> Iterator[Done]:
    yield Done(step="collect", campaign="")
    if settings.bounces.mailbox:  # first: whoever is gone gets none of the letters that follow
        yield Done(step="bounces collect", campaign="")
    for campaign in known:
        if campaign.state is CampaignState.SENDING:
            yield Done(step="send resume", campaign=campaign.slug)
    for campaign in known:
        if campaign.started_at is not None and now - campaign.started_at <= SCANNED:
            yield Done(step="relays scan", campaign=campaign.slug)


def _record(done: Sequence[Done], started_at: datetime, ended_at: datetime) -> Run:
    return Run(
        command=COMMAND,
        started_at=started_at,
        ended_at=ended_at,
        exit_code=max(step.exit_code for step in done),
        summary={
            "steps": len(done),
            "waiting": sum(bool(step.trouble) and not step.exit_code for step in done),
            "failed": sum(bool(step.exit_code) for step in done),
        },
    )


def _collect(settings: Settings, store: Store, _slug: str, _now: datetime) -> Done:
    try:
        collect.drain(settings, store)
    except BuzzError as exc:
        return _trouble("collect", "", exc)
    return Done(step="collect", campaign="")


def _bounces(settings: Settings, store: Store, _slug: str, now: datetime) -> Done:
    try:
        bounces.collect(settings, store, now)
    except BuzzError as exc:
        return _trouble("bounces collect", "", exc)
    return Done(step="bounces collect", campaign="")


def _resume(settings: Settings, store: Store, slug: str, now: datetime) -> Done:
    try:
        result = send.start(settings, store, slug, now, by_itself=True)
    except BuzzError as exc:
        return _trouble("send resume", slug, exc)
    if result.trouble is not None:
        return _trouble("send resume", slug, result.trouble)
    if result.exit_code in {0, TemporaryFailure.exit_code}:  # done, or put off by the server
        return Done(step="send resume", campaign=slug)
    return Done(
        step="send resume",
        campaign=slug,
        exit_code=result.exit_code,
        trouble=_("not all is well; see: buzz send status {slug}").format(slug=slug),
    )


def _scan(settings: Settings, store: Store, slug: str, now: datetime) -> Done:
    try:
        relays.scan(settings, store, slug, now)
    except BuzzError as exc:
        return _trouble("relays scan", slug, exc)
    return Done(step="relays scan", campaign=slug)


def _trouble(step: str, slug: str, exc: BuzzError) -> Done:
    waits = isinstance(exc, LockHeld | TemporaryFailure)
    return Done(step=step, campaign=slug, exit_code=0 if waits else exc.exit_code, trouble=str(exc))


_STEPS = {
    "collect": _collect,
    "bounces collect": _bounces,
    "send resume": _resume,
    "relays scan": _scan,
}
