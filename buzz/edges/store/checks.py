"""What checks remember of a campaign: which links answer, and which rules a person waives."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from buzz.edges.store import Transaction, campaigns
from buzz.edges.store.dialects import upsert
from buzz.edges.store.schema import links, waivers
from buzz.model import Probe, Waiver


def record_probes(tx: Transaction, campaign: str, probes: Iterable[Probe]) -> None:
    """Keep whether links answered; the campaign has them (``campaigns.ensure_links``)."""
    rows = [
        {
            "of": campaign,
            "address": probe.url,
            "probed_at": probe.at,
            "probe_status": probe.status,
            "probe_error": probe.error,
        }
        for probe in probes
    ]
    if rows:
        tx.execute(
            sa.update(links).where(
                links.c.campaign == sa.bindparam("of"), links.c.url == sa.bindparam("address")
            ),
            rows,
        )


def probes(tx: Transaction, campaign: str, since: datetime) -> tuple[Probe, ...]:
    """Return what is known of a campaign's links from this time on, in the order they were made."""
    rows = tx.execute(
        sa.select(links)
        .where(links.c.campaign == campaign, links.c.probed_at >= since)
        .order_by(links.c.id)
    )
    return tuple(
        Probe(url=row.url, at=row.probed_at, status=row.probe_status, error=row.probe_error)
        for row in rows
    )


def waive(tx: Transaction, campaign: str, waiver: Waiver) -> None:
    """Let a rule pass for a campaign; what was said before is replaced."""
    campaigns.know(tx, campaign)
    tx.execute(
        upsert(tx, waivers).values(
            campaign=campaign,
            rule=waiver.rule,
            reason=waiver.reason,
            who=waiver.who,
            at=waiver.at,
        )
    )


def unwaive(tx: Transaction, campaign: str, rule: str) -> bool:
    """Let a rule hold again; tell whether it had been waived."""
    gone = tx.execute(
        sa.delete(waivers).where(waivers.c.campaign == campaign, waivers.c.rule == rule)
    )
    return gone.rowcount > 0


def waived(tx: Transaction, campaign: str) -> tuple[Waiver, ...]:
    """Return which rules are waived for a campaign, by rule."""
    rows = tx.execute(
        sa.select(waivers).where(waivers.c.campaign == campaign).order_by(waivers.c.rule)
    )
    return tuple(Waiver(rule=r.rule, reason=r.reason, who=r.who, at=r.at) for r in rows)
