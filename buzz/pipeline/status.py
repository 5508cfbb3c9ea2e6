"""Where things stand, and what to do next: read from the database and the folder alone."""

from dataclasses import replace
from datetime import datetime

from buzz.config import Settings
from buzz.core import status as core
from buzz.core.status import CampaignLine, RankingLine, Status
from buzz.edges.store import Store, Transaction, campaigns, deliveries, rankholds, runs
from buzz.edges.store import status as counts
from buzz.model import CampaignStatus
from buzz.pipeline import registry

RUNS = 10  # of each command, among which failures are counted


def status(settings: Settings, store: Store, now: datetime) -> Status:
    """Return where the workspace stands and what to do next."""
    with store.read() as tx:
        recent = [runs.last(tx, command, RUNS) for command in counts.commands_run(tx)]
        recorded = [latest[0] for latest in recent]
        ranking = counts.last_ranking(tx)
        entries, newest = counts.entries_and_newest(tx)
        found = Status(
            blogs=counts.blogs_by_status(tx),
            with_email=counts.blogs_with_email(tx),
            is_imported=registry.is_imported(settings, core.last_of(recorded, registry.COMMAND)),
            feeds=counts.feeds_by_state(tx),
            entries=entries,
            newest=newest,
            runs=tuple(sorted(recorded, key=lambda run: run.started_at, reverse=True)),
            failed={
                latest[0].command: sum(run.exit_code != 0 for run in latest) for latest in recent
            },
            ranking=(RankingLine(**ranking, held=len(rankholds.waiting(tx))) if ranking else None),
            campaigns=_campaigns(settings, tx),
        )
    return replace(found, next_steps=tuple(core.next_steps(found, now)))


def _campaigns(settings: Settings, tx: Transaction) -> tuple[CampaignLine, ...]:
    """Return the campaigns of the folder and of the database: what goes on first, then by age."""
    known = {campaign.slug: campaign for campaign in campaigns.all_campaigns(tx)}
    written = (path.parent.name for path in settings.campaigns.glob("*/letter.md"))
    known |= {slug: CampaignStatus(slug=slug) for slug in written if slug not in known}
    relays = counts.relays_by_verdict(tx)
    lines = (
        CampaignLine(
            campaign=campaign,
            account=deliveries.account(tx, slug),
            relays={verdict: n for (of, verdict), n in relays.items() if of == slug},
        )
        for slug, campaign in known.items()
    )
    return core.by_importance(lines)
