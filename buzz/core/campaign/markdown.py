"""The body of ``letter.md``: Markdown into clean HTML and into text, each from the structure.

Raw HTML is shown as it is typed, schemes are allow-listed, and nh3 has the last word. Underlined
headings are switched off: under a line of text, ``---`` is the thematic break a writer means.
Prose gets the typography of its language. A link alone in its paragraph is a call, shown as a
button; an image alone in a link alone in its paragraph is a film, told of in words below it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import takewhile
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

from buzz.core.campaign.typography import mended, mended_markdown
from buzz.core.text import printable
from buzz.core.urls import is_web
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import Image

VARIABLES = ("name", "federation", "rank")  # what a letter may say of its recipient
VARIABLE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
# What only a person can write: `campaign new` leaves it in double square brackets.
_BARE = re.compile(r"https?://[^\s<>\[\]()]+", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\[\[.*?\]\]", re.DOTALL)

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "hr", "img", "li", "ol", "p", "pre",
    "strong", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"}, "*": set()}
_CLASSES = {"p": {"call", "film", "photo"}}
_SUB_HEADINGS = ("h3", "h4")
_PLAY = "\u25b6\ufe0e "  # a triangle, asked for as a letter and not as an emoji

# Tells of one problem: rule, line (from 1), what, remedy.
Report = Callable[[str, int, str, str], None]
# Returns how letters show the image of a file's name, which may be a film's; raises CheckRefused.
Show = Callable[[str, bool], Image]


def no_images(name: str, _is_film: bool) -> Image:  # noqa: FBT001  (a Show)
    """Refuse an image: there is no folder to look for it in."""
    raise CheckRefused(
        _("there is no image {name} beside the letter").format(name=name),
        remedy=_("put it into the campaign's folder, or correct its name"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands between two headings."""

    title: str = ""
    line: int = 0
    html: str = ""
    text: str = ""
    markdown: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The three parts of a letter."""

    intro: Section
    points: tuple[Section, ...]
    closing: Section


def body(
    text: str, first_line: int, report: Report, *, language: str = "", show: Show = no_images
) -> Body:
    """Return the parts of the body: before the first ``##``, each ``##``, after the last ``---``.

    Args:
        text: Markdown.
        first_line: the line of the file that the text begins at.
        report: is told of each problem.
        language: of the text, for its typography.
        show: finds the images.
    """
    source = printable(text)
    parser = _parser()
    tokens = parser.parse(source)
    for block in tokens:
        for token in _leaves(block):  # entities may stand for what is not printable
            token.content = printable(token.content)
            if token.type == "text" and not _is_address(token.content):
                token.content = mended(token.content, language)
        _inspect(block, first_line, report)
        _show_images(block, first_line + _line(block), report, show)
    starts = [i for i, t in enumerate(tokens) if t.type == "heading_open" and t.tag == "h2"]
    for start in starts:
        _inspect_title(tokens[start + 1], first_line, report)
    last = starts[-1] if starts else -1
    breaks = [i for i, t in enumerate(tokens) if t.type == "hr" and t.level == 0 and i > last]
    end = breaks[0] if breaks else len(tokens)
    part = partial(_section, parser, mended_markdown(source, language).split("\n"))
    return Body(
        intro=part(tokens[: starts[0] if starts else end]),
        points=tuple(
            part(
                tokens[start + 3 : stop],
                title=_spoken(tokens[start + 1].children or ()),
                line=first_line + _line(tokens[start]),
            )
            for start, stop in zip(starts, (*starts[1:], end), strict=False)
        ),
        closing=part(tokens[end + 1 :]),
    )


def variables(text: str, first_line: int, report: Report) -> None:
    """Report each ``{{ variable }}`` that no recipient has."""
    for match in VARIABLE.finditer(text):
        name = match.group(1)
        if name not in VARIABLES:
            near = get_close_matches(name, VARIABLES, n=1, cutoff=0.5)
            report(
                "14-variables",
                first_line + text.count("\n", 0, match.start()),
                _("unknown variable {{{{ {name} }}}}").format(name=name),
                _("did you mean `{near}`?").format(near=f"{{{{ {near[0]} }}}}")
                if near
                else _("a letter may use: {names}").format(names=", ".join(VARIABLES)),
            )


def address(url: str) -> str:
    """Return a web address as it stands in a letter: ASCII, percent-encoded, IDN as ``xn--``."""
    return normalizeLink(url.strip())


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).disable("lheading")
    parser.validateLink = _accepts  # type: ignore[method-assign]  # ours says the line
    return parser


def _accepts(url: str) -> bool:
    del url
    return True


def _inspect(block: Token, first_line: int, report: Report) -> None:
    """Report what a letter cannot have, with its line."""
    line = first_line + _line(block)
    if block.type == "heading_open" and block.tag not in {"h2", *_SUB_HEADINGS}:
        report(
            "markdown-heading",
            line,
            _("a letter has no heading of this size"),
            _("the title is the subject; begin a talking point with ##"),
        )
    depth = 0  # within a link
    for token in block.children or ():
        depth += token.nesting * token.type.startswith("link_")
        if token.type == "link_open":
            _inspect_link(str(token.attrGet("href") or ""), line, report)
        elif token.type == "text" and not depth and (bare := _BARE.search(token.content)):
            report(
                "17-links",
                line,
                _("`{url}` stays text that nobody can follow").format(url=bare[0]),
                _("write <{url}>, or [words](…)").format(url=bare[0]),
            )


def _inspect_title(block: Token, first_line: int, report: Report) -> None:
    """Report a link in the title of a talking point, which keeps its words alone."""
    for token in block.children or ():
        if token.type == "link_open":
            report(
                "17-links",
                first_line + _line(block),
                _("a link in a title leads nowhere: {url}").format(url=token.attrGet("href")),
                _("put it into the text below"),
            )


def _show_images(block: Token, line: int, report: Report, show: Show) -> None:
    """Give each image its address and its size; report what cannot be shown."""
    children = block.children or []
    is_film = [token.type for token in children] == ["link_open", "image", "link_close"]
    for token in children:
        if token.type != "image":
            continue
        name, said = str(token.attrGet("src") or ""), _spoken(token.children or ())
        if not said:
            report(
                "7-images",
                line,
                _("the image {name} has no text for those who do not see it").format(name=name),
                _("say what it shows: ![a crowd in front of the town hall](photo.jpg)"),
            )
        if is_web(name):
            report(
                "13-images",
                line,
                _("a letter loads no image from elsewhere: whoever hosts it sees the readers"),
                _("put the file beside letter.md, or link to it: [text](https://…)"),
            )
            continue
        try:
            image = show(unquote(name), is_film)
        except CheckRefused as exc:
            report("13-images", line, exc.what, exc.remedy)
            continue
        token.attrs = {"src": image.url, "width": image.width, "height": image.height, "alt": ""}
        token.meta["image"] = image
        token.meta["name"] = name
    if is_film:  # said once, where everybody sees it
        image_token = children[1]
        said = _spoken(image_token.children or ())
        image_token.children = []
        caption = Token("text", "", 0, content=f"{_PLAY}{said}")
        block.children = [children[0], image_token, caption, children[2]]


def _inspect_link(href: str, line: int, report: Report) -> None:
    if "%7B%7B" in href or "{{" in href:
        report(
            "17-links",
            line,
            _("a variable inside an address"),
            _("write the address out; every link is counted anyway"),
        )
    elif not is_web(href) and not re.fullmatch(r"mailto:[^\s@]+@[^\s@]+", href, re.IGNORECASE):
        report(
            "17-links",
            line,
            _("`{href}` is no address for a letter").format(href=href),
            _("links begin with https://, http:// or mailto:"),
        )


def _section(
    parser: MarkdownIt,
    lines: Sequence[str],
    tokens: Sequence[Token],
    *,
    title: str = "",
    line: int = 0,
) -> Section:
    """Return one part: its calls marked, its HTML cleaned, its text from the same tokens."""
    maps = [t.map for t in tokens if t.map]
    unsaid = _mark(tokens)
    # A photo and a film from one file are two images of one name.
    shown = [(t.meta["name"], t.meta["image"]) for b in tokens for t in _leaves(b) if t.meta]
    markdown = (
        "\n".join(lines[min(m[0] for m in maps) : max(m[1] for m in maps)]).strip() if maps else ""
    )
    for name, image in shown:
        markdown = markdown.replace(f"]({name}", f"]({image.url}")
    return Section(
        title=title,
        line=line,
        html=nh3.clean(
            str(parser.renderer.render(tokens, parser.options, {})),
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            allowed_classes=_CLASSES,
            url_schemes={"http", "https", "mailto"},
            link_rel=None,
        ).strip(),
        text=_plain([t for t in tokens if id(t) not in unsaid]),
        markdown=markdown,
        images=tuple(dict.fromkeys(image for _name, image in shown)),
    )


def _mark(tokens: Sequence[Token]) -> set[int]:
    """Give a paragraph that is one link or one image its class; return the ids of such tokens.

    The text part lists links after each section, so a call is not said twice there, and it shows
    no images.
    """
    marked: set[int] = set()
    for start, content, stop in zip(tokens, tokens[1:], tokens[2:], strict=False):
        kind = _kind([t.type for t in content.children or ()])
        if start.type == "paragraph_open" and kind:
            start.attrSet("class", kind)
            marked |= {id(start), id(content), id(stop)}
    return marked


def _kind(inside: Sequence[str]) -> str:
    """Return the class of a paragraph with such content, or an empty string."""
    if inside == ["image"]:
        return "photo"
    if [*inside[:1], *inside[-1:]] != ["link_open", "link_close"] or inside.count("link_open") > 1:
        return ""
    return "film" if "image" in inside else "call"


def _plain(tokens: Sequence[Token]) -> str:
    """Return the text of blocks: one line a paragraph, ``-`` before items, ``>`` before quotes."""
    out: list[str] = []
    margins: list[str] = []  # of the containers that are open
    above: list[str] = []  # margins of the block before
    counters: list[int] = []  # next number of each open list; 0: bullets
    marker = ""  # of the item that has just begun
    for token in tokens:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                ordered = token.type == "ordered_list_open"
                counters.append(int(token.attrGet("start") or 1) if ordered else 0)
            case "bullet_list_close" | "ordered_list_close":
                counters.pop()
            case "list_item_open":
                marker = f"{counters[-1]}. " if counters[-1] else "- "
                counters[-1] += bool(counters[-1])
                margins.append(" " * len(marker))
            case "blockquote_open":
                margins.append("> ")
            case "list_item_close" | "blockquote_close":
                margins.pop()
            case "inline" | "fence" | "code_block" | "hr":
                if out and not (marker and _is_tight(out, len(counters))):
                    out.append(_gap(above, margins))
                first, *rest = _content(token).split("\n")
                before = "".join(margins[:-1]) + marker if marker else "".join(margins)
                out += [before + first, *("".join(margins) + line for line in rest)]
                above, marker = margins.copy(), ""
    return "\n".join(out)


def _gap(above: Sequence[str], below: Sequence[str]) -> str:
    """Return the empty line between two blocks: what encloses both goes on."""
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(above, below, strict=False))
    return "".join(margin for margin, _same in shared).rstrip()


def _is_tight(out: Sequence[str], depth: int) -> bool:
    """Tell whether the last line is an item, so that the next one follows without a gap."""
    return depth > 1 or re.match(r"[> ]*(?:- |\d+\. |  )", out[-1]) is not None


def _content(token: Token) -> str:
    match token.type:
        case "inline":
            return _spoken(token.children or ())
        case "hr":
            return "* * *"
        case _:
            return token.content.rstrip("\n")


def _spoken(children: Sequence[Token]) -> str:
    return "".join(_words(children)).strip()


def _words(children: Sequence[Token]) -> Iterator[str]:
    for token in children:
        match token.type:
            case "softbreak":
                yield " "
            case "hardbreak":
                yield "\n"
            case "image":
                pass  # what it shows is for the eye; its alternative stands in the HTML
            case _:
                yield token.content


def _leaves(block: Token) -> Iterator[Token]:
    """Yield what a block is made of, and what the alternatives of its images are made of."""
    for token in block.children or ():
        yield token
        yield from token.children or ()


def _is_address(text: str) -> bool:
    """Tell whether a text is an address as it stands: <https://…> shows it so."""
    return "://" in text and " " not in text


def _line(token: Token) -> int:
    return token.map[0] if token.map else 0
