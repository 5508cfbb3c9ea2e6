"""The rules on a letter as it is rendered: its HTML, and its text part beside it."""

import re
from collections.abc import Callable, Iterator, Mapping

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.page import Page, read_page
from buzz.core.campaign.styles import faults
from buzz.core.text import visible
from buzz.locales import gettext as _
from buzz.locales import ngettext
from buzz.model import Finding

WARN_BYTES = 80_000
MAX_BYTES = 100_000  # Gmail clips a message at 102 KB
MAX_STYLE_BYTES = 16_384  # Gmail drops a longer block
COLUMNS = 78  # RFC 5322 §2.1.1
WIDTH_PX = 600
_CLICK_HERE = re.compile(
    r"((cliquez|clique|cliquer) )?(ici|sur ce lien)|lien|(click )?here|link", re.IGNORECASE
)
_FORBIDDEN_TAGS = frozenset(
    {"applet", "audio", "base", "button", "embed", "form", "frame", "iframe", "input", "object"}
    | {"script", "select", "textarea", "video"}
)
_REMOTE_CSS = re.compile(r"@import|@font-face|image-set\(|url\(\s*['\"]?(?!#)", re.IGNORECASE)
_LOADING = ("src", "srcset", "background", "poster", "data")  # attributes that name what is shown
_LEADING = frozenset({"", "http", "https", "mailto", "tel"})  # schemes of links
_CONDITIONAL = re.compile(r"^\[if[^\]]*\]>(.*)<!\[endif\]$", re.DOTALL)
_STYLE_BLOCK = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
_NO_ROLE = re.compile(r"<table\b(?![^>]*role=[\"']presentation)", re.IGNORECASE)
_WHY = re.compile(r"\b(recevez|recevrez|reçois|you (receive|get|are receiving))\b", re.IGNORECASE)
_RAW = re.compile(r"https?://[^\s<>\"]+|[^\s<>\"]+@[^\s<>\"]+")  # an address in running text


