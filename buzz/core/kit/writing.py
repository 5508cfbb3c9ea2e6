"""Writing blocks in a markup, each character as itself: what every markup has in common.

A letter's text is anybody's: a bracket, a star or a brace in it must come out as typed and start
nothing. Each markup has its own means for that; where it has none, an invisible word joiner
(U+2060) breaks up what would be read as a command.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from urllib.parse import quote

from buzz.core.kit.document import (
    BREAK,
    Block,
    Heading,
    Item,
    Items,
    Kind,
    Line,
    Paragraph,
    Piece,
    Quote,
)

JOINER = "\u2060"
# What no markup takes for its own inside an address; the rest is percent-encoded (RFC 3986 §2).
_SAFE = "!$%&+,-./:=?@_#"


def portable(url: str) -> str:
    """Return an address that stands in every markup as it is.

    >>> portable("https://parti.example/a(b)|c]")
    'https://parti.example/a%28b%29%7Cc%5D'
    """
    return quote(url, safe=_SAFE)


class Writer:
    """The pattern of all; as it stands it writes plain text, and others say what differs."""

    line_break = "\n"
    strong = ("", "")
    em = ("", "")

    def write(self, blocks: Sequence[Block]) -> str:
        """Return the blocks, an empty line between two."""
        return "\n\n".join(filter(None, map(self._block, blocks)))

    def _block(self, block: Block) -> str:
        """Return one block."""
        match block:
            case Paragraph():
                return self._paragraph(self._line(block.line))
            case Heading():
                return self._heading(self._start(self._text(block.text)))
            case Quote():
                return self._quote([self._line(line) for line in block.lines])
            case Items():
                return self._items(block.items)

    def _line(self, line: Line) -> str:
        """Return a line of pieces, which may have breaks in it."""
        rows = [list(row) for broken, row in groupby(line, BREAK.__eq__) if not broken]
        return self.line_break.join(map(self._row, rows))

    def _row(self, pieces: Sequence[Piece]) -> str:
        """Return pieces that stand on one line."""
        return self._start("".join(self._piece(pieces, at) for at in range(len(pieces))))

    def _piece(self, pieces: Sequence[Piece], at: int) -> str:
        """Return one piece of a row."""
        piece = pieces[at]
        match piece.kind:
            case Kind.LINK:
                return self._link(piece.text, portable(piece.url)) + self._gap(pieces[at + 1 :])
            case Kind.STRONG | Kind.EM:
                before, after = self.strong if piece.kind is Kind.STRONG else self.em
                return f"{before}{self._text(piece.text)}{after}"
            case _:
                return self._text(piece.text)

    # --- what differs ---------------------------------------------------------------------------

    def _text(self, text: str) -> str:
        """Return words so that each character comes out as itself."""
        return text

    def _start(self, written: str) -> str:
        """Return the same for what begins a line."""
        return written

    def _link(self, label: str, url: str) -> str:
        """Return a link."""
        return f"{label} → {url}"

    def _gap(self, following: Sequence[Piece]) -> str:
        """Return what keeps an address apart from the words behind it."""
        return " " if following and not following[0].text.startswith(" ") else ""

    def _paragraph(self, written: str) -> str:
        """Return a paragraph."""
        return written

    def _heading(self, written: str) -> str:
        """Return a heading."""
        return written

    def _quote(self, lines: Sequence[str]) -> str:
        """Return a quotation of paragraphs."""
        return "\n>\n".join("> " + line.replace("\n", "\n> ") for line in lines)

    def _items(self, items: Sequence[Item]) -> str:
        """Return a list."""
        return "\n".join(self._item(item, "  " * item.depth) for item in items)

    def _item(self, item: Item, indent: str) -> str:
        """Return one item; its further lines stand under its first."""
        mark = f"{item.number}. " if item.number else "- "
        return indent + mark + self._line(item.line).replace("\n", f"\n{indent}{' ' * len(mark)}")


class Marked(Writer):
    """A markup, in which a link has an end."""

    def _gap(self, following: Sequence[Piece]) -> str:
        del following
        return ""


class Html(Marked):
    """HTML as WordPress and its like let it through."""

    line_break = "<br>\n"
    strong = ("<strong>", "</strong>")
    em = ("<em>", "</em>")

    def _text(self, text: str) -> str:
        """WordPress takes ``[word]`` for a shortcode, but not ``&#91;word&#93;``."""
        return escape(text, quote=False).replace("[", "&#91;").replace("]", "&#93;")

    def _link(self, label: str, url: str) -> str:
        return f'<a href="{escape(url)}">{self._text(label)}</a>'

    def _paragraph(self, written: str) -> str:
        return f"<p>{written}</p>"

    def _heading(self, written: str) -> str:
        return f"<h3>{written}</h3>"

    def _quote(self, lines: Sequence[str]) -> str:
        paragraphs = "\n".join(map(self._paragraph, lines))
        return f"<blockquote>\n{paragraphs}\n</blockquote>"

    def _items(self, items: Sequence[Item]) -> str:
        return nested(items, self._line, _html_list)


