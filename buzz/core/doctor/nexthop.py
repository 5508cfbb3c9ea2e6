"""What the next hop offers, and whether this Python writes headers as it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from buzz.core.doctor.checks import Check, Health, found_in
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _

_said = partial(found_in, "smtp")

SOON = timedelta(days=14)  # before a certificate ends; renewal usually comes 30 days before
LETTER_BYTES = 150_000  # the largest letter that the check lets pass, as mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server has said to EHLO, after TLS and AUTH."""

    extensions: Mapping[str, str]  # keyword in lower case to parameters
    tls: str  # TLSv1.3, …; empty: nothing is encrypted
    certificate_until: datetime | None = None


def check(place: str, offer: Offer, *, now: datetime, utf8_addresses: int) -> list[Check]:
    """Judge what a server offers.

    Args:
        place: host and port.
        offer: of it.
        now: aware UTC.
        utf8_addresses: how many recipients have characters beyond ASCII in their address.
    """
    return [
        _said("smtp", Health.OK, place, _("takes mail from us")),
        *_tls(place, offer, now),
        _size(place, offer),
        *_extensions(place, offer, utf8_addresses),
    ]


def refused(place: str, what: str, remedy: str) -> Check:
    """Return that the server cannot be used."""
    why = _("no letter can leave")
    return _said("smtp", Health.ERROR, place, what, why=why, remedy=remedy)


def interpreter(version: str, *, injects: bool) -> Check:
    """Judge whether this Python lets a line break in a title become a header (CVE-2024-6923)."""
    if not injects:
        return _said("python", Health.OK, version, _("headers are written as they should be"))
    return _said(
        "python",
        Health.WARNING,
        version,
        _("a line break in a header is written as one (CVE-2024-6923)"),
        why=_(
            "a hostile title could add recipients; buzz reads each letter again before it leaves"
        ),
        remedy=_("install a later patch release of Python"),
    )


def _tls(place: str, offer: Offer, now: datetime) -> list[Check]:
    if not offer.tls:
        return [_said("tls", Health.OK, place, _("not encrypted, and on this machine"))]
    found = [_said("tls", Health.OK, place, _("encrypted by {tls}").format(tls=offer.tls))]
    until = offer.certificate_until
    if until is not None:
        is_near = until - now < SOON
        found.append(
            _said(
                "certificate",
                Health.WARNING if is_near else Health.OK,
                place,
                _("the certificate is valid until {day}").format(day=formats.day(until)),
                why=_("from then on nothing is sent") if is_near else "",
                remedy=_("have it renewed") if is_near else "",
            )
        )
    return found


def _size(place: str, offer: Offer) -> Check:
    given = offer.extensions.get("size", "").strip()
    limit = int(given) if given.isdigit() else 0
    if 0 < limit < LETTER_BYTES:
        return _said(
            "size",
            Health.ERROR,
            place,
            _("takes messages of {n} bytes at most").format(n=formats.number(limit)),
            why=_("a letter may have {n}").format(n=formats.number(LETTER_BYTES)),
            remedy=_("ask for a higher limit"),
        )
    return _said("size", Health.OK, place, _("takes messages as large as a letter"))


def _extensions(place: str, offer: Offer, utf8_addresses: int) -> list[Check]:
    found = []
    for name, why, is_missed in (
        ("8bitmime", _("letters with accents may be re-coded, which breaks their signature"), True),
        ("pipelining", _("sending takes four round trips a letter instead of one"), True),
        (
            "smtputf8",
            ngettext(
                "{n} address cannot be written to", "{n} addresses cannot be written to",
                utf8_addresses,
            ).format(n=formats.number(utf8_addresses)),
            utf8_addresses > 0,
        ),
    ):  # fmt: skip
        if name in offer.extensions:
            found.append(
                _said(name, Health.OK, place, _("offers {name}").format(name=name.upper()))
            )
        elif is_missed:
            what = _("does not offer {name}").format(name=name.upper())
            remedy = _("ask whoever runs the server, or choose another")
            found.append(_said(name, Health.WARNING, place, what, why=why, remedy=remedy))
    return found
