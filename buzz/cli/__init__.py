"""What a person types: one file a noun; a command parses, calls one pipeline function, prints.

:func:`main` is the only door: it finds the language, lets ``--lang``, ``--workspace``,
``--quiet`` and ``--debug`` stand anywhere, and turns every error into words and an exit code
(see :mod:`buzz.errors`). A command returns its exit code, or None for 0.
"""

import contextlib  # whole: `suppress` is the name of a command's file here
import gc
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from buzz import __version__, locales
from buzz.errors import BuzzError, TemporaryFailure, UsageError
from buzz.locales import gettext as _

_WITH_VALUE = ("--lang", "--workspace")
_FLAGS = ("--quiet", "--debug")
SIGINT_EXIT = 130
# Start-up makes some 200,000 objects that live to the end; to look for garbage among them after
# each 700, which is Python's habit, takes an eighth of the time that `buzz status` takes.
NEW_OBJECTS = 5_000


def run() -> None:
    """Run the command line of this process and leave with its exit code."""
    gc.set_threshold(NEW_OBJECTS)
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:  # while modules were loaded: nothing had begun
        code = SIGINT_EXIT
    sys.exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. Arguments are those after ``buzz``."""
    _ensure_streams()
    arguments, everywhere = _lift(argv)
    language = locales.supported(
        everywhere.get("--lang"),
        os.environ.get("BUZZ_LANG"),
        os.environ.get("LC_ALL"),
        os.environ.get("LC_MESSAGES"),
        os.environ.get("LANG"),
    )
    with locales.speaking(language):
        return _guarded(arguments, everywhere)


def _guarded(arguments: Sequence[str], everywhere: Mapping[str, str]) -> int:
    """Run one command; whatever it raises becomes words and an exit code."""
    wants_version = arguments in (["--version"], ["version"])
    if wants_version:
        with contextlib.suppress(
            OSError
        ):  # the reader has left, the disk is full: that takes longer to say
            sys.stdout.write(f"buzz {__version__}\n")
            sys.stdout.flush()
            return 0  # before the slow imports

    from buzz.cli import console, work

    work.begin(
        work.Work(
            workspace_option=everywhere.get("--workspace", ""),
            quiet="--quiet" in everywhere,
            debug="--debug" in everywhere,
        )
    )
    try:
        if wants_version:
            console.data(f"buzz {__version__}")
            console.flush()
            return 0
        return _run(arguments, everywhere)
    except BuzzError as exc:
        if work.current().debug:
            raise
        if not (work.current().quiet and isinstance(exc, TemporaryFailure) and exc.is_told):
            console.error(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:
        console.error(_("interrupted; what was done so far is kept"))
        return SIGINT_EXIT
    except Exception as exc:  # a fault of ours: no traceback for who only works here
        if work.current().debug:
            raise
        console.error(
            _("an unforeseen error: {what} (run it again with --debug and report it)").format(
                what=f"{type(exc).__name__}: {exc}"
            )
        )
        return BuzzError.exit_code
    finally:
        work.current().close()
        with contextlib.suppress(BuzzError):  # that stdout is full was said where it mattered
            console.flush()


def _run(arguments: Sequence[str], everywhere: Mapping[str, str]) -> int:
    from buzz.cli import console, root

    for name in _WITH_VALUE:
        if everywhere.get(name) == "":
            raise UsageError(_("{name} wants a value").format(name=name))
    if everywhere.get("--lang", locales.LANGUAGES[0]) not in locales.LANGUAGES:
        raise UsageError(
            _("{lang} is no language of ours").format(lang=everywhere["--lang"]),
            remedy=" | ".join(locales.LANGUAGES),
        )
    code = root.invoke(arguments)
    console.flush()
    return code


def _ensure_streams() -> None:
    """Give a closed stream (``>&-``) a place to write to, and speak UTF-8.

    The descriptors are taken as well: else the database would get number 1, and what others print
    there would land in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
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