def _layout(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    tables = page.all("table")
    if not tables:
        yield context.error(
            "1-layout",
            _("the letter is not laid out in tables"),
            _("Outlook knows no other columns: put it into a table"),
            context.templates.line_of("<body"),
        )
    if any(table.get("role") != "presentation" for table in tables):
        yield context.error(
            "1-layout",
            _("a layout table without a role"),
            _('write <table role="presentation">: screen readers then skip it'),
            context.templates.line_of(_NO_ROLE),
        )
    wide = [tag["width"] for tag in page.all("table", "td", "img") if _pixels(tag) > WIDTH_PX]
    if wide:
        yield context.error(
            "1-layout",
            _("an element is {width} px wide").format(width=wide[0]),
            _("600 px at most, fluid below"),
            context.templates.line_of(f'width="{wide[0]}"'),
        )


def _pixels(tag: Mapping[str, str]) -> int:
    width = tag.get("width", "")
    return int(width) if width.isdigit() else 0


def _head(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    root = next(iter(page.all("html")), {})
    metas = {meta.get("name", "").lower() for meta in page.all("meta")}
    missing = [name for name in ("lang", "dir") if not root.get(name)]
    missing += [name for name in ("viewport", "color-scheme") if name not in metas]
    if not any("charset" in meta for meta in page.all("meta")):
        missing.append("charset")
    if missing:
        yield context.error(
            "2-head",
            _("the page does not say: {names}").format(names=", ".join(missing)),
            _("mend the head of the template"),
            context.templates.line_of("<html" if missing[0] in {"lang", "dir"} else "<head>"),
        )
    if visible(page.title) != visible(letter.subject):
        yield context.error(
            "2-head",
            _("the title is not the subject"),
            "<title>{{ letter.subject }}</title>",
            context.templates.line_of("<title", "<head>"),
        )


def size(context: Context, largest: Rendered) -> Iterator[Finding]:
    """Judge the size of the largest letter that anybody gets."""
    n = len(largest.html.encode())
    if n >= WARN_BYTES:
        report = context.error if n >= MAX_BYTES else context.warning
        campaign = context.campaign
        parts = {point.line: len(point.html) for point in campaign.talking_points}
        parts[0] = max(len(campaign.intro_html), len(campaign.closing_html))  # before and after
        line = max(parts, key=parts.__getitem__)
        yield report(
            "3-size",
            _("the letter has {n} KB of HTML; Gmail cuts at 102").format(n=n // 1000),
            _("shorten it, or link to the long version"),
            f"{context.path}:{line}" if line else context.path,
        )


def _styles(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    """Judge the block that is kept as readers get it, and every block as its template has it.

    What is put inline leaves no block behind; where it is wrong, premailer drops it silently.
    """
    del letter
    place = context.templates.line_of("<style")
    if len(page.styles) > 1:
        yield context.error(
            "4-styles",
            _("{n} style blocks stay in the letter").format(n=len(page.styles)),
            _("one block is put inline, one stays"),
            place,
        )
    written = [
        (block[1], name, source.count("\n", 0, block.start(1)) + 1)
        for name, source in context.templates.used()
        for block in _STYLE_BLOCK.finditer(source)
        if "{{" not in block[1] and "{%" not in block[1]
    ]
    blocks = [(css, f"templates/{name}", line) for css, name, line in written]
    kept = [(css, "", 0) for css in page.styles if css not in {css for css, _name, _line in blocks}]
    for css, name, line in (*blocks, *kept):
        size = len(css.encode())
        if size >= MAX_STYLE_BYTES:
            yield context.error(
                "4-styles",
                _("a style block of {n} KB").format(n=size // 1000),
                _("under 16 KB: Gmail drops a longer one"),
                f"{name}:{line}" if name else place,
            )
        for fault in faults(css):
            yield context.error(
                "4-styles",
                _("no CSS that mail clients know: {what}").format(what=visible(fault.what)),
                _("mend it: Gmail drops the whole block for one error"),
                f"{name}:{line + fault.line - 1}" if name else place,
            )


def _images(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    if not all(
        "alt" in image and image.get("width", "").isdigit() and image.get("height", "").isdigit()
        for image in page.all("img")
    ):
        yield context.error(
            "7-images",
            _("an image without alt, width and height"),
            _("say all three, in pixels: many readers load no images"),
            context.templates.line_of("<img"),
        )


def _labels(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    for link in page.links:
        if not link.label or _CLICK_HERE.fullmatch(link.label):
            yield context.error(
                "8-labels",
                _("a link says `{label}`").format(label=link.label),
                _("say where it leads: links are read out of their sentence"),
                context.line_of(f"[{link.label}]")
                if link.label
                else context.templates.line_of("<a "),
            )


def _text_part(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    said = {word.rstrip(").,;:") for word in _RAW.findall(letter.text)}
    said |= set(_RAW.findall(letter.text))
    said |= {letter.urls.unsubscribe, letter.urls.online}  # of which other rules tell
    missing = dict.fromkeys(
        link.url for link in page.links if link.url.removeprefix("mailto:") not in said
    )
    if missing:
        first = next(iter(missing))
        yield context.error(
            "9-text",
            ngettext(
                "{n} link of the HTML is not in the text part: {url}",
                "{n} links of the HTML are not in the text part: {url}",
                len(missing),
            ).format(n=len(missing), url=first),
            _("add it to the text template"),
            context.templates.text,
        )
    for line in letter.text.splitlines():
        if len(line) > COLUMNS and " " in line.strip():
            yield context.error(
                "9-text",
                _("a line of the text part has {n} columns").format(n=len(line)),
                _("use the filter `wrapped`"),
                context.templates.text,
            )
            return


def _online(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    """Judge the page online: whoever gets the letter forwarded may open it.

    It is made without its reader, so it cannot show a name or an address; a way to act in a
    reader's place stands there where a template puts it outside the block ``mail``.
    """
    del page
    for url, name, what in (
        (letter.urls.unsubscribe, "urls.unsubscribe", _("the reader's way to unsubscribe")),
        (letter.urls.preferences, "urls.preferences", _("the reader's choices")),
    ):
        if url and url in letter.online:
            yield context.error(
                "11-online",
                _("the page online shows {what}").format(what=what),
                _("put it between two <!--{{ block.mail }}-->: anybody may open that page"),
                context.templates.line_of(name),
            )


def _identity(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    sender = context.sender
    read, written = visible(page.text), visible(letter.text)
    for name in ("organisation", "postal_address", "controller"):
        value = visible(getattr(sender, name))
        if value and (value not in read or value not in written):
            yield context.error(
                "12-sender",
                _("the letter does not say: {value}").format(value=value),
                _("add sender.{name} to both templates").format(name=name),
                context.templates.line_of("</body"),
            )
    if not (_WHY.search(read) and _WHY.search(written)):
        yield context.error(
            "12-sender",
            _("the letter does not say why one receives it"),
            _("add words.why() to both templates"),
            context.templates.line_of("</body"),
        )


def _forbidden(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    found = dict.fromkeys(_active(page))
    images = list(_loaded(page))
    ours = {"", letter.urls.pixel, *(image.url for image in context.campaign.images)}
    elsewhere = [url for url in images if url not in ours and not _is_data(url)]
    found |= dict.fromkeys(elsewhere[:1])
    for what in found:
        yield context.error(
            "13-active",
            _("mail clients block it or readers are watched by it: {what}").format(what=what),
            _("take it out of the template"),
            context.templates.line_of(what),
        )


def _loaded(page: Page) -> Iterator[str]:
    """Yield the addresses of what is shown, also in what only Outlook reads."""
    for _tag, held in page.elements:
        for name in _LOADING:
            for source in held.get(name, "").split("," if name == "srcset" else None):
                yield source.split()[0] if source.split() else ""
    for outlook in _for_outlook(page):
        yield from _loaded(outlook)


def _for_outlook(page: Page) -> Iterator[Page]:
    """Yield the pages within conditional comments."""
    for comment in page.comments:
        if found := _CONDITIONAL.match(comment.strip()):
            yield read_page(found[1])


def _active(page: Page) -> Iterator[str]:
    """Yield what acts or loads, as it is written."""
    for outlook in _for_outlook(page):
        yield from _active(outlook)
    yield from (f"<{tag}" for tag in sorted(_FORBIDDEN_TAGS & page.tags))
    for css in (*page.styles, *page.inline):
        yield from _REMOTE_CSS.findall(css)
    for tag, held in page.elements:
        yield from (name for name in held if name.startswith("on"))
        yield from ("data:" for name in ("src", "href") if _is_data(held.get(name, "")))
        leads = held.get("href", "")
        if _scheme(leads) not in _LEADING:
            yield leads
        if tag == "link" and held.get("rel") == "stylesheet":
            yield "<link"
        if tag == "meta" and held.get("http-equiv", "").lower() == "refresh":
            yield "http-equiv"


def _scheme(url: str) -> str:
    """Return the scheme of an address as browsers read it: blanks and breaks are nothing."""
    scheme, colon, _rest = re.sub(r"[\x00-\x20]", "", url).partition(":")
    return scheme.lower() if colon and scheme.isascii() and scheme[:1].isalpha() else ""


def _is_data(url: str) -> bool:
    return url.strip().lower().startswith("data:")


RULES: tuple[Callable[[Context, Rendered, Page], Iterator[Finding]], ...] = (
    _layout,
    _head,
    _styles,
    _images,
    _labels,
    _text_part,
    _online,
    _identity,
    _forbidden,
)
