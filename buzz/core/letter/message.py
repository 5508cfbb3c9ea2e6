"""The message: RFC 5322 bytes of one recipient's letter, spliced from pieces encoded once.

Both parts are quoted-printable (RFC 2045 §6.7), so that no server needs 8BITMIME and a signature
survives; a slot begins and ends at a soft line break, so a value never changes its neighbours.
No value can add a header: each is put on one line, what is not ASCII or looks like an encoded
word is encoded (CVE-2024-6923), and addresses that would need quoting are refused.
"""

import binascii
import html
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote

from buzz.core.letter import filling
from buzz.core.letter.compiling import mailbox
from buzz.core.letter.filling import Passage, Slots
from buzz.core.text import one_line
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import CompiledLetter, LetterUrls, Recipient

_CRLF = b"\r\n"
_SOFT = b"=\r\n"  # a line break that is not one (RFC 2045 §6.7, rule 5)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_UNSAFE_IN_URI = re.compile(r"[^!-;=?-~]+")  # all but printable ASCII without < and >
_QP_LINE = 76  # RFC 2045 §6.7, rule 5
_ENCODED_WORD = 45  # octets of text in one: 60 of base64, with its frame at most 75 (RFC 2047 §2)
_SHORT = 60  # characters of ASCII that need no folding behind a header's name
_PART = (
    '\r\nContent-Type: text/{}; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
)
_DATE = re.compile(rb"^Date: [^\r]*\r\n", re.MULTILINE)


def message_bytes(
    letter: CompiledLetter,
    recipient: Recipient,
    urls: LetterUrls,
    *,
    from_: str,
    reply_to: str,
    message_id: str,
    date: datetime,
    list_id: str,
    unsubscribe_mailto: str = "",
) -> bytes:
    """Return one recipient's message: multipart/alternative, CRLF, ASCII throughout.

    Args:
        from_: ``Name <address>``.
        reply_to: the same, or empty for none.
        message_id: with its angle brackets, stable per campaign and recipient.
        date: aware; the only thing that differs from one attempt to the next.
        list_id: ``lettre.parti.example``, in angle brackets or not (RFC 2919).
        unsubscribe_mailto: an address that takes people off the list, or empty.

    Raises:
        CheckRefused: an address is none that mail can be sent to as it stands.
    """
    said = filling.values(letter, recipient, urls)
    escaped = {name: html.escape(value) for name, value in said.items()}
    slots = tuple(letter.slots.items())
    text, page = _frames(letter.text, letter.html, slots, filling.kept(recipient, urls))
    same = _same_for_all(from_, reply_to, list_id, letter.language, letter.content_hash)
    boundary = f"=_{letter.content_hash[:24]}"  # "=_" cannot stand in quoted-printable
    unsubscribe = f"<{_uri(urls.unsubscribe)}>"
    if unsubscribe_mailto:
        unsubscribe += f",\r\n <mailto:{_uri(unsubscribe_mailto)}>"
    head = (
        f"Date: {format_datetime(date)}\r\n"
        f"To: {_mailbox(recipient.name, recipient.email)}\r\n"
        f"Subject: {_unstructured(filling.subject_of(letter, recipient))}\r\n"
        f"Message-ID: {_uri_in_brackets(message_id)}\r\n"
        f"List-Unsubscribe: {unsubscribe}\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"List-Help: <{_uri(urls.preferences)}>\r\n"
        f"List-Archive: <{_uri(urls.online)}>\r\n"
        f"{same}"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
        "\r\n"
    )
    mark = f"--{boundary}".encode()
    return b"".join(
        (
            head.encode("ascii"),
            mark + _PART.format("plain").encode(),
            _spliced(text, said),
            _CRLF + mark + _PART.format("html").encode(),
            _spliced(page, escaped),
            _CRLF + mark + b"--\r\n",
        )
    )


def message_hash(message: bytes) -> str:
    """Return the hash of a message, its Date aside: what was checked is what is sent."""
    head, gap, body = message.partition(b"\r\n\r\n")
    return blake2b(_DATE.sub(b"", head + _CRLF) + gap + body, digest_size=16).hexdigest()


# --- the body -----------------------------------------------------------------------------------

# Encoded once: what is the same for all, then the name of the slot that follows it. A passage
# that is folded again for each recipient stays as it is.
_Encoded = tuple[tuple[bytes, str] | Passage, ...]


