"""Drain the tracker's spool into the database: nothing lost, nothing twice.

The events of a batch and the offset behind it are committed together, so a crash at any point
leaves them either in the spool or in the database. Here consent is asked again, in the same
transaction: no event of a person who withdrew is stored, whatever the spool holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from buzz.config import Settings
from buzz.core import consent
from buzz.edges import spool
from buzz.edges.store import Store, Transaction, consents, events
from buzz.model import Channel, Consent, Event

FOLDER = "spool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one run moved."""

    recorded: int = 0  # events stored
    dropped: int = 0  # events that may not be stored, or whose delivery or link is no more
    unreadable: int = 0  # lines torn by a full disk or a power cut


def folder(settings: Settings) -> Path:
    """Return where the trackers of a workspace leave their events."""
    return settings.data / FOLDER


def drain(settings: Settings, store: Store) -> Drained:
    """Move all events from the spool files into the database, and remove files read to the end.

    Any number of processes may do this at the same time.

    Raises:
        TemporaryFailure: the database is locked or away; the events stay in the spool.
    """
    total = Drained()
    for path in spool.waiting(folder(settings)):
        with store.read() as tx:
            offset = events.spool_offset(tx, path.name)
        while spool.read(path, offset).end > offset:
            offset, moved = _move(settings, store, path)
            total = Drained(
                recorded=total.recorded + moved.recorded,
                dropped=total.dropped + moved.dropped,
                unreadable=total.unreadable + moved.unreadable,
            )
        if spool.retire(path, offset) and offset:
            with store.write() as tx:
                events.forget_spool(tx, path.name)
    return total


def consents_in_force(tx: Transaction) -> dict[tuple[str, Channel], Consent]:
    """Return what counts for each blog and channel of which anything is known."""
    registry = consents.in_registry(tx)
    said = consents.last_words(tx)
    return {
        key: consent.in_force(registry.get(key, Consent.UNKNOWN), said.get(key))
        for key in registry.keys() | said.keys()
    }


def modes(settings: Settings) -> Mapping[Channel, consent.Mode]:
    """Return what the workspace allows to be measured at all."""
    return {Channel.OPEN: settings.tracking.opens, Channel.CLICK: settings.tracking.clicks}


def _move(settings: Settings, store: Store, path: Path) -> tuple[int, Drained]:
    """Move one batch; return the new offset and what was moved."""
    with store.write() as tx:
        offset = events.claim_spool(tx, path.name)
        batch = spool.read(path, offset)
        kept = _admitted(settings, tx, batch.events)
        events.add(tx, kept)
        events.set_spool_offset(tx, path.name, batch.end)
    return batch.end, Drained(
        recorded=len(kept),
        dropped=len(batch.events) - len(kept),
        unreadable=batch.unreadable,
    )


def _admitted(settings: Settings, tx: Transaction, batch: Sequence[Event]) -> list[Event]:
    """Return what of these events may be stored, each with its blog."""
    blogs = events.blogs_of(
        tx, ((event.delivery, event.campaign) for event in batch if event.delivery is not None)
    )
    links = events.known_links(tx, (event.link for event in batch if event.link is not None))
    in_force = consents_in_force(tx) if blogs else {}
    kept = []
    for event in batch:
        blog = ""
        if event.delivery is not None:
            blog = blogs.get((event.delivery, event.campaign), "")
            if not blog:
                continue
        if event.link is not None and event.link not in links:
            continue
        admitted = consent.admitted(event, blog=blog, consents=in_force, modes=modes(settings))
        if admitted is not None:
            kept.append(admitted)
    return kept
