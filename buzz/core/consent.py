"""Consent decides tracking: one function, asked at render and again at hit time.

Measuring one person's opens or clicks needs that person's consent for that channel; unknown is
not tracked (CNIL deliberation 2026-042). *Aggregate* has nobody in it and needs none.
"""

from typing import Literal

from buzz.model import Consent, Tracking

Mode = Literal["off", "aggregate", "consented"]


def allowed(mode: Mode, consent: Consent) -> Tracking:
    """Return what may be recorded on one channel of one person's letter.

    Args:
        mode: the workspace's ``tracking.opens`` or ``tracking.clicks``.
        consent: what the person said about this channel.

    >>> allowed("consented", Consent.GRANTED)
    <Tracking.PERSONAL: 'personal'>
    >>> allowed("consented", Consent.UNKNOWN)
    <Tracking.NONE: 'none'>
    """
    match mode:
        case "off":
            return Tracking.NONE
        case "aggregate":
            return Tracking.AGGREGATE
        case "consented":
            return Tracking.PERSONAL if consent is Consent.GRANTED else Tracking.NONE
