"""The pages of the relay kit: everything to paste, the way to a Mastodon instance, a preview."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from markupsafe import Markup as Safe

from buzz.core.kit import Share, alt_text, shares, text_to_paste
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.locales.formats import number
from buzz.model import Length, LinkId, Markup, Passage
from buzz.pipeline.kit import BlogKit
from buzz.web.pages import Pages, policy_for

MARKUP, PASSAGE, INSTANCE = "m", "p", "i"  # fields of a query

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "kit.css").read_text(encoding="utf-8")
_SCRIPT = (_FOLDER / "kit.js").read_text(encoding="utf-8")
_COLUMNS = 64  # characters on a line of a text to paste, about
_MOST_ROWS = 12

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}

_MARKUPS: Mapping[Markup, str] = {
    Markup.HTML: "HTML",
    Markup.MARKDOWN: "Markdown",
    Markup.BBCODE: "BBCode",
    Markup.SPIP: "SPIP",
    Markup.DOTCLEAR: "Dotclear",
    Markup.TEXT: N_("Plain text"),
}
_HINTS: Mapping[Markup, str] = {
    Markup.HTML: N_("for WordPress, Blogger, OverBlog, and whatever shows its source"),
    Markup.MARKDOWN: N_("for Ghost, Hugo, Jekyll, Grav, WriteFreely"),
    Markup.BBCODE: N_("for forums: phpBB, SMF, FluxBB"),
    Markup.SPIP: N_("for an article in SPIP"),
    Markup.DOTCLEAR: N_("for an entry in Dotclear, in its wiki syntax"),
    Markup.TEXT: N_("for networks, messages and everything else"),
}
_LENGTHS: Mapping[Length, str] = {
    Length.SHORT: N_("Short"),
    Length.MEDIUM: N_("Medium"),
    Length.LONG: N_("Long"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the parts of a kit are."""

    base: str  # of the service, without a last slash
    kit: str  # path of the page
    pictures: Mapping[int, str]  # path of a passage's pictures, without their ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a network shows of an address (ogp.me)."""

    title: str
    text: str
    url: str
    image: str
    alt: str
    language: str

    @classmethod
    def of(cls, passage: Passage, addresses: Addresses, *, url: str, language: str) -> "Preview":
        """Return the preview of an address that stands for a passage."""
        return cls(
            title=passage.title,
            text=passage.short,
            url=url,
            image=f"{addresses.base}{addresses.pictures[passage.number]}.png",
            alt=alt_text(passage),
            language=language,
        )

    @property
    def locale(self) -> str:
        """Return the language as Open Graph writes it."""
        return _LOCALES.get(self.language, self.language.replace("-", "_"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paste:
    """One text to paste."""

    id: str
    name: str
    text: str
    chars: str
    rows: int
    said: str  # once it is copied


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One passage as the page shows it."""

    number: int
    title: str
    card: str
    alt: str
    pastes: tuple[_Paste, ...]
    shares: tuple[Share, ...]


class KitPages:
    """The kit's pages of one sender.

    Attributes:
        policy: of the kit's page, which has a script and pictures of our own.
        plain_policy: of the others.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        style = pages.style + _STYLE
        self._styles = {"style": Safe(style), "script": Safe(_SCRIPT)}  # noqa: S704  (our own files)
        self.policy = policy_for(style, scripts=(_SCRIPT,), images=True)
        self.plain_policy = policy_for(style)

    def kit(self, mine: BlogKit, markup: Markup, addresses: Addresses) -> str:
        """Return the page of a blog's kit, in the language in force."""
        whole = mine.kit.passages[0]
        return self._render(
            "kit.html",
            title=_("Your relay kit"),
            language_of_texts=mine.kit.language,
            subject=whole.title,
            kit=addresses.kit,
            markups=[
                {
                    "name": _(name),
                    "url": f"{addresses.kit}?{MARKUP}={key}",
                    "is_current": key is markup,
                }
                for key, name in _MARKUPS.items()
            ],
            hint=_(_HINTS[markup]),
            is_html=markup is Markup.HTML,
            parts=[self._part(mine, markup, addresses, p) for p in mine.kit.passages],
            badge=self._badge(mine, addresses),
            badge_image=f"{addresses.pictures[0]}.svg",
            og=Preview.of(
                whole,
                addresses,
                url=f"{addresses.base}{addresses.kit}",
                language=mine.kit.language,
            ),
            mastodon=f"{addresses.kit}/mastodon?{PASSAGE}=",
        )

    def mastodon(
        self,
        passage: Passage,
        addresses: Addresses,
        *,
        language: str,
        typed: str | None,
        share: Share | None,
    ) -> str:
        """Return the page that asks for an instance, or shows the link to it.

        Args:
            passage: what is to be passed on.
            addresses: of the kit.
            language: of the passage.
            typed: what was said of the instance; None: nothing yet.
            share: the link; None: there is none yet, or what was typed is no instance.
        """
        return self._render(
            "mastodon.html",
            title=_("On Mastodon"),
            passage=passage,
            language_of_texts=language,
            fields={"passage": PASSAGE, "instance": INSTANCE},
            action=f"{addresses.kit}/mastodon",
            typed=typed or "",
            problem=_("`{typed}` is not the address of an instance.").format(typed=typed)
            if typed is not None and share is None
            else "",
            share=share,
            back=addresses.kit,
        )

    def relayed(self, preview: Preview, url: str) -> str:
        """Return what a robot finds at a relay link.

        Args:
            preview: what the link is shown as.
            url: where it leads.
        """
        return self._render(
            "relayed.html",
            title=preview.title,
            og=preview,
            language_of_texts=preview.language,
            target=url,
        )

    def _part(self, mine: BlogKit, markup: Markup, addresses: Addresses, passage: Passage) -> _Part:
        relay = _relay(passage, mine.relays)
        return _Part(
            number=passage.number,
            title=passage.title,
            card=f"{addresses.pictures[passage.number]}.png",
            alt=alt_text(passage),
            pastes=tuple(_pastes(mine, markup, passage)),
            shares=tuple(shares(mine.kit, passage, relay)) if relay else (),
        )

    def _badge(self, mine: BlogKit, addresses: Addresses) -> _Paste:
        """Return the code of the badge: HTML, wherever HTML is taken."""
        whole = mine.kit.passages[0]
        relay = _relay(whole, mine.relays) or addresses.base
        image = f"{addresses.base}{addresses.pictures[0]}.svg"
        code = (
            f'<a href="{Safe.escape(relay)}"><img src="{Safe.escape(image)}" height="60" '
            f'alt="{Safe.escape(whole.title)}"></a>'
        )
        return _paste("badge", _("Code of the badge"), code, _("The code of the badge is copied."))

    def _render(self, template: str, **values: Any) -> str:
        return self._pages.render(template, **self._styles, **values)


def _pastes(mine: BlogKit, markup: Markup, passage: Passage) -> Iterator[_Paste]:
    for length, name in _LENGTHS.items():
        yield _paste(
            f"{length}-{passage.number}",
            _(name),
            text_to_paste(mine.kit, passage, markup, length, mine.relays),
            _("Copied: {length}, {title}").format(length=_(name).lower(), title=passage.title),
            text_to_paste(mine.kit, passage, Markup.TEXT, length, mine.relays),
        )


def _paste(id_: str, name: str, text: str, said: str, read: str = "") -> _Paste:
    """Return a text to paste; ``read``: what is read of it, whose length counts."""
    n = len(read or text)
    rows = sum(max(1, ceil(len(line) / _COLUMNS)) for line in text.split("\n"))
    return _Paste(
        id=id_,
        name=name,
        text=text,
        chars=ngettext("{n} character", "{n} characters", n).format(n=number(n)),
        rows=min(rows, _MOST_ROWS),
        said=said,
    )


def _relay(passage: Passage, relays: Mapping[LinkId, str]) -> str:
    return "" if passage.link is None else relays[passage.link]
