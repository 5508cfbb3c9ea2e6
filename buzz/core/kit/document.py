"""A passage as every markup can say it: blocks of pieces, read from clean HTML.

What only some markups know is let go here, never its text: code becomes words, a linked picture
what it shows, any other picture nothing, a quotation or a paragraph inside a list item becomes
lines of it, emphasis inside a link or inside other emphasis falls away.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from html.parser import HTMLParser
from itertools import groupby

from buzz.core.text import printable

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | {"p", "pre", "blockquote", "hr"}
# Ordinary white space, and the two separators of lines; what does not break stays.
_BLANKS = re.compile("[ \t\n\r\f\u2028\u2029]+")


class Kind(Enum):
    """What a piece of a line is."""

    PLAIN = auto()
    STRONG = auto()
    EM = auto()
    LINK = auto()
    BREAK = auto()  # the line ends here, the paragraph does not


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of one kind."""

    text: str
    kind: Kind = Kind.PLAIN
    url: str = ""


BREAK = Piece("", Kind.BREAK)
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words."""

    line: Line


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of what follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody else said."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list."""

    line: Line
    depth: int = 0  # in how many other lists this one is
    number: int = 0  # from 1; 0: a bullet


@dataclass(frozen=True, slots=True)
class Items:
    """A list, with the lists in it."""

    items: tuple[Item, ...]


Block = Paragraph | Heading | Quote | Items


def read(html: str) -> tuple[Block, ...]:
    """Return the blocks of clean HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end()
    return tuple(reader.blocks)


def line_of(pieces: Sequence[Piece]) -> Line:
    """Return a line of these pieces: single-spaced, stripped, each kind as long as it goes."""
    out: list[Piece] = []
    for (kind, url), same in groupby(pieces, key=lambda piece: (piece.kind, piece.url)):
        text = _BLANKS.sub(" ", printable("".join(p.text for p in same)))
        if kind is Kind.BREAK:
            out.append(BREAK)
        elif kind is Kind.PLAIN or not text.strip():
            _add(out, text)
        else:  # a blank at the edge belongs to what is around
            _add(out, " " * text.startswith(" "))
            out.append(Piece(text.strip(" "), kind, url))
            _add(out, " " * text.endswith(" "))
    return tuple(_stripped(out))


def mapped(blocks: Sequence[Block], url: Callable[[str], str]) -> tuple[Block, ...]:
    """Return the blocks with each address replaced."""

    def line(pieces: Line) -> Line:
        return tuple(replace(p, url=url(p.url)) if p.kind is Kind.LINK else p for p in pieces)

    def block(old: Block) -> Block:
        match old:
            case Paragraph():
                return Paragraph(line(old.line))
            case Quote():
                return Quote(tuple(map(line, old.lines)))
            case Items():
                return Items(tuple(replace(item, line=line(item.line)) for item in old.items))
            case Heading():
                return old

    return tuple(map(block, blocks))


def lines_of(blocks: Sequence[Block]) -> Iterator[Line]:
    """Return the lines of all blocks in order."""
    for block in blocks:
        match block:
            case Paragraph():
                yield block.line
            case Heading():
                yield (Piece(block.text),)
            case Quote():
                yield from block.lines
            case Items():
                yield from (item.line for item in block.items)


def text_of(line: Line) -> str:
    """Return the words of a line."""
    return "".join(" " if piece.kind is Kind.BREAK else piece.text for piece in line)


def urls_of(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Return the addresses that are linked, in order."""
    return tuple(p.url for line in lines_of(blocks) for p in line if p.kind is Kind.LINK)


def _add(out: list[Piece], text: str) -> None:
    """Add plain words, in the piece before where that is plain too."""
    if out and out[-1].kind is Kind.PLAIN:
        text = out.pop().text + text
    if out and out[-1].kind is Kind.BREAK:
        text = text.lstrip(" ")
    if text:
        out.append(Piece(_BLANKS.sub(" ", text)))


