"""A change of the registry as people see it: the difference, the question, what was done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buzz.cli import console, work
from buzz.errors import CancelledByPerson
from buzz.locales import formats
from buzz.locales import gettext as _

if TYPE_CHECKING:
    from buzz.core.registry import Diff
    from buzz.model import Finding
    from buzz.pipeline.registry import Plan

_SHOWN = 20  # lines of one kind; --json has them all


def carry_out(
    plan: "Plan", *, yes: bool, dry_run: bool, json: bool, more: Mapping[str, Any] | None = None
) -> None:
    """Show a plan, ask where that is due, and carry it out."""
    from buzz.pipeline import registry

    show(plan, json=json)
    if not dry_run and not plan.is_done:
        if plan.diff:
            agree(_question(plan.diff), yes=yes, remedy=_("look at it, then add --yes"))
        at = work.current()
        registry.apply(at.settings, at.store, plan, at.now())
    if json:
        facts = {**names(plan.diff), "blogs": len(plan.blogs), "written": not dry_run}
        console.emit({**facts, **(more or {})})
    elif dry_run and not plan.is_done:
        console.say(_("nothing was changed (--dry-run)"))


def show(plan: "Plan", *, json: bool) -> None:
    """Say what is doubtful about a plan and, but for other programs, show what it would change."""
    for line in some_findings(plan.warnings):
        console.say(line)
    if not json:
        _show_diff(plan)


def names(diff: "Diff") -> dict[str, Any]:
    """Return a difference as JSON has it."""
    return {
        "added": [blog.slug for blog in diff.added],
        "changed": [asdict(change) for change in diff.changed],
        "removed": [blog.slug for blog in diff.removed],
    }


def agree(question: str, *, yes: bool, remedy: str) -> None:
    """Go on if the person agrees.

    Raises:
        CancelledByPerson: they do not.
        UsageError: nobody can be asked.
    """
    if not console.confirmed(question, yes=yes, remedy=remedy):
        raise CancelledByPerson(_("nothing was changed"))


def some_findings(found: "Iterable[Finding]") -> Iterator[str]:
    """Yield what was found, a line each; of one rule the first 20, then how many there are more."""
    counts: Counter[str] = Counter()
    for finding in found:
        counts[finding.rule] += 1
        if counts[finding.rule] <= _SHOWN:
            yield console.line_of(finding)
    for rule, n in counts.items():
        if n > _SHOWN:
            more = _("… and {n} more like this: {rule} (all of them: buzz blogs check --json)")
            yield more.format(n=formats.number(n - _SHOWN), rule=rule)


def _question(diff: "Diff") -> str:
    if diff.removed:
        return _("The posts, ranks and relays of removed blogs go with them. Go on?")
    return _("Go on?")


def _show_diff(plan: "Plan") -> None:
    from buzz.pipeline.registry import counted

    diff = plan.diff
    _some(f"+ {blog.slug}  {blog.name}" for blog in diff.added)
    _some(
        f"~ {change.slug}  {column}: {before or '-'} → {after or '-'}"
        for change in diff.changed
        for column, (before, after) in change.fields.items()
    )
    for blog in diff.removed:
        console.data(f"- {blog.slug}  {blog.name}")
    if diff:
        console.data(counted(diff))
    elif plan.is_done:
        console.say(_("nothing to change"))
    else:
        console.say(_("no blog changes; blogs.csv is only written in its usual order"))


def _some(lines: Iterable[str]) -> None:
    """Print the first lines, and how many more there are."""
    everything = list(lines)
    for line in everything[:_SHOWN]:
        console.data(line)
    if (more := len(everything) - _SHOWN) > 0:
        console.data(_("… and {n} more (all of them: --json)").format(n=formats.number(more)))
