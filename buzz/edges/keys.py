"""Keys: made where there is true randomness."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from buzz.core.dkim import RSA_BITS, PrivateKey

_EXPONENT = 65_537  # the only one that cryptography's own documentation recommends


def signing_key(*, is_ed25519: bool = False) -> str:
    """Return a new key for DKIM as PEM (PKCS #8, not encrypted)."""
    key: PrivateKey = (
        ed25519.Ed25519PrivateKey.generate()
        if is_ed25519
        else rsa.generate_private_key(public_exponent=_EXPONENT, key_size=RSA_BITS)
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")
