"""Waiving: a person lets a rule of the check pass for one campaign, and says why.

Kept in the database with who and when, and in the audit log; the letter's file stays its author's.
A waiver holds until it is taken back, through edits of the letter too: what was waived is shown
by every check, and whoever approves the letter sees it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from buzz.core import campaign as core
from buzz.core.text import one_line
from buzz.edges.store import Store, audit, checks
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.model import Waiver

WAIVE = "campaign check --waive"  # under which it is recorded who did
UNWAIVE = "campaign check --unwaive"


def parsed(texts: Iterable[str]) -> dict[str, str]:
    """Return rule and reason of each ``RULE=reason``.

    Raises:
        UsageError: there is no such rule, or no reason.
        CheckRefused: nobody can waive it.
    """
    found = {}
    for text in texts:
        rule, _equals, reason = text.partition("=")
        core.waivable(rule.strip(), reason)
        found[rule.strip()] = one_line(reason)
    return found


def waive(store: Store, slug: str, waivers: Mapping[str, str], now: datetime) -> None:
    """Let rules pass for a campaign, each with its reason."""
    if not waivers:
        return
    with store.write() as tx:
        for rule, reason in waivers.items():
            waiver = Waiver(rule=rule, reason=reason, who=audit.own_name(), at=now)
            checks.waive(tx, slug, waiver)
            audit.add(tx, WAIVE, now, campaign=slug, detail=f"{rule}: {reason}")


def unwaive(store: Store, slug: str, rules: Iterable[str], now: datetime) -> None:
    """Let rules hold again for a campaign.

    Raises:
        UsageError: one was not waived.
    """
    with store.write() as tx:
        for rule in rules:
            if not checks.unwaive(tx, slug, rule):
                raise UsageError(
                    _("`{rule}` is not waived for this campaign").format(rule=rule),
                    place=slug,
                    remedy=_("see: buzz campaign check {slug}").format(slug=slug),
                )
            audit.add(tx, UNWAIVE, now, campaign=slug, detail=rule)
