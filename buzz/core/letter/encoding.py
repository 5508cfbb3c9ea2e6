"""Encoding: text as quoted-printable (RFC 2045 §6.7), whole or in pieces with slots between them.

Both parts of a message are encoded so that no server needs 8BITMIME and a signature survives. A
slot begins and ends at a soft line break: a value never changes its neighbours. No line begins
with a dot (nothing to stuff, RFC 5321 §4.5.2) or with ``From``, and no blanks follow one another:
the bytes are their own canonical form (RFC 6376 §3.4.4).
"""

import binascii
import re

CRLF = b"\r\n"
SOFT = b"=\r\n"  # a line break that is not one (RFC 2045 §6.7, rule 5)
LINE = 76  # columns of one line (the same rule)
_SPACE, _TAB = "\x01", "\x02"  # stand for blanks that are to be encoded: quoted as =01 and =02
_UNSAFE = re.compile(rb"^(?:\.|From )[^\r\n]*", re.MULTILINE)  # lines that begin as none may


def quoted(text: str) -> bytes:
    """Return a text in quoted-printable, with CRLF."""
    # Every kind of line end becomes mail's: a bare CR or LF could smuggle a second message.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    marked = lines.replace("\t", _TAB).replace("  ", f" {_SPACE}").replace("\n", "\r\n")
    octets = binascii.b2a_qp(marked.encode("utf-8", "replace"), istext=True)
    # Where there is no CRLF in the text, its soft line breaks come out as a bare LF.
    octets = octets.replace(b"=\n", SOFT).replace(b"=01", b"=20").replace(b"=02", b"=09")
    return _UNSAFE.sub(lambda m: _safe(m[0]), octets)


def _safe(line: bytes) -> bytes:
    """Return a line whose first character is encoded, in as many lines as it then needs."""
    rest, end = (line[:-1], b"=") if line.endswith(b"=") else (line, b"")
    parts = []
    while rest:
        if rest.startswith((b".", b"From ")):
            rest = b"=%02X" % rest[0] + rest[1:]
        at = LINE - 1
        while len(rest) > at and b"=" in rest[at - 2 : at]:  # never inside =C3
            at -= 1
        parts.append(rest[:at])
        rest = rest[at:]
    return SOFT.join(parts) + end


def piece(text: str, *, is_first: bool, is_last: bool) -> bytes:
    """Return what stands between two slots, or before the first, or behind the last.

    Args:
        is_first, is_last: no slot comes before it, or after it.
    """
    octets = quoted(text)
    if not is_first and not octets.startswith(CRLF):
        octets = SOFT + octets
    if not is_last and octets and not octets.endswith(b"\n"):
        octets = _with_room(octets) + SOFT
    return octets


def value(text: str) -> bytes:
    """Return what stands in a slot."""
    if text.isprintable() and "  " not in text:  # on one line, nothing to be careful about
        octets = binascii.b2a_qp(text.encode(), istext=True)
        if len(octets) < LINE and not octets.startswith((b".", b"From ")):
            return octets
    return _with_room(quoted(text))


def address(octets: bytes) -> bytes:
    """Return an address of letters, digits and marks but ``=`` as it stands in a slot."""
    if len(octets) < LINE:
        return octets
    return _with_room(quoted(octets.decode("ascii")))


def _with_room(octets: bytes) -> bytes:
    """Return quoted-printable whose last line has room for the ``=`` of a soft line break."""
    last = octets.rpartition(b"\n")[2]
    if len(last) < LINE:
        return octets
    if last[-3:-2] == b"=":  # never inside =C3
        return octets[:-3] + SOFT + octets[-3:]
    return octets[:-1] + SOFT + quoted(octets[-1:].decode("ascii"))
