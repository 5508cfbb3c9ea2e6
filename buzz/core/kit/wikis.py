"""Markdown and the wiki languages of SPIP and Dotclear, where the place of a character counts."""

import re
from collections.abc import Sequence
from html import escape

from buzz.core.kit.document import Item, Kind, Piece
from buzz.core.kit.writing import JOINER, Marked, runs_escaped


class Markdown(Marked):
    """CommonMark 0.31, with what older dialects do otherwise left out.

    Angle brackets and ampersands are entities, because not every dialect lets them be escaped.
    Emphasis is left out where its stars would not count as such (CommonMark §6.2): beside a letter
    when what is emphasised begins or ends with a sign.
    """

    line_break = "  \n"
    strong = ("**", "**")
    em = ("*", "*")

    _ALWAYS = re.compile(r"[\\`*_\[\]~|$^]")
    _ENTITY = re.compile(r"&(?=#|[A-Za-z])")
    # What begins a block at the start of a line: headings, lists, underlines, definitions.
    _AT_START = re.compile(r"(?P<digits>\d*)(?P<sign>(?<=\d)[.)]|(?<!\d)[-+=#:])")

    def _text(self, text: str) -> str:
        text = self._ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
        return self._ALWAYS.sub(r"\\\g<0>", text)

    def _start(self, written: str) -> str:
        found = self._AT_START.match(written)
        if not found:
            return written
        return f"{found['digits']}\\{found['sign']}{written[found.end() :]}"

    def _link(self, label: str, url: str) -> str:
        return f"[{self._text(label)}]({url})"

    def _piece(self, pieces: Sequence[Piece], at: int) -> str:
        piece = pieces[at]
        before = pieces[at - 1] if at else None
        after = pieces[at + 1] if at + 1 < len(pieces) else None
        is_marked = piece.kind in {Kind.STRONG, Kind.EM} and _stars_count(before, piece, after)
        if is_marked or piece.kind is Kind.LINK:
            return super()._piece(pieces, at)
        written = self._text(piece.text)
        if written.endswith("!") and after and after.kind is Kind.LINK:
            return f"{written[:-1]}\\!"  # or the link would be an image
        return written

    def _heading(self, written: str) -> str:
        hashes = re.compile(r"(?<!\\)#")  # a last run of them would close the heading
        return "### " + hashes.sub(r"\\#", written)

    def _item(self, item: Item, indent: str) -> str:
        return super()._item(item, indent * 2)  # four columns a depth suit every dialect


def _stars_count(before: Piece | None, piece: Piece, after: Piece | None) -> bool:
    """Tell whether stars around a piece open and close emphasis, whatever stands beside it."""

    def apart(neighbour: Piece | None, edge: str, touching: int) -> bool:
        if edge.isspace() or (neighbour and neighbour.kind in {Kind.STRONG, Kind.EM}):
            return False
        return not neighbour or edge.isalnum() or neighbour.text[touching].isspace()

    return apart(before, piece.text[0], -1) and apart(after, piece.text[-1], 0)


class Spip(Marked):
    """SPIP's shortcuts (spip.net, "Les raccourcis typographiques").

    SPIP shows entities as the characters they stand for and never takes them for a shortcut.
    """

    line_break = "\n_ "
    strong = ("{{", "}}")
    em = ("{", "}")

    _SIGNS = str.maketrans({sign: f"&#{ord(sign)};" for sign in "{}[]~|"})
    _AT_START = re.compile(r"[-_?]")
    # A break before these is none: they get a no-break space, or are one.
    _SPACED = (";", ":", "!", "%", "»", "\u00a0")

    def _text(self, text: str) -> str:
        # Two hyphens would become a dash; a quotation mark is none of ours to turn.
        text = escape(text, quote=False).translate(self._SIGNS)
        return re.sub(r"(?<=-)-", "&#45;", text)

    def _start(self, written: str) -> str:
        if written.startswith(self._SPACED):
            return f"{JOINER}{written}"
        return self._AT_START.sub(lambda match: f"&#{ord(match[0])};", written[:1]) + written[1:]

    def _link(self, label: str, url: str) -> str:
        return f"[{self._start(self._text(label))}->{escape(url)}]"

    def _heading(self, written: str) -> str:
        return f"{{{{{{{written}}}}}}}"

    def _quote(self, lines: Sequence[str]) -> str:
        return "<quote>" + "\n\n".join(lines) + "</quote>"

    def _items(self, items: Sequence[Item]) -> str:
        return "\n".join(
            f"-{('#' if item.number else '*') * (item.depth + 1)} {self._line(item.line)}"
            for item in items
        )


class Dotclear(Marked):
    """Dotclear's wiki (its help page, "Syntaxe wiki"; the class ``wiki2xhtml`` of Clearbricks).

    A backslash makes a mark a character; one that is meant as such, a section sign and what has
    no escape are kept apart from what follows by a word joiner.
    """

    line_break = " %%% "
    strong = ("__", "__")
    em = ("''", "''")

    _APART = re.compile(r"[\\§]|[&<>](?=;)|^0$")
    # What begins a block at the start of a line.
    _AT_START = re.compile(r"[!>*#)| ]|;:|[=:] |øøø")
    _MACRO = re.compile(r"^/(?=//)")

    def _text(self, text: str) -> str:
        text = self._APART.sub(rf"\g<0>{JOINER}", text)
        text = runs_escaped(text, "[]~^", 1)
        text = runs_escaped(text, "'_?(){}@-+`$\",£;", 2)
        return runs_escaped(text, "%¶", 3)

    def _piece(self, pieces: Sequence[Piece], at: int) -> str:
        written = super()._piece(pieces, at)
        if pieces[at].kind not in {Kind.STRONG, Kind.EM}:
            return written
        mark = written[:2]
        said = written[2:-2]
        before = at > 0 and pieces[at - 1].text.endswith(mark[0])
        after = at + 1 < len(pieces) and pieces[at + 1].text.startswith(mark[0])
        return "".join(
            (
                JOINER * before,
                mark,
                JOINER * said.startswith(mark[0]),
                said,
                JOINER * said.endswith(mark[0]),
                mark,
                JOINER * after,
            )
        )

    def _link(self, label: str, url: str) -> str:
        return "[" + self._text(label).replace("|", "\\|") + f"|{self._text(url)}]"

    def _paragraph(self, written: str) -> str:
        if self._AT_START.match(written):
            return f"\\{written}"
        return self._MACRO.sub(rf"\g<0>{JOINER}", written, count=1)

    def _heading(self, written: str) -> str:
        return f"!!! {written}"

    def _quote(self, lines: Sequence[str]) -> str:
        return "\n>\n".join(f"> {line}" for line in lines)

    def _items(self, items: Sequence[Item]) -> str:
        marks: list[str] = []
        out = []
        for item in items:
            mark = "#" if item.number else "*"
            if not item.depth and marks and marks[0] != mark:
                out.append("")  # another list: its kind changes nowhere else
                marks = []
            del marks[item.depth + 1 :]
            marks += [mark] * (item.depth + 1 - len(marks))
            out.append(f"{''.join(marks)} {self._line(item.line)}")
        return "\n".join(out)
