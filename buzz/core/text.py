"""Ground that the core's modules share: text as people write it, made safe or comparable."""

import re
import unicodedata

# C0 and C1 controls but tab and newline, and the marks that reorder what a reader sees
# (UAX #9 explicit formatting): a hostile title must not move the cursor or hide an address.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s+")
_BLANKS = re.compile("[ \t\n\r\f]+")  # ordinary ones: those that do not break stay
# Where a sentence ends: not after the M. of a name, nor where the next word is a small one.
_SENTENCE = re.compile(r"(?<=[.!?…»])(?<!\bM\.) (?![a-zà-öø-ÿœ])")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_LIGATURES = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss"})
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
# What breaks words without being seen: soft hyphen, zero-width space, joiners, word joiner, BOM.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4\u0060\uff07", "'"))


def printable(text: str) -> str:
    r"""Return the text without control characters and bidi marks.

    >>> printable("abc\x1b[31m\u202edef")
    'abc[31mdef'
    """
    return _UNPRINTABLE.sub("", text)


def one_line(text: str) -> str:
    """Return the text printable, on one line, single-spaced: fit for a header or a table cell."""
    if text.isprintable() and "  " not in text:  # nearly every text; a fifth of the time
        return text.strip()
    return _SPACES.sub(" ", printable(text)).strip()


def unaccented(text: str) -> str:
    """Return the text with ligatures opened and accents taken off (NFKD without marks)."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def slugify(name: str) -> str:
    """Return a slug for a name: lower-case ASCII words joined by hyphens, at most 64 long.

    An empty string where the name has no letter or digit of ASCII kin.

    >>> slugify("L'Œuvre de José, tome 2 !")
    'l-oeuvre-de-jose-tome-2'
    """
    return _NOT_SLUG.sub("-", unaccented(name).lower()).strip("-")[:64].rstrip("-")


def is_slug(text: str) -> bool:
    """Tell whether the text is a slug: safe as a file name, in an address and in a command."""
    return SLUG.fullmatch(text) is not None


def visible(text: str) -> str:
    r"""Return the text composed (NFC), single-spaced, apostrophes straight, nothing invisible.

    What a reader sees stays as it is written: case, accents, punctuation.

    >>> visible("aujourd\u2019hui,\u00a0 la re\u00adtrai\u200bte")
    "aujourd'hui, la retraite"
    """
    composed = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return _SPACES.sub(" ", composed.translate(_APOSTROPHES)).strip()


def folded(text: str) -> str:
    r"""Return the text as it is compared: visible, without accents and ligatures, lower case.

    >>> folded("L\u2019\u0152UVRE  d\u00e9fendue")
    "l'oeuvre defendue"
    """
    return unaccented(visible(text)).lower()


def first_sentences(text: str, max_chars: int) -> str:
    """Return the sentences with which the text begins, as many as fit, on one line.

    Where not even the first one fits, as many of its words as do, and an ellipsis.

    >>> first_sentences("La caisse est vide ? Elle est percée. Rebouchons-la.", 40)
    'La caisse est vide ? Elle est percée.'
    >>> first_sentences("La caisse est vide ?", 12)
    'La caisse…'
    """
    first, *others = _SENTENCE.split(_BLANKS.sub(" ", text).strip(" "))
    taken = first
    for sentence in others:
        if len(taken) + 1 + len(sentence) > max_chars:
            break
        taken += f" {sentence}"
    if len(taken) <= max_chars:
        return taken
    cut = taken[:max_chars]
    return (cut.rpartition(" ")[0] or cut[:-1]).rstrip(" ,;:\u2013\u2014") + "…"