class BBCode(Marked):
    """BBCode as forums have it; it knows no way to escape a bracket.

    A bracket and an equals sign, in this order, let some parsers believe that a straight quotation
    mark opens a value: in such a text they are turned.
    """

    strong = ("[b]", "[/b]")
    em = ("[i]", "[/i]")

    _VALUE = re.compile(rf"\[{JOINER}[^\[\]]*=")
    _TURNED = str.maketrans({"'": "\u2019", '"': "\u201d"})

    def write(self, blocks: Sequence[Block]) -> str:
        """Return the blocks, an empty line between two."""
        written = super().write(blocks)
        return written.translate(self._TURNED) if self._VALUE.search(written) else written

    def _text(self, text: str) -> str:
        return text.replace("[", f"[{JOINER}")

    def _link(self, label: str, url: str) -> str:
        return f"[url={url}]{self._text(label)}[/url]"

    def _heading(self, written: str) -> str:
        return f"[b]{written}[/b]"

    def _quote(self, lines: Sequence[str]) -> str:
        return "[quote]" + "\n\n".join(lines) + "[/quote]"

    def _items(self, items: Sequence[Item]) -> str:
        return nested(items, self._line, _bbcode_list)


def nested(
    items: Sequence[Item],
    line: Callable[[Line], str],
    made: Callable[[bool, Sequence[str]], str],
) -> str:
    """Return a list of a markup whose lists stand inside items.

    Args:
        items: in order, as deep as they say.
        line: writes what is said in an item.
        made: writes a list, numbered or not, of items that are written.
    """
    out: list[str] = []
    for numbered, group in _runs(items):
        written = []
        for head, deeper in group:
            inner = nested(deeper, line, made) if deeper else ""
            written.append("\n".join(filter(None, (line(head.line), inner))))
        out.append(made(numbered, written))
    return "\n".join(out)


def _runs(items: Sequence[Item]) -> Iterator[tuple[bool, list[tuple[Item, list[Item]]]]]:
    """Return the items of the outermost depth with what is in each, by numbered or not."""
    depth = items[0].depth
    heads: list[tuple[Item, list[Item]]] = []
    for item in items:
        if item.depth <= depth:
            heads.append((item, []))
        else:
            heads[-1][1].append(item)
    for numbered, run in groupby(heads, key=lambda head: bool(head[0].number)):
        yield numbered, list(run)


def _html_list(numbered: bool, items: Sequence[str]) -> str:  # noqa: FBT001  (positional callback)
    tag = "ol" if numbered else "ul"
    return "\n".join((f"<{tag}>", *(f"<li>{item}</li>" for item in items), f"</{tag}>"))


def _bbcode_list(numbered: bool, items: Sequence[str]) -> str:  # noqa: FBT001  (positional callback)
    tag = "list=1" if numbered else "list"
    return "\n".join((f"[{tag}]", *(f"[*]{item}" for item in items), "[/list]"))


def runs_escaped(text: str, marks: str, width: int, escape_with: str = "\\") -> str:
    r"""Return the text with each run of a mark broken up, where the mark is a character repeated.

    >>> print(runs_escaped("___", "_", 2))
    _\__
    """

    def broken(match: re.Match[str]) -> str:
        char, length = match[0][0], len(match[0])
        return char * (length % width) + (escape_with + char * width) * (length // width)

    return re.sub(rf"([{re.escape(marks)}])\1{{{width - 1},}}", broken, text)
