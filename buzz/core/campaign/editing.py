"""Editing front matter: keys given other values or taken out, every other line left as it is."""

import json
import re
from collections.abc import Mapping

_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)


def edited(text: str, changes: Mapping[str, str | None]) -> str:
    r"""Return a ``letter.md`` with other values in its front matter.

    Args:
        text: the file; one without front matter comes back as it is.
        changes: by key; None takes the key out. A key that is not there yet is put last.

    >>> edited("---\nsubject: A\nnot_after: 2026-03-04  # Wednesday\n---\nHello",
    ...        {"subject": "B", "not_after": None})
    '---\nsubject: "B"\n---\nHello'
    """
    fences = list(_FENCE.finditer(text))[:2]
    if len(fences) != 2 or text[: fences[0].start()].strip("\ufeff"):  # noqa: PLR2004  (begin, end)
        return text
    front = text[fences[0].end() : fences[1].start()]
    for key, value in changes.items():
        line = "" if value is None else f"{key}: {quoted(value)}\n"
        # A key's value goes on in lines that are indented, or in a list's at its own margin.
        pattern = re.compile(
            rf"^{re.escape(key)}[ \t]*:.*\n(?:[ \t]+.*\n|-[ \t].*\n)*", re.MULTILINE
        )
        front, count = pattern.subn(lambda _m, line=line: line, front, count=1)  # type: ignore[misc]
        if not count:
            front += line
    return text[: fences[0].end()] + front + text[fences[1].start() :]


def quoted(text: str) -> str:
    """Return the text as a YAML scalar in double quotes (JSON's are YAML's)."""
    return json.dumps(text, ensure_ascii=False)
