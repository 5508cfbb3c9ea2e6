"""What a reader sees of a piece of HTML: its text in blocks, and where its links lead.

Nothing of the markup survives, so nothing needs cleaning. What a browser does not show (scripts,
styles, ``hidden``, ``display:none``) is not text: a hidden paragraph neither lengthens a post
nor relays a letter.
"""

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from buzz.core.text import one_line, printable
from buzz.core.urls import is_web

if TYPE_CHECKING:
    from lxml import etree

_UNSEEN_TAGS = (
    "script style head template noscript iframe object embed applet svg math canvas select"
)
_UNSEEN_TAGS += " textarea audio video map"
_UNSEEN = frozenset(_UNSEEN_TAGS.split())
_BLOCKS = "address article aside blockquote body br caption center dd details dialog div dl dt"
_BLOCKS += " fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main menu nav ol"
_BLOCKS += " p pre section summary table tbody tfoot thead tr ul"
# What stands in the text where an element begins, and where it ends.
_BREAKS = dict.fromkeys(_BLOCKS.split(), "\n") | {"td": " ", "th": " "}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Without width they pad a post to any length and hide words; lone surrogates cannot be stored.
_WIDTHLESS = re.compile("[\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_IN_ADDRESS = re.compile(r"[\t\r\n]")  # browsers drop them
_MARKUP = re.compile(r"<[a-zA-Z!/]|&(?:#\w+|\w+);")
# Whole posts of escaped markup and no other: what some generators of static sites make of RSS.
_ESCAPED_TWICE = re.compile(r"\s*&lt;(?:!--|/?[a-zA-Z][a-zA-Z0-9]*(?:\s|/|&gt;))")
_MAX_LINKS = 200  # of one entry; a blogroll in a post is no evidence of anything


def visible_text(markup: str, base: str = "") -> tuple[str, tuple[str, ...]]:
    r"""Return the text a reader sees, and the http(s) addresses it links to.

    Args:
        markup: a fragment or document of HTML, however broken.
        base: address that relative links are resolved against.

    Returns:
        Blocks on lines of their own, single-spaced, without control characters; and absolute
        addresses in order, each once, at most 200.

    >>> visible_text('<p>Un <b>mot</b>.<br>Deux<script>x</script></p><a href="/a">ici</a>',
    ...     "https://blog.example/b/")
    ('Un mot.\nDeux\nici', ('https://blog.example/a',))
    """
    if "<" not in markup and _ESCAPED_TWICE.match(markup):
        markup = unescape(markup)
    if not _MARKUP.search(markup):
        return plain_text(markup), ()
    root = _tree(markup)
    if root is None:
        return "", ()
    pieces, hrefs = _seen(root)
    links: dict[str, None] = {}
    for href in hrefs:
        if len(links) < _MAX_LINKS and (address := absolute(href, base)):
            links[address] = None
    return _tidy("".join(pieces)), tuple(links)


def plain_text(text: str) -> str:
    """Return text that never was markup, tidied like :func:`visible_text`: its lines stay."""
    return _tidy(text)


def absolute(href: str, base: str) -> str:
    """Return the http(s) address that a link means on the page ``base``, or an empty string."""
    href = href.strip()
    if not href:  # urljoin would take it for the page itself
        return ""
    if not href.startswith(("http://", "https://")):
        try:
            href = urljoin(base, href)
        except ValueError:
            return ""
    address = _IN_ADDRESS.sub("", printable(href)).replace(" ", "%20")
    return address if is_web(address) else ""


def _tree(markup: str) -> "etree._Element | None":
    from lxml import etree  # noqa: PLC0415  (7 MiB, of no use to the process that polls)

    # A parser of its own for each piece: libxml2's gives up at depth 256 and keeps what it has.
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(markup.encode("utf-8", "ignore"), parser)
    except etree.XMLSyntaxError:  # nothing in it at all
        return None


def _seen(root: "etree._Element") -> tuple[list[str], list[str]]:
    """Return the pieces of text, breaks among them, and the targets of links, in their order."""
    from lxml import etree  # noqa: PLC0415  (as above)

    pieces: list[str] = []
    hrefs: list[str] = []
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "end":
            text = element.tail
        elif _is_invisible(element):
            walk.skip_subtree()
            continue
        else:
            text = element.text
            if tag == "a" and (href := element.get("href")):
                hrefs.append(href)
        if tag in _BREAKS:
            pieces.append(_BREAKS[tag])
        if text:
            pieces.append(text.replace("\n", " ").replace("\r", " "))
    return pieces, hrefs


def _is_invisible(element: "etree._Element") -> bool:
    """Tell whether a browser shows nothing of an element; nor do we of an odd entity's node."""
    if not isinstance(element.tag, str) or element.tag in _UNSEEN:
        return True
    style = element.get("style")
    if style is not None and _HIDDEN_STYLE.search(style):
        return True
    return element.get("hidden") is not None


def _tidy(text: str) -> str:
    lines = (_line(line) for line in text.splitlines())
    return "\n".join(filter(None, lines))


def _line(text: str) -> str:
    """Return text on one line, single-spaced, without what cannot be seen."""
    text = " ".join(text.split())
    # Nearly every line ends here: the patterns are ten times as slow.
    return text if text.isprintable() else one_line(_WIDTHLESS.sub("", text))
