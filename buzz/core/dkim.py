"""DKIM: signatures by which a receiver knows who answers for a message (RFC 6376, RFC 8463).

Both parts are canonicalised ``relaxed``, the body is signed as a whole (no ``l=``), and headers
that a reader trusts are signed once more than they stand there: a second From cannot be added
(§8.15). Both headers of the one-click way out are signed (RFC 8058 §3.1). Keys are RSA of 2048
bits or more (RFC 8301 §3.2) and Ed25519.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from buzz.errors import ConfigurationError
from buzz.locales import gettext as _

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey

RSA_BITS = 2048  # RFC 8301 §3.2; longer ones do not fit every DNS zone's answer
MOST_BITS = 4096

SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Help",
    "List-Owner",
    "List-Archive",
    "Auto-Submitted",
    "Feedback-ID",
    "MIME-Version",
    "Content-Type",
)
# Signed once more than they are there: what is added later breaks the signature.
OVERSIGNED = ("From", "To", "Cc", "Subject", "Date", "Reply-To", "Content-Type")

_WSP = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_WSP_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_SIGNATURE_OF = re.compile(rb"([:;\s]b\s*=)[^;]*")
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=([^;]*)(?:;|\Z)")
_COLUMNS = 72  # of a folded signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """One key and where its other half is published."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """Return ``rsa-sha256`` or ``ed25519-sha256``."""
        return "rsa-sha256" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519-sha256"

    @property
    def record_name(self) -> str:
        """Return the name in the DNS under which the record is looked for."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """Return the record to publish there."""
        return dns_record(self.key.public_key())


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one signature."""

    domain: str
    selector: str
    algorithm: str
    reason: str = ""  # why it does not hold; empty: it does

    @property
    def holds(self) -> bool:
        """Tell whether the signature is good."""
        return not self.reason


# --- keys ---------------------------------------------------------------------------------------


def read_key(pem: str, place: str) -> PrivateKey:
    """Return the private key of a PEM file (PKCS #8 or PKCS #1, not encrypted).

    Raises:
        ConfigurationError: it is none, of another kind, or too weak.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as exc:
        raise ConfigurationError(
            _("this is no private key that can be read without a password"),
            place=place,
            remedy=_("make one: buzz config dkim-key"),
        ) from exc
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and RSA_BITS <= key.key_size <= MOST_BITS:
        return key
    raise ConfigurationError(
        _("a key for DKIM is RSA of {least} to {most} bits, or Ed25519").format(
            least=RSA_BITS, most=MOST_BITS
        ),
        place=place,
        remedy=_("make one: buzz config dkim-key"),
    )


def dns_record(key: PublicKey) -> str:
    """Return the TXT record that publishes a key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    if isinstance(key, rsa.RSAPublicKey):
        octets = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={_base64(octets)}"
    octets = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={_base64(octets)}"


def _public_key(record: str) -> PublicKey:
    """Return the key that a record publishes.

    Raises:
        ValueError: there is none in it.
    """
    tags = _tags(record)
    octets = base64.b64decode("".join(tags.get("p", "").split()), validate=True)
    if tags.get("k", "rsa") == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(octets)
    key = serialization.load_der_public_key(octets)
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("no RSA")
    return key


# --- signing ------------------------------------------------------------------------------------


def sign(message: bytes, signers: Sequence[Signer], date: datetime) -> bytes:
    """Return the message with a signature of each signer before it.

    Args:
        message: RFC 5322 bytes with CRLF.
        signers: none: the message stays as it is.
        date: of the signature, aware.
    """
    if not signers:
        return message
    head, _gap, body = message.partition(b"\r\n\r\n")
    found = _headers(head)
    names = [name for name in SIGNED if name.lower().encode() in found]
    names += OVERSIGNED
    signed = _chosen(found, names)
    digest = _base64(sha256(_relaxed_body(body)).digest())
    return b"".join(_signature(s, names, signed, digest, date) for s in signers) + message


