"""The pages a reader of the letter sees, in words of their own language.

Only the relay kit's has a script (``kit``), and does without it. All share one sheet
(``page.html``, ``style.css``). A page is a value; :class:`Pages` makes it HTML. No page shows a
name or a whole address: whoever holds a forwarded letter may look at it.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path

import jinja2
from markupsafe import Markup

from buzz import locales
from buzz.config import Sender
from buzz.locales import gettext as _
from buzz.model import Tracking
from buzz.pipeline.privacy import Reader

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058 §3.1
STOP = "stop"  # form field of the preferences; its values are those below
OPENS, CLICKS, LETTER = "opens", "clicks", "letter"
WORDING_VERSION = "2026-1"  # of the buttons below: a new one with every change of their meaning

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button, alone or under a title that says what it is about."""

    name: str = ""
    value: str = ""
    button: str = ""  # empty: there is nothing left to choose
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """Where one may go on from here."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one page says."""

    title: str
    paragraphs: tuple[str, ...] = ()
    notice: str = ""  # what was just done
    choices: tuple[Choice, ...] = ()
    link: PageLink | None = None


class Pages:
    """The pages of one sender.

    Attributes:
        style: of the sheet that all share.
        policy: the ``Content-Security-Policy`` under which they are shown.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._letter = parseaddr(sender.from_)[0] or sender.organisation or "buzz"
        self._contact = parseaddr(sender.reply_to or sender.from_)[1]
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
        )
        environment.globals["_"] = _
        self._environment = environment
        self.style = _STYLE
        self.policy = policy_for(_STYLE)

    def html(self, page: Page) -> str:
        """Return a page as HTML, in the language in force."""
        return self.render(
            "page.html",
            page=page,
            title=page.title,
            style=Markup(_STYLE),  # noqa: S704  (our own file)
        )

    def render(self, template: str, **values: object) -> str:
        """Return what a template of these pages makes of the values, in the language in force."""
        sender = self._sender
        return self._environment.get_template(template).render(
            values,
            language=locales.language(),
            letter=self._letter,
            footer=[
                line
                for line in (
                    " · ".join(filter(None, (sender.organisation, sender.postal_address))),
                    _("Data controller: {controller}").format(controller=sender.controller)
                    if sender.controller
                    else "",
                )
                if line
            ],
        )

    # --- the letter's own pages -----------------------------------------------------------------

    def home(self) -> Page:
        """Say whose service this is."""
        return Page(
            title=_("The service behind {letter}").format(letter=self._letter),
            paragraphs=(
                _(
                    "Letters can be read here, and their readers say here what they wish. The "
                    "addresses for this stand in the last lines of each letter."
                ),
                self._write_to_us(),
            ),
        )

    def unsubscribe(self, reader: Reader, preferences: str) -> Page:
        """Ask for the one click that ends the letter, or say that it was made."""
        other = PageLink(text=_("Other choices"), url=preferences)
        if reader.stopped:
            return Page(
                title=_("You are unsubscribed"),
                paragraphs=(
                    _("No further letter goes to {address}.").format(address=reader.masked),
                    _("Was it a mistake? Write to {contact}.").format(contact=self._contact),
                ),
                link=other,
            )
        name, value = ONE_CLICK
        return Page(
            title=_("Stop the letter?"),
            paragraphs=(
                _(
                    "{letter} will not be sent to {address} any more. It takes effect at once."
                ).format(letter=self._letter, address=reader.masked),
            ),
            choices=(Choice(name=name, value=value, button=stop_words(LETTER)),),
            link=other,
        )

    def preferences(self, reader: Reader, notice: str = "") -> Page:
        """Show what is measured and sent, and a button to stop each."""
        return Page(
            title=_("Your preferences"),
            notice=notice,
            paragraphs=(
                _("These are the choices of {address}.").format(address=reader.masked),
                _(
                    "What is held: this address and your blog's, what its public feed shows, which "
                    "letters were sent to you, and what is said below. To see all of it or to have "
                    "it erased, write to {contact}."
                ).format(contact=self._contact),
            ),
            choices=(
                _measuring(OPENS, reader.opens),
                _measuring(CLICKS, reader.clicks),
                Choice(
                    name=STOP,
                    value=LETTER,
                    title=_("The letter"),
                    text=_("No further letter is sent to you.")
                    if reader.stopped
                    else _("You receive {letter}.").format(letter=self._letter),
                    button="" if reader.stopped else stop_words(LETTER),
                ),
            ),
        )

    # --- what went wrong ------------------------------------------------------------------------

    def problem(self, status: int) -> Page:
        """Say why there is nothing else to show."""
        match status:
            case 404:
                return Page(
                    title=_("There is nothing here"),
                    paragraphs=(
                        _(
                            "This address leads nowhere, or not any more. If it stood in a letter, "
                            "a part of it may have been lost on the way."
                        ),
                        self._write_to_us(),
                    ),
                )
            case 405:
                return Page(title=_("This address is used in another way"))
            case 413 | 414 | 431:
                return Page(title=_("That is too long"))
            case 503:
                return Page(
                    title=_("Not just now"),
                    paragraphs=(
                        _("Nothing was changed. Please try again in a minute."),
                        self._write_to_us(),
                    ),
                )
            case _:
                return Page(
                    title=_("That did not work"),
                    paragraphs=(_("The fault is ours."), self._write_to_us()),
                )

    def _write_to_us(self) -> str:
        return _("A person answers at {contact}.").format(contact=self._contact)


def stop_words(what: str) -> str:
    """Return what the button says that stops something; kept as the wording of a refusal."""
    return {
        OPENS: _("Do not measure opens"),
        CLICKS: _("Do not measure clicks"),
        LETTER: _("Stop the letter"),
    }[what]


def stopped_words(what: str) -> str:
    """Return what is said once something was stopped."""
    return {
        OPENS: _("Done: your opens are not measured any more, in letters already sent either."),
        CLICKS: _("Done: your clicks are not measured any more, in letters already sent either."),
        LETTER: _("Done: no further letter is sent to you."),
    }[what]


def policy_for(
    *styles: str, letter: bool = False, scripts: Sequence[str] = (), images: bool = False
) -> str:
    """Return a ``Content-Security-Policy`` that allows nothing but these style sheets and scripts.

    Args:
        styles: text of each ``<style>`` element of the page.
        letter: the page is a letter, which has styles at its elements and may have images.
        scripts: text of each ``<script>`` element.
        images: the page shows pictures of our own.
    """
    sheets = _hashes(styles) or "'none'"
    styling = (
        # Where the two finer directives are unknown, the coarse one must not strip the letter.
        f"style-src 'unsafe-inline'; style-src-attr 'unsafe-inline'; "
        f"style-src-elem {sheets}; img-src 'self' https: data:"
        if letter
        else f"style-src {sheets}"
    )
    more = f"; script-src {_hashes(scripts)}" if scripts else ""
    more += "; img-src 'self'" if images else ""
    return (
        f"default-src 'none'; {styling}{more}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _hashes(texts: Sequence[str]) -> str:
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{hashed}'" for hashed in hashes)


def _measuring(what: str, tracking: Tracking) -> Choice:
    """Return how things stand with one channel, and the button that ends it."""
    title, texts = {
        OPENS: (
            _("Opens"),
            {
                Tracking.NONE: _("Whether you open a letter is not measured."),
                Tracking.AGGREGATE: _("It is counted how often a letter is opened, not by whom."),
                Tracking.PERSONAL: _(
                    "When you open a letter this is noted with your blog's name: you agreed to it."
                ),
            },
        ),
        CLICKS: (
            _("Clicks"),
            {
                Tracking.NONE: _("Which links you follow is not measured."),
                Tracking.AGGREGATE: _("It is counted how often a link is followed, not by whom."),
                Tracking.PERSONAL: _(
                    "Which links you follow is noted with your blog's name: you agreed to it."
                ),
            },
        ),
    }[what]
    return Choice(
        name=STOP,
        value=what,
        title=title,
        text=texts[tracking],
        button="" if tracking is Tracking.NONE else stop_words(what),
    )
