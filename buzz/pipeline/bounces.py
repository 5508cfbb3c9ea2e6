"""What comes back is read, proven to be about a letter of ours, recorded, and acted on.

A bounce is believed when it holds a word that only we can have made: the return path of the letter
(VERP), or its address to unsubscribe, which whoever has it could use anyway. Everything else is
counted and changes nothing. What was not understood is kept under ``data/bounces/``. A message is
handled once, however often and from wherever it is read.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from buzz.config import Settings
from buzz.core import bounce as core
from buzz.core.delivery import address_hash
from buzz.core.tracking import PATHS, read_token
from buzz.edges import files, mailbox
from buzz.edges.store import Store, Transaction, bounces, deliveries, events, suppressions
from buzz.edges.store.bounces import Listed
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.model import Bounce, BounceKind, Delivery, Event, EventKind, Purpose
from buzz.pipeline import privacy

FOLDER = "bounces"
BATCH = 50  # messages that share a transaction
FAILED = frozenset({BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY})
ABOUT_A_LETTER = FAILED | {BounceKind.DELAYED, BounceKind.COMPLAINT}
# Why an address is suppressed; the reasons of the table of suppressions.
HARD_BOUNCE, SOFT_BOUNCES, COMPLAINT = "hard-bounce", "soft-bounces", "complaint"
_UNSUBSCRIBE = re.compile(rf"{re.escape(PATHS[Purpose.UNSUBSCRIBE])}([\w-]{{20,160}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one run has read. The counts of kinds, unproven and repeated add up to ``read``."""

    read: int = 0
    kinds: Counter[BounceKind] = field(default_factory=Counter)
    unproven: int = 0  # bounces that hold no word of ours: forged, or of somebody else's letter
    repeated: int = 0  # read before, or the same again about the same letter
    suppressed: int = 0  # addresses that are not written to any more from now on
    kept: Path | None = None  # where lies what was not understood, if there is any


class _Undo(Exception):
    """A dry run's way out of its transaction, which leaves no trace."""


def collect(
    settings: Settings, store: Store, now: datetime, *, source: str = "", dry_run: bool = False
) -> Collected:
    """Read all new messages of a mailbox and act on them.

    Args:
        settings: the workspace's.
        store: its database.
        now: aware UTC.
        source: as for :func:`buzz.edges.mailbox.opened`; empty: the mailbox of the settings.
        dry_run: only say what would be done.

    Raises:
        ConfigurationError: no mailbox is set, or it cannot be read.
        UsageError: there is no mailbox at this place.
        TemporaryFailure: the server or the database is away.
        LockHeld: another run is at it.
    """
    place = source or settings.bounces.mailbox
    if not place:
        raise ConfigurationError(
            _("no mailbox of bounces is set"),
            place="buzz.toml [bounces] mailbox",
            remedy=_("set it, or name one: buzz bounces collect MAILBOX"),
        )
    run = _Run(settings, store, now, dry_run=dry_run)
    with files.lock(settings.lock("bounces")):
        password = settings.bounces_password if "://" in place else ""
        with mailbox.opened(place, password) as box:
            for batch in _batches(box.unread()):
                run.take(batch)
                if not dry_run:
                    box.mark([mail.key for mail in batch])
        run.wear_out()
    return run.collected()


def listed(store: Store, campaign: str = "") -> tuple[Listed, ...]:
    """Return what came back about one campaign, or about all, newest first."""
    with store.read() as tx:
        return bounces.listed(tx, campaign)


def _batches(mails: Iterator[mailbox.Mail]) -> Iterator[list[mailbox.Mail]]:
    while batch := list(islice(mails, BATCH)):
        yield batch