def _signature(
    signer: Signer, names: Sequence[str], signed: bytes, digest: str, date: datetime
) -> bytes:
    """Return the header with one signature."""
    h = re.sub(r"(.{50,70}?:)", r"\1\r\n  ", ":".join(names))
    unsigned = (
        f"DKIM-Signature: v=1; a={signer.algorithm}; c=relaxed/relaxed;\r\n"
        f" d={signer.domain}; s={signer.selector}; t={int(date.timestamp())};\r\n"
        f" h={h};\r\n"
        f" bh={digest};\r\n b="
    ).encode("ascii")
    octets = signed + _relaxed(unsigned)
    if isinstance(signer.key, rsa.RSAPrivateKey):
        made = signer.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    else:
        made = signer.key.sign(sha256(octets).digest())  # RFC 8463 §3: of the hash
    text = _base64(made)
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return unsigned + "\r\n  ".join(lines).encode("ascii") + b"\r\n"


# --- verifying ----------------------------------------------------------------------------------


def verify(message: bytes, record_of: Callable[[str], str]) -> tuple[Verdict, ...]:
    """Return what becomes of each signature, from the top; empty: there is none.

    Args:
        message: as it was received, with CRLF.
        record_of: returns the TXT record of a name in the DNS, or an empty string.
    """
    head, _gap, body = message.partition(b"\r\n\r\n")

    return tuple(
        _verdict(line, head, body, record_of)
        for line in _lines(head)
        if line.lower().startswith(b"dkim-signature:")
    )


def _verdict(line: bytes, head: bytes, body: bytes, record_of: Callable[[str], str]) -> Verdict:
    tags = _tags(line.partition(b":")[2].decode("ascii", "replace"))
    domain, selector, algorithm = (tags.get(tag, "") for tag in "dsa")

    def verdict(reason: str) -> Verdict:
        return Verdict(domain=domain, selector=selector, algorithm=algorithm, reason=reason)

    if tags.get("c") != "relaxed/relaxed" or "l" in tags:
        return verdict(_("it is of a kind that we do not make"))
    if "".join(tags.get("bh", "").split()) != _base64(sha256(_relaxed_body(body)).digest()):
        return verdict(_("the body is another than the one that was signed"))
    record = record_of(f"{selector}._domainkey.{domain}")
    if not record:
        return verdict(_("no key is published"))
    names = [name.strip() for name in tags.get("h", "").split(":")]
    octets = _chosen(_headers(head), names) + _relaxed(_SIGNATURE_OF.sub(rb"\1", line))
    try:
        made = base64.b64decode("".join(tags.get("b", "").split()), validate=True)
        key = _public_key(record)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(made, octets, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(made, sha256(octets).digest())
    except (ValueError, TypeError):
        return verdict(_("the key or the signature cannot be read"))
    except InvalidSignature:
        return verdict(_("a header is another than the one that was signed, or so is the key"))
    return verdict("")


# --- canonical forms ----------------------------------------------------------------------------


def _lines(head: bytes) -> list[bytes]:
    """Return the headers, each on one line."""
    return _FOLD.sub(b"", head).split(b"\r\n")


def _relaxed(header: bytes) -> bytes:
    """Return a header in its relaxed form, without CRLF (RFC 6376 §3.4.2)."""
    name, _colon, value = _FOLD.sub(b"", header).partition(b":")
    return name.strip(b" \t").lower() + b":" + _WSP.sub(b" ", value).strip(b" \t\r\n")


def _headers(head: bytes) -> dict[bytes, list[bytes]]:
    """Return the relaxed headers by name, those of one name from the bottom up."""
    found: dict[bytes, list[bytes]] = {}
    for line in reversed(_lines(head)):
        relaxed = _relaxed(line)
        found.setdefault(relaxed.partition(b":")[0], []).append(relaxed)
    return found


def _chosen(found: dict[bytes, list[bytes]], names: Sequence[str]) -> bytes:
    """Return what is signed of the headers: of each name the next from the bottom, or nothing."""
    taken: dict[bytes, int] = {}
    octets = []
    for name in names:
        key = name.lower().encode("ascii", "replace")
        at = taken.get(key, 0)
        taken[key] = at + 1
        if at < len(found.get(key, ())):
            octets.append(found[key][at] + b"\r\n")
    return b"".join(octets)


def _relaxed_body(body: bytes) -> bytes:
    """Return the body in its relaxed form (RFC 6376 §3.4.4); our own letters are in it already."""
    if b"  " in body or b"\t" in body or b" \r\n" in body:
        body = _WSP.sub(b" ", _WSP_AT_END.sub(b"", body))
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n":
        return b""
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def _tags(text: str) -> dict[str, str]:
    """Return a list of tags (RFC 6376 §3.2)."""
    return {name: " ".join(value.split()) for name, value in _TAG.findall(text)}


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
