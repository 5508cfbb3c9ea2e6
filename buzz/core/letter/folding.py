"""Folding: the lines of the text part, 76 columns at most; items and quotes stay such."""

import re

COLUMNS = 76  # of the text part; RFC 5322 §2.1.1 allows 78, a quote mark needs two

_MARGIN = re.compile(r"[ >]*(?:(?:-|→|\d+\.) )?")


def wrapped(text: str, indent: str = "", *, loose: re.Pattern[str] | None = None) -> str:
    """Return the lines of a text folded at 76 columns; items and quotes stay such.

    Args:
        loose: words of slots that hold a value of any length: such a line is folded once filled.
    """
    return "\n".join(
        indent + line if loose and loose.search(line) else folded(indent + line)
        for line in text.split("\n")
    )


def folded(line: str) -> str:
    """Return one line folded at ordinary spaces: others (no-break) are there to hold.

    ``textwrap`` takes ten times as long, which counts where a line is folded for each recipient.
    """
    if len(line) <= COLUMNS:
        return line
    current = margin(line)
    hanging = re.sub(r"[^> ]", " ", current)
    lines, empty = [], current
    for word in line[len(current) :].split(" "):
        if current == empty:
            current += word
        elif len(current) + 1 + len(word) > COLUMNS:
            lines.append(current)
            current, empty = hanging + word, hanging
        else:
            current += f" {word}"
    return "\n".join((*lines, current))


def margin(line: str) -> str:
    """Return what a line begins with that is no word of it: blanks, quote marks, an item's mark."""
    match = _MARGIN.match(line)
    return match.group() if match else ""


def tidy(text: str) -> str:
    """Return the text part without blanks at line ends and with single empty lines."""
    lines = "\n".join(line.rstrip() for line in text.strip().split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"
