"""Consent: what may be measured, and that nothing else ever reaches the database with a name."""

import atexit
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from buzz.config import Settings
from buzz.core.consent import Mode, admitted, allowed, in_force, masked
from buzz.edges import files
from buzz.edges.spool import Spool
from buzz.edges.store import blogs, campaigns, consents, deliveries, events, open_store
from buzz.model import (
    Blog,
    Channel,
    Consent,
    ConsentRecord,
    Delivery,
    DeliveryId,
    DeliveryState,
    Event,
    EventKind,
    Recipient,
    Tracking,
)
from buzz.pipeline import collect

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MODES: tuple[Mode, ...] = get_args(Mode)
KINDS = {EventKind.OPEN: Channel.OPEN, EventKind.CLICK: Channel.CLICK}


@pytest.mark.parametrize(
    ("mode", "consent", "tracking"),
    [
        pytest.param("off", Consent.GRANTED, Tracking.NONE, id="off-granted"),
        pytest.param("off", Consent.UNKNOWN, Tracking.NONE, id="off-unknown"),
        pytest.param("aggregate", Consent.GRANTED, Tracking.AGGREGATE, id="aggregate-granted"),
        pytest.param("aggregate", Consent.UNKNOWN, Tracking.AGGREGATE, id="aggregate-unknown"),
        pytest.param("aggregate", Consent.DENIED, Tracking.NONE, id="aggregate-denied"),
        pytest.param("consented", Consent.GRANTED, Tracking.PERSONAL, id="consented-granted"),
        pytest.param("consented", Consent.UNKNOWN, Tracking.NONE, id="consented-unknown"),
        pytest.param("consented", Consent.DENIED, Tracking.NONE, id="consented-denied"),
    ],
)
def test_what_is_allowed(mode: Mode, consent: Consent, tracking: Tracking) -> None:
    assert allowed(mode, consent) is tracking


def test_a_name_needs_the_consented_mode_and_a_yes() -> None:
    for mode, consent in product(MODES, Consent):
        personal = allowed(mode, consent) is Tracking.PERSONAL
        assert personal == (mode == "consented" and consent is Consent.GRANTED)


@pytest.mark.parametrize("registry", Consent)
def test_ones_own_refusal_outranks_the_registry_but_ones_silence_does_not(
    registry: Consent,
) -> None:
    assert in_force(registry, Consent.DENIED) is Consent.DENIED
    assert in_force(registry, Consent.GRANTED) is registry
    assert in_force(registry, None) is registry


def test_at_hit_time_the_same_is_allowed_as_at_render() -> None:
    event = Event(kind=EventKind.OPEN, campaign="c", at=NOW, delivery=DeliveryId(1))
    for mode, consent in product(MODES, Consent):
        kept = admitted(
            event,
            blog="karim",
            consents={("karim", Channel.OPEN): consent},
            modes={Channel.OPEN: mode},
        )
        found = (
            Tracking.NONE
            if kept is None
            else Tracking.AGGREGATE
            if kept.delivery is None and kept.blog == ""
            else Tracking.PERSONAL
        )
        assert found is allowed(mode, consent)


@pytest.mark.parametrize("email", ["karim@blog.example", "a@b.c", "é@xn--blog.example"])
def test_a_masked_address_shows_two_letters_and_the_ending(email: str) -> None:
    hidden = masked(email)
    assert email not in hidden
    assert hidden.count("•••") == 2
    assert hidden.endswith("." + email.rpartition(".")[2])


