"""The tree of commands: every noun's file is planted here, then the whole is translated."""

import gettext
import os
from collections.abc import Sequence
from typing import Any

import typer
from typer.exceptions import Abort, TyperException

from buzz import locales
from buzz.cli import console
from buzz.errors import CancelledByPerson
from buzz.locales import gettext as _

# The files of this package that hold commands, in the order of the help.
_FILES = (
    "init",
    "demo",
    "status",
    "serve",
    "blogs",
    "poll",
    "rank",
    "campaign",
    "send",
    "relays",
    "report",
    "config",
)


def tree() -> Any:
    """Return the tree of commands, its help in the language in force."""
    from importlib import import_module

    # Typer's own words ("Options", "[default: …]") come from gettext's global domain.
    os.environ["LANGUAGE"] = locales.language()
    gettext.bindtextdomain(locales.DOMAIN, locales.FOLDER)
    gettext.textdomain(locales.DOMAIN)
    app = typer.Typer(
        name="buzz",
        help=_("La Lettre du Buzz: rank the blogs, write to them, prove who relayed."),
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
    )
    for name in _FILES:
        module = import_module(f"buzz.cli.{name}")
        module.plant(app)
    command = typer.main.get_command(app)
    _translate(command)
    return command


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Raises:
        BuzzError: whatever the command raised.
    """
    try:
        result = tree().main(list(arguments), prog_name="buzz", standalone_mode=False)
    except TyperException as exc:
        context = getattr(exc, "ctx", None)
        where = context.command_path if context else "buzz"
        console.error(f"{_usage(exc)}\n  " + _("see: {where} --help").format(where=where))
        return exc.exit_code
    except Abort as exc:
        raise CancelledByPerson(_("cancelled")) from exc
    return result if isinstance(result, int) else 0


def _usage(exc: TyperException) -> str:
    """Return what was wrong with the command line, the common cases in the language in force."""
    option = getattr(exc, "option_name", "")
    if option and getattr(exc, "possibilities", None) is not None:
        near = ", ".join(sorted(exc.possibilities or ()))  # type: ignore[attr-defined]  # Typer keeps this class to itself
        what = _("there is no option {option}").format(option=option)
        return what + (" " + _("(did you mean {near}?)").format(near=near) if near else "")
    if isinstance(exc, typer.BadParameter) and exc.param is not None:
        name = exc.param.opts[-1] if exc.param.opts[-1].startswith("-") else exc.param.metavar
        if not exc.message:
            return _("{name} is missing").format(name=name or (exc.param.name or "").upper())
    return exc.format_message()


def _translate(command: Any) -> None:
    """Put the help of a command and of all below it into the language in force."""
    command.help = _(command.help or "")
    if command.epilog:
        command.epilog = f"{_('Example:')} {command.epilog}"
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _(parameter.help)
    for child in getattr(command, "commands", {}).values():
        _translate(child)
