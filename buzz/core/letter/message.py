"""The message: RFC 5322 bytes of one recipient's letter, spliced from pieces encoded once.

A :class:`FormLetter` is a compiled letter as it goes over the wire, with slots. What it writes for
two calls with the same values is the same, Date aside: what was checked is what is sent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from markupsafe import escape

from buzz.core.letter import cases, encoding, filling, headers
from buzz.core.letter import slots as names
from buzz.core.letter.cases import Case
from buzz.core.letter.encoding import CRLF
from buzz.core.letter.sheet import Sheet, SheetBuilder
from buzz.model import CompiledLetter, LetterUrls, Recipient

# Letters, digits and marks that mean nothing to HTML, quoted-printable and a header's brackets.
_PLAIN_OR_END = (
    b"\nABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$()*+,;%"
)
_BEGINS_WITH_DOT = re.compile(rb"\n\.").search
_ADDRESSES = ("unsubscribe", "preferences", "online", "", "kit", "pixel_url")  # "": Message-ID
_PART = (
    'Content-Type: text/{}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
)
# What tells apart recipients whose messages have other pieces: their case, whether they need the
# notice, have a pixel, and whether their links are of their own and not those of everybody.
_Kind = tuple[Case, bool, bool, bool]
_FLEETING = re.compile(
    rb"^(?:Date|DKIM-Signature):[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", re.MULTILINE | re.IGNORECASE
)


class FormLetter:
    """A compiled letter as it goes over the wire: multipart/alternative, CRLF, ASCII throughout.

    Args:
        letter: what is sent.
        from_: ``Name <address>``.
        reply_to: the same, or empty for none.
        list_id: ``lettre.parti.example``, in angle brackets or not (RFC 2919).
        unsubscribe_mailto: an address that takes people off the list, or empty.

    Raises:
        CheckRefused: an address is none that mail can be sent to as it stands.
    """

    def __init__(
        self,
        letter: CompiledLetter,
        *,
        from_: str,
        reply_to: str,
        list_id: str,
        unsubscribe_mailto: str = "",
    ) -> None:
        self._letter = letter
        self._boundary = f"=_{letter.content_hash[:24]}"  # "=_" is never in quoted-printable
        self._mailto = (
            f",\r\n <mailto:{headers.uri(unsubscribe_mailto)}>" if unsubscribe_mailto else ""
        )
        self._same = headers.of_everybody(
            from_, reply_to, list_id, language=letter.language, content_hash=letter.content_hash
        )
        is_same = names.pattern(letter.slots).search(letter.subject) is None
        self._subject = headers.subject(letter.subject) if is_same else ""
        self._urls = {link.id: link.url for link in letter.links}
        self._case = cases.plain(letter)
        self._sheets: dict[_Kind, Sheet] = {}

    def message(
        self, recipient: Recipient, urls: LetterUrls, *, message_id: str, date: datetime
    ) -> bytes:
        """Return one recipient's message.

        Args:
            recipient: who gets it.
            urls: the addresses in it.
            message_id: with its angle brackets, stable per campaign and recipient.
            date: aware; the only thing that differs from one attempt to the next.

        Raises:
            CheckRefused: the address is none that mail can be sent to as it stands, or the
                template cannot be rendered for this recipient.
        """
        letter = self._letter
        case, said = self._case, None
        if letter.source is not None:
            case, said = filling.case_of(letter, recipient, urls)
        is_measured = bool(urls.clicks) and urls.clicks != self._urls
        sheet = self._sheet((case, recipient.needs_notice, urls.pixel != "", is_measured))
        words = filling.texts(letter.language, recipient, sheet.words, said)
        addresses = [urls.unsubscribe, urls.preferences, urls.online, message_id.strip("<>")]
        addresses += (urls.kit, urls.pixel)
        addresses += map(urls.relays.get, self._urls, self._urls.values())
        if is_measured:
            addresses += map(urls.clicks.get, self._urls, self._urls.values())
        in_text = in_page = _plain(addresses)
        if in_text is None:
            in_text = [encoding.value(address) for address in addresses]
            in_page = [encoding.value(str(escape(address))) for address in addresses]
            addresses = [headers.uri(address) for address in addresses]
        head = (
            f"{headers.date(date)}"
            f"{headers.mailbox('To', words['name'], recipient.email)}"
            f"{self._subject or headers.subject(filling.subject_of(letter, recipient))}"
            f"Message-ID: <{addresses[3]}>\r\n"
            f"List-Unsubscribe: <{addresses[0]}>{self._mailto}\r\n"
            f"List-Help: <{addresses[1]}>\r\n"
            f"List-Archive: <{addresses[2]}>\r\n"
        )
        return sheet.filled(head.encode("ascii"), in_text, in_page or in_text, words)

    def _sheet(self, kind: _Kind) -> Sheet:
        found = self._sheets.get(kind)
        if found is None:
            if len(self._sheets) >= cases.MOST:
                self._sheets.clear()
            found = self._sheets[kind] = self._made(kind)
        return found

    def _made(self, kind: _Kind) -> Sheet:
        """Encode what is the same for all recipients of a kind."""
        case, needs_notice, has_pixel, is_measured = kind
        blocks = {"mail": True, "pixel": has_pixel, "notice": needs_notice}
        slots = tuple(case.slots.items())
        kept = frozenset(name for name, stands in blocks.items() if stands)
        clicks = {} if is_measured else {f"click:{i}": url for i, url in self._urls.items()}
        ids = [f"relay:{i}" for i in self._urls] + [f"click:{i}" for i in self._urls]
        builder = SheetBuilder((*_ADDRESSES, *(ids[: len(self._urls)] if clicks else ids)))
        builder.head()
        head = (
            f"{self._same}Content-Type: multipart/alternative; "
            f'boundary="{self._boundary}"\r\n\r\n--{self._boundary}\r\n'
        )
        builder.same(head.encode("ascii") + _PART.format("plain").encode("ascii"))
        builder.text(filling.passages(case.text, slots, kept, prose=True), clicks)
        builder.same(f"\r\n--{self._boundary}\r\n{_PART.format('html')}".encode("ascii"))
        same = {name: str(escape(url)) for name, url in clicks.items()}
        builder.page(filling.passages(case.html, slots, kept, prose=False), same)
        builder.same(f"\r\n--{self._boundary}--\r\n".encode("ascii"))
        return builder.sheet()


def _plain(addresses: Sequence[str]) -> list[bytes] | None:
    """Return addresses as they stand everywhere, or None: there is something to escape in one."""
    octets = "\n".join(("", *addresses)).encode("utf-8", "replace")
    found = octets[1:].split(b"\n")
    if (
        octets.translate(None, _PLAIN_OR_END)
        or len(found) != len(addresses)
        or _BEGINS_WITH_DOT(octets)
    ):
        return None
    if max(map(len, found)) >= encoding.LINE:
        return [encoding.address(address) for address in found]
    return found


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
    """Return one recipient's message, as :class:`FormLetter` makes it: for one or two of them."""
    form = _form(_ByContent(letter), from_, reply_to, list_id, unsubscribe_mailto)
    return form.message(recipient, urls, message_id=message_id, date=date)


def message_hash(message: bytes) -> str:
    """Return the hash of a message without its Date and signatures: what was checked is sent."""
    head, gap, body = message.partition(b"\r\n\r\n")
    digest = blake2b(_FLEETING.sub(b"", head + CRLF), digest_size=16)
    digest.update(gap)
    digest.update(body)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class _ByContent:
    """A letter as the key of a cache."""

    letter: CompiledLetter

    def __hash__(self) -> int:
        return hash(self.letter.content_hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and self.letter == other.letter


@lru_cache(maxsize=8)
def _form(
    key: _ByContent, from_: str, reply_to: str, list_id: str, unsubscribe_mailto: str
) -> FormLetter:
    return FormLetter(
        key.letter,
        from_=from_,
        reply_to=reply_to,
        list_id=list_id,
        unsubscribe_mailto=unsubscribe_mailto,
    )
