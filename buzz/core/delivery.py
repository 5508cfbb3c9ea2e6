"""What becomes of a delivery: legal transitions, what a server's answer means, when to try again.

From values to values; nothing here talks to a server or a database. The law of RFC 1047: once the
final dot may have been sent, only an answer tells what became of the message; without one it is
*uncertain* and never sent again by itself.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from buzz.locales.formats import PARIS
from buzz.model import Account, CampaignState, DeliveryId, DeliveryState, Phase

S = DeliveryState

# From each state, where it may go. Accepted, suppressed and cancelled are final; refused and
# uncertain move only because a person says so (`send retry --refused`, `send resolve`).
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    S.PLANNED: frozenset({S.CLAIMED, S.SUPPRESSED, S.CANCELLED}),
    S.CLAIMED: frozenset({S.PLANNED, S.DOT, S.DEFERRED, S.REFUSED}),
    S.DOT: frozenset({S.ACCEPTED, S.DEFERRED, S.REFUSED, S.UNCERTAIN}),
    S.DEFERRED: frozenset({S.PLANNED, S.CANCELLED}),
    S.REFUSED: frozenset({S.PLANNED}),
    S.UNCERTAIN: frozenset({S.ACCEPTED, S.PLANNED}),
    S.ACCEPTED: frozenset(),
    S.SUPPRESSED: frozenset(),
    S.CANCELLED: frozenset(),
}

# A sender that died leaves these behind; the one that takes over puts them right.
AFTER_DEATH: Mapping[DeliveryState, DeliveryState] = {
    S.CLAIMED: S.PLANNED,  # surely unsent: the first byte of a body needs the dot commit
    S.DOT: S.UNCERTAIN,
}

# After how long a deferred message is tried again. Greylisting wants 5 minutes at least
# (RFC 6647 §4.5: servers commonly make a client wait 1 minute to several).
RETRY_DELAYS = tuple(timedelta(minutes=m) for m in (5, 15, 60, 240, 480))
JITTER = 0.1  # share of a delay; spreads the retries of one burst
LOST_IN_A_ROW = 3  # connections lost before 354 by one recipient, then it is deferred

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")  # RFC 3463 §2
_MAILBOX_FULL = "5.2.2"
# RFC 3463 §3.2: no such mailbox, no such system, bad syntax, moved, null MX.
_NEVER_ARRIVES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_TOO_FAST = frozenset({421, 452, 454})  # closing, out of room, throttled
_POLICY = "5.7."  # RFC 3463 §3.8
_TOO_MUCH = 552
_CLOSING = 421
_LATER, _NEVER = 4, 5  # first digits of replies, RFC 5321 §4.2.1

# Refusals by policy beyond this share of the answers mean us and not the recipients.
POLICY_SHARE = 0.05
POLICY_ANSWERS = 40  # below, a share says nothing
# The server asks for something that no recipient can help: not 1,487 bounces but one setting.
_ASKS_FOR_SETTINGS = frozenset({530, 534, 535, 538})  # RFC 4954 §6; 538: RFC 2554
_BEFORE_DOT = frozenset(
    {
        Phase.CONNECT,
        Phase.GREETING,
        Phase.EHLO,
        Phase.STARTTLS,
        Phase.AUTH,
        Phase.MAIL,
        Phase.RCPT,
        Phase.DATA,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """How far one mail transaction came, and what the server said last.

    ``phase`` is where it ended: MAIL, RCPT or DATA before the body; BODY when the body was begun
    and no sound reply came; REPLY when the final dot was answered.
    """

    phase: Phase
    reply_code: int | None = None  # 200..599; None: no sound reply
    text: str = ""  # the server's words; without a reply a code: lost, timeout, malformed, …
    last_words: str = ""  # what the server had said last, where no sound reply came


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an exchange makes of the delivery."""

    state: DeliveryState  # planned: surely unsent, to be tried again at once
    stops_run: bool = False  # the fault is in our settings: nobody else would fare better


