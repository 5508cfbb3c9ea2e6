"""What becomes of a pasted text: each markup through the renderer of those who take it.

HTML, Markdown and BBCode go through real libraries. SPIP and Dotclear render in PHP; here stand
their rules as we read them in their documentation (spip.net, "Les raccourcis typographiques";
Dotclear's help page on the wiki syntax), no more of them than a kit uses and a hostile text could
set off.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser

import bbcode
import nh3
from markdown_it import MarkdownIt

from buzz.core.kit.writing import JOINER
from buzz.model import Markup

# What an author's post may hold in WordPress (wp_kses_allowed_html("post")), as far as we use it.
WORDPRESS_TAGS = {
    "a", "b", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
    "li", "ol", "p", "pre", "strong", "ul",
}  # fmt: skip
_SHORTCODE = re.compile(r"\[\[?/?[a-z]\w*[^\]]*\]", re.IGNORECASE)

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BBCODE = bbcode.Parser(replace_cosmetic=False, replace_links=False)
for _render, _options in _BBCODE.recognized_tags.values():  # (c) shall stay (c), -- no dash
    _options.replace_cosmetic = _options.replace_links = False


@dataclass(slots=True)
class Seen:
    """What a reader sees: the words, and the links with what they say."""

    words: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)  # address, label


def seen(markup: Markup, pasted: str) -> Seen:
    """Return what a reader sees of a text pasted into what renders this markup."""
    return read(RENDERERS[markup](pasted))


def words(text: str) -> str:
    """Return the words of a text as they are compared: single-spaced, nothing invisible.

    Quotation marks may be turned, as any typographic correction turns them.
    """
    straight = text.translate({ord("\u2019"): "'", ord("\u201d"): '"'})
    return " ".join(straight.replace(JOINER, "").split())


def read(html: str) -> Seen:
    """Return what a browser shows of HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Seen(
        words("".join(reader.said)), [(url, words("".join(label))) for url, label in reader.links]
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.links: list[tuple[str, list[str]]] = []
        self._is_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"a", "em", "i", "strong", "b", "span", "code"}:
            self.said.append("\n")
        if tag == "a":
            self.links.append((dict(attrs).get("href") or "", []))
            self._is_link = True

    def handle_endtag(self, tag: str) -> None:
        self._is_link = self._is_link and tag != "a"
        if tag not in {"a", "em", "i", "strong", "b", "span", "code"}:
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        self.said.append(data)
        if self._is_link:
            self.links[-1][1].append(data)


def _wordpress(pasted: str) -> str:
    without = _SHORTCODE.sub("", pasted)
    return nh3.clean(
        without,
        tags=WORDPRESS_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


def _plain(pasted: str) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in pasted.split("\n"))


# --- SPIP ---------------------------------------------------------------------------------------

_SPIP_LINK = re.compile(r"\[([^\[\]]*)->>?([^\]]*)\]")
_SPIP_NOTE = re.compile(r"\[\[.*?\]\]", re.DOTALL)
_SPIP_TERM = re.compile(r"\[\?[^\]]*\]")
_SPIP_MODEL = re.compile(r"<[a-z]+\d+(\|[^>]*)?>")


def _spip(pasted: str) -> str:
    kept: list[str] = []

    def link(match: re.Match[str]) -> str:
        label = match[1].partition("|")[0]
        kept.append(f'<a href="{match[2]}">{label}</a>')
        return f"\x00{len(kept) - 1}\x00"

    text = f"\n{pasted.strip()}"
    text = _SPIP_NOTE.sub("", text)
    text = _SPIP_LINK.sub(link, text)
    text = _SPIP_TERM.sub("", text)
    text = _SPIP_MODEL.sub("", text)
    text = text.replace("~", "\u00a0").replace("--", "\u2014")
    text = re.sub(" *\u00a0 *| (?=[;:!?%»])", "\u00a0", text)
    text = re.sub(r"\n\|.*\|(?=\n|$)", "\n<table>", text)
    text = re.sub(r"\n(----+|____+)", "\n\n<hr>\n\n", text)
    text = re.sub(r"\n-([*#]+)", "\n\n<li>", text)
    text = re.sub(r"\n-+ *", "\n<br>\u2022 ", text)
    text = re.sub(r"\n_ +", "\n<br>", text)
    for mark, tag in (("{{{", "<h3>"), ("}}}", "</h3>"), ("{{", "<b>"), ("}}", "</b>")):
        text = text.replace(mark, tag)
    text = text.replace("{", "<i>").replace("}", "</i>")
    text = re.sub(r"\n\n+", "<p>", text)
    text = text.replace("<quote>", "<blockquote>").replace("</quote>", "</blockquote>")
    return re.sub("\x00(\\d+)\x00", lambda match: kept[int(match[1])], text)