class _Run:
    """One reading of a mailbox."""

    def __init__(self, settings: Settings, store: Store, now: datetime, *, dry_run: bool) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._dry_run = dry_run
        self._read = 0
        self._kinds: Counter[BounceKind] = Counter()
        self._unproven = 0
        self._repeated = 0
        self._suppressed: set[str] = set()
        self._has_kept = False

    def take(self, batch: Sequence[mailbox.Mail]) -> None:
        """Handle some messages; afterwards they may be marked as read."""
        readings = [(core.digest(mail.raw), mail.raw, core.read(mail.raw)) for mail in batch]
        with self._writing() as tx:
            for digest, raw, reading in readings:
                self._take(tx, digest, raw, reading)

    def wear_out(self) -> None:
        """Suppress whoever could not be reached too often, whether by bounces or at the server."""
        since = self._now - timedelta(days=core.SOFT_DAYS)
        with self._writing() as tx:
            failures = bounces.soft_since(tx, since)
            for email, count in bounces.soft_refusals(tx, since).items():
                failures[address_hash(self._settings.secret, email)] += count
            for hash_, count in failures.items():
                if core.is_worn_out(count):
                    self._suppress(tx, hash_, SOFT_BOUNCES, "")

    def collected(self) -> Collected:
        """Return what was read."""
        return Collected(
            read=self._read,
            kinds=self._kinds,
            unproven=self._unproven,
            repeated=self._repeated,
            suppressed=len(self._suppressed),
            kept=self._folder if self._has_kept else None,
        )

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        with suppress(_Undo), self._store.write() as tx:
            yield tx
            if self._dry_run:
                raise _Undo

    @property
    def _folder(self) -> Path:
        return self._settings.data / FOLDER

    def _take(self, tx: Transaction, digest: str, raw: bytes, reading: core.Reading) -> None:
        self._read += 1
        if not bounces.is_new(tx, digest, reading.kind, self._now):
            self._repeated += 1
        elif reading.kind is BounceKind.UNKNOWN:
            self._kinds[reading.kind] += 1
            self._keep(digest, raw)
        elif reading.kind not in ABOUT_A_LETTER:
            self._kinds[reading.kind] += 1
        elif (delivery := self._whose(tx, reading)) is None:
            self._unproven += 1
        elif self._record(tx, digest, reading, delivery):
            self._kinds[reading.kind] += 1
        else:
            self._repeated += 1

    def _keep(self, digest: str, raw: bytes) -> None:
        """Keep a message that was not understood, before it is noted as read."""
        self._has_kept = True
        if not self._dry_run:
            files.write(files.private_folder(self._folder) / f"{digest}.eml", raw)

    def _whose(self, tx: Transaction, reading: core.Reading) -> Delivery | None:
        """Return the letter that a message is about, as far as it proves that it is."""
        secret = self._settings.secret
        for word, id_ in core.claims(reading.everything):
            found = deliveries.get(tx, id_)
            if found and core.is_proven(secret, word, campaign=found.campaign, delivery=id_):
                return found
        tokens = dict.fromkeys(_UNSUBSCRIBE.findall(reading.everything))
        for token in islice(tokens, core.MAX_WORDS):
            payload = read_token(secret, Purpose.UNSUBSCRIBE, token)
            if payload is not None and (found := privacy.delivery_of(tx, payload)):
                return found
        return None

    def _record(
        self, tx: Transaction, digest: str, reading: core.Reading, delivery: Delivery
    ) -> bool:
        """Record a bounce and what follows from it; tell whether it is the first of its kind."""
        hash_ = address_hash(self._settings.secret, delivery.email)
        is_first = bounces.add(
            tx,
            Bounce(
                kind=reading.kind,
                at=self._now,
                digest=digest,
                campaign=delivery.campaign,
                blog=delivery.blog,
                delivery=delivery.id,
                address_hash=hash_,
                status=reading.status,
                words=reading.words,
                reporter=reading.reporter,
            ),
        )
        if not is_first:
            return False
        if reading.kind is BounceKind.COMPLAINT:
            self._happened(tx, delivery, EventKind.COMPLAINT, reading.kind)
            self._suppress(tx, hash_, COMPLAINT, delivery.campaign)
        elif reading.kind in FAILED:
            self._happened(tx, delivery, EventKind.BOUNCE, reading.kind)
            if reading.kind is BounceKind.HARD:
                self._suppress(tx, hash_, HARD_BOUNCE, delivery.campaign)
        return True

    def _happened(
        self, tx: Transaction, delivery: Delivery, kind: EventKind, rule: BounceKind
    ) -> None:
        if not events.happened(tx, delivery.id, kind):
            event = Event(
                kind=kind,
                campaign=delivery.campaign,
                at=self._now,
                delivery=delivery.id,
                blog=delivery.blog,
                rule=rule.value,
            )
            events.add(tx, (event,))

    def _suppress(self, tx: Transaction, hash_: str, reason: str, campaign: str) -> None:
        if suppressions.add(tx, hash_, reason, campaign, self._now):
            self._suppressed.add(hash_)