def _stripped(pieces: list[Piece]) -> Iterator[Piece]:
    """Return the pieces without blanks before a break and at both ends, where no break stands."""
    while pieces and (pieces[0] == BREAK or not pieces[0].text.strip(" ")):
        pieces.pop(0)
    while pieces and (pieces[-1] == BREAK or not pieces[-1].text.strip(" ")):
        pieces.pop()
    for at, piece in enumerate(pieces):
        text = piece.text
        if at == 0:
            text = text.lstrip(" ")
        if at == len(pieces) - 1 or pieces[at + 1] == BREAK:
            text = text.rstrip(" ")
        if text or piece == BREAK:
            yield replace(piece, text=text)


class _Reader(HTMLParser):
    """Reads the tags that a letter may have; of any other, its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._pieces: list[Piece] = []
        self._open: list[str] = []  # marks and headings
        self._url: str | None = None
        self._quotes = 0
        self._quoted: list[Line] = []
        self._counters: list[int] = []  # next number of each open list; 0: bullets
        self._items: list[Item] = []
        self._item: tuple[int, int] | None = None  # depth and number of the one that is open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        match tag:
            case "br":
                self._pieces.append(BREAK)
            case "a":
                self._url = dict(attrs).get("href") or None
            case "img" if self._url:  # a film behind its picture stays a link
                self.handle_data(dict(attrs).get("alt") or "")
            case "strong" | "em":
                self._open.append(tag)
            case "ul" | "ol":
                self._end_line()
                self._end_item()
                self._counters.append(1 if tag == "ol" else 0)
            case "li":
                self._begin_item()
            case _ if tag in _BLOCKS:
                self._end_line()
                self._quotes += tag == "blockquote"

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "a":
                self._url = None
            case "strong" | "em" if tag in self._open:
                self._open.remove(tag)
            case "li":
                self._end_item()
            case "ul" | "ol":
                self._end_list()
            case "blockquote":
                self._end_quote()
            case "p" | "pre":
                self._end_line()
            case _ if tag in _HEADINGS:
                self._end_heading()

    def handle_data(self, data: str) -> None:
        if self._url is not None:
            self._pieces.append(Piece(data, Kind.LINK, self._url))
        elif "strong" in self._open:
            self._pieces.append(Piece(data, Kind.STRONG))
        else:
            self._pieces.append(Piece(data, Kind.EM if "em" in self._open else Kind.PLAIN))

    def end(self) -> None:
        """Close whatever is still open."""
        self._end_line()
        while self._counters:
            self._end_list()
        while self._quotes:
            self._end_quote()

    def _end_line(self) -> None:
        """A paragraph ends; within an item it is only a line of it."""
        if self._item is not None:
            self._pieces.append(BREAK)
            return
        line = line_of(self._pieces)
        self._pieces.clear()
        if line and self._quotes:
            self._quoted.append(line)
        elif line:
            self.blocks.append(Paragraph(line))

    def _end_heading(self) -> None:
        if self._item is not None or self._quotes:
            self._end_line()
            return
        text = text_of(line_of(self._pieces))
        self._pieces.clear()
        if text:
            self.blocks.append(Heading(text))

    def _begin_item(self) -> None:
        if self._item is None:
            self._end_line()
        self._end_item()
        self._counters = self._counters or [0]
        self._item = (len(self._counters) - 1, self._counters[-1])
        self._counters[-1] += bool(self._counters[-1])

    def _end_item(self) -> None:
        if self._item is None:
            return
        (depth, number), self._item = self._item, None
        line = line_of(self._pieces)
        self._pieces.clear()
        if line:
            self._items.append(Item(line, depth, number))

    def _end_list(self) -> None:
        if self._item is None:
            self._end_line()
        self._end_item()
        self._counters = self._counters[:-1]
        if self._counters or not self._items:
            return
        items, self._items = tuple(_stepwise(self._items)), []
        if self._quotes:
            self._quoted += [(Piece("\u2013 "), *item.line) for item in items]
        else:
            self.blocks.append(Items(items))

    def _end_quote(self) -> None:
        self._end_line()
        self._quotes = max(0, self._quotes - 1)
        if self._quoted and not self._quotes:
            self.blocks.append(Quote(tuple(self._quoted)))
            self._quoted.clear()


def _stepwise(items: Sequence[Item]) -> Iterator[Item]:
    """Return the items, none more than one step deeper than the one before."""
    depth = -1
    for item in items:
        depth = min(item.depth, depth + 1)
        yield replace(item, depth=depth)