# --- Dotclear -----------------------------------------------------------------------------------

_DC_TAGS: Mapping[str, str] = {  # opening mark -> closing mark
    "''": "''", "__": "__", "??": "??", "[": "]", "((": "))", "{{": "}}", "@@": "@@", "~": "~",
    "--": "--", "++": "++", "``": "``", "$$": "$$", '""': '""', "^": "^", ",,": ",,",
    "££": "££", ";;": ";;",
}  # fmt: skip
_DC_MARKS = sorted({*_DC_TAGS, *_DC_TAGS.values()}, key=len, reverse=True)
_DC_SPLIT = re.compile(rf"(?<!\\)({'|'.join(map(re.escape, _DC_MARKS))})")
_DC_ATTRIBUTES = re.compile(r"§§.*§§$")
_DC_LINES = re.compile(r"øøø|!{1,4}|-{4}[- ]|&gt;|;:|[*#]+|[=:|] |[ ]|\)|\|")
_DC_MACRO = re.compile(r"^///(.*?)///$", re.MULTILINE | re.DOTALL)


def _dotclear(pasted: str) -> str:
    out = []
    marks = ""  # of the list that is open
    for line in _DC_MACRO.sub("", pasted).split("\n"):
        text = _DC_ATTRIBUTES.sub("", escape(line, quote=False))
        match = _DC_LINES.match(text)
        before, marks = marks, match[0] if match and match[0][0] in "*#" else ""
        if text in {"", "0"}:
            out.append("<p></p>")
        elif match and marks:
            if _dc_follows(before, marks):
                text = text[match.end() :]
            else:
                marks = ""
            out.append(f"<li>{_dc_walk(text)}</li>")
        elif match:
            out.append(f"<blockquote>{_dc_walk(text[match.end() :])}</blockquote>")
        else:
            if text.startswith("\\") and _DC_LINES.match(text[1:]):
                text = text[1:]
            out.append(f"<p>{_dc_walk(text)}</p>")
    html = re.sub(r"(?<!\\)%%%", "<br>", "\n".join(out))
    return html.replace("\\%%%", "%%%")


def _dc_follows(before: str, marks: str) -> bool:
    """Tell whether an item goes on with the list that is open, a step deeper at most."""
    if len(marks) > len(before):
        return len(marks) == len(before) + 1 and marks.startswith(before)
    return before.startswith(marks)


def _dc_walk(text: str) -> str:
    pieces = _DC_SPLIT.split(text)
    out = []
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        close = _DC_TAGS.get(piece)
        end = next((i for i in range(at + 1, len(pieces)) if pieces[i] == close), 0)
        if close is None or not end:
            out.append(piece)
        else:
            out.append(_dc_made(piece, "".join(pieces[at + 1 : end])))
            at = end
        at += 1
    return _dc_unescaped("".join(out))


def _dc_made(mark: str, inside: str) -> str:
    inside = re.sub(r"§(.*)§$", "", inside)
    if mark != "[":
        return f"<em>{_dc_walk(inside)}</em>" if mark in {"''", "__"} else "<hr>"
    label, *rest = re.split(r"(?<!\\)\|", _dc_walk(inside))
    url = rest[0].replace("\\|", "|").strip() if rest else inside
    return f'<a href="{escape(unescape(url))}">{label.replace(chr(92) + "|", "|")}</a>'


def _dc_unescaped(text: str) -> str:
    for mark in _DC_MARKS:
        text = text.replace(f"\\{mark}", mark)
    return text


RENDERERS: Mapping[Markup, Callable[[str], str]] = {
    Markup.HTML: _wordpress,
    Markup.MARKDOWN: _MARKDOWN.render,
    Markup.BBCODE: _BBCODE.format,
    Markup.SPIP: _spip,
    Markup.DOTCLEAR: _dotclear,
    Markup.TEXT: _plain,
}
