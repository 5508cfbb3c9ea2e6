"""The tree of commands: every noun's file is planted here, then the whole is translated."""

from collections.abc import Sequence
from typing import Any

import typer
from typer.exceptions import Abort, TyperException

from buzz.cli import console, speech
from buzz.errors import CancelledByPerson
from buzz.locales import gettext as _
from buzz.locales import mark as N_

# The files of this package that hold commands, in the order of the help.
_FILES = (
    "init",
    "demo",
    "status",
    "doctor",
    "serve",
    "blogs",
    "poll",
    "rank",
    "campaign",
    "send",
    "bounces",
    "suppress",
    "relays",
    "report",
    "cron",
    "config",
)

_EVERYWHERE = N_(
    "Anywhere on the line: --workspace DIR (else this folder or one above), --lang fr or en, "
    "--quiet (only errors), --debug (tracebacks). Alone: --version."
)


def tree(noun: str = "") -> Any:
    """Return the tree of commands, its help in the language in force.

    Args:
        noun: the one command that is wanted; the others are left out, which saves a start-up
            some 40 ms. What is no noun of ours gets the whole tree, and its suggestions.
    """
    from importlib import import_module

    speech.bind()
    app = typer.Typer(
        name="buzz",
        help=N_("La Lettre du Buzz: rank the blogs, write to them, prove who relayed."),
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # a tree even where it has one command
    for name in [noun] if noun in _FILES else _FILES:
        module = import_module(f"buzz.cli.{name}")
        module.plant(app)
    command = typer.main.get_command(app)
    speech.translate(command)
    command.help = f"{command.help}\n\n{_(_EVERYWHERE)}"
    return command


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Raises:
        BuzzError: whatever the command raised.
    """
    try:
        noun = arguments[0] if arguments else ""
        result = tree(noun).main(list(arguments), prog_name="buzz", standalone_mode=False)
    except TyperException as exc:
        if not exc.format_message():  # a noun alone: its help was printed
            return exc.exit_code
        context = getattr(exc, "ctx", None)
        where = context.command_path if context else "buzz"
        console.error(
            f"{speech.complaint(exc.format_message())}\n  "
            + _("see: {where} --help").format(where=where)
        )
        return exc.exit_code
    except SystemExit:  # typer's and Rich's: whoever read the help has left
        return 0
    except Abort as exc:
        raise CancelledByPerson(_("cancelled")) from exc
    return result if isinstance(result, int) else 0