def judge(exchange: Exchange) -> Verdict:
    """Return what an exchange makes of the delivery (RFC 5321 §4.2.1: the first digit decides).

    >>> judge(Exchange(phase=Phase.RCPT, reply_code=550, text="5.1.1 unknown")).state
    <DeliveryState.REFUSED: 'refused'>
    >>> judge(Exchange(phase=Phase.BODY, text="lost")).state
    <DeliveryState.UNCERTAIN: 'uncertain'>
    """
    kind = (exchange.reply_code or 0) // 100
    if exchange.phase in _BEFORE_DOT:
        return _before_dot(exchange, kind)
    match kind:
        case 2:
            return Verdict(state=S.ACCEPTED)
        case 4:  # an answer is an answer, even 421: the server took no responsibility
            return Verdict(state=S.DEFERRED)
        case 5:
            return Verdict(state=S.DEFERRED if _is_mailbox_full(exchange) else S.REFUSED)
        case _:
            return Verdict(state=S.UNCERTAIN)


def _before_dot(exchange: Exchange, kind: int) -> Verdict:
    if exchange.phase is Phase.MAIL and exchange.reply_code == _CLOSING:
        return Verdict(state=S.PLANNED)  # enough for one connection; says nothing of anybody
    if kind == _LATER:
        return Verdict(state=S.DEFERRED)
    if kind != _NEVER:  # no answer, or one that makes no sense here
        return Verdict(state=S.PLANNED)
    if exchange.phase not in {Phase.RCPT, Phase.DATA} or exchange.reply_code in _ASKS_FOR_SETTINGS:
        return Verdict(state=S.PLANNED, stops_run=True)
    # RFC 5321 §4.5.3.1.10: a 552 to RCPT without a better reason is to be taken as 452.
    bare_552 = exchange.reply_code == _TOO_MUCH and not enhanced_code(exchange)
    is_soft = exchange.phase is Phase.RCPT and (bare_552 or _is_mailbox_full(exchange))
    return Verdict(state=S.DEFERRED if is_soft else S.REFUSED)


def _is_mailbox_full(exchange: Exchange) -> bool:
    return enhanced_code(exchange) == _MAILBOX_FULL


def wants_less(exchange: Exchange) -> bool:
    """Tell whether the server asks to be written to more slowly."""
    return exchange.reply_code in _TOO_FAST


def is_hard_bounce(exchange: Exchange) -> bool:
    """Tell whether nothing sent to this address will ever arrive: it is to be suppressed."""
    return _is_final(exchange) and enhanced_code(exchange) in _NEVER_ARRIVES


def is_refused_by_policy(exchange: Exchange) -> bool:
    """Tell whether the refusal is about us or our letter, and not about the recipient."""
    return _is_final(exchange) and enhanced_code(exchange).startswith(_POLICY)


def _is_final(exchange: Exchange) -> bool:
    return (exchange.reply_code or 0) // 100 == _NEVER and judge(exchange).state is S.REFUSED


def is_unwelcome(refused_by_policy: int, answers: int) -> bool:
    """Tell whether so many refuse us that the run must pause before it does more harm."""
    return answers >= POLICY_ANSWERS and refused_by_policy > POLICY_SHARE * answers


def enhanced_code(exchange: Exchange) -> str:
    """Return the enhanced status code that begins the reply's text, or an empty string.

    One of another class than the reply's first digit is ignored (RFC 2034 §4).

    >>> enhanced_code(Exchange(phase=Phase.RCPT, reply_code=552, text="5.2.2 mailbox full"))
    '5.2.2'
    """
    found = _ENHANCED.match(exchange.text) if exchange.reply_code else None
    if found is None or int(found[1]) != (exchange.reply_code or 0) // 100:
        return ""
    return ".".join(found.groups())


def next_attempt(
    deferrals: int, failed_at: datetime, jitter: float, not_after: datetime | None = None
) -> datetime | None:
    """Return when to try a deferred message again, or None to give up.

    RFC 5321 §4.5.4.1 lets a client give up after 4-5 days; a letter of talking points is stale
    after one.

    Args:
        deferrals: how often this message has been put off so far, >= 1.
        failed_at: end of the last attempt, aware UTC.
        jitter: in [0, 1), drawn by the caller.
        not_after: nothing is sent from then on.

    >>> monday = datetime.fromisoformat("2026-03-02T09:00+00:00")
    >>> next_attempt(1, monday, jitter=0.5).isoformat()
    '2026-03-02T09:05:15+00:00'
    >>> next_attempt(6, monday, jitter=0.5) is None
    True
    """
    if deferrals > len(RETRY_DELAYS):
        return None
    at = failed_at + RETRY_DELAYS[deferrals - 1] * (1 + JITTER * jitter)
    return None if not_after is not None and at >= not_after else at


