"""Headers: one recipient's and everybody's, none of which a value can add to.

Each value is put on one line; what is not ASCII or looks like an encoded word is encoded
(CVE-2024-6923), and addresses that would need quoting are refused.
"""

import binascii
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote

from buzz.core.text import one_line
from buzz.errors import CheckRefused
from buzz.locales import gettext as _

MAX_NAME = 120  # characters

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@[A-Za-z0-9][A-Za-z0-9.-]*+(?<![.-])")
_UNSAFE_IN_URI = re.compile(r"[^!-;=?-~]+")  # all but printable ASCII without < and >
_LINE = 76  # columns of a line with an encoded word in it (RFC 2047 §2)
_FRAME = len("=?utf-8?b??=")
_SHORT = 60  # characters of ASCII that need no folding behind a header's name


def split_mailbox(text: str) -> tuple[str, str]:
    """Return name and address of ``Name <address>``; the name may hold any character.

    >>> split_mailbox("La Lettre, du Buzz <lettre@parti.example>")
    ('La Lettre, du Buzz', 'lettre@parti.example')
    """
    name, _bracket, address = text.rpartition("<")
    return one_line(name).strip('" '), address.strip("> ")


def of_everybody(
    from_: str, reply_to: str, list_id: str, *, language: str, content_hash: str
) -> str:
    """Return the headers that every recipient of a letter gets alike.

    Raises:
        CheckRefused: an address is none that mail can be sent to as it stands.
    """
    sender = split_mailbox(from_)
    answers = split_mailbox(reply_to) if reply_to else sender
    list_ = re.sub(r"[^A-Za-z0-9.-]", "", list_id)
    stream = blake2b(list_.encode(), digest_size=5).hexdigest()
    lines = [
        mailbox("From", *sender),
        mailbox("Reply-To", *answers) if reply_to else "",
        f"List-Id: <{list_}>\r\n",
        f"List-Owner: <mailto:{uri(_sound(answers[1]))}>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",  # RFC 8058 §3.1
        "Auto-Submitted: auto-generated\r\n",  # RFC 3834 §5
        f"Feedback-ID: {content_hash[:12]}:{language}:letter:{stream}\r\n",
        "MIME-Version: 1.0\r\n",
    ]
    return "".join(lines)


def mailbox(header: str, name: str, address: str) -> str:
    """Return a header with one mailbox, a name on one line and an address.

    Raises:
        CheckRefused: the address would need quoting, SMTPUTF8 or rewriting.
    """
    words = _words(name[:MAX_NAME], len(header) + 2)
    if words and not words.startswith("=?"):
        words = words.replace("\\", "\\\\").replace('"', '\\"')
        words = f'"{words}"'
    line = f"{header}: {words}"
    fits = len(line) - line.rfind("\n") + len(address) + 2 <= _LINE
    gap = ("\r\n " if not fits else " ") if words else ""
    return f"{line}{gap}<{_sound(address)}>\r\n"


def subject(text: str) -> str:
    """Return the header with a letter's subject."""
    return f"Subject: {_words(one_line(text), len('Subject: '))}\r\n"


def date(when: datetime) -> str:
    """Return the header with the time, aware, to the second and in UTC."""
    return _date(int(when.timestamp()))


@lru_cache(maxsize=4)
def _date(epoch_s: int) -> str:
    return f"Date: {format_datetime(datetime.fromtimestamp(epoch_s, UTC))}\r\n"


def uri(url: str) -> str:
    """Return an address that cannot leave its angle brackets or its line."""
    return _UNSAFE_IN_URI.sub(lambda m: quote(m.group()), url)


def _sound(address: str) -> str:
    """Return an address that stands in a header as it is.

    Raises:
        CheckRefused: it would need quoting, SMTPUTF8 or rewriting.
    """
    if not _ADDRESS.fullmatch(address):
        raise CheckRefused(
            _("`{address}` is no address that mail can be sent to").format(address=address),
            remedy=_("write it in ASCII: name@domain.example"),
        )
    return address


def _words(text: str, column: int) -> str:
    """Return a header's text: as it is where it is short ASCII, else as encoded words.

    Args:
        text: on one line.
        column: at which it begins.
    """
    if text.isascii() and len(text) <= _SHORT and "=?" not in text:
        return text
    octets = text.encode("utf-8", "replace")
    words: list[str] = []
    while octets:
        size = (_LINE - column - _FRAME) // 4 * 3  # four columns of base64 hold three octets
        while len(octets) > size and octets[size] & 0xC0 == 0x80:  # noqa: PLR2004  (inside a character of UTF-8)
            size -= 1
        coded = binascii.b2a_base64(octets[:size], newline=False).decode("ascii")
        words.append(f"=?utf-8?b?{coded}?=")
        octets, column = octets[size:], 1
    return "\r\n ".join(words)
