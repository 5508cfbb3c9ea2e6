"""How a letter looks to a reader: what is read, in which colours and sizes, and what is pressed.

A :class:`Look` is one page on one screen. Nothing is drawn: it follows from the styles
(:mod:`buzz.core.campaign.styles`), so it is the same for a check on a server without a browser.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lxml import etree
from lxml import html as markup

from buzz.core.campaign.styles import Cascade, Element, Rgb, Screen, Style, contrast
from buzz.core.text import visible

WIDTHS = (600, 320)  # px: a letter on a desk and on the smallest telephone
SCREENS = tuple(Screen(width, dark) for dark, width in product((False, True), WIDTHS))
_BLOCKS = frozenset({"block", "table-cell", "list-item", "inline-block", "table", "flex"})
_BOXES = frozenset({"block", "inline-block", "table-cell", "flex", "inline-flex"})
_DRAWN = re.compile(r"\[if [^\]!]*mso.*(?:<v:r|mso-)", re.DOTALL)
_LETTERS = re.compile(r"\w")
_INLINE_HEIGHT = 1.15  # of a line's letters, in their size: what can be pressed of an inline link
_BUTTON_PADDING = 8.0  # px above and below in all: a link with less is no button


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text in one style."""

    text: str  # visible
    style: Style
    marks: tuple[str, ...]  # what it can be found by in a template, the nearest first
    in_link: bool

    @property
    def contrast(self) -> float:
        """Return the contrast to what is behind it."""
        return contrast(self.style.color, self.style.background)

    @property
    def colors(self) -> tuple[Rgb, Rgb]:
        """Return its colour and the one behind it."""
        return self.style.color, self.style.background


@dataclass(frozen=True, slots=True)
class Target:
    """A link that can be seen, as a thing to press."""

    url: str
    label: str
    style: Style
    height_px: float
    in_sentence: bool  # other words stand around it
    underlined: bool
    is_button: bool
    for_outlook: bool  # a button that Word's engine draws, too
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """An element that says how wide it is."""

    tag: str
    width_px: float
    gives_way: bool  # on a narrow screen
    max_width: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A page on one screen: what can be seen, element by element in the order of the document."""

    screen: Screen
    words: tuple[Words, ...]
    targets: tuple[Target, ...]
    boxes: tuple[Box, ...]


def looks(page: str, screens: Sequence[Screen] = SCREENS) -> tuple[Look, ...]:
    """Return how a page looks on each screen."""
    document = markup.document_fromstring(page)
    cascade = Cascade(document)
    return tuple(_look(document, cascade.styles(screen), screen) for screen in screens)


def _look(document: Element, styles: Mapping[Element, Style], screen: Screen) -> Look:
    seen = [element for element, style in styles.items() if not style.hidden]
    return Look(
        screen=screen,
        words=tuple(
            Words(text, styles[element], _marks(element), _link_around(element) is not None)
            for element in seen
            for text in _texts(element)
        ),
        targets=tuple(
            _target(element, styles)
            for element in document.iter("a")
            if element.get("href") is not None and not styles[element].hidden
        ),
        boxes=tuple(
            Box(
                str(element.tag),
                styles[element].width_px,
                "%" in styles[element].max_width,
                styles[element].max_width,
                _marks(element),
            )
            for element in seen
            if styles[element].width_px or styles[element].max_width
        ),
    )


def _texts(element: Element) -> Iterator[str]:
    """Yield the texts that stand right in an element, those with a letter or a figure in them."""
    for text in (element.text, *(child.tail for child in element)):
        words = visible(text or "")
        if _LETTERS.search(words):
            yield words


def _marks(element: Element) -> tuple[str, ...]:
    """Return what an element or those around it can be found by: classes, then names."""
    around = [element, *element.iterancestors()]
    classes = (name for one in around for name in one.get("class", "").split())
    return (*(f".{name}" for name in classes), f"<{element.tag}")


def _link_around(element: Element) -> Element | None:
    around = (element, *element.iterancestors())
    return next((one for one in around if one.tag == "a" and one.get("href") is not None), None)


def _target(link: Element, styles: Mapping[Element, Style]) -> Target:
    style = styles[link]
    inside = [one for one in link.iter(etree.Element) if not styles[one].hidden]
    texts = [text for one in inside for text in _texts(one)]
    pictures = [one for one in inside if one.tag == "img"]
    return Target(
        url=link.get("href", ""),
        label=visible(" ".join([*texts, *(one.get("alt", "") for one in pictures)])),
        style=style,
        height_px=_height(link, styles, pictures),
        in_sentence=_in_sentence(link, styles),
        underlined=not texts or any(styles[one].underlined for one in inside),
        is_button=style.has_background and style.padding_px >= _BUTTON_PADDING,
        for_outlook=_for_outlook(link, styles),
        marks=_marks(link),
    )


def _height(link: Element, styles: Mapping[Element, Style], pictures: Sequence[Element]) -> float:
    style = styles[link]
    is_box = style.display in _BOXES
    line = style.line_px if is_box else style.font_px * _INLINE_HEIGHT
    drawn = [float(one.get("height", "0")) for one in pictures if one.get("height", "").isdigit()]
    own = max([line, *drawn], default=line) + style.padding_px
    return max(own, style.height_px) if is_box else own


def _in_sentence(link: Element, styles: Mapping[Element, Style]) -> bool:
    """Tell whether a link stands in running text: then it need not be large (WCAG 2.5.5).

    So does an item of a list, whatever else is in it: a writer may list links.
    """
    if styles[link].display in _BOXES:
        return False
    block = next(
        (one for one in link.iterancestors() if styles[one].display in _BLOCKS),
        link.getroottree().getroot(),
    )
    return styles[block].display == "list-item" or any(
        any(True for _text in _texts(one)) and _link_around(one) is None
        for one in block.iter(etree.Element)
        if not styles[one].hidden
    )


def _for_outlook(link: Element, styles: Mapping[Element, Style]) -> bool:
    """Tell whether Word's engine, which pads no link, has a way to draw this button.

    Either the cell around it has the colour, as MJML does it, or a comment for Outlook in or beside
    the link draws one (VML) or makes the room.
    """
    cell = next((one for one in link.iterancestors() if one.tag in {"td", "th"}), None)
    if cell is not None and styles[cell].background == styles[link].background:
        return True
    beside = link.getparent()
    comments = (beside if beside is not None else link).iter(etree.Comment)
    return any(_DRAWN.search(comment.text or "") for comment in comments)