def quiet_until(hours: str, now: datetime) -> datetime | None:
    """Return when the quiet hours end that ``now`` is in, aware UTC; None outside of them.

    Args:
        hours: ``21:00-08:00`` in Europe/Paris, over midnight or not; empty for none.
        now: aware.

    Raises:
        ValueError: the hours are not written like that.

    >>> late = datetime.fromisoformat("2026-03-02T22:30+00:00")
    >>> quiet_until("21:00-08:00", late).isoformat()
    '2026-03-03T07:00:00+00:00'
    >>> quiet_until("12:00-13:30", late) is None
    True
    """
    if not hours:
        return None
    begin, end = (time.fromisoformat(word.strip()) for word in hours.split("-"))
    here = now.astimezone(PARIS)
    clock = here.time()
    is_quiet = begin <= clock < end if begin <= end else clock >= begin or clock < end
    if not is_quiet:
        return None
    day = here.date() + timedelta(days=1 if clock >= end else 0)
    return datetime.combine(day, end, PARIS).astimezone(UTC)


def sources(target: DeliveryState) -> frozenset[DeliveryState]:
    """Return the states from which a delivery may come into this one."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)


def account(counts: Mapping[DeliveryState, int]) -> Account:
    """Return the account of a campaign: claimed and dot are both in flight."""
    return Account(
        planned=counts.get(S.PLANNED, 0),
        claimed=counts.get(S.CLAIMED, 0) + counts.get(S.DOT, 0),
        accepted=counts.get(S.ACCEPTED, 0),
        deferred=counts.get(S.DEFERRED, 0),
        refused=counts.get(S.REFUSED, 0),
        suppressed=counts.get(S.SUPPRESSED, 0),
        cancelled=counts.get(S.CANCELLED, 0),
        uncertain=counts.get(S.UNCERTAIN, 0),
    )


def is_finished(account: Account) -> bool:
    """Tell whether nothing is left to be done by itself; uncertain ones wait for a person."""
    return not (account.planned or account.claimed or account.deferred)


def settled(
    state: CampaignState, account: Account, *, is_late: bool, is_unwelcome: bool
) -> CampaignState:
    """Return what a campaign has come to when a run ends and nothing is in flight any more.

    Args:
        state: as a person or the run has left it.
        account: what stands; when it is late or cancelled, what was left has been cancelled.
        is_late: ``not_after`` has passed.
        is_unwelcome: the run stopped because too many refuse us.
    """
    if state is CampaignState.CANCELLED:
        return state
    if is_late and account.cancelled:
        return CampaignState.EXPIRED
    if is_finished(account):
        return CampaignState.FINISHED
    return CampaignState.PAUSED if is_unwelcome else state


def normalised(email: str) -> str:
    """Return the address by which two spellings of one mailbox are recognised.

    Upper and lower case make no difference: no provider of note tells them apart, though
    RFC 5321 §2.4 would let a local part do so.
    """
    return email.strip().casefold()


def address_hash(secret: bytes, email: str) -> str:
    """Return what a suppression keeps of an address: a keyed BLAKE2b of it, 64 hex digits.

    Without the secret nobody can try a list of addresses against it.
    """
    key = hashlib.blake2b(secret, digest_size=32, person=b"buzz suppress").digest()
    return hashlib.blake2b(normalised(email).encode(), key=key, digest_size=32).hexdigest()


def message_id(campaign: str, delivery: DeliveryId, domain: str) -> str:
    """Return the Message-ID of one recipient's letter, the same at each attempt (RFC 5322 §3.6.4).

    >>> message_id("retraites", DeliveryId(12), "parti.example")
    '<retraites.12@parti.example>'
    """
    return f"<{campaign}.{delivery}@{domain}>"
