"""The styles of a letter: which hold for an element, on one kind of screen.

The cascade of CSS as far as it decides what can be read: colours, sizes, room, visibility. tinycss2
reads the style sheets, cssselect and lxml find what a selector means; a property that nobody here
asks for is passed over. Pictures behind text, gradients and scripts are not seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import tinycss2
from cssselect import HTMLTranslator, SelectorError
from cssselect import parse as parse_selectors
from cssselect.parser import SelectorSyntaxError
from lxml import etree
from tinycss2.color4 import parse_color

Rgb = tuple[float, float, float]  # each 0 to 1
Element = etree._Element  # noqa: SLF001  (lxml gives the type no other name)

ROOT_PX = 16.0
_LINE = 1.2  # line height of an ordinary font, in its size
_POINTS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54}
_SEEN = 1.0  # px: smaller letters hide a text
_NO_COLOR = {"inherit", "initial", "unset", "revert", "currentcolor", "none"}

# What a browser does by itself (the HTML standard, §15.3), as far as it matters here.
_BROWSER = """
head, style, script, title, template, [hidden] { display: none }
html, body, div, p, h1, h2, h3, h4, h5, h6, ul, ol, blockquote, pre, hr, table, section, article,
header, footer, main, center, address, figure { display: block }
li { display: list-item }
td, th { display: table-cell }
a[href] { color: -link; text-decoration: underline }
u, ins { text-decoration: underline }
h1 { font-size: 2em } h2 { font-size: 1.5em } h3 { font-size: 1.17em } h4 { font-size: 1em }
h5, small { font-size: 0.83em } h6 { font-size: 0.67em }
mark { background-color: #ffff00; color: #000000 }
"""


@dataclass(frozen=True, slots=True)
class Screen:
    """What a reader looks at."""

    width: int  # px
    dark: bool

    @property
    def paper(self) -> Rgb:
        """Return what is behind everything."""
        return (0.07, 0.07, 0.07) if self.dark else (1.0, 1.0, 1.0)

    @property
    def ink(self) -> Rgb:
        """Return the colour of text that names none."""
        return (1.0, 1.0, 1.0) if self.dark else (0.0, 0.0, 0.0)

    @property
    def link(self) -> Rgb:
        """Return the colour of a link that names none."""
        return (0.62, 0.62, 1.0) if self.dark else (0.0, 0.0, 0.93)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What holds for one element."""

    color: Rgb
    background: Rgb  # behind its text, whoever laid it there
    has_background: bool  # laid by this element itself
    font_px: float
    line_px: float
    padding_px: float  # above and below, added up
    height_px: float  # its own wish; 0: none
    width_px: float  # the same
    max_width: str  # as it is written; empty: none
    display: str
    underlined: bool
    hidden: bool


class _Rule(NamedTuple):
    """Declarations for one element, and how strong they are."""

    media: tuple[str, ...]  # all must hold
    strength: tuple[int, ...]
    declarations: Sequence[tuple[str, Any, bool]]  # name, tokens, important


class Fault(NamedTuple):
    """What a mail client could not read in a style block."""

    line: int  # of the block, from 1
    what: str


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, contrast ratio).

    >>> round(contrast((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    21
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Rgb) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]  # noqa: PLR2004  (WCAG's own figures)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def written(color: Rgb) -> str:
    """Return a colour as people write it.

    >>> written((1.0, 0.0, 0.2))
    '#ff0033'
    """
    return "#" + "".join(f"{round(part * 255):02x}" for part in color)


def faults(css: str) -> Iterator[Fault]:
    """Yield what is wrong in a style block: Gmail drops the whole of it for one error."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    yield from _faults(rules)
    if css.count("{") != css.count("}"):
        yield Fault(css.count("\n") + 1, "{ }")


def _faults(nodes: Sequence[Any]) -> Iterator[Fault]:
    for node in nodes:
        if node.type == "error":
            yield Fault(node.source_line, node.message)
        elif node.type == "at-rule" and node.content is not None:
            if node.lower_at_keyword == "media":
                yield from _faults(_inside(node))
            else:
                yield from _faults(_declared(node.content))
        elif node.type == "qualified-rule":
            selector = tinycss2.serialize(node.prelude).strip()
            if not _is_selector(selector):
                yield Fault(node.source_line, selector)
            yield from _faults(_declared(node.content))
        elif node.type == "declaration" and node.lower_name in {"color", "background-color"}:
            value = tinycss2.serialize(node.value).strip()
            if value.lower() not in _NO_COLOR and _color(value) is None:
                yield Fault(node.source_line, f"{node.lower_name}: {value}")


def _inside(media: Any) -> Sequence[Any]:
    return list(tinycss2.parse_rule_list(media.content, skip_comments=True, skip_whitespace=True))


def _declared(content: Any) -> Sequence[Any]:
    return list(tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True))


def _is_selector(text: str) -> bool:
    try:
        parse_selectors(text)
    except SelectorSyntaxError:
        return False
    return True


# --- which rules an element has -------------------------------------------------------------------


class Cascade:
    """The rules of a page, found once; :meth:`styles` then asks for one screen."""

    def __init__(self, page: Element) -> None:
        self._page = page
        self._rules: dict[Element, list[_Rule]] = {}
        self._order = count()
        self._add(_BROWSER, origin=0)
        for element in page.iter(etree.Element):
            hints = list(_attributes(element))
            if hints:
                self._give(element, (), (1, 0, 0, 0, 0), hints)
        for block in page.iter("style"):
            self._add(block.text or "", origin=1)
        for element in page.iter(etree.Element):
            if style := element.get("style"):
                self._give(element, (), (1, 1, 0, 0, 0), _declarations(_declared(style)))

    def styles(self, screen: Screen) -> dict[Element, Style]:
        """Return the style of each element, in the order of the document."""
        found: dict[Element, Style] = {}
        for element in self._page.iter(etree.Element):
            parent = element.getparent()
            above = found.get(parent) if parent is not None else None
            found[element] = _style(self._given(element, screen), above, screen)
        return found

    def _add(self, css: str, *, origin: int) -> None:
        rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        for media, rule in _flat(rules, ()):
            declarations = _declarations(_declared(rule.content))
            for path, specificity in _selected(tinycss2.serialize(rule.prelude).strip()):
                for element in path(self._page):
                    self._give(element, media, (origin, 0, *specificity), declarations)

    def _give(
        self,
        element: Element,
        media: tuple[str, ...],
        strength: tuple[int, ...],
        declarations: Sequence[tuple[str, Any, bool]],
    ) -> None:
        rule = _Rule(media, (*strength, next(self._order)), declarations)
        self._rules.setdefault(element, []).append(rule)

    def _given(self, element: Element, screen: Screen) -> dict[str, Any]:
        """Return the value that wins for each property."""
        strongest = sorted(
            (
                (important, rule.strength, name, value)
                for rule in self._rules.get(element, ())
                if all(_holds(query, screen) for query in rule.media)
                for name, value, important in rule.declarations
            ),
            key=lambda found: found[:2],
        )
        return {name: value for _important, _strength, name, value in strongest}


def _flat(rules: Sequence[Any], media: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the rules with the media queries around them."""
    for rule in rules:
        if rule.type == "qualified-rule":
            yield media, rule
        elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content:
            query = tinycss2.serialize(rule.prelude).lower()
            yield from _flat(_inside(rule), (*media, query))


@lru_cache(maxsize=512)
def _selected(text: str) -> Sequence[tuple[Any, tuple[int, int, int]]]:
    """Return how to find what a selector means, and its specificity; what nobody knows: nothing."""
    found = []
    try:
        for selector in parse_selectors(text):
            if selector.pseudo_element is None:
                path = HTMLTranslator().selector_to_xpath(selector)
                found.append((etree.XPath(path), selector.specificity()))
    except SelectorError:  # one of a list that is unknown voids the rule, as in a browser
        return ()
    return found


def _attributes(element: Element) -> Iterator[tuple[str, Any, bool]]:
    """Yield what HTML's own attributes declare."""
    for attribute, name in (("bgcolor", "background-color"), ("width", "width")):
        value = element.get(attribute, "").strip()
        if value:
            if value.isdigit() and name == "width":
                value += "px"
            yield name, tinycss2.parse_component_value_list(value), False


def _declarations(nodes: Sequence[Any]) -> Sequence[tuple[str, Any, bool]]:
    return [
        (name, value, node.important)
        for node in nodes
        if node.type == "declaration"
        for name, value in _longhand(node.lower_name, _words(node.value))
    ]


def _words(tokens: Sequence[Any]) -> Sequence[Any]:
    return [token for token in tokens if token.type not in {"whitespace", "comment"}]


def _longhand(name: str, tokens: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the properties that a declaration sets, those in it that are of interest here."""
    match name:
        case "background":
            color = next((t for t in tokens if _color(t) is not None), None)
            yield "background-color", [color] if color else []
        case "padding" if tokens:
            yield "padding-top", tokens[:1]
            yield "padding-bottom", [tokens[2 if len(tokens) > 2 else 0]]  # noqa: PLR2004  (CSS's order)
        case "font":
            sizes = [i for i, t in enumerate(tokens) if t.type in {"dimension", "percentage"}]
            if sizes:
                yield "font-size", [tokens[sizes[0]]]
                slash = tokens[sizes[0] + 1 : sizes[0] + 2]
                if slash and slash[0] == "/":
                    yield "line-height", tokens[sizes[0] + 2 : sizes[0] + 3]
        case "text-decoration":
            yield "text-decoration-line", tokens
        case _:
            yield name, tokens


@lru_cache(maxsize=256)
def _holds(query: str, screen: Screen) -> bool:
    """Tell whether a media query, in lower case, holds for a screen; what is unknown does not."""
    return any(_part_holds(part, screen) for part in query.split(","))


_FEATURE = re.compile(r"\(\s*([a-z-]+)\s*:\s*([a-z0-9.-]+)\s*\)")
_PARENTHESES = re.compile(r"\([^)]*\)")


def _part_holds(part: str, screen: Screen) -> bool:
    words = set(_PARENTHESES.sub(" ", part).split()) - {"and", "only"}
    features = _FEATURE.findall(part)
    holds = (
        words <= {"screen", "all", "not"}
        and len(features) == len(_PARENTHESES.findall(part))
        and all(_feature_holds(name, value, screen) for name, value in features)
    )
    return holds != ("not" in words)


def _feature_holds(name: str, value: str, screen: Screen) -> bool:
    number = re.fullmatch(r"([0-9.]+)px", value)
    match name:
        case "prefers-color-scheme":
            return value == ("dark" if screen.dark else "light")
        case "max-width" | "max-device-width":
            return number is not None and screen.width <= float(number[1])
        case "min-width" | "min-device-width":
            return number is not None and screen.width >= float(number[1])
        case _:
            return False


# --- what they come to ----------------------------------------------------------------------------


def _style(given: Mapping[str, Any], above: Style | None, screen: Screen) -> Style:
    font_px = _font(given.get("font-size"), above.font_px if above else ROOT_PX)
    behind = above.background if above else screen.paper
    inherited = above.color if above else screen.ink
    background = _background(given.get("background-color"), behind)
    display = _word(given.get("display")) or "inline"
    return Style(
        color=_text_color(given.get("color"), inherited, background or behind, screen),
        background=background or behind,
        has_background=background is not None,
        font_px=font_px,
        line_px=_line(given.get("line-height"), font_px, above),
        padding_px=sum(
            _length(given.get(side), font_px, 0.0) for side in ("padding-top", "padding-bottom")
        ),
        height_px=max(_length(given.get(p), font_px, 0.0) for p in ("height", "min-height")),
        width_px=_length(given.get("width"), font_px, 0.0),
        max_width=tinycss2.serialize(given.get("max-width", ())),
        display=display,
        underlined=_is_underlined(given.get("text-decoration-line"), display, above),
        hidden=(above is not None and above.hidden) or _hides(given, font_px),
    )


def _hides(given: Mapping[str, Any], font_px: float) -> bool:
    return (
        _word(given.get("display")) == "none"
        or _word(given.get("visibility")) in {"hidden", "collapse"}
        or font_px <= _SEEN
        or _length(given.get("opacity"), font_px, 1.0) == 0
        or ("max-height" in given and _length(given["max-height"], font_px, 1.0) == 0)
    )


def _is_underlined(tokens: Any, display: str, above: Style | None) -> bool:
    """Tell whether a line runs below; what stands in a box of its own gets none from above."""
    passed_on = above is not None and above.underlined and display not in {"inline-block", "none"}
    return passed_on or any(_word([token]) == "underline" for token in tokens or ())


def _font(tokens: Any, above_px: float) -> float:
    if not tokens:
        return above_px
    token = tokens[0]
    if token.type == "percentage":
        return above_px * float(token.value) / 100
    return _length(tokens, above_px, above_px)


def _line(tokens: Any, font_px: float, above: Style | None) -> float:
    if not tokens:
        # A bare number is passed on as such, a length as it is; the larger font needs no less.
        return max(above.line_px, font_px * _LINE) if above else font_px * _LINE
    token = tokens[0]
    match token.type:
        case "number":
            return font_px * float(token.value)
        case "percentage":
            return font_px * float(token.value) / 100
        case _:
            return _length(tokens, font_px, font_px * _LINE)


def _length(tokens: Any, font_px: float, otherwise: float) -> float:
    """Return a length in px; what is none, or depends on the room there is, is the other value."""
    token = tokens[0] if tokens else None
    if token is None or token.type not in {"dimension", "number"}:
        return otherwise
    number = float(token.value)
    if token.type == "number":
        return number
    match token.lower_unit:
        case "em":
            return number * font_px
        case "rem":
            return number * ROOT_PX
        case unit:
            return number * _POINTS[unit] if unit in _POINTS else otherwise


def _word(tokens: Any) -> str:
    return tokens[0].lower_value if tokens and tokens[0].type == "ident" else ""


def _color(token: Any) -> tuple[Rgb, float] | None:
    """Return a colour and how much it covers, or None where it is none that mail knows."""
    found = parse_color(token)
    if found is None or isinstance(found, str):
        return None
    try:
        red, green, blue, alpha = found.to("srgb")
    except NotImplementedError:  # oklch() and the like
        return None
    return (red, green, blue), alpha


def _over(found: tuple[Rgb, float], behind: Rgb) -> Rgb:
    (red, green, blue), alpha = found
    return (
        red * alpha + behind[0] * (1 - alpha),
        green * alpha + behind[1] * (1 - alpha),
        blue * alpha + behind[2] * (1 - alpha),
    )


def _background(tokens: Any, behind: Rgb) -> Rgb | None:
    """Return what an element lays behind its text, or None: it lays nothing."""
    found = _color(tokens[0]) if tokens else None
    return _over(found, behind) if found and found[1] > 0 else None


def _text_color(tokens: Any, inherited: Rgb, behind: Rgb, screen: Screen) -> Rgb:
    if not tokens:
        return inherited
    if _word(tokens) == "-link":
        return screen.link
    found = _color(tokens[0])
    return _over(found, behind) if found else inherited
