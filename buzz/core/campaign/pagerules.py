"""The rules on a letter as it is rendered: its HTML, and its text part beside it."""

import re
from collections.abc import Callable, Iterator, Mapping

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.page import Page, read_page
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
_FORBIDDEN_TAGS = frozenset({"script", "form", "iframe", "object", "embed", "input", "button"})
_REMOTE_CSS = re.compile(r"@import|@font-face|url\(\s*['\"]?(?!#)", re.IGNORECASE)


def _layout(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    if any(table.get("role") != "presentation" for table in page.all("table")):
        yield context.error(
            "1-layout",
            _("a layout table without a role"),
            _('write <table role="presentation">: screen readers then skip it'),
            context.template,
        )
    wide = [tag["width"] for tag in page.all("table", "td", "img") if _pixels(tag) > WIDTH_PX]
    if wide:
        yield context.error(
            "1-layout",
            _("an element is {width} px wide").format(width=wide[0]),
            _("600 px at most, fluid below"),
            context.template,
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
            context.template,
        )
    if visible(page.title) != visible(letter.subject):
        yield context.error(
            "2-head",
            _("the title is not the subject"),
            "<title>{{ letter.subject }}</title>",
            context.template,
        )


def _size(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del page
    size = len(letter.html.encode())
    if size >= WARN_BYTES:
        report = context.error if size >= MAX_BYTES else context.warning
        yield report(
            "3-size",
            _("the letter has {n} KB of HTML; Gmail cuts at 102").format(n=size // 1000),
            _("shorten it, or link to the long version"),
        )


def _styles(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    sound = all(
        len(css.encode()) < MAX_STYLE_BYTES and css.count("{") == css.count("}")
        for css in page.styles
    )
    if len(page.styles) > 1 or not sound:
        yield context.error(
            "4-styles",
            _("style blocks that a mail client would drop"),
            _("one block is put inline, one stays: under 16 KB, its braces in pairs"),
            context.template,
        )


def _images(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    if any(not {"alt", "width", "height"} <= image.keys() for image in page.all("img")):
        yield context.error(
            "7-images",
            _("an image without alt, width and height"),
            _("say all three: many readers load no images"),
            context.template,
        )


def _labels(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    del letter
    for link in page.links:
        if not link.label or _CLICK_HERE.fullmatch(link.label):
            yield context.error(
                "8-labels",
                _("a link says `{label}`").format(label=link.label),
                _("say where it leads: links are read out of their sentence"),
                context.line_of(f"[{link.label}]"),
            )


def _text_part(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    template = f"templates/{context.campaign.template}.txt.j2"
    missing = [
        link.url for link in page.links if link.url.removeprefix("mailto:") not in letter.text
    ]
    if missing:
        yield context.error(
            "9-text",
            ngettext(
                "{n} link of the HTML is not in the text part: {url}",
                "{n} links of the HTML are not in the text part: {url}",
                len(missing),
            ).format(n=len(missing), url=missing[0]),
            _("add it to the text template"),
            template,
        )
    for line in letter.text.splitlines():
        if len(line) > COLUMNS and " " in line.strip():
            yield context.error(
                "9-text",
                _("a line of the text part has {n} columns").format(n=len(line)),
                _("use the filter `wrapped`"),
                template,
            )
            return


def _ways_out(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    linked = {link.url for link in page.links}
    for rule, url, what in (
        ("10-unsubscribe", letter.urls.unsubscribe, _("no visible way to unsubscribe")),
        ("11-online", letter.urls.online, _("no link to the letter online")),
    ):
        if url not in linked or url not in letter.text:
            yield context.error(rule, what, _("mend the template"), context.template)


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
                context.template,
            )


def _forbidden(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    tags = sorted(_FORBIDDEN_TAGS & page.tags)
    addresses = [tag.get("src", "") for tag in page.all("img")]
    found = [f"<{tag}>" for tag in tags]
    found += ["data:" for url in addresses if url.lower().startswith("data:")]
    found += ["CSS url()" for css in (*page.styles, *page.inline) if _REMOTE_CSS.search(css)]
    found += ["<link>" for link in page.all("link") if link.get("rel") == "stylesheet"]
    ours = {letter.urls.pixel, *(image.url for image in context.campaign.images)}
    elsewhere = [url for url in addresses if url and url not in ours]
    found += elsewhere[:1]
    for what in dict.fromkeys(found):
        yield context.error(
            "13-active",
            _("mail clients block it or readers are watched by it: {what}").format(what=what),
            _("take it out of the template"),
            context.template,
        )


def _rewriting(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    """Each address in the letter's own text must come out of the HTML as it went in."""
    campaign = context.campaign
    points = (point.html for point in campaign.talking_points)
    written = read_page("\n".join((campaign.intro_html, *points, campaign.closing_html)))
    linked = {link.url for link in page.links}
    for url in dict.fromkeys(link.url for link in written.links):
        if letter.clicks.get(url, url) not in linked:
            yield context.error(
                "17-links",
                _("this link does not survive: {url}").format(url=url),
                _("write the address in its percent-encoded form"),
                context.line_of(url),
            )


RULES: tuple[Callable[[Context, Rendered, Page], Iterator[Finding]], ...] = (
    _layout,
    _head,
    _size,
    _styles,
    _images,
    _labels,
    _text_part,
    _ways_out,
    _identity,
    _forbidden,
    _rewriting,
)
