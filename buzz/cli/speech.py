"""Typer in the language in force: its help, its own words and its complaints.

Typer takes its headings from gettext's global domain, which is bound to our catalogue; the rest it
writes in plain English. Help texts are replaced in the tree of commands, complaints are recognised
by their wording; one that is not recognised is shown as Typer words it.
"""

import gettext
import importlib
import os
import re
import sys
from typing import Any

import typer

from buzz import locales
from buzz.locales import gettext as _
from buzz.locales import mark as N_

# What Typer looks up itself. "[default: …]" and the like are filled in by Typer, by position.
HEADINGS = (
    N_("Arguments"),
    N_("Options"),
    N_("Commands"),
    N_("Error"),
    N_("(deprecated) "),
    N_("[default: {}]"),
    N_("[env var: {}]"),
    N_("[required]"),
    N_("(dynamic)"),
)
USAGE = N_("Usage: ")
OPTIONS = N_("[OPTIONS]")
SUBCOMMAND = N_("COMMAND [ARGS]...")
HELP_OPTION = N_("Show this message and exit.")
EXAMPLE = N_("Example:")

_COMPLAINTS = tuple(
    (re.compile(pattern, re.DOTALL), message)
    for pattern, message in (
        (
            r"No such command '(?P<name>.*)'\. Did you mean (?P<near>.*)\?",
            N_("there is no command {name} (did you mean {near}?)"),
        ),
        (r"No such command '(?P<name>.*)'\.", N_("there is no command {name}")),
        (r"Missing command\.", N_("a command is missing")),
        (
            r"No such option: (?P<name>.*?) \(Possible options: (?P<near>.*)\)",
            N_("there is no option {name} (did you mean {near}?)"),
        ),
        (r"No such option: (?P<name>.*)", N_("there is no option {name}")),
        (r"Option (?P<name>.*) requires .*argument.*", N_("{name} wants a value")),
        (r"Option (?P<name>.*) does not take a value\.", N_("{name} takes no value")),
        (
            r"Got unexpected extra argument\(s\) \((?P<words>.*)\)",
            N_("too many arguments: {words}"),
        ),
        (r"Missing \w+ (?P<name>'.*?')\..*", N_("{name} is missing")),
        (
            r"Invalid value for (?P<name>.*?): .*valid integer.*",
            N_("{name}: a whole number is wanted"),
        ),
        (r"Invalid value for (?P<name>.*?): .*valid number.*", N_("{name}: a number is wanted")),
        (
            r"Invalid value for (?P<name>.*?): .*greater than or equal to (?P<least>\S+)",
            N_("{name}: {least} at least"),
        ),
        (
            r"Invalid value for (?P<name>.*?): .*less than or equal to (?P<most>\S+)",
            N_("{name}: {most} at most"),
        ),
        (
            r"Invalid value for (?P<name>.*?): .*?(?P<value>'.*') is not one of (?P<choices>.*)\.",
            N_("{name}: {value} is not one of {choices}"),
        ),
        (
            r"Invalid value for (?P<name>.*?): \w+ (?P<value>'.*') does not exist\.",
            N_("{name}: {value} does not exist"),
        ),
        (
            r"Invalid value for (?P<name>.*?): (?P<why>.*)",
            N_("{name} is not valid: {why}"),
        ),
    )
)


class _Formatter(typer.Context.formatter_class):  # type: ignore[valid-type,misc]  # has no public name
    """Typer's help formatter, which wrote "Usage:" in English only."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, prefix or _(USAGE))


class _Context(typer.Context):
    """Typer's context with our formatter."""

    formatter_class = _Formatter


def bind() -> None:
    """Let Typer find its headings in the language in force."""
    os.environ["LANGUAGE"] = locales.language()  # gettext's own choice would be the locale's
    gettext.bindtextdomain(locales.DOMAIN, locales.FOLDER)
    gettext.textdomain(locales.DOMAIN)
    # Typer looks its headings up once, when a help text is first shown: a process that speaks two
    # languages needs them again.
    loaded = sys.modules.get("typer.rich_utils")
    if loaded is not None and gettext.gettext("Commands") != loaded.COMMANDS_PANEL_TITLE:
        importlib.reload(loaded)


def translate(command: Any) -> None:
    """Put the help of a command and of all below it into the language in force."""
    command.context_class = _Context
    command.help = _(command.help or "")
    command.options_metavar = _(OPTIONS)
    if command.epilog:
        command.epilog = f"{_(EXAMPLE)} {command.epilog}"
    own_help = command.get_help_option(_Context(command))
    for parameter in (*command.params, *([own_help] if own_help else [])):
        parameter.help = _(getattr(parameter, "help", None) or "")
        is_flag = getattr(parameter, "is_flag", False)  # takes nothing: no "<bool>" beside it
        parameter.metavar = "" if is_flag else _(parameter.metavar or "") or None
    for child in getattr(command, "commands", {}).values():
        command.subcommand_metavar = _(SUBCOMMAND)
        translate(child)


def complaint(words: str) -> str:
    """Return what Typer says of a wrong command line in the language in force."""
    for pattern, message in _COMPLAINTS:
        if found := pattern.fullmatch(words):
            return _(message).format(
                **{name: value.replace("'", "") for name, value in found.groupdict().items()}
            )
    return words