@cache
def empty_database() -> Path:
    """Return a database with its tables and nothing in them: making one takes 0.1 s."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    path = Path(folder) / "empty.db"
    store = open_store(f"sqlite:///{path}")
    store.close()  # the last to leave writes the journal into the file
    return path


class Withdrawals(RuleBasedStateMachine):
    """People agree, refuse and are registered anew while letters go out and are opened.

    The law: whatever the order, an event enters the database with an identity only if that person
    agreed to that channel at that moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.settings = Settings(workspace=Path(folder))
        files.private_folder(self.settings.data)
        shutil.copy(empty_database(), self.settings.data / "buzz.db")
        self.store = open_store(self.settings.database_url)
        self.open.callback(self.store.close)
        self.registry = {(name, channel): Consent.UNKNOWN for name in "ab" for channel in Channel}
        self.said: dict[tuple[str, Channel], Consent] = {}
        self.letters: list[Delivery] = []
        self.spool = self.open.enter_context(Spool(collect.folder(self.settings)))
        self.import_registry()

    def agrees(self, blog: str, channel: Channel) -> bool:
        """Tell what the law says of this person now."""
        return in_force(self.registry[blog, channel], self.said.get((blog, channel))) is (
            Consent.GRANTED
        )

    def import_registry(self) -> None:
        """Write the registry as it stands in the file."""
        with self.store.write() as tx:
            blogs.save(
                tx,
                [
                    Blog(
                        slug=name,
                        name=name,
                        consent_open=self.registry[name, Channel.OPEN],
                        consent_click=self.registry[name, Channel.CLICK],
                    )
                    for name in "ab"
                ],
                NOW,
            )

    @rule(
        blog=st.sampled_from("ab"),
        channel=st.sampled_from(Channel),
        consent=st.sampled_from(Consent),
    )
    def edit_the_registry(self, blog: str, channel: Channel, consent: Consent) -> None:
        """The desk changes blogs.csv and imports it."""
        self.registry[blog, channel] = consent
        self.import_registry()

    @rule(
        blog=st.sampled_from("ab"),
        channel=st.sampled_from(Channel),
        consent=st.sampled_from([Consent.GRANTED, Consent.DENIED]),
    )
    def say(self, blog: str, channel: Channel, consent: Consent) -> None:
        """A person says yes or no themselves."""
        self.said[blog, channel] = self.registry[blog, channel] = consent
        with self.store.write() as tx:
            consents.record(
                tx,
                ConsentRecord(blog=blog, channel=channel, consent=consent, at=NOW, method="test"),
            )

    @rule()
    def send(self) -> None:
        """A letter goes to both."""
        slug = f"c{len(self.letters)}"
        recipients = [
            Recipient(blog=name, name=name, email=f"{name}@x.example", language="fr")
            for name in "ab"
        ]
        envelope = deliveries.Envelope(
            from_="", reply_to="", mail_from="", list_id="", base_url="", content_hash=""
        )
        with self.store.write() as tx:
            campaigns.ensure_links(tx, slug, ["https://parti.example/"])
            targets = [(recipient, DeliveryState.PLANNED) for recipient in recipients]
            self.letters += deliveries.plan(tx, slug, targets, envelope, NOW)

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
    def hit(self, data: st.DataObject, kind: EventKind) -> None:
        """A letter is opened, or a link in it followed."""
        letter = data.draw(st.sampled_from(self.letters))
        event = Event(
            kind=kind, campaign=letter.campaign, at=NOW + timedelta(1), delivery=letter.id
        )
        assert self.spool.append(event)
        before = Counter(self.stored())
        collect.drain(self.settings, self.store)
        new = [(e.delivery, e.blog) for e in Counter(self.stored()) - before]
        assert new == ([(letter.id, letter.blog)] if self.agrees(letter.blog, KINDS[kind]) else [])

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def hit_and_refuse_before_the_drain(self, data: st.DataObject) -> None:
        """The refusal reaches the database before the hit."""
        letter = data.draw(st.sampled_from(self.letters))
        event = Event(kind=EventKind.OPEN, campaign=letter.campaign, at=NOW, delivery=letter.id)
        assert self.spool.append(event)
        self.say(letter.blog, Channel.OPEN, Consent.DENIED)
        before = self.stored()
        assert collect.drain(self.settings, self.store).recorded == 0
        assert self.stored() == before

    def stored(self) -> list[Event]:
        """Return every event in the database."""
        with self.store.read() as tx:
            slugs = sorted({letter.campaign for letter in self.letters})
            return [event for slug in slugs for event in events.of_campaign(tx, slug)]

    @invariant()
    def no_name_without_its_letter(self) -> None:
        """An event never names anybody but the letter's reader."""
        owners = {letter.id: letter.blog for letter in self.letters}
        for event in self.stored():
            assert event.delivery is not None
            assert event.blog == owners[event.delivery]

    def teardown(self) -> None:
        """Close and remove everything."""
        self.open.close()


TestWithdrawals = Withdrawals.TestCase
TestWithdrawals.settings = hypothesis(
    max_examples=50,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
