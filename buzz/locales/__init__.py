"""The languages people read: English in the source, French from ``fr/LC_MESSAGES/buzz.po``.

Every string a person reads passes through :func:`gettext`, imported as ``_``. The language is a
context variable, so that a web request or a letter can speak its reader's language while the
process speaks another. Machine output (JSON keys, CSV headers, codes) is never translated.
"""

import gettext as _gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("fr", "en")
DOMAIN = "buzz"
FOLDER = Path(__file__).parent

_language: ContextVar[str] = ContextVar("language", default="en")


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, localedir=FOLDER, languages=[language], fallback=True)


def gettext(message: str) -> str:
    """Return the message in the language in force, or as it is where no catalogue has it."""
    return _catalogue(_language.get()).gettext(message) if message else ""


def ngettext(one: str, many: str, n: int) -> str:
    """Return the form of the message that the language in force uses for ``n`` things."""
    return _catalogue(_language.get()).ngettext(one, many, n)


def mark(message: str) -> str:
    """Return the message as it is: marks a constant for translation where it is shown later."""
    return message


def language() -> str:
    """Return the language in force: ``fr`` or ``en``."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak this language inside the block."""
    token = _language.set(supported(language))
    try:
        yield
    finally:
        _language.reset(token)


def supported(*wishes: str | None) -> str:
    """Return the first language among the wishes that we speak, else English.

    Args:
        wishes: language tags or POSIX locale names, in order of preference.

    >>> supported(None, "", "fr_FR.UTF-8")
    'fr'
    >>> supported("de-AT", "C.UTF-8")
    'en'
    """
    for wish in wishes:
        tag = (wish or "").replace("_", "-").split("-")[0].split(".")[0].lower()
        if tag in LANGUAGES:
            return tag
    return "en"
