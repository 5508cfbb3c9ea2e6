"""The return path of each letter: an address of its own that proves whom a bounce is about.

A template, ``bounces+*@parti.example`` or ``*@bounces.parti.example``, with a word in place of the
star: the delivery's number and 120 bits of a keyed hash over number and campaign (VERP). Letters
and digits of base32 only, since servers on the way may change the case of a local part. Without
the secret nobody can make one up, and so nobody can have another reader struck off.
"""

import base64
import re
from collections.abc import Iterator
from functools import cache
from hashlib import blake2s
from hmac import compare_digest

from buzz.model import DeliveryId

STAR = "*"
NUMBER_BYTES = 5
MAC_BYTES = 15  # 120 bits: number and MAC fill 32 characters of base32 to the last bit
WORD_LENGTH = (NUMBER_BYTES + MAC_BYTES) * 8 // 5  # a local part may have 64 (RFC 5321 §4.5.3.1.1)
MAX_WORDS = 200  # different ones that are looked at in one message
_WORD = re.compile(rf"(?<![a-z2-7])[a-z2-7]{{{WORD_LENGTH}}}(?![a-z2-7])", re.IGNORECASE)
_PERSON = b"buzzbnce"  # BLAKE2s: personalisation (RFC 7693 §2.8), of this purpose alone


def return_path(secret: bytes, template: str, *, campaign: str, delivery: DeliveryId) -> str:
    """Return the envelope sender of one letter; the template itself where it has no star.

    >>> return_path(b"s", "b+*@parti.example", campaign="retraites", delivery=DeliveryId(7))
    'b+aaaaaaahwteue5isys6vztzglylvumzo@parti.example'
    >>> return_path(b"s", "lettre@parti.example", campaign="retraites", delivery=DeliveryId(7))
    'lettre@parti.example'
    """
    if STAR not in template:
        return template
    return template.replace(STAR, _word(secret, campaign, delivery), 1)


def claims(text: str) -> Iterator[tuple[str, DeliveryId]]:
    """Yield each word in a text that may be one of ours, and the delivery it names, unproven."""
    words = dict.fromkeys(found[0].lower() for found in _WORD.finditer(text))
    for word, _count in zip(words, range(MAX_WORDS), strict=False):
        number = base64.b32decode(word.upper())[:NUMBER_BYTES]
        yield word, DeliveryId(int.from_bytes(number, "big"))


def is_proven(secret: bytes, word: str, *, campaign: str, delivery: DeliveryId) -> bool:
    """Tell whether we have made this word for this letter, by making it again."""
    return compare_digest(_word(secret, campaign, delivery).encode(), word.lower().encode())


def _word(secret: bytes, campaign: str, delivery: DeliveryId) -> str:
    number = delivery.to_bytes(NUMBER_BYTES, "big")
    mac = _fresh(secret).copy()
    mac.update(number + campaign.encode())
    return base64.b32encode(number + mac.digest()).decode("ascii").lower()


@cache
def _fresh(secret: bytes) -> "blake2s":
    return blake2s(key=blake2s(secret).digest(), person=_PERSON, digest_size=MAC_BYTES)
