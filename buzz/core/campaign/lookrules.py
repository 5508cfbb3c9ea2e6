"""The rules on how a letter looks: by day and by night, wide and narrow, and in Outlook."""

from collections.abc import Callable, Iterator, Sequence

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.looks import Look
from buzz.core.campaign.page import Page, read_page
from buzz.core.campaign.styles import written
from buzz.core.text import visible
from buzz.locales import gettext as _
from buzz.model import Campaign, Finding

MIN_CONTRAST = 4.5  # to 1; WCAG 2.2, 1.4.3
BODY_PX = 16
TARGET_PX = 44  # WCAG 2.2, 2.5.5
NARROW_PX = 320
_OWN_WORDS = 30  # characters from which a piece of text is known to be the letter's own


def _fluid(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter, page
    for look in looks:
        for box in look.boxes:
            if look.screen.width <= NARROW_PX < box.width_px and not box.gives_way:
                yield context.error(
                    "1-layout",
                    _("{width} px wide on a screen of 320 px").format(width=round(box.width_px)),
                    _("let it give way: width: 100%; max-width: …px"),
                    context.templates.line_of(*box.marks),
                )


def _outlook(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter
    look = looks[0]
    tables = any("mso" in comment and "<table" in comment for comment in page.comments)
    bounded = [box for box in look.boxes if box.max_width.endswith("px")]
    if bounded and not tables:
        yield context.warning(
            "6-outlook",
            _("Outlook knows no max-width: the letter takes the whole window"),
            _("put a table of 600 px around it, for Outlook alone: <!--[if mso]>"),
            context.templates.line_of(*bounded[0].marks),
        )
    for target in look.targets:
        if target.is_button and not target.for_outlook:
            yield context.warning(
                "6-outlook",
                _("Outlook draws this button without room around its words"),
                _("colour the cell around it, or draw it for Outlook: <!--[if mso]><v:roundrect …"),
                context.templates.line_of(*target.marks),
            )


def _contrast(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter, page
    for look in looks:
        for words in look.words:
            if words.contrast < MIN_CONTRAST:
                color, behind = map(written, words.colors)
                what = (
                    _("{color} on {behind} in the dark: {ratio} to 1")
                    if look.screen.dark
                    else _("{color} on {behind} by day: {ratio} to 1")
                )
                yield context.error(
                    "8-contrast",
                    what.format(color=color, behind=behind, ratio=f"{words.contrast:.1f}"),
                    _("at least 4.5 to 1: take a darker or a lighter colour"),
                    context.templates.line_of(*words.marks, dark=look.screen.dark),
                )


def _underline(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter, page
    for look in looks:
        for target in look.targets:
            if not target.underlined and not target.is_button:
                yield context.error(
                    "8-underline",
                    _("a link has no line below: {label}").format(label=target.label),
                    _("text-decoration: underline; not everybody sees its colour"),
                    context.templates.line_of(*target.marks),
                )


def _body(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter, page
    own = _own_words(context.campaign)
    for look in looks:
        for words in look.words:
            size = words.style.font_px
            if size < BODY_PX and len(words.text) >= _OWN_WORDS and words.text in own:
                yield context.error(
                    "8-size",
                    _("the letter's text is set in {n} px").format(n=f"{size:g}"),
                    _("16 px at least; small print is for the foot"),
                    context.templates.line_of(*words.marks),
                )


def _own_words(campaign: Campaign) -> str:
    points = (point.html for point in campaign.talking_points)
    parts = (campaign.intro_html, *points, campaign.closing_html)
    return visible(" ".join(read_page(part).text for part in parts))


def _targets(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del letter, page
    for look in looks:
        for target in look.targets:
            if not target.in_sentence and target.height_px < TARGET_PX:
                yield context.error(
                    "8-targets",
                    _("a link of {n} px in height").format(n=round(target.height_px)),
                    _("44 px at least, for thumbs: display: inline-block, and padding"),
                    context.templates.line_of(*target.marks),
                )


def _ways_out(
    context: Context, letter: Rendered, page: Page, looks: Sequence[Look]
) -> Iterator[Finding]:
    del page
    for rule, url, what, name in (
        (
            "10-unsubscribe",
            letter.urls.unsubscribe,
            _("no visible way to unsubscribe"),
            "urls.unsubscribe",
        ),
        ("11-online", letter.urls.online, _("no link to the letter online"), "urls.online"),
    ):
        seen = all(any(t.url == url and t.label for t in look.targets) for look in looks)
        if not seen or url not in letter.text.split():
            yield context.error(
                rule,
                what,
                _("add {name} to both templates, where it is seen").format(name=name),
                context.templates.line_of(name, "</body", only=".txt.j2" if seen else ".html.j2"),
            )


LOOK_RULES: tuple[Callable[[Context, Rendered, Page, Sequence[Look]], Iterator[Finding]], ...] = (
    _fluid,
    _outlook,
    _contrast,
    _underline,
    _body,
    _targets,
    _ways_out,
)
