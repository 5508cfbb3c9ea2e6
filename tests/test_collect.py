"""From the spool into the database: nothing lost, nothing twice, nothing without consent."""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sentletter import AGREES, CAMPAIGN, NOW, Sent, send

from buzz.config import Settings, TrackingModes
from buzz.edges import spool
from buzz.edges.spool import Spool
from buzz.edges.store import Store, blogs, consents, events, open_store
from buzz.errors import TemporaryFailure
from buzz.model import (
    Channel,
    Consent,
    ConsentRecord,
    Delivery,
    DeliveryId,
    Event,
    EventKind,
    LinkId,
)
from buzz.pipeline import collect

pytestmark = pytest.mark.both_databases


@pytest.fixture
def sent(settings: Settings, store: Store) -> Sent:
    return send(settings, store)


@pytest.fixture
def spooled(settings: Settings) -> Callable[..., None]:
    """Leave events in the spool as a tracker that has died."""

    def spooled(*found: Event) -> None:
        with Spool(collect.folder(settings)) as opened:
            for event in found:
                assert opened.append(event)

    return spooled


def opened(delivery: Delivery, number: int = 0) -> Event:
    return Event(
        kind=EventKind.OPEN,
        campaign=CAMPAIGN,
        at=NOW + timedelta(seconds=number),
        delivery=delivery.id,
    )


def stored(store: Store) -> tuple[Event, ...]:
    with store.read() as tx:
        return events.of_campaign(tx, CAMPAIGN)


def test_events_arrive_once_with_their_blog_and_leave_no_file(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    karim = sent.deliveries["karim"]
    spooled(*(opened(karim, n) for n in range(5)))
    assert collect.drain(settings, store) == collect.Drained(recorded=5)
    assert collect.drain(settings, store) == collect.Drained()
    assert stored(store) == tuple(replace(opened(karim, n), blog="karim") for n in range(5))
    assert spool.waiting(collect.folder(settings)) == ()


def test_a_living_tracker_keeps_its_file_and_is_read_on_from_where_it_was(
    settings: Settings, store: Store, sent: Sent
) -> None:
    karim = sent.deliveries["karim"]
    with Spool(collect.folder(settings)) as living:
        for n in range(3):
            living.append(opened(karim, n))
            assert collect.drain(settings, store).recorded == 1
        (path,) = spool.waiting(collect.folder(settings))
        with store.read() as tx:
            assert events.spool_offset(tx, path.name) == path.stat().st_size
    collect.drain(settings, store)
    with store.read() as tx:
        assert events.spool_offset(tx, path.name) == 0, "the file is gone, and so is its offset"


def test_many_drains_at_once_store_each_event_once(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    for start in range(0, 600, 200):
        spooled(*(opened(sent.deliveries["karim"], n) for n in range(start, start + 200)))
    moved: list[int] = []
    threads = [
        threading.Thread(target=lambda: moved.append(collect.drain(settings, store).recorded))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == len(stored(store)) == 600


def test_a_drain_that_dies_before_its_commit_has_moved_nothing(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    spooled(opened(sent.deliveries["karim"]))
    (path,) = spool.waiting(collect.folder(settings))

    def killed() -> None:
        with store.write() as tx:
            events.claim_spool(tx, path.name)
            events.add(tx, spool.read(path, 0).events)
            events.set_spool_offset(tx, path.name, path.stat().st_size)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert stored(store) == ()
    assert collect.drain(settings, store).recorded == 1


def test_what_may_not_be_stored_is_dropped(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    karim = sent.deliveries["karim"]
    spooled(
        opened(sent.deliveries["lea"]),  # said nothing
        opened(sent.deliveries["omar"]),  # said no
        replace(opened(karim), delivery=DeliveryId(999)),  # erased
        replace(opened(karim), campaign="avant"),  # its number went to another campaign's
        replace(opened(karim), kind=EventKind.CLICK, link=LinkId(999)),
        opened(karim),
    )
    assert collect.drain(settings, store) == collect.Drained(recorded=1, dropped=5)


def test_who_withdraws_after_a_hit_and_before_the_drain_is_not_stored(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    spooled(opened(sent.deliveries["karim"]))
    with store.write() as tx:
        consents.record(
            tx,
            ConsentRecord(
                blog="karim",
                channel=Channel.OPEN,
                consent=Consent.DENIED,
                at=NOW,
                method="preferences",
            ),
        )
        blogs.save(tx, [AGREES], NOW)  # an old copy of the registry is imported again
    assert collect.drain(settings, store) == collect.Drained(dropped=1)


def test_a_removed_blog_is_not_tracked(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    spooled(opened(sent.deliveries["karim"]))
    with store.write() as tx:
        blogs.remove(tx, ["karim"])
    assert collect.drain(settings, store) == collect.Drained(dropped=1)


def test_under_another_mode_a_personal_hit_loses_its_name(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    spooled(opened(sent.deliveries["karim"]))
    counting = replace(settings, tracking=TrackingModes(opens="aggregate"))
    assert collect.drain(counting, store).recorded == 1
    (event,) = stored(store)
    assert (event.delivery, event.blog) == (None, "")


def test_torn_lines_are_counted_and_passed_over(
    settings: Settings, store: Store, sent: Sent, spooled: Callable[..., None]
) -> None:
    spooled(opened(sent.deliveries["karim"]))
    (path,) = spool.waiting(collect.folder(settings))
    with path.open("ab") as file:
        file.write(b'["open","retr\n' + spool.encode(opened(sent.deliveries["karim"])) + b'["op')
    assert collect.drain(settings, store) == collect.Drained(recorded=2, unreadable=1)
    assert spool.waiting(collect.folder(settings)) == ()


def test_a_locked_database_leaves_everything_in_the_spool(
    settings: Settings,
    store: Store,
    sent: Sent,
    spooled: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not settings.database_url.startswith("sqlite"):
        return
    spooled(opened(sent.deliveries["karim"]))
    monkeypatch.setattr("buzz.edges.store.BUSY_TIMEOUT_MS", 20)
    impatient = open_store(settings.database_url)
    lock = sqlite3.connect(settings.data / "buzz.db", isolation_level=None)
    try:
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryFailure):
            collect.drain(settings, impatient)
        lock.execute("ROLLBACK")
        assert collect.drain(settings, impatient).recorded == 1
    finally:
        lock.close()
        impatient.close()
