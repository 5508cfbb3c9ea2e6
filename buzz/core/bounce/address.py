"""The return path of each letter: an address of its own that proves whom a bounce is about.

A template, ``bounces+*@parti.example`` or ``*@bounces.parti.example``, with a word in place of the
star: the delivery's number and 96 bits of a keyed hash over campaign and number (VERP). Letters
and digits of base32 only, since servers on the way may change the case of a local part. Without
the secret nobody can make one up, and so nobody can have another reader struck off.
"""

import base64
import binascii
from functools import cache
from hashlib import blake2s
from hmac import compare_digest

from buzz.model import DeliveryId

MAC_BYTES = 12  # 96 bits; as the tokens in a letter's addresses
NUMBER_BYTES = 8  # the database's largest id
STAR = "*"
_PERSON = b"buzzbnce"  # BLAKE2s: personalisation (RFC 7693 §2.8), of this purpose alone
_WORD = (NUMBER_BYTES + MAC_BYTES) * 8 // 5  # 32 characters; a local part may have 64


def return_path(secret: bytes, template: str, *, campaign: str, delivery: DeliveryId) -> str:
    """Return the envelope sender of one letter; the template itself where it has no star.

    >>> return_path(b"s", "b+*@parti.example", campaign="retraites", delivery=DeliveryId(7))
    'b+aaaaaaaaaaaao3ehqtm53gbn6aqh7k3p@parti.example'
    >>> return_path(b"s", "lettre@parti.example", campaign="retraites", delivery=DeliveryId(7))
    'lettre@parti.example'
    """
    if STAR not in template:
        return template
    number = delivery.to_bytes(NUMBER_BYTES, "big")
    mac = _fresh(secret).copy()
    mac.update(number + campaign.encode())
    word = base64.b32encode(number + mac.digest()).decode("ascii").lower()
    return template.replace(STAR, word, 1)


def claimed(template: str, address: str) -> DeliveryId | None:
    """Return the delivery that an address claims to be the return path of, unproven, or None."""
    if STAR not in template:
        return None
    before, _star, after = template.lower().partition(STAR)
    given = address.strip().lower()
    word = given[len(before) : len(given) - len(after)]
    if given != before + word + after or len(word) != _WORD:
        return None
    try:
        raw = base64.b32decode(word.upper())
    except (binascii.Error, ValueError):
        return None
    return DeliveryId(int.from_bytes(raw[:NUMBER_BYTES], "big"))


def is_return_path(
    secret: bytes, template: str, address: str, *, campaign: str, delivery: DeliveryId
) -> bool:
    """Tell whether an address is the return path of this letter, by making it again."""
    ours = return_path(secret, template, campaign=campaign, delivery=delivery)
    return STAR in template and compare_digest(
        ours.lower().encode(), address.strip().lower().encode()
    )


@cache
def _fresh(secret: bytes) -> "blake2s":
    return blake2s(key=blake2s(secret).digest(), person=_PERSON, digest_size=MAC_BYTES)
