"""Are two texts one text, give or take a sentence? Told from 192 bytes of each.

A sketch holds the 48 smallest hashes of a text's runs of three words. The share of equal ones
among the 48 smallest of two texts estimates how many of their runs they share (Broder 1997, "On
the resemblance and containment of documents"). It costs 0.3 ms a text of 400 words, once.
"""

import re
import struct
import unicodedata
from zlib import crc32

RUN = 3  # words; single words are shared by all that is written on one subject
HASHES = 48  # kept of a text: the share is known to within 0.07
MIN_WORDS = 40  # a shorter text changes too much by one word, and is short by nature
MAX_TEXT = 20_000  # characters that are looked at: a bound on the cost
ALIKE = 0.75  # share of equal hashes from which two texts are one: a text with as much of its
# own, which has half, passes once in 4,000
KEYS = 6  # smallest hashes under which a text is found again,
SHARED_KEYS = 2  # so many of them equal: near texts have five

_WIDTH = 4  # bytes of a hash
_KEYS = struct.Struct(f">{KEYS}I")
_MARKS = re.compile("[\u0300-\u036f]+")
_WORDS = re.compile(r"\w+")


def sketch(text: str) -> bytes:
    """Return the sketch of a text: its 48 smallest hashes, ascending; nothing of a short text.

    Case, accents and punctuation make no difference.
    """
    folded = _MARKS.sub("", unicodedata.normalize("NFKD", text[:MAX_TEXT].casefold()))
    words = _WORDS.findall(folded)
    if len(words) < MIN_WORDS:
        return b""
    runs = zip(*(words[n:] for n in range(RUN)), strict=False)
    hashes = sorted({crc32(" ".join(run).encode()) for run in runs})[:HASHES]
    if len(hashes) < KEYS:  # a word or two, over and over
        return b""
    return struct.pack(f">{len(hashes)}I", *hashes)


def keys(made: bytes) -> tuple[int, ...]:
    """Return the hashes under which a sketch is found again; two near texts share most."""
    return _KEYS.unpack_from(made) if made else ()


def alike(one: bytes, other: bytes) -> bool:
    """Tell whether two sketches are of one text, give or take a sentence.

    >>> text = " ".join(f"mot{n}" for n in range(200))
    >>> alike(sketch(text), sketch("Vu chez un ami : " + text))
    True
    >>> alike(sketch(text), sketch(" ".join(f"mot{n}" for n in range(100, 300))))
    False
    """
    ours, theirs = (
        frozenset(struct.unpack(f">{len(made) // _WIDTH}I", made)) for made in (one, other)
    )
    smallest = sorted(ours | theirs)[:HASHES]
    shared = sum(found in ours and found in theirs for found in smallest)
    return bool(smallest) and shared >= ALIKE * len(smallest)
