"""What a message in the mailbox of bounces is.

In the order of trust: a feedback report (RFC 5965), a delivery status notification (RFC 3464, its
international form RFC 6533), other reports, the plain text by which some servers still say that
they failed, an automatic reply (RFC 3834). What is none of these is *unknown*. Any bytes may come:
truncated, wrongly encoded, with parts that lie about their type; nothing is raised for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from buzz.core.bounce import notice, parts
from buzz.core.bounce.judging import meaning, says
from buzz.core.bounce.parts import Fields, Mail
from buzz.core.text import one_line
from buzz.model import BounceKind as Kind

MAX_WORDS = 300  # characters kept of what a server says
# RFC 5965 §7.3; "not-spam" and "auth-failure" (RFC 6591) say nothing against the letter.
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list"})
_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dmarc"})
_ACTIONS = {  # RFC 3464 §2.3.3, but for "failed"
    "delayed": Kind.DELAYED,
    "delivered": Kind.DELIVERED,
    "relayed": Kind.DELIVERED,
    "expanded": Kind.DELIVERED,
}
_FAILED = (Kind.HARD, Kind.SOFT, Kind.POLICY)
_REPORTS = ("disposition-notification", "tlsrpt", "dmarc", "mailbox-stats")  # of other things


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one message says, and everything in it by which it may prove whom it is about."""

    kind: Kind
    form: str = ""  # arf, dsn, text, reply, report; empty: not understood
    recipient: str = ""  # as the server names them
    status: str = ""  # RFC 3463
    reply_code: int | None = None
    words: str = ""  # of the server, on one line
    reporter: str = ""  # host that says so
    everything: str = ""  # headers and texts, decoded, the returned letter included


def read(raw: bytes) -> Reading:
    """Return what a message says."""
    mail = parts.parse(raw)
    found = next(
        (reading for reader in _READERS if (reading := reader(mail)) is not None),
        Reading(kind=Kind.UNKNOWN),
    )
    return replace(
        found,
        words=one_line(found.words)[:MAX_WORDS],
        reporter=one_line(found.reporter)[:MAX_WORDS],
        everything=mail.everything,
    )


def digest(raw: bytes) -> str:
    """Return by what a message is known again, however it came: trace headers do not count."""
    head, _gap, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    name = next(
        (line for line in head.split(b"\n") if line.lower().startswith(b"message-id:")), b""
    )
    return blake2b(name.strip() + b"\n" + body.strip(), digest_size=16).hexdigest()


# --- reports that say what they are ---------------------------------------------------------------


def _feedback(mail: Mail) -> Reading | None:
    """Read a feedback report, or one of Microsoft's older complaints, which have no such part."""
    for fields in mail.groups("message/feedback-report"):
        kind = fields.get("feedback-type", "").strip().lower()
        return Reading(
            kind=Kind.COMPLAINT
            if kind in _COMPLAINTS
            else Kind.AUTOMATIC
            if kind in _NO_COMPLAINTS
            else Kind.UNKNOWN,
            form="arf",
            recipient=parts.address_of(fields.get("original-rcpt-to", "")),
            words=kind,
            reporter=parts.host_of(fields.get("reporting-mta", "") or fields.get("user-agent", "")),
        )
    if "complaint about message from" in mail.subject.lower() and mail.is_from("staff@hotmail.com"):
        return Reading(kind=Kind.COMPLAINT, form="arf", words="jmrp", reporter="hotmail.com")
    return None


def _status_notification(mail: Mail) -> Reading | None:
    """Read a delivery status notification (RFC 3464)."""
    groups = list(mail.groups("message/delivery-status", "message/global-delivery-status"))
    groups = groups or list(mail.stray_groups())
    reporter = next((parts.host_of(g["reporting-mta"]) for g in groups if "reporting-mta" in g), "")
    found = [
        replace(reading, reporter=reporter)
        for group in groups
        for reading in _recipient(group, mail)
    ]
    if not found:
        return None
    # A letter goes to one address; where that stands for several, it is not dead as long as one
    # of them was reached.
    worst = next((r for kind in _FAILED for r in found if r.kind is kind), found[0])
    if worst.kind is Kind.HARD and any(r.kind is not Kind.HARD for r in found):
        return replace(worst, kind=Kind.SOFT)
    return worst


def _recipient(fields: Fields, mail: Mail) -> Iterator[Reading]:
    if not fields.keys() & {"action", "final-recipient", "original-recipient"}:
        return
    words = parts.without_type(fields.get("diagnostic-code", ""))
    status = notice.status_in(fields.get("status", ""))
    better = notice.status_in(words)
    if better and (not status or (status.endswith(".0.0") and status[0] == better[0])):
        status = better
    code = notice.reply_code_in(words)
    action = fields.get("action", "").partition(";")[0].strip().lower()
    if not action:
        action = "delayed" if status.startswith("4") else "failed"
    kind = _ACTIONS.get(action)
    if kind is None:
        told = words if notice.is_telling(words) else f"{words}\n{mail.notice}"
        kind = meaning(status, code, told)
    yield Reading(
        kind=kind,
        form="dsn",
        recipient=parts.address_of(
            fields.get("original-recipient", "") or fields.get("final-recipient", "")
        ),
        status=status,
        reply_code=code,
        words=words or mail.notice,
    )


def _other_report(mail: Mail) -> Reading | None:
    """Know receipts and statistics, which are reports as well and no bounces."""
    if mail.report_type in _REPORTS or any(mail.groups("message/disposition-notification")):
        return Reading(kind=Kind.AUTOMATIC, form="report", words=mail.subject)
    return None


# --- plain text -----------------------------------------------------------------------------------


def _plain_text(mail: Mail) -> Reading | None:
    """Read what a server says in words of its own."""
    is_daemon = mail.is_from_daemon
    if not is_daemon and (mail.is_automatic or says("automatic", mail.subject)):
        return None
    told = f"{mail.subject}\n{mail.notice}"
    failed = mail.failed_recipients
    if not (failed or is_daemon or says("failure", mail.subject)):
        return None
    status, code = notice.status_in(mail.notice), notice.reply_code_in(mail.notice)
    recipient = failed or notice.recipient_in(mail)
    if says("delayed", told):
        kind = Kind.DELAYED
    elif (
        failed
        or status
        or (says("failure", told) and (code or recipient or notice.is_telling(told)))
    ):
        kind = meaning(status, code, mail.notice)
    else:
        return None
    return Reading(
        kind=kind,
        form="text",
        recipient=recipient,
        status=status,
        reply_code=code,
        words=notice.sentence_in(mail.notice, recipient),
        reporter=parts.host_of(mail.from_.rpartition("@")[2]),
    )


def _automatic(mail: Mail) -> Reading | None:
    """Know an automatic reply (RFC 3834) by its headers, else by its subject."""
    if mail.is_automatic or says("automatic", mail.subject):
        return Reading(kind=Kind.AUTOMATIC, form="reply", words=mail.subject)
    return None


_READERS = (_feedback, _status_notification, _other_report, _plain_text, _automatic)
