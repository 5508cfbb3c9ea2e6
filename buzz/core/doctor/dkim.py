"""DKIM: the key that is published is the one that we sign with, and it is long enough."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from buzz.core.doctor.checks import Asking, Check, Health, Question, fold, tags, txt
from buzz.locales import gettext as _

MIN_BITS = 2048  # RFC 8301 §3.2: signers SHOULD; Gmail wants it of bulk senders
RSA, ED25519 = "rsa", "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One of our signing keys, as far as everybody may know it."""

    domain: str
    selector: str
    algorithm: str  # rsa, ed25519
    public_key: str  # base64, as the record's p= has it
    bits: int

    @property
    def name(self) -> str:
        """Return where the record is published."""
        return f"{self.selector}._domainkey.{fold(self.domain)}"

    @property
    def record(self) -> str:
        """Return the record to publish."""
        return txt(self.name, f"v=DKIM1; k={self.algorithm}; p={self.public_key}")


def check(keys: tuple[Key, ...]) -> Asking:
    """Ask for and judge the record of each key."""
    if not keys:
        return [
            Check(
                area="dns",
                rule="dkim",
                health=Health.WARNING,
                place="[dkim]",
                what=_("letters are not signed here"),
                why=_why(),
                remedy=_("make sure that the next hop signs, or set keys under [dkim]"),
            )
        ]
    found = []
    for key in keys:
        answer = yield Question(key.name, "TXT")
        if answer.trouble:
            found.append(_said("dkim-key", Health.UNKNOWN, key, answer.trouble))
            continue
        found.append(_published(key, answer.records))
        if key.algorithm == RSA and key.bits < MIN_BITS:
            what = _("the key has {bits} bits, and {least} are wanted")
            found.append(
                _said(
                    "dkim-bits",
                    Health.ERROR,
                    key,
                    what.format(bits=key.bits, least=MIN_BITS),
                    remedy=_("make a longer key under a new selector, publish it, then switch"),
                )
            )
    return found


def _published(key: Key, records: tuple[str, ...]) -> Check:
    given = [
        t for record in records if (t := tags(record)).get("v", "DKIM1") == "DKIM1" and "p" in t
    ]
    if len(given) != 1:
        what = _("{n} keys are published under one selector").format(n=len(given))
        words = what if given else _("no key is published")
        return _said("dkim-key", Health.ERROR, key, words, publish=True)
    fault = _fault(key, given[0])
    if fault:
        return _said("dkim-key", Health.ERROR, key, fault, publish=True)
    if "y" in given[0].get("t", "").split(":"):
        what = _("the record says that signing is only being tested (t=y)")
        return _said("dkim-key", Health.WARNING, key, what, publish=True)
    return _said("dkim-key", Health.OK, key, _("the key that we sign with is published"))


def _fault(key: Key, record: Mapping[str, str]) -> str:
    """Return why a record does not serve our key; empty: it does."""
    if not record["p"]:
        return _("the key is revoked: p= is empty")
    if record.get("k", RSA) != key.algorithm or _raw(record["p"]) != _raw(key.public_key):
        return _("the key that is published is not the one that we sign with")
    if "sha256" not in record.get("h", "sha256"):
        return _("the record forbids sha256, the only hash still in use (RFC 8301)")
    return ""


def _raw(text: str) -> bytes:
    """Return the bytes of a key, whatever white space stands in it; nothing: it is broken."""
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    # RFC 8463 §4: the bare 32 bytes of an Ed25519 key; some publish it in its ASN.1 clothes.
    return raw[-32:] if raw.startswith(bytes.fromhex("302a300506032b6570032100")) else raw


def _why() -> str:
    return _(
        "without an aligned signature forwarded letters fail DMARC, and Gmail, Yahoo and Outlook"
        " refuse bulk mail (550 5.7.26)"
    )


def _said(
    rule: str, health: Health, key: Key, what: str, *, remedy: str = "", publish: bool = False
) -> Check:
    is_bad = health in {Health.WARNING, Health.ERROR}
    return Check(
        area="dns",
        rule=rule,
        health=health,
        place=key.name,
        what=what,
        why=_why() if is_bad else "",
        remedy=remedy or (_("publish the record") if publish else ""),
        record=key.record if publish else "",
    )
