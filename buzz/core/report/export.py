"""The report for other programs: one JSON object, and one line a blog for a spreadsheet.

Keys and headers are never translated. Times are ISO 8601 in UTC, spans are seconds, and what was
not measured is null or empty: that is not 0.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from statistics import median
from typing import Any

from buzz.core.report.facts import BlogFacts, Seen
from buzz.core.report.model import BlogFate, Report, by_mode, cumulative, marks
from buzz.core.text import one_line
from buzz.model import EntryId, Relay, Stance, Verdict


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as ``report show --json`` prints it (without ``v``)."""
    facts, account = report.facts, report.facts.account
    return {
        "campaign": facts.campaign.slug,
        "subject": facts.campaign.subject,
        "state": facts.campaign.state,
        "sent_at": _iso(report.sent_at),
        "made_at": _iso(report.made_at),
        "targeted": account.targeted,
        "planned": account.planned,
        "claimed": account.claimed,
        "accepted": account.accepted,
        "deferred": account.deferred,
        "refused": account.refused,
        "suppressed": account.suppressed,
        "cancelled": account.cancelled,
        "uncertain": account.uncertain,
        "opened": _seen_json(facts.opened),
        "clicked": _seen_json(facts.clicked),
        "aggregate": {"opened": _hits_json(facts.opened), "clicked": _hits_json(facts.clicked)},
        "visited": {"visits": facts.visits, "blogs": facts.visited},
        "unsubscribed": facts.unsubscribed,
        "bounced": facts.bounced,
        "complained": facts.complained,
        "funnel": [
            {"step": step.step, "count": step.count, "of": step.of, "share": step.share}
            for step in report.funnel
        ],
        "waivers": [
            {"rule": w.rule, "reason": w.reason, "who": w.who, "at": _iso(w.at)}
            for w in report.waived
        ],
        "relays": _relays_json(report),
        "talking_points": [
            {"n": point.number, "text": point.text, "relays": point.posts, "blogs": point.blogs}
            for point in report.points
        ],
        "blogs": [
            {
                "rank": blog.rank,
                "slug": blog.slug,
                "name": blog.name,
                "written_to": blog.written_to,
                "relays": blog.relays,
                "share": blog.share,
                "median_lag_s": blog.median_lag_s,
                "received": blog.received,
                "carried": blog.carried,
                "rate": blog.rate,
            }
            for blog in report.blogs
        ],
        "oppositions": [
            {
                "id": relay.id,
                "blog": relay.blog,
                "url": relay.url,
                "title": relay.title,
                "published": _iso(relay.published),
                "verdict": relay.settled,
                "cues": [e.post for e in relay.evidence if e.kind == "stance"],
            }
            for relay in report.found.opposed
        ],
        "uncertain_deliveries": [
            {
                "id": one.delivery,
                "blog": one.blog,
                "since": _iso(one.since),
                "reply_text": one.reply_text,
                "seen": one.seen,
            }
            for one in facts.uncertain
        ],
        "refusals": [
            {
                "reply_code": refusal.reply_code,
                "enhanced_code": refusal.enhanced_code,
                "reply_text": refusal.reply_text,
                "count": refusal.count,
            }
            for refusal in facts.refusals
        ],
        "receivers": [
            {
                "domain": receiver.domain,
                "targeted": receiver.targeted,
                "accepted": receiver.accepted,
                "refused": receiver.refused,
                "uncertain": receiver.uncertain,
                "others": receiver.others,
            }
            for receiver in facts.receivers
        ],
        "links": [
            {
                "id": use.link,
                "url": use.url,
                "clicked": {"person": use.person, "machine": use.machine},
                "aggregate": use.aggregate,
                "visits": use.visits,
            }
            for use in facts.links
        ],
    }


def _relays_json(report: Report) -> Mapping[str, Any]:
    found = report.found
    stances = Counter(relay.stance for relay in (*found.relayed, *found.to_check, *found.mentioned))
    first = found.relayed[0].published if found.relayed else None
    return {
        "relayed": len(found.relayed),
        "to_check": len(found.to_check),
        "mentioned": len(found.mentioned),
        "dismissed": len(found.dismissed),
        "opposed": len(found.opposed),
        "confirmed": sum(1 for relay in found.relayed if relay.label),
        "blogs": len(report.blogs),
        "first_at": _iso(first),
        "first_lag_s": report.first_lag_s,
        "median_lag_s": report.median_lag_s,
        "by_mode": by_mode(found.relayed),
        "by_stance": {stance: stances[stance] for stance in Stance},
        "over_time": [
            {"hours": hours, "relays": count}
            for hours, count in cumulative(report.lags_s, marks(report.lags_s))
        ],
    }


def _seen_json(seen: Seen) -> Mapping[str, int]:
    return {"person": seen.person, "machine": seen.machine, "tracked": seen.tracked}


def _hits_json(seen: Seen) -> Mapping[str, int]:
    return {"person": seen.aggregate_person, "machine": seen.aggregate_machine}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# --- spreadsheet ------------------------------------------------------------------------------

COLUMNS = (
    "blog",
    "name",
    "rank",
    "state",
    "relays",
    "first_lag_s",
    "median_lag_s",
    "modes",
    "talking_points",
    "to_check",
    "mentioned",
    "opposed",
    "received",
    "carried",
    "rate",
    "urls",
)
_FORMULA = ("=", "+", "-", "@")  # and tab and return, which one_line() takes away


def sheet(report: Report) -> str:
    """Return the report as CSV (RFC 4180): one line a blog that was targeted or that posted.

    Sorted by slug. A text that a spreadsheet would take for a formula begins with ``'``.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    fates = {blog.slug: blog for blog in report.blogs}
    posts: dict[str, list[Relay]] = {slug: [] for slug in report.facts.blogs}
    for relay in report.facts.relays:
        posts.setdefault(relay.blog, []).append(relay)
    opposed = {relay.entry for relay in report.found.opposed}
    for slug in sorted(posts):
        writer.writerow(
            _safe(cell)
            for cell in (
                slug,
                *_known(report.facts.blog(slug)),
                *_posted(posts[slug], opposed),
                *_rated(report.facts.blog(slug), fates.get(slug)),
                " ".join(relay.url for relay in posts[slug]),
            )
        )
    return file.getvalue()


def _known(blog: BlogFacts) -> Sequence[object]:
    return blog.name, blog.rank, blog.state


def _posted(posts: Sequence[Relay], opposed: AbstractSet[EntryId]) -> Sequence[object]:
    relayed = [relay for relay in posts if relay.settled is Verdict.RELAYED]
    verdicts = Counter(relay.settled for relay in posts)
    lags = [relay.lag_s for relay in relayed]
    return (
        len(relayed),
        min(lags, default=None),
        round(median(lags)) if lags else None,
        " ".join(sorted({relay.mode for relay in relayed if relay.mode})),
        " ".join(map(str, sorted({n for relay in relayed for n in relay.talking_points}))),
        verdicts[Verdict.TO_CHECK],
        verdicts[Verdict.MENTIONED],
        sum(1 for relay in posts if relay.entry in opposed),
    )


def _rated(blog: BlogFacts, fate: BlogFate | None) -> Sequence[object]:
    rate = fate.rate if fate else None
    return blog.received, blog.carried, None if rate is None else f"{rate:.4f}"


def _safe(cell: object) -> object:
    """Return a cell that no spreadsheet computes (CSV injection)."""
    if not isinstance(cell, str):
        return cell
    text = one_line(cell)
    return "'" + text if text.startswith(_FORMULA) else text
