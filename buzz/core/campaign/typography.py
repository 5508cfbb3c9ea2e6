r"""French typography: what a keyboard cannot say is mended while the letter is read.

Only three things ever change: an ordinary space that must not break becomes a no-break one, a
straight apostrophe behind a letter becomes a curly one, three full stops become an ellipsis. No
space is added or taken away, so nothing can be torn: ``10:30``, ``https://…``, ``{{ name }}`` and
code stay as they are. Spaces are those of the Imprimerie nationale's Lexique: narrow before
``; ! ? % €`` and inside figures, full before ``:`` and inside guillemets.
"""

import re

NARROW = "\u202f"
FULL = "\u00a0"
LANGUAGE = "fr"

_RULES = (
    (re.compile(r" (?=[;!?%€‰](?!\[))"), NARROW),  # not before ![an image]
    (re.compile(r" (?=[:»])|(?<=«) "), FULL),
    (re.compile(r"(?<![\d,.])(\d{1,3})((?: \d{3})+)(?!\d)"), NARROW),
    (re.compile(r"(?<=[^\W\d_])'"), "\u2019"),
    (re.compile(r"(?<!\.)\.\.\.(?!\.)"), "…"),
)
# What is not prose in Markdown: code, where a link leads, a variable.
_KEPT = re.compile(
    r"(```.*?```|`[^`\n]+`|\]\([^)\n]*\)|<[^<>\s]+>|\{\{.*?\}\}|\w+://\S+)", re.DOTALL
)


def mended(text: str, language: str) -> str:
    r"""Return a text with the spaces and apostrophes of its language; only French has any.

    >>> mended("Quoi ? « eau » : 1 500 francs...", "fr")
    'Quoi\u202f? «\xa0eau\xa0»\xa0: 1\u202f500 francs…'
    >>> mended("What ?", "en")
    'What ?'
    """
    if language.partition("-")[0].lower() != LANGUAGE:
        return text
    for wrong, right in _RULES:
        text = wrong.sub(lambda m, right=right: _right(m, right), text)  # type: ignore[misc]
    return text


def mended_markdown(text: str, language: str) -> str:
    """Return Markdown with its prose mended; code and addresses stay as they are."""
    parts = _KEPT.split(text)
    return "".join(
        part if number % 2 else mended(part, language) for number, part in enumerate(parts)
    )


def _right(match: "re.Match[str]", right: str) -> str:
    """Return what stands instead: in figures only the spaces are replaced."""
    return match[0].replace(" ", right) if match.lastindex else right
