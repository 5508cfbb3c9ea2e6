"""An HTML page as the rules look at it: its tags with their attributes, its links, its words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

_SILENT = frozenset({"style", "title", "script"})


@dataclass(frozen=True, slots=True)
class PageLink:
    """One ``<a href>``."""

    url: str  # unescaped
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands in an HTML page, in document order."""

    elements: tuple[tuple[str, Mapping[str, str]], ...]
    links: tuple[PageLink, ...]
    styles: tuple[str, ...]  # the content of each style block
    comments: tuple[str, ...]
    title: str
    text: str  # what is read

    @property
    def tags(self) -> frozenset[str]:
        """Return the names of the tags in use."""
        return frozenset(tag for tag, _attributes in self.elements)

    @property
    def inline(self) -> Iterator[str]:
        """Return the style attributes."""
        return (a["style"] for _tag, a in self.elements if "style" in a)

    def all(self, *names: str) -> tuple[Mapping[str, str], ...]:
        """Return the attributes of all elements of these names."""
        return tuple(attributes for tag, attributes in self.elements if tag in names)


def read_page(html: str) -> Page:
    """Return what stands in the page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(
        elements=tuple(reader.elements),
        links=tuple(reader.links),
        styles=tuple(reader.said["style"]),
        comments=tuple(reader.comments),
        title="".join(reader.said["title"]),
        text=" ".join(reader.words),
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Mapping[str, str]]] = []
        self.links: list[PageLink] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self.said: dict[str, list[str]] = {tag: [] for tag in _SILENT}
        self._silent = ""
        self._href: str | None = None
        self._label: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag in _SILENT:
            self._silent = tag
        if tag == "a" and "href" in attributes:
            self._href, self._label = attributes["href"], []
        if tag == "img" and self._href is not None:
            self._label.append(attributes.get("alt", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        if tag == "a" and self._href is not None:
            self.links.append(PageLink(self._href, " ".join("".join(self._label).split())))
            self._href = None

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self._silent:
            self.said[self._silent].append(data)
            return
        self.words.append(data)
        if self._href is not None:
            self._label.append(data)
