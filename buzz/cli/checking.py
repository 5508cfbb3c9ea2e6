"""``buzz campaign check`` and ``approve``: what is wrong with a letter, and who answers for it."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.errors import CheckRefused
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Finding, Level, Waiver

if TYPE_CHECKING:
    from buzz.pipeline.campaign import CheckReport

Slug = Annotated[str, typer.Argument(metavar="SLUG", help=N_("The campaign's folder name."))]

_WIDEST = 100  # columns; a longer line is not read as one


def plant(app: typer.Typer) -> None:
    """Plant this file's commands among those of campaigns."""
    work.command(app, "check", example="buzz campaign check retraites --offline")(check)
    work.command(app, "approve", example="buzz campaign approve retraites --dry-run")(approve)


def check(
    slug: Slug,
    *,
    waive: Annotated[
        list[str] | None,
        typer.Option(
            "--waive",
            metavar='RULE="REASON"',
            help=N_("Let this rule pass for this campaign from now on, and say why; repeatable."),
        ),
    ] = None,
    unwaive: Annotated[
        list[str] | None,
        typer.Option("--unwaive", metavar="RULE", help=N_("Let this rule hold again; repeatable.")),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help=N_("Do not ask whether the links answer."))
    ] = False,
    json: work.Json = False,
) -> int | None:
    """Check the letter as each recipient would get it; an error stops a send (exit code 5)."""
    from buzz.pipeline import campaign

    now = work.current()
    report = campaign.check(
        now.settings,
        now.store,
        slug,
        now.now(),
        asks_links=not offline,
        waive=waive or (),
        unwaive=unwaive or (),
        progress=partial(console.progress, _("Links")),
    )
    if json:
        console.emit(_facts(report))
    else:
        _show(report)
        _say(report, needs_approval=now.settings.send.two_person)
    return None if report.passed else CheckRefused.exit_code


def approve(slug: Slug, *, dry_run: work.DryRun = False) -> None:
    """Approve a checked letter, so that another person may start it (send.two_person)."""
    from buzz.pipeline import campaign

    now = work.current()
    found = campaign.approve(now.settings, now.store, slug, now.now(), dry_run=dry_run)
    for waiver in found.waivers:
        console.say(
            _("waived with it: {rule}, {words}").format(rule=waiver.rule, words=_words(waiver))
        )
    if dry_run:
        console.say(_("would approve “{subject}”").format(subject=found.subject))
        return
    console.say(_("approved: “{subject}”").format(subject=found.subject))
    console.say(_("another person may start it now: buzz send start {slug}").format(slug=slug))


# --- what is shown --------------------------------------------------------------------------------


def _show(report: "CheckReport") -> None:
    """Print the findings on stdout: errors, warnings, what is waived; rule by rule."""
    waivers = {waiver.rule: waiver for waiver in report.waivers}
    errors = [finding for finding in report.findings if finding.level is Level.ERROR]
    warnings = [finding for finding in report.findings if finding.level is Level.WARNING]
    waived = report.waived
    parts = (
        (
            ngettext(
                "{n} error: it stops the letter", "{n} errors: they stop the letter", len(errors)
            ),
            errors,
        ),
        (
            ngettext("{n} warning: look again", "{n} warnings: look again", len(warnings)),
            warnings,
        ),
        (ngettext("{n} waived", "{n} waived", len(waived)), waived),
    )
    for title, found in parts:
        if found:
            console.data(title.format(n=len(found)))
            console.data("")
            for line in _lines(found, waivers):
                console.data(line)


def _lines(found: Iterable[Finding], waivers: dict[str, Waiver]) -> Iterator[str]:
    from buzz.core.campaign import title_of

    for rule, group in groupby(sorted(found, key=_order(found)), key=lambda f: f.rule):
        yield from _wrapped(f"{rule} · {title_of(rule)}", "  ")
        for remedy, same in groupby(group, key=lambda f: f.remedy):
            for finding in same:
                yield from _wrapped(f"{finding.place}: {finding.what}", "    ")
            if rule not in waivers:
                yield from _wrapped(f"→ {remedy}", "    ", "      ")
        if rule in waivers:
            yield from _wrapped(_words(waivers[rule]), "    ", "    ")
        yield ""