@lru_cache(maxsize=32)
def _frames(
    text: str, page: str, slots: Slots, blocks: frozenset[str]
) -> tuple[_Encoded, _Encoded]:
    return (
        _encoded(filling.passages(text, slots, blocks, prose=True)),
        _encoded(filling.passages(page, slots, blocks, prose=False)),
    )


def _encoded(passages: tuple[Passage, ...]) -> _Encoded:
    out: list[tuple[bytes, str] | Passage] = []
    for passage in passages:
        if passage.folded:
            out.append(passage)
            continue
        for number, piece in enumerate(passage.pieces):
            same = _quoted(piece.same)
            if number and not same.startswith(_CRLF):
                same = _SOFT + same
            if piece.slot and same and not same.endswith(b"\n"):
                same = _with_room(same) + _SOFT
            out.append((same, piece.slot))
    return tuple(out)


def _spliced(encoded: _Encoded, values: Mapping[str, str]) -> bytes:
    words = {name: _with_room(_quoted(value)) for name, value in values.items()}
    return b"".join(
        _quoted(part.filled(values)) if isinstance(part, Passage) else part[0] + words[part[1]]
        for part in encoded
    )


def _quoted(text: str) -> bytes:
    """Return the text in quoted-printable with CRLF."""
    # Every kind of line end becomes mail's: a bare CR or LF could smuggle a second message.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    octets = lines.replace("\n", "\r\n").encode("utf-8", "replace")
    # Where there is no CRLF in the text, its soft line breaks come out as a bare LF.
    return binascii.b2a_qp(octets, istext=True).replace(b"=\n", _SOFT)


def _with_room(octets: bytes) -> bytes:
    """Return quoted-printable whose last line has room for the ``=`` of a soft line break."""
    last = octets.rpartition(b"\n")[2]
    if len(last) < _QP_LINE:
        return octets
    at = -3 if last[-3:-2] == b"=" else -1  # never inside =C3
    return octets[:at] + _SOFT + octets[at:]


# --- headers ------------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _same_for_all(from_: str, reply_to: str, list_id: str, language: str, content_hash: str) -> str:
    """Return the headers that every recipient of a letter gets alike."""
    sender = mailbox(from_)
    answers = mailbox(reply_to) if reply_to else sender
    list_ = re.sub(r"[^A-Za-z0-9.-]", "", list_id)
    stream = blake2b(list_.encode(), digest_size=5).hexdigest()
    lines = [
        f"From: {_mailbox(*sender)}",
        f"Reply-To: {_mailbox(*answers)}" if reply_to else "",
        f"List-Id: <{list_}>",
        f"List-Owner: <mailto:{_uri(_address(answers[1]))}>",
        "Auto-Submitted: auto-generated",  # RFC 3834 §5
        f"Feedback-ID: {content_hash[:12]}:{language}:letter:{stream}",
        "MIME-Version: 1.0",
    ]
    return "".join(f"{line}\r\n" for line in lines if line)


def _mailbox(name: str, address: str) -> str:
    words = _unstructured(name[: filling.MAX_VALUE])
    if words and not words.startswith("=?"):
        escaped = words.replace("\\", "\\\\").replace('"', '\\"')
        words = f'"{escaped}"'
    return f"{words} <{_address(address)}>".lstrip()


def _address(address: str) -> str:
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


def _unstructured(text: str) -> str:
    """Return a header's text: as it is where it is short ASCII, else as encoded words."""
    text = one_line(text).encode("utf-8", "replace").decode()
    if text.isascii() and len(text) <= _SHORT and "=?" not in text:
        return text
    words, word = [], b""
    for character in text:
        octets = character.encode()
        if len(word) + len(octets) > _ENCODED_WORD:
            words.append(word)
            word = b""
        word += octets
    return "\r\n ".join(
        f"=?utf-8?b?{binascii.b2a_base64(w, newline=False).decode()}?=" for w in (*words, word)
    )


def _uri(url: str) -> str:
    """Return an address that cannot leave its angle brackets or its line."""
    return _UNSAFE_IN_URI.sub(lambda m: quote(m.group()), url)


def _uri_in_brackets(message_id: str) -> str:
    return f"<{_uri(message_id.strip('<>'))}>"
