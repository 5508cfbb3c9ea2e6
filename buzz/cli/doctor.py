"""``buzz doctor``: what stands in the way of a letter, and the remedy."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext

if TYPE_CHECKING:
    from buzz.core.doctor import Check


def plant(root: typer.Typer) -> None:
    """Plant this file's command."""
    work.command(root, "doctor", example="buzz doctor legal")(doctor)


def doctor(
    area: Annotated[
        str, typer.Argument(help=N_("Only this: smtp, dns, web or legal."), metavar="AREA")
    ] = "",
    *,
    json: work.Json = False,
) -> int:
    """Look for what gets letters refused: DNS, mail server, unsubscribing, what the law wants."""
    from buzz.core.doctor import Health
    from buzz.pipeline import doctor as pipeline

    here = work.current()
    found = pipeline.examine(here.settings, here.store, here.now(), area)
    errors = sum(check.health is Health.ERROR for check in found)
    if json:
        console.emit({"errors": errors, "checks": [asdict(check) for check in found]})
    else:
        _show(found)
        warnings = sum(check.health is Health.WARNING for check in found)
        console.say(
            _("{errors}, {warnings}.").format(
                errors=ngettext("{n} error", "{n} errors", errors).format(n=errors),
                warnings=ngettext("{n} warning", "{n} warnings", warnings).format(n=warnings),
            )
        )
    return CheckRefused.exit_code if errors else 0


def _show(found: "tuple[Check, ...]") -> None:
    from buzz.core.doctor import Health

    words = {
        Health.OK: _("ok"),
        Health.WARNING: _("warning"),
        Health.ERROR: _("error"),
        Health.UNKNOWN: _("unknown"),
    }
    width = max(map(len, words.values()))
    for check in found:
        console.data(f"{words[check.health]:{width}}  {check.place}: {check.what}")
        indent = " " * (width + 2)
        if check.why:
            console.data(indent + _("why: {why}").format(why=check.why))
        if check.remedy:
            console.data(f"{indent}→ {check.remedy}")
        if check.record:
            console.data(f"{indent}  {check.record}")
