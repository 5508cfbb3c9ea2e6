"""A message taken apart as far as bounces need it, whatever state it is in."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parseaddr
from functools import cached_property
from html import unescape

MAX_BYTES = 1_000_000  # of one message; what comes after is not looked at
MAX_NOTICE = 8_000  # characters of a notice that are read for its reasons
Fields = Mapping[str, str]  # names in lower case, values unfolded

ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'|@`]{1,64}@[^\s<>()\[\],;:\"'|@`/]{1,190}[\w]", re.UNICODE)
_FOLD = re.compile(r"\r?\n[ \t]+")
_BLANK = re.compile(r"\r?\n[ \t]*\r?\n")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:(.*)")
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 §3
_TAG = re.compile(
    r"<(?:style|script)\b.*?</(?:style|script)\s*>|<[^<>]{1,2000}>", re.IGNORECASE | re.DOTALL
)
_DAEMONS = re.compile(
    r"(?:mail(?:er|delivery)?[-_. ]?daemon|postmaster|mdaemon|mailsystem|mail-?delivery|smtpd?"
    r"|microsoftexchange[0-9a-f]*|bounces?|no-?reply-?postmaster|double-bounce|maildaemon)",
    re.IGNORECASE,
)
# Where a notice ends and the letter it returns begins.
_RETURNED = re.compile(
    r"^(?:[-=_* ]*(?:this is a copy|below this line|original message|message d.origine"
    r"|message original|begin (?:of )?(?:message|returned)|returned message|copy of (?:the|your)"
    r"|unsent message|the (?:body|header|headers) of (?:the|your)|message headers? follow"
    r"|en-?t[eê]tes? du message|copie du message|texte du message|your original message"
    r"|enclosed is a copy|the original message|received: from|return-path:)).*",
    re.IGNORECASE | re.MULTILINE,
)
_AUTO_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-vacation",
    "x-mail-autoreply",
)


@dataclass(frozen=True)
class Mail:
    """One message, and what is asked of it."""

    message: "Message[str, str]"
    raw: bytes

    @cached_property
    def subject(self) -> str:
        """Return the subject, decoded."""
        return header(self.message, "subject")

    @cached_property
    def from_(self) -> str:
        """Return the author's address."""
        return parseaddr(header(self.message, "from"))[1]

    @cached_property
    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses that the message was sent to."""
        names = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
        values = [value for name in names for value in self.message.get_all(name, [])]
        return tuple(address for _name, address in getaddresses(map(str, values)) if address)

    @cached_property
    def failed_recipients(self) -> str:
        """Return what Exim and Gmail say in X-Failed-Recipients."""
        return address_of(header(self.message, "x-failed-recipients").partition(",")[0])

    @cached_property
    def report_type(self) -> str:
        """Return of what a multipart/report is one (RFC 6522)."""
        try:
            return str(self.message.get_param("report-type") or "").lower()
        except (ValueError, TypeError, LookupError):
            return ""

    @cached_property
    def is_from_daemon(self) -> bool:
        """Tell whether a mail server wrote this: the null sender, or a name that they use."""
        if _DAEMONS.fullmatch(self.from_.partition("@")[0]) is not None:
            return True
        # The null sender alone does not tell: vacation replies have it as well (RFC 3834 §3.3).
        is_null = header(self.message, "return-path").strip() == "<>"
        return is_null and not (self.from_ and (self.is_automatic or "in-reply-to" in self.message))

    @cached_property
    def is_automatic(self) -> bool:
        """Tell whether the headers say that no person wrote this (RFC 3834 §5)."""
        said = header(self.message, "auto-submitted").strip().lower()
        precedence = header(self.message, "precedence").strip().lower()
        return (
            bool(said and said != "no")
            or precedence in {"auto_reply", "auto-reply"}
            or any(name in self.message for name in _AUTO_HEADERS)
        )

    def is_from(self, address: str) -> bool:
        """Tell whether this is the author's address."""
        return self.from_.lower() == address

    @cached_property
    def notice(self) -> str:
        """Return what is said in words, up to where the returned letter begins."""
        texts = [
            (part.get_content_type(), text)
            for part in _walk(self.message)
            if not part.is_multipart() and (text := text_of(part).strip())
        ]
        # A multipart that is not one, for its boundary is wrong or missing, has a text as well.
        for kind in ("text/plain", "text/html", self.message.get_content_type()):
            for found, text in texts:
                if found == kind:
                    plain = unescape(_TAG.sub(" ", text)) if kind == "text/html" else text
                    cut = _RETURNED.search(plain)
                    return (plain[: cut.start()] if cut and cut.start() else plain)[:MAX_NOTICE]
        return ""

    @cached_property
    def everything(self) -> str:
        """Return headers and texts, decoded and unfolded, those of the returned letter as well."""
        raw = _FOLD.sub("", self.raw.decode("utf-8", "replace"))
        texts = [text_of(part) for part in self.message.walk() if not part.is_multipart()]
        return "\n".join((raw, *texts))

    def groups(self, *kinds: str) -> Iterator[Fields]:
        """Yield the groups of fields in the parts of these types."""
        for part in _walk(self.message):
            if part.get_content_type() in kinds:
                for group in _BLANK.split(_inside(part)):
                    if fields := _fields(group):
                        yield fields

    def stray_groups(self) -> Iterator[Fields]:
        """Yield the groups of a notification whose parts cannot be told apart, from a server."""
        if not self.is_from_daemon:
            return
        _head, _gap, body = self.raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        for group in _BLANK.split(_decoded(body)):
            fields = _fields(group)
            if "final-recipient" in fields and fields.keys() & {"action", "status"}:
                yield fields


