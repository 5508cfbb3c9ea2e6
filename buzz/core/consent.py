"""Consent decides tracking: one function, asked at render and again at hit time.

Measuring one person's opens or clicks needs that person's consent for that channel; unknown is
not tracked (CNIL deliberation 2026-042). *Aggregate* has nobody in it and needs none, but a
refusal is kept there too: who said no finds nothing to measure in their letter. What a person
said on their own page outranks the registry until they say otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from buzz.model import Channel, Consent, Event, EventKind, Tracking

Mode = Literal["off", "aggregate", "consented"]

_CHANNELS = {EventKind.OPEN: Channel.OPEN, EventKind.CLICK: Channel.CLICK}
_HIDDEN = "•••"


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
    if consent is Consent.DENIED:
        return Tracking.NONE
    match mode:
        case "off":
            return Tracking.NONE
        case "aggregate":
            return Tracking.AGGREGATE
        case "consented":
            return Tracking.PERSONAL if consent is Consent.GRANTED else Tracking.NONE


def in_force(registry: Consent, said: Consent | None) -> Consent:
    """Return the consent that counts.

    Args:
        registry: what ``blogs.csv`` says; an old copy of it must not undo a refusal.
        said: the person's own last word on the matter; None: they said nothing.

    >>> in_force(Consent.GRANTED, Consent.DENIED)
    <Consent.DENIED: 'denied'>
    """
    return Consent.DENIED if said is Consent.DENIED else registry


def admitted(
    event: Event,
    *,
    blog: str,
    consents: Mapping[tuple[str, Channel], Consent],
    modes: Mapping[Channel, Mode],
) -> Event | None:
    """Return what of an event may be recorded now, or None: nothing.

    A letter that went out with a personal token may be opened after its reader withdrew; what
    counts is what they say now.

    Args:
        event: as the token tells it.
        blog: whose letter the token was in; empty where it was nobody's.
        consents: those in force, by blog and channel; what is absent is unknown.
        modes: the workspace's ``tracking.opens`` and ``tracking.clicks``.
    """
    channel = _CHANNELS.get(event.kind)
    if channel is None:
        return replace(event, blog=blog)
    if event.delivery is None:
        return None if modes[channel] == "off" else event
    match allowed(modes[channel], consents.get((blog, channel), Consent.UNKNOWN)):
        case Tracking.NONE:
            return None
        case Tracking.AGGREGATE:
            return replace(event, delivery=None, blog="")
        case Tracking.PERSONAL:
            return replace(event, blog=blog)


def masked(email: str) -> str:
    """Return an address by which its owner knows it, and whoever got the letter forwarded not.

    >>> masked("karim@blog-de-karim.example")
    'k•••@b•••.example'
    """
    local, _, domain = email.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}{_HIDDEN}@{name[:1]}{_HIDDEN}{dot}{top}"
