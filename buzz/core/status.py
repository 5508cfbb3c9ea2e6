"""What to do next, decided from where things stand: letters on their way, then the day's work.

Each step says why, and the exact command that does it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.model import (
    Account,
    BlogStatus,
    CampaignState,
    CampaignStatus,
    FeedState,
    Run,
    Verdict,
)

POLL_AGE = timedelta(days=1)  # cron polls at least once a day
_READY = {CampaignState.CHECKED, CampaignState.APPROVED}
_ENDED = {CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.EXPIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLine:
    """One campaign: its state, who got it, who relayed it."""

    campaign: CampaignStatus
    account: Account
    relays: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingLine:
    """The newest ranking."""

    as_of: datetime
    ranked: int
    listed: int
    held: int = 0  # blogs that wait for a person's look after a flood


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What to do next: why, and the command that does it."""

    why: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where things stand."""

    blogs: Mapping[BlogStatus, int]
    with_email: int  # active blogs that can be written to
    is_imported: bool  # blogs.csv is what the database has
    feeds: Mapping[FeedState, int]
    entries: int
    newest: datetime | None  # when the newest entry was first seen
    runs: tuple[Run, ...]  # the last one of each command, newest first
    failed: Mapping[str, int]  # by command, how many of the last 10 runs did not end well
    ranking: RankingLine | None
    campaigns: tuple[CampaignLine, ...]  # those that go on first, then the newest
    next_steps: tuple[NextStep, ...] = ()  # most urgent first


def by_importance(lines: Iterable[CampaignLine]) -> tuple[CampaignLine, ...]:
    """Return campaigns in the order in which they matter: what goes on first, then the newest."""

    def importance(line: CampaignLine) -> tuple[bool, float, str]:
        campaign = line.campaign
        latest = campaign.started_at or campaign.planned_at or campaign.checked_at
        return (campaign.state in _ENDED, -latest.timestamp() if latest else 0, campaign.slug)

    return tuple(sorted(lines, key=importance))


def last_of(runs: Iterable[Run], command: str) -> Run | None:
    """Return the run of a command among the last ones of each, or None."""
    return next((run for run in runs if run.command == command), None)


def next_steps(found: Status, now: datetime) -> Iterator[NextStep]:
    """Yield what to do next, most urgent first: letters on their way, then the day's work."""
    for line in found.campaigns:
        yield from _on_its_way(line, now)
    yield from _registry(found)
    if sum(found.blogs.values()):
        yield from _poll(found, now)
        yield from _rank(found)
        yield from _letters(found)


def _on_its_way(line: CampaignLine, now: datetime) -> Iterator[NextStep]:
    campaign, account = line.campaign, line.account
    if account.uncertain:
        yield NextStep(
            why=ngettext(
                "{n} delivery of {slug} is uncertain: a person must decide",
                "{n} deliveries of {slug} are uncertain: a person must decide",
                account.uncertain,
            ).format(n=formats.number(account.uncertain), slug=campaign.slug),
            command=f"buzz send uncertain {campaign.slug}",
        )
    if campaign.state is CampaignState.PAUSED:
        yield NextStep(
            why=_("{slug} is paused").format(slug=campaign.slug),
            command=f"buzz send resume {campaign.slug}",
        )
    if campaign.state is CampaignState.SENDING:
        if campaign.held_until and campaign.held_until > now:
            yield NextStep(
                why=_("{slug} is being sent").format(slug=campaign.slug),
                command=f"buzz send status {campaign.slug}",
            )
        else:
            yield NextStep(
                why=_("the sending of {slug} waits or was interrupted").format(slug=campaign.slug),
                command=f"buzz send resume {campaign.slug}",
            )


def _registry(found: Status) -> Iterator[NextStep]:
    if not found.is_imported:
        yield NextStep(
            why=_("blogs.csv is not what the database has"), command="buzz blogs import blogs.csv"
        )
    elif not sum(found.blogs.values()):
        yield NextStep(why=_("the registry is empty"), command="buzz blogs import FILE")


def _poll(found: Status, now: datetime) -> Iterator[NextStep]:
    last = last_of(found.runs, "poll")
    if new := found.feeds.get(FeedState.NEW, 0):
        yield NextStep(
            why=ngettext("{n} feed was never polled", "{n} feeds were never polled", new).format(
                n=formats.number(new)
            ),
            command="buzz poll",
        )
    elif last is None or now - last.ended_at > POLL_AGE:
        yield NextStep(why=_("the last poll is more than a day old"), command="buzz poll")


def _rank(found: Status) -> Iterator[NextStep]:
    if found.newest and (found.ranking is None or found.ranking.as_of < found.newest):
        yield NextStep(why=_("there are posts that no ranking counts"), command="buzz rank run")
    if found.ranking and (held := found.ranking.held):
        yield NextStep(
            why=ngettext(
                "{n} blog is held at its rank after a flood of posts: look at it",
                "{n} blogs are held at their ranks after a flood of posts: look at them",
                held,
            ).format(n=formats.number(held)),
            command="buzz rank hold list",
        )


def _letters(found: Status) -> Iterator[NextStep]:
    if not found.campaigns:
        yield NextStep(why=_("there is no campaign"), command="buzz campaign new SLUG")
    ended = False
    for line in found.campaigns:
        slug, state = line.campaign.slug, line.campaign.state
        if state is CampaignState.DRAFT:
            yield NextStep(
                why=_("{slug} is a draft").format(slug=slug),
                command=f"buzz campaign check {slug}",
            )
        elif state in _READY:
            yield _ready(line)
        elif state is CampaignState.FINISHED and not ended:
            ended = True  # of those that are over, the newest is enough
            yield _over(line)


def _ready(line: CampaignLine) -> NextStep:
    slug = line.campaign.slug
    if line.account.targeted:
        why, command = _("{slug} is planned"), f"buzz send start {slug} --confirm {slug}"
    else:
        why, command = _("{slug} is checked"), f"buzz send plan {slug}"
    return NextStep(why=why.format(slug=slug), command=command)


def _over(line: CampaignLine) -> NextStep:
    slug = line.campaign.slug
    if not line.relays:
        why, command = _("{slug} was sent: who relayed it?"), f"buzz relays scan {slug}"
    elif line.relays.get(Verdict.TO_CHECK):
        why = _("posts about {slug} wait for a person to look")
        command = f"buzz relays list {slug} --verdict to_check"
    else:
        why, command = _("{slug} was sent"), f"buzz report show {slug}"
    return NextStep(why=why.format(slug=slug), command=command)
