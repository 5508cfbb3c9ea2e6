"""The ledger against a dictionary: whatever people, servers and deaths do, in whatever order.

A short walk by default; ``BUZZ_MACHINE=2000x50`` makes two thousand walks of fifty steps each.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import hypothesis
import pytest
from conftest import Result
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sending import SLUG, Desk, people, planned
from servers import DROP, Act, BadServer, bad

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.edges.store import campaigns, deliveries, leases, suppressions
from buzz.errors import BuzzError, CheckRefused, UsageError
from buzz.model import ENDED, UNDER_WAY, CampaignState, DeliveryState, Phase
from buzz.pipeline import send

S, C = DeliveryState, CampaignState
FIVE = people(5)
ADDRESSES = st.sampled_from(FIVE)
WALKS, STEPS = map(int, os.environ.get("BUZZ_MACHINE", "12x25").split("x"))


def say(text: str, then: str = "go on") -> Act:
    return Act(text.encode() + b"\r\n", then)


# What a server does to one recipient, what becomes of them, and whether the whole message came.
SCRIPTS: dict[str, tuple[Phase, Act, DeliveryState, bool]] = {
    "450": (Phase.RCPT, say("450 4.2.0 greylisted"), S.DEFERRED, False),
    "421 and close": (Phase.RCPT, say("421 4.3.2 x", "drop"), S.DEFERRED, False),
    "lost at RCPT each time": (Phase.RCPT, DROP, S.DEFERRED, False),
    "unknown": (Phase.RCPT, say("550 5.1.1 x"), S.REFUSED, False),
    "by policy": (Phase.RCPT, say("554 5.7.1 x"), S.REFUSED, False),
    "no data": (Phase.DATA, say("554 5.5.1 x"), S.REFUSED, False),
    "451 after the dot": (Phase.REPLY, say("451 4.3.0 x"), S.DEFERRED, True),
    "552 after the dot": (Phase.REPLY, say("552 5.3.4 x"), S.REFUSED, True),
    "lost in the body": (Phase.BODY, DROP, S.UNCERTAIN, False),
    "lost after the dot": (Phase.REPLY, DROP, S.UNCERTAIN, True),
    "gibberish after the dot": (Phase.REPLY, say("fine", "drop"), S.UNCERTAIN, True),
}
GOOD = (S.ACCEPTED, True)
LEFT = frozenset({S.PLANNED, S.CLAIMED, S.DOT, S.DEFERRED})  # not finished


class Machine(RuleBasedStateMachine):
    """A campaign to five, what happens to it, and a dictionary that says what must come of it."""

    def __init__(self, desk: Desk, host: BadServer, fresh: sqlite3.Connection) -> None:
        super().__init__()
        self.desk, self.host, self.fresh = desk, host, fresh
        self.offset = timedelta()

    @initialize()
    def begin(self) -> None:
        """A campaign is planned."""
        self.states = dict.fromkeys(FIVE, S.PLANNED)
        self.campaign = C.CHECKED
        self.scripts: dict[str, str] = {}
        self.suppressed: set[str] = set()
        self.deferrals: Counter[str] = Counter()
        self.next_at: dict[str, datetime] = {}
        self.arrived: Counter[str] = Counter()  # whole messages, whatever was answered
        with closing(sqlite3.connect(self.desk.settings.data / "buzz.db")) as database:
            self.fresh.backup(database)
        self.desk.settings.instance_file.unlink(missing_ok=True)
        self.host.to.clear()
        self.host.complete.clear()
        self.host.accepted.clear()

    @precondition(lambda self: self.campaign in ENDED)
    @rule(again=st.integers(0, 1))
    def begin_again(self, again: int) -> None:
        """An ended campaign is soon dull: take another one."""
        if again:
            self.begin()

    @property
    def settings(self) -> Settings:
        return replace(self.desk.settings, clock_offset=self.offset)

    # What the world does.

    @rule(address=ADDRESSES, script=st.sampled_from(["", *SCRIPTS]))
    def script(self, address: str, script: str) -> None:
        """The server has another mind about a recipient."""
        self.scripts[address] = script
        self.host.to.pop(address, None)
        if script:
            self.host.to[address] = SCRIPTS[script][:2]

    @rule(seconds=st.sampled_from([97, 36_000]))
    def time_passes(self, seconds: int) -> None:
        self.offset += timedelta(seconds=seconds)

    @rule(address=ADDRESSES)
    def unsubscribe(self, address: str) -> None:
        with self.desk.store.write() as tx:
            hash_ = core.address_hash(self.settings.secret, address)
            suppressions.add(tx, hash_, "unsubscribe", SLUG, self.settings.now())
        self.suppressed.add(address)

    # What senders do.

    @rule(pipelining=st.booleans(), lanes=st.integers(1, 3))
    def start(self, *, pipelining: bool, lanes: int) -> None:
        if self.campaign in ENDED:
            with pytest.raises(CheckRefused, match="has ended"):
                self.send(lanes, pipelining=pipelining)
            return
        self.send(lanes, pipelining=pipelining)
        self.sent()

    @rule()
    def cron(self) -> None:
        """A pause stays a pause, and nothing is begun that no person has begun."""
        due = [a for a, state in self.states.items() if state in LEFT and self.is_due(a)]
        now = self.settings.now()
        found = send.resume_due(self.settings, self.desk.store, now)
        assert bool(found) == (self.campaign is C.SENDING and bool(due))
        if found:
            self.sent()

    def send(self, lanes: int, *, pipelining: bool) -> None:
        smtp = replace(self.settings.smtp, connections=lanes, pipelining=pipelining)
        settings = replace(self.settings, smtp=smtp)
        send.start(settings, self.desk.store, SLUG, settings.now(), backoff_s=(0, 0))

    def sent(self) -> None:
        """Do in the dictionary what a run does."""
        self.after_death()
        self.campaign = C.SENDING
        with self.desk.store.read() as tx:
            rows = {row.email: row for row in deliveries.of_campaign(tx, SLUG)}
        for address, state in self.states.items():
            if state not in {S.PLANNED, S.DEFERRED} or not self.is_due(address):
                continue
            if address in self.suppressed:
                self.states[address] = S.SUPPRESSED
                continue
            script = SCRIPTS.get(self.scripts.get(address, ""))
            outcome, has_arrived = script[2:] if script else GOOD
            self.arrived[address] += has_arrived
            if outcome is S.DEFERRED:
                self.deferrals[address] += 1
                if self.deferrals[address] > len(core.RETRY_DELAYS):
                    outcome = S.REFUSED
                else:
                    self.put_off(address, rows[address].next_at)
            if self.scripts.get(address) == "unknown":
                self.suppressed.add(address)
            self.states[address] = outcome
        if not LEFT & set(self.states.values()):
            self.campaign = C.FINISHED

    def put_off(self, address: str, next_at: datetime | None) -> None:
        assert next_at is not None
        delay = core.RETRY_DELAYS[self.deferrals[address] - 1]
        wait = next_at - self.settings.now()
        assert delay - timedelta(minutes=1) < wait < delay * (1 + core.JITTER)
        self.next_at[address] = next_at

    def is_due(self, address: str) -> bool:
        return (
            self.states[address] is not S.DEFERRED or self.next_at[address] <= self.settings.now()
        )

    def after_death(self) -> None:
        for address, state in self.states.items():
            self.states[address] = core.AFTER_DEATH.get(state, state)

    @precondition(lambda self: self.campaign not in ENDED)
    @rule(claims=st.integers(0, 4), dots=st.integers(0, 3))
    def a_sender_dies(self, claims: int, dots: int) -> None:
        """It has claimed some, and was about to send the bodies of others; then it was killed."""
        self.after_death()
        now = self.settings.now()
        with self.desk.store.write() as tx:
            nobody = leases.own_holder().replace(str(os.getpid()), "999999999")
            fence = leases.take_lease(tx, SLUG, nobody, now)
            deliveries.release(tx, SLUG, now)
            campaigns.set_state(tx, SLUG, C.SENDING, now)
            found = deliveries.next_planned(tx, SLUG, now, claims)
            mine = [one for one in found if one.email not in self.suppressed]
            deliveries.claim(tx, [one.id for one in mine], fence, now)
            deliveries.mark_dots(tx, [one.id for one in mine[:dots]], fence, now)
        self.campaign = C.SENDING
        for number, one in enumerate(mine):
            assert self.states[one.email] in {S.PLANNED, S.DEFERRED}
            assert self.is_due(one.email)
            self.states[one.email] = S.DOT if number < dots else S.CLAIMED
        for address, state in self.states.items():  # what is due again is planned
            if state is S.DEFERRED and self.is_due(address):
                self.states[address] = self.desk.states[address]
                assert self.states[address] in {S.PLANNED, S.DEFERRED}

    # What people do.

    @rule()
    def pause(self) -> None:
        now = self.settings.now()
        if self.campaign not in UNDER_WAY:
            with pytest.raises(CheckRefused, match="not being sent"):
                send.pause(self.desk.store, SLUG, now)
            return
        send.pause(self.desk.store, SLUG, now)
        self.campaign = C.PAUSED

    @rule()
    def cancel(self) -> None:
        now = self.settings.now()
        if self.campaign in ENDED:
            with pytest.raises(CheckRefused, match="has ended"):
                send.cancel(self.desk.store, SLUG, now)
            return
        send.cancel(self.desk.store, SLUG, now)
        self.after_death()
        for address, state in self.states.items():
            if state in {S.PLANNED, S.DEFERRED}:
                self.states[address] = S.CANCELLED
        self.campaign = C.CANCELLED

    @rule(states=st.sets(st.sampled_from([S.DEFERRED, S.REFUSED]), min_size=1))
    def retry(self, states: set[DeliveryState]) -> None:
        now = self.settings.now()
        if self.campaign is C.CANCELLED:
            with pytest.raises(CheckRefused, match="has ended"):
                send.retry(self.desk.store, SLUG, now, states=states)
            return
        send.retry(self.desk.store, SLUG, now, states=states)
        for address, state in self.states.items():
            if state in states:
                self.states[address] = S.PLANNED
        self.reopened()

    @rule(only=st.none() | ADDRESSES, resend=st.booleans())
    def resolve(self, only: str | None, *, resend: bool) -> None:
        now, store = self.settings.now(), self.desk.store
        meant = [
            a for a, state in self.states.items() if state is S.UNCERTAIN and only in {None, a}
        ]
        refusal: type[BuzzError] | None = None
        if resend and self.campaign is C.CANCELLED:
            refusal = CheckRefused
        elif only and not meant:
            refusal = UsageError
        if refusal is not None:
            with pytest.raises(refusal):
                send.resolve(store, SLUG, [only] if only else (), now, resend=resend)
            return
        send.resolve(store, SLUG, [only] if only else (), now, resend=resend)
        for address in meant:
            self.states[address] = S.PLANNED if resend else S.ACCEPTED
        self.reopened()

    def reopened(self) -> None:
        if self.campaign is C.FINISHED and LEFT & set(self.states.values()):
            self.campaign = C.PAUSED

    @precondition(lambda self: self.campaign is not C.CHECKED)
    @rule()
    def plan_again(self) -> None:
        with pytest.raises(CheckRefused, match="already being sent"):
            send.plan(self.settings, self.desk.store, SLUG, self.settings.now())

    # What holds at all times.

    @invariant()
    def everybody_is_in_one_state(self) -> None:
        assert self.desk.states == self.states
        found = send.status(self.settings, self.desk.store, SLUG)
        assert found.account == core.account(Counter(self.states.values()))
        assert (found.account.targeted, found.state) == (len(FIVE), self.campaign)
        assert found.holder == ""

    @invariant()
    def nobody_gets_it_twice_by_itself(self) -> None:
        assert Counter(self.host.complete) == +self.arrived


@pytest.fixture
def desk(
    settings: Settings,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """A desk at which a campaign to five is planned."""
    desk = planned(settings, run, monkeypatch, tmp_path_factory, FIVE)
    yield desk
    desk.store.close()


def test_the_ledger_is_a_dictionary_that_nothing_shakes(desk: Desk) -> None:
    host = BadServer({})
    with (
        bad(host) as port,
        closing(sqlite3.connect(":memory:")) as fresh,
        closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database,
    ):
        database.backup(fresh)
        desk.set(smtp_port=port, smtp_timeout_s=10)

        class Here(Machine):
            def __init__(self) -> None:
                super().__init__(desk, host, fresh)

        run_state_machine_as_test(
            Here,
            settings=hypothesis.settings(
                max_examples=WALKS,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
