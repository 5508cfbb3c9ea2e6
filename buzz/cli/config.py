"""``buzz config``: the settings in force, and whether the workspace can work with them."""

import dataclasses
from typing import Annotated, Any

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
    secrets = workspace.secrets_from(settings)
    if json:
        console.emit(
            {
                "workspace": str(settings.workspace),
                **_sections(settings),
                "secrets": {name: bool(where) for name, where in secrets.items()},
            }
        )
        return
    console.data(f"# {settings.workspace / config.FILE}")
    console.data(config.as_toml(settings).rstrip())
    console.data("")
    for label, name in (
        (_("signing secret"), "signing_secret"),
        (_("SMTP password"), "smtp_password"),
        (_("password of the mailbox of bounces"), "bounces_password"),
    ):
        where = secrets[name]
        said = _("from {place}").format(place=where) if where else _("not set")
        console.data("# " + _("{name}: {value}").format(name=label, value=said))


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


@work.command(app, "dkim-key", example="buzz config dkim-key --dry-run")
def dkim_key(
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help=N_("The second key, of the newer kind (RFC 8463)."))
    ] = False,
    *,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Make a key that signs messages (DKIM), and show the DNS record to publish for it."""
    from buzz.pipeline import workspace

    settings = work.current().settings
    made = workspace.make_signing_key(settings, is_ed25519=ed25519, dry_run=dry_run)
    if json:
        console.emit(
            {
                "path": made.path,
                "record_name": made.record_name,
                "record": made.record,
                "settings": dict(made.settings),
            }
        )
        return
    if dry_run:
        console.say(
            _("would make {path}, published at {name}").format(
                path=made.path, name=made.record_name
            )
        )
        return
    console.say(_("made {path}; publish this record:").format(path=made.path))
    console.data(f"{made.record_name}. TXT {made.record}")
    console.say(_("once it is there, write into buzz.toml, below [dkim]:"))
    for key, value in made.settings:
        console.data(f'{key} = "{value}"')


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
