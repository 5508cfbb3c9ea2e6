"""Keys for DKIM: made where there is true randomness, and what everybody may know of one."""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from buzz.core.dkim import RSA_BITS, PrivateKey
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.locales import system

_EXPONENT = 65_537  # the only one that cryptography's own documentation recommends


def signing_key(*, is_ed25519: bool = False) -> str:
    """Return a new key for DKIM as PEM (PKCS #8, not encrypted)."""
    key: PrivateKey = (
        ed25519.Ed25519PrivateKey.generate()
        if is_ed25519
        else rsa.generate_private_key(public_exponent=_EXPONENT, key_size=RSA_BITS)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half, as a DKIM record has it."""

    algorithm: str  # rsa, ed25519
    text: str  # base64
    bits: int


def public_key(path: Path) -> PublicKey:
    """Return the public half of a private key in PEM.

    Raises:
        ConfigurationError: it cannot be read, or is no key for DKIM.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as exc:
        raise _useless(path, system.words(exc)) from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:  # TypeError: it has a password
        raise _useless(path, str(exc)) from exc
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)  # RFC 8463 §4
        return PublicKey("ed25519", base64.b64encode(raw).decode("ascii"), 256)
    if isinstance(key, rsa.RSAPrivateKey):
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return PublicKey("rsa", base64.b64encode(der).decode("ascii"), key.key_size)
    raise _useless(path, type(key).__name__)


def _useless(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        _("this is no key to sign with: {why}").format(why=why),
        place=str(path),
        remedy=_("make one: buzz config dkim-key"),
    )
