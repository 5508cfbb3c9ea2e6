"""``buzz config``: the settings in force, and whether the workspace can work with them."""

import dataclasses
from typing import Any

import typer

from buzz.cli import console, work
from buzz.locales import gettext as _
from buzz.locales import mark as N_

app = typer.Typer(no_args_is_help=True, help=N_("The settings: buzz.toml and the environment."))


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="config")


@work.command(app, "show", example="buzz config show")
def show(*, json: work.Json = False) -> None:
    """Show the settings in force, environment included; of secrets only whether they are set."""
    from buzz import config
    from buzz.pipeline import workspace

    settings = work.current().settings
    secrets = workspace.secrets_set(settings)
    if json:
        console.emit(
            {"workspace": str(settings.workspace), **_sections(settings), "secrets": secrets}
        )
        return
    console.data(f"# {settings.workspace / config.FILE}")
    console.data(config.as_toml(settings).rstrip())
    console.data("")
    words = {True: _("set"), False: _("not set")}
    console.data("# BUZZ_SECRET: " + words[secrets["signing_secret"]])
    console.data("# BUZZ_SMTP_PASSWORD: " + words[secrets["smtp_password"]])
    console.data("# BUZZ_BOUNCES_PASSWORD: " + words[secrets["bounces_password"]])


@work.command(app, "check", example="buzz config check")
def check(*, json: work.Json = False) -> int:
    """Check settings, secrets, file modes and database; exits 7 when something must be mended."""
    from buzz.errors import ConfigurationError
    from buzz.model import Level
    from buzz.pipeline import workspace

    settings = work.current().settings
    findings = workspace.check(settings)
    if json:
        console.emit({"problems": [dataclasses.asdict(finding) for finding in findings]})
    else:
        console.findings(findings)
        if not findings:
            console.say(_("all is well with {folder}").format(folder=settings.workspace))
    wrong = any(finding.level is Level.ERROR for finding in findings)
    return ConfigurationError.exit_code if wrong else 0


def _sections(settings: Any) -> dict[str, Any]:
    """Return the sections as JSON, keys as in ``buzz.toml``, no password in an address."""
    from buzz import config

    return {
        name: {
            f.name.rstrip("_"): config.without_password(value) if isinstance(value, str) else value
            for f in dataclasses.fields(section)
            for value in [getattr(section, f.name)]
        }
        for name in config.SECTIONS
        for section in [getattr(settings, name)]
    }
