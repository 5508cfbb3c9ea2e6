"""What a status code and a server's words mean for the address.

Where the code is particular (5.1.1, 5.2.2) it decides. Where servers use it for anything (5.0.0,
5.4.1, 5.7.1, no code at all) their words decide; :file:`words.json` has them, in lower case and
without accents, as Postfix, Exim, Exchange, Gmail, Yahoo, Orange, Free, SFR, laposte.net, OVH and
qmail write them. A failure of which nothing more is known is soft: nobody is struck off for words
that we do not understand.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from buzz.core.text import folded
from buzz.model import BounceKind as Kind

SOFT_LIMIT = 3  # failures that are not for ever, then the address is suppressed …
SOFT_DAYS = 30  # … when they fall into so many days

# RFC 3463 §3 and the registry of enhanced codes (RFC 5248), without the class. A detail that is
# not named has the meaning of its subject.
_BY_DETAIL: Mapping[str, Kind] = {
    "1.1": Kind.HARD,  # no such mailbox
    "1.2": Kind.HARD,  # no such system
    "1.3": Kind.HARD,  # no address at all
    "1.6": Kind.HARD,  # moved, no forwarding
    "1.10": Kind.HARD,  # null MX (RFC 7505)
    "1.7": Kind.POLICY,  # our own address is not accepted
    "1.8": Kind.POLICY,
    "1.9": Kind.POLICY,
    "2.1": Kind.HARD,  # mailbox disabled
    "2.2": Kind.SOFT,  # full
    "2.3": Kind.SOFT,  # letter too large for it
    "2.4": Kind.SOFT,
    "4.4": Kind.HARD,  # unable to route: no MX, no address
    "4.6": Kind.SOFT,  # loop
    "4.7": Kind.SOFT,  # expired
}
_BY_SUBJECT: Mapping[str, Kind] = {
    "1": Kind.HARD,  # address
    "2": Kind.SOFT,  # mailbox
    "3": Kind.SOFT,  # system
    "4": Kind.SOFT,  # network, routing
    "5": Kind.POLICY,  # protocol: something about how we speak
    "6": Kind.POLICY,  # content
    "7": Kind.POLICY,  # security, policy
}
# Codes that servers use for anything: 5.4.1 is Exchange Online's "no such recipient", 5.2.0
# Orange's "rejected as spam", 5.7.1 whatever a filter thinks.
_VAGUE = re.compile(r"[25]\.(?:0\.\d+|1\.0|2\.0|3\.\d+|4\.[01]|5\.\d+|7\.[01])|")
_LATER = "4"
_NOT_LOCAL = 551  # RFC 5321 §4.2.3
_TOO_MUCH = 552  # storage: some say 5.1.1 beside it, and in words that the mailbox is full
_ORDER = (Kind.SOFT, Kind.HARD, Kind.POLICY)  # "full" before "unavailable", both before "rejected"


def meaning(status: str, reply_code: int | None, words: str) -> Kind:
    """Return what a final failure says of the address: hard, soft or policy.

    Args:
        status: RFC 3463; empty: there is none.
        reply_code: RFC 5321 §4.2; None: there is none.
        words: the server's, or the whole text of a bounce.

    >>> meaning("5.1.1", 550, ""), meaning("5.7.1", 550, "message blocked: spam")
    (<BounceKind.HARD: 'hard'>, <BounceKind.POLICY: 'policy'>)
    >>> meaning("5.0.0", 554, "This user doesn't have a yahoo.fr account")
    <BounceKind.HARD: 'hard'>
    """
    if status.startswith(_LATER) or (not status and str(reply_code or "").startswith(_LATER)):
        return Kind.SOFT
    told = said(words)
    if reply_code == _TOO_MUCH and Kind.SOFT.value in told:
        return Kind.SOFT
    if not _VAGUE.fullmatch(status):
        subject, _dot, _detail = status[2:].partition(".")
        return _BY_DETAIL.get(status[2:]) or _BY_SUBJECT.get(subject, Kind.SOFT)
    for kind in _ORDER:
        if kind.value in told:
            return kind
    if reply_code == _NOT_LOCAL:
        return Kind.HARD
    return _BY_SUBJECT.get(status[2:3], Kind.SOFT) if status else Kind.SOFT


def said(text: str) -> frozenset[str]:
    """Return which of the things that :file:`words.json` knows a text says."""
    plain = folded(text)
    return frozenset(name for name, pattern in _patterns().items() if pattern.search(plain))


def says(what: str, text: str) -> bool:
    """Tell whether a text says one of these things."""
    return _patterns()[what].search(folded(text)) is not None


def is_worn_out(soft_bounces: int) -> bool:
    """Tell whether an address failed so often within :data:`SOFT_DAYS` that it is suppressed."""
    return soft_bounces >= SOFT_LIMIT


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    lists = json.loads(files(__package__).joinpath("words.json").read_text("utf-8"))
    return {name: re.compile("|".join(phrases)) for name, phrases in lists.items()}
