"""What stands in the words of a server: status, reply code, whom they are about."""

import re

from buzz.core.bounce.judging import said
from buzz.core.bounce.parts import ADDRESS, Mail

# Not within a number with more dots: an IP address begins like a status.
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\w.:/-])([45]\d\d)(?=[ -])(?! ?(?:bytes|octets|[KM]B))")
_REASONS = frozenset({"hard", "soft", "policy", "temporary"})
_MAX_SENTENCE = 300


def status_in(words: str) -> str:
    """Return the enhanced status code in a server's words, or an empty string.

    >>> status_in("mx.example[192.0.2.5] said: 550-5.1.1 unknown"), status_in("at 5.6.7.8")
    ('5.1.1', '')
    """
    found = _STATUS.search(words)
    return ".".join(found.groups()) if found else ""


def reply_code_in(words: str) -> int | None:
    """Return the reply code of a failure in a server's words, or None.

    >>> reply_code_in("said: 550 5.1.1 unknown"), reply_code_in("after 24 hours")
    (550, None)
    """
    found = _REPLY.search(words)
    return int(found[1]) if found else None


def is_telling(words: str) -> bool:
    """Tell whether the words give a reason."""
    return bool(said(words) & _REASONS)


def recipient_in(mail: Mail) -> str:
    """Return the address that a notice is about: the first that is not on its envelope."""
    ours = {mail.from_.lower(), *(address.lower() for address in mail.own_addresses)}
    for found in ADDRESS.finditer(mail.notice):
        if found[0].lower() not in ours and not found[0].lower().startswith("postmaster@"):
            return found[0]
    return ""


def sentence_in(words: str, recipient: str) -> str:
    """Return what a notice says after the recipient, where it has a reason, else all of it."""
    _before, at, after = words.partition(recipient) if recipient else ("", "", "")
    chosen = after if at and is_telling(after[:_MAX_SENTENCE]) else words
    return chosen.strip(" \r\n\t>:)")[:_MAX_SENTENCE]