def _order(found: Iterable[Finding]) -> Any:
    """Return the key that brings together what belongs together, in the order of first sight."""
    rules = {rule: n for n, rule in enumerate(dict.fromkeys(f.rule for f in found))}
    return lambda f: (rules[f.rule], f.remedy, f.place)


def _wrapped(text: str, indent: str, hanging: str = "") -> Sequence[str]:
    return textwrap.wrap(
        text,
        width=min(console.width(), _WIDEST),
        initial_indent=indent,
        subsequent_indent=hanging or indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _words(waiver: Waiver) -> str:
    return _("“{reason}” ({who}, {day})").format(
        reason=waiver.reason, who=waiver.who, day=formats.day(waiver.at.date())
    )


def _say(report: "CheckReport", *, needs_approval: bool) -> None:
    """Say on stderr what it comes to, and what is next."""
    gone = {waiver.rule for waiver in report.waivers} - {f.rule for f in report.waived}
    for rule in sorted(gone):
        console.say(
            _("{rule} is waived, and nothing is found any more; to let it hold again:").format(
                rule=rule
            )
            + f" --unwaive {rule}"
        )
    from buzz.core.campaign import can_be_waived

    slug = report.campaign
    if not report.passed:
        errors = ngettext("{n} error", "{n} errors", report.errors).format(n=report.errors)
        console.error(
            _("{campaign} must not go out yet: {errors}").format(campaign=slug, errors=errors)
        )
        console.say(
            _("next: mend {place}, then: buzz campaign check {slug}").format(
                place=report.findings[0].place, slug=slug
            )
        )
        errors_left = {f.rule for f in report.findings if f.level is Level.ERROR}
        if all(can_be_waived(rule) for rule in errors_left):
            console.say(
                _('or let it pass, where that is meant: --waive {rule}="…"').format(
                    rule=report.findings[0].rule
                )
            )
        return
    facts = [
        ngettext("{n} recipient", "{n} recipients", report.recipients).format(n=report.recipients),
        _("{kb} KB of 100").format(kb=round(report.largest_bytes / 1000)),
        *_links(report),
    ]
    console.say(
        _("{campaign} passed the check: {facts}").format(campaign=slug, facts=", ".join(facts))
    )
    if needs_approval:
        console.say(_("next, by another person: buzz campaign approve {slug}").format(slug=slug))
    else:
        console.say(_("next: buzz send plan {campaign}").format(campaign=slug))


def _links(report: "CheckReport") -> Iterator[str]:
    answer = sum(not probe.error for probe in report.probes)
    if answer:
        yield ngettext("{n} link answers", "{n} links answer", answer).format(n=answer)


def _facts(report: "CheckReport") -> dict[str, Any]:
    return {
        "campaign": report.campaign,
        "passed": report.passed,
        "recipients": report.recipients,
        "largest_bytes": report.largest_bytes,
        "errors": report.errors,
        "warnings": report.warnings,
        "findings": [_finding(finding) for finding in report.findings],
        "waived": [_finding(finding) for finding in report.waived],
        "waivers": [
            {
                "rule": waiver.rule,
                "reason": waiver.reason,
                "who": waiver.who,
                "at": waiver.at.isoformat(),
            }
            for waiver in report.waivers
        ],
        "links": [
            {
                "url": probe.url,
                "status": probe.status,
                "error": probe.error,
                "at": probe.at.isoformat(),
            }
            for probe in report.probes
        ],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "place": finding.place,
        "what": finding.what,
        "remedy": finding.remedy,
    }
