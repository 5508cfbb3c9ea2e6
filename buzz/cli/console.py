"""What a person sees: data on stdout, talk on stderr, nothing that could move the cursor.

Whatever comes from outside is stripped of control characters and bidi marks before it is
printed. Colour and progress bars only on a terminal; ``NO_COLOR`` is obeyed (by Rich). A reader
that went away (``| head``) never stops the work.
"""

import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from buzz.cli import work
from buzz.core.text import printable
from buzz.errors import BuzzError, UsageError
from buzz.locales import gettext as _
from buzz.model import Finding, Level

PIPED_WIDTH = 160  # columns of a table that no terminal shows
_READABLE = 100  # columns of a text that is broken between words; longer lines tire the eye
_GAP = 3  # columns between two of a table's
_LEAST = 8  # columns that a text needs beside figures that are kept whole, and any heading
# Rich breaks lines at every kind of space: those that must not be broken pass it in disguise.
_DISGUISED = str.maketrans("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "\ue000\ue001")
_UNDISGUISED = str.maketrans("\ue000\ue001", "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}")


def emit(facts: Mapping[str, Any]) -> None:
    """Print facts as one JSON object for other programs, with the version of its keys."""
    _out(json.dumps({"v": 1, **facts}, ensure_ascii=False, default=str))


def data(text: str) -> None:
    """Print data on stdout."""
    _out(printable(text))


def verbatim(content: bytes) -> None:
    """Print a file's bytes on stdout as they are."""
    with _reader_may_leave():
        sys.stdout.write(content.decode())


def say(text: str) -> None:
    """Talk on stderr, unless ``--quiet``."""
    if not work.current().quiet:
        _err(printable(text))


def error(text: str) -> None:
    """Say on stderr what went wrong; ``--quiet`` does not silence it."""
    _err("buzz: " + printable(text))


def paragraph(text: str, *, first: str = "", indent: str = "") -> None:
    """Print a text on stdout, broken between words where the terminal ends.

    Args:
        text: what is said.
        first: what the first line begins with.
        indent: what the others begin with.
    """
    data(
        textwrap.fill(
            text,
            width=min(width(), _READABLE),
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: str = "") -> None:
    """Print rows under headings on stdout; without a row, nothing.

    Args:
        columns: headings, already translated; all empty: no headings are shown.
        rows: cells in the same order; None is shown as an empty cell.
        right: one letter a column: ``r`` figures, which stand to the right; ``w`` words that people
            copy, such as slugs; neither is broken while there is room for the rest.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    cells = [
        ["" if cell is None else printable(str(cell)).translate(_DISGUISED) for cell in row]
        for row in rows
    ]
    widths = _whole(columns, cells, right)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=any(columns))
    for index, column in enumerate(columns):
        grid.add_column(
            Text(column.translate(_DISGUISED)),
            justify="right" if right[index : index + 1] == "r" else "left",
            overflow="fold",
            width=widths.get(index),
        )
    for row in cells:
        grid.add_row(*map(Text, row))
    show(grid)


def _whole(columns: Sequence[str], cells: Sequence[Sequence[str]], right: str) -> dict[int, int]:
    """Return the widths of the columns that are not to be broken, by position.

    Where all of it fits, or where not even these do, nothing is fixed.
    """
    from rich.cells import cell_len

    longest = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    natural = [max(n, cell_len(head)) for n, head in zip(longest, columns, strict=True)]
    room = width() - _GAP * (len(columns) - 1)
    if sum(natural) <= room:
        return {}
    fixed = {
        index: max(
            longest[index],
            min(natural[index], _LEAST),
            *map(cell_len, columns[index].split()),
        )
        for index, kind in enumerate(right)
        if kind in "rw"
    }
    texts = len(columns) - len(fixed)
    return fixed if sum(fixed.values()) + _LEAST * texts <= room else {}


def show(renderable: Any) -> None:
    """Print something of Rich's on stdout. Text from outside must be in a ``rich.text.Text``."""
    from rich.console import Console

    drawn = io.StringIO()  # Rich itself would end the process where the reader left
    console = Console(file=drawn, force_terminal=sys.stdout.isatty(), width=width())
    console.print(renderable)
    _out(drawn.getvalue().removesuffix("\n").translate(_UNDISGUISED))


def findings(found: Sequence[Finding]) -> None:
    """Print what a check found on stdout, a line each: ``error place: what (remedy)``."""
    for finding in found:
        data(line_of(finding))


def line_of(finding: Finding) -> str:
    """Return a finding as a line: ``error place: what (remedy)``."""
    words = {Level.ERROR: _("error"), Level.WARNING: _("warning")}
    remedy = f" ({finding.remedy})" if finding.remedy else ""
    return f"{words[finding.level]} {finding.place}: {finding.what}{remedy}"


def width() -> int:
    """Return how many columns a table on stdout may take."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return PIPED_WIDTH


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal while the block runs; call what it gives with each step's size."""
    if work.current().quiet or not sys.stderr.isatty():
        yield lambda _n: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)


def confirmed(question: str, *, yes: bool, remedy: str) -> bool:
    """Tell whether the person agrees: ``--yes`` does, a terminal is asked.

    Raises:
        UsageError: nobody can be asked, and ``--yes`` was not given.
    """
    if yes:
        return True
    if not is_interactive():
        raise UsageError(_("this needs a yes, and there is no terminal to ask"), remedy=remedy)
    return ask(f"{question} [{_('y')}/N] ").lower() in {_("y"), _("yes"), "y", "yes"}


def ask(question: str) -> str:
    """Return the line that a person types after the question on the terminal."""
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def is_interactive() -> bool:
    """Tell whether a person sits in front of this process."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def open_page(address: str) -> None:
    """Open a page in the browser of a person who sits at a desktop; do nothing elsewhere."""
    has_desktop = sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_desktop and is_interactive():
        import webbrowser

        webbrowser.open(address)


def flush() -> None:
    """Write out what is buffered, if anybody still reads."""
    with _reader_may_leave():
        sys.stdout.flush()


def _out(text: str) -> None:
    with _reader_may_leave():
        sys.stdout.write(text + "\n")


def _err(text: str) -> None:
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Go on writing into the void when the reader of stdout went away.

    Raises:
        BuzzError: stdout cannot be written for another reason: what was asked for is lost.
    """
    try:
        yield
    except OSError as exc:
        void = os.open(os.devnull, os.O_WRONLY)
        os.dup2(void, sys.stdout.fileno())
        os.close(void)
        if not isinstance(exc, BrokenPipeError):
            raise BuzzError(
                _("the output cannot be written: {why}").format(why=exc.strerror)
            ) from exc
