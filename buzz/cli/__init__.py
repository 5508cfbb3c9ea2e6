"""What a person types: one file a noun; a command parses, calls one pipeline function, prints.

:func:`main` is the only door: it finds the language, lets ``--lang``, ``--workspace``,
``--quiet`` and ``--debug`` stand anywhere, and turns every error into words and an exit code
(see :mod:`buzz.errors`). A command returns its exit code, or None for 0.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from buzz import __version__, locales
from buzz.errors import BuzzError
from buzz.locales import gettext as _

_WITH_VALUE = ("--lang", "--workspace")
_FLAGS = ("--quiet", "--debug")
SIGINT_EXIT = 130


def run() -> None:
    """Run the command line of this process and leave with its exit code."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. Arguments are those after ``buzz``."""
    _ensure_streams()
    arguments, everywhere = _lift(argv)
    locales.use(
        locales.supported(
            everywhere.get("--lang"),
            os.environ.get("BUZZ_LANG"),
            os.environ.get("LC_ALL"),
            os.environ.get("LC_MESSAGES"),
            os.environ.get("LANG"),
        )
    )
    if arguments in (["--version"], ["version"]):  # before the slow imports
        sys.stdout.write(f"buzz {__version__}\n")
        return 0

    from buzz.cli import console, root, work

    work.begin(
        work.Work(
            workspace_option=everywhere.get("--workspace", ""),
            quiet="--quiet" in everywhere,
            debug="--debug" in everywhere,
        )
    )
    try:
        return root.invoke(arguments)
    except BuzzError as exc:
        if work.current().debug:
            raise
        console.error(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:
        console.error(_("interrupted; what was done so far is kept"))
        return SIGINT_EXIT
    finally:
        work.current().close()
        console.flush()


def _ensure_streams() -> None:
    """Give a closed stdout or stderr (``>&-``) a place to write to, and speak UTF-8."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (lives with the process)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (lives with the process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _lift(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the arguments without the options that may stand anywhere, and those options."""
    arguments: list[str] = []
    everywhere: dict[str, str] = {}
    rest = iter(argv)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--":
            arguments += [argument, *rest]
        elif name in _WITH_VALUE:
            everywhere[name] = value if equals else next(rest, "")
        elif argument in _FLAGS:
            everywhere[argument] = ""
        else:
            arguments.append(argument)
    return arguments, everywhere