def parse(raw: bytes) -> Mail:
    """Return a message taken apart; any bytes are one."""
    raw = raw[:MAX_BYTES]
    return Mail(message_from_bytes(raw, policy=policy.compat32), raw)


def header(message: "Message[str, str]", name: str) -> str:
    """Return a header, decoded and on one line; empty: there is none."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        text = str(make_header(decode_header(str(value))))
    except (MessageError, LookupError, ValueError):
        text = str(value)
    return _FOLD.sub(" ", text)


def text_of(part: "Message[str, str]") -> str:
    """Return the text of a part in whatever character set it says, or Latin-1."""
    payload = part.get_payload(decode=True)
    return _decoded(payload, part.get_content_charset()) if isinstance(payload, bytes) else ""


def _decoded(payload: bytes, charset: str | None = None) -> str:
    for name in (charset or "utf-8", "utf-8"):
        try:
            return payload.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return payload.decode("latin-1")


def without_type(value: str) -> str:
    """Return a field's value without the type before it: ``smtp; 550 …`` (RFC 3464 §2.1.2)."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon and re.fullmatch(r"\s*[\w.-]+\s*", kind) else value).strip()


def address_of(value: str) -> str:
    r"""Return the address in a field, in the clear.

    >>> address_of(r"utf-8; \x{e9}lodie@bl\x{f6}g.example"), address_of("rfc822;<a@b.example>")
    ('élodie@blög.example', 'a@b.example')
    """
    plain = _XTEXT.sub(_character, without_type(value))
    found = ADDRESS.search(plain)
    return found[0] if found else ""


def host_of(value: str) -> str:
    """Return the host in a field like ``dns; mx.example``."""
    return without_type(value).partition(" ")[0].strip("[]()")


def _character(escape: re.Match[str]) -> str:
    try:
        return chr(int(escape[1], 16))
    except (ValueError, OverflowError):
        return escape[0]


def _walk(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """Yield the parts of a message, but none of a message that is within it."""
    yield message
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        inner: Iterable[object] = message.get_payload()
        for part in inner:
            if isinstance(part, Message):
                yield from _walk(part)


def _inside(part: "Message[str, str]") -> str:
    """Return the text of a part that the parser may have taken for a message."""
    payload = part.get_payload()
    if isinstance(payload, list):
        text = _decoded(
            b"\n\n".join(g.as_bytes().strip(b"\n") for g in payload if isinstance(g, Message))
        )
    else:
        text = text_of(part)
    if str(part.get("content-transfer-encoding", "")).strip().lower() in {
        "base64",
        "quoted-printable",
    }:
        bare = Message()
        bare["Content-Transfer-Encoding"] = str(part["content-transfer-encoding"])
        bare.set_payload(text.strip())
        text = text_of(bare) or text
    return text


def _fields(group: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in _FOLD.sub(" ", group.strip()).splitlines():
        if found := _FIELD.match(line):
            fields.setdefault(found[1].lower(), found[2].strip())
    return fields
