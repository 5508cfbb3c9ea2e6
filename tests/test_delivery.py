"""What becomes of a delivery: the decisions, and the rows that carry them out."""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from buzz.core import delivery as core
from buzz.core.delivery import TRANSITIONS, Exchange, judge
from buzz.core.names import SENDER_ENDED
from buzz.edges.store import Store, campaigns, deliveries, leases, suppressions
from buzz.edges.store.deliveries import Envelope, Result
from buzz.edges.store.leases import Fenced
from buzz.errors import LockHeld
from buzz.model import (
    Account,
    Attempt,
    CampaignState,
    DeliveryId,
    DeliveryState,
    Phase,
    Recipient,
)

S = DeliveryState
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEFORE_DOT = (Phase.MAIL, Phase.RCPT, Phase.DATA)
COMMON = Envelope(
    from_="L <l@parti.example>",
    reply_to="",
    mail_from="l@parti.example",
    list_id="lettre.parti.example",
    base_url="http://127.0.0.1:8025",
    content_hash="c",
)


# --- decisions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text", "state"),
    [
        (550, "5.1.1 unknown", S.REFUSED),
        (550, "unknown", S.REFUSED),
        (550, "5.2.2 over quota", S.DEFERRED),
        (552, "mailbox full", S.DEFERRED),
        (552, "5.2.2 mailbox full", S.DEFERRED),
        (552, "5.3.4 too big", S.REFUSED),
        (554, "5.7.1 policy", S.REFUSED),
        (450, "4.2.0 greylisted", S.DEFERRED),
        (421, "4.3.2 closing", S.DEFERRED),
        (454, "4.7.0 throttled", S.DEFERRED),
        (354, "what", S.PLANNED),
        (None, "lost", S.PLANNED),
    ],
)
def test_a_reply_to_rcpt(code: int | None, text: str, state: DeliveryState) -> None:
    verdict = judge(Exchange(phase=Phase.RCPT, reply_code=code, text=text))
    assert verdict == core.Verdict(state=state)


@pytest.mark.parametrize("phase", [*BEFORE_DOT, Phase.AUTH, Phase.GREETING])
def test_a_server_that_asks_for_a_login_stops_the_run(phase: Phase) -> None:
    verdict = judge(Exchange(phase=phase, reply_code=530, text="5.7.0 log in first"))
    assert verdict == core.Verdict(state=S.PLANNED, stops_run=True)


@given(
    st.sampled_from(Phase),
    st.none() | st.integers(-1, 999),
    st.text(max_size=20) | st.sampled_from(["5.2.2 full", "5.1.1 x", "4.2.2 x", "lost"]),
)
def test_what_an_exchange_makes_of_a_delivery(phase: Phase, code: int | None, text: str) -> None:
    verdict = judge(Exchange(phase=phase, reply_code=code, text=text))
    after = phase in {Phase.BODY, Phase.REPLY, Phase.QUIT}
    assert verdict.state in TRANSITIONS[S.DOT if after else S.CLAIMED]
    if not after:
        assert verdict.state is not S.ACCEPTED
    elif code is None:
        assert verdict.state is S.UNCERTAIN
    assert not (verdict.stops_run and after)


@pytest.mark.parametrize(
    ("state", "account", "is_late", "is_unwelcome", "end"),
    [
        ("sending", Account(accepted=2), False, False, "finished"),
        ("sending", Account(accepted=1, deferred=1), False, False, "sending"),
        ("sending", Account(accepted=1, planned=1), False, True, "paused"),
        ("paused", Account(accepted=1, planned=1), False, False, "paused"),
        ("paused", Account(accepted=2), False, True, "finished"),
        ("sending", Account(accepted=1, cancelled=1), True, False, "expired"),
        ("sending", Account(accepted=2), True, False, "finished"),
        ("cancelled", Account(accepted=1, cancelled=1), True, True, "cancelled"),
        ("sending", Account(uncertain=1), False, False, "finished"),
    ],
)
def test_what_a_campaign_comes_to(
    state: str, account: Account, *, is_late: bool, is_unwelcome: bool, end: str
) -> None:
    found = core.settled(CampaignState(state), account, is_late=is_late, is_unwelcome=is_unwelcome)
    assert found == end


def test_an_enhanced_code_of_another_class_is_ignored() -> None:
    assert core.enhanced_code(Exchange(phase=Phase.RCPT, reply_code=450, text="5.1.1 x")) == ""
    assert core.enhanced_code(Exchange(phase=Phase.RCPT, reply_code=550, text="5.1.1.1 x")) == ""


def test_only_an_address_that_never_arrives_is_a_hard_bounce() -> None:
    def hard(code: int, text: str) -> bool:
        return core.is_hard_bounce(Exchange(phase=Phase.RCPT, reply_code=code, text=text))

    assert hard(550, "5.1.1 x")
    assert not any((hard(552, "5.2.2 x"), hard(554, "5.7.1 x"), hard(550, "x"), hard(450, "4.1.1")))


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True), st.integers(0, 3000))
def test_retries_come_later_and_later_and_end(deferrals: int, jitter: float, limit: int) -> None:
    not_after = NOW + timedelta(minutes=limit)
    at = core.next_attempt(deferrals, NOW, jitter)
    if at is None:
        assert deferrals > len(core.RETRY_DELAYS)
    else:
        assert at - NOW >= timedelta(minutes=5)  # greylisting
        before = core.next_attempt(deferrals - 1, NOW, jitter) if deferrals > 1 else None
        assert before is None or before < at
        assert (core.next_attempt(deferrals, NOW, jitter, not_after) is None) == (at >= not_after)


@pytest.mark.parametrize(
    ("hours", "clock", "until"),
    [
        ("", "12:00", None),
        ("21:00-08:00", "20:59", None),
        ("21:00-08:00", "21:00", "2026-07-02T08:00+02:00"),
        ("21:00-08:00", "07:59", "2026-07-01T08:00+02:00"),
        ("21:00-08:00", "08:00", None),
        ("12:00-14:00", "13:00", "2026-07-01T14:00+02:00"),
        ("12:00-14:00", "14:00", None),
    ],
)
def test_quiet_hours_are_those_of_paris(hours: str, clock: str, until: str | None) -> None:
    now = datetime.fromisoformat(f"2026-07-01T{clock}+02:00").astimezone(UTC)
    expected = datetime.fromisoformat(until) if until else None
    assert core.quiet_until(hours, now) == expected


def test_an_address_is_hashed_with_the_secret_and_without_its_case() -> None:
    one = core.address_hash(b"secret", "Karim@Blog.example ")
    assert one == core.address_hash(b"secret", "karim@blog.example")
    assert one != core.address_hash(b"other", "karim@blog.example")
    assert len(one) == 64
    assert core.address_hash(b"x" * 100, "a@b") != core.address_hash(b"x" * 101, "a@b")


@given(st.dictionaries(st.sampled_from(DeliveryState), st.integers(0, 9)))
def test_the_account_adds_up(counts: dict[DeliveryState, int]) -> None:
    account = core.account(counts)
    assert account.targeted == sum(counts.values())
    if core.is_finished(account):
        assert not {state for state, n in counts.items() if n} & {
            S.PLANNED,
            S.CLAIMED,
            S.DOT,
            S.DEFERRED,
        }


# --- rows --------------------------------------------------------------------------------------


@dataclass
class Row:
    """What the model knows of one recipient."""

    state: DeliveryState = S.PLANNED
    fence: int = 0
    due: datetime | None = None
    dots: int = 0  # since somebody or an answer last said: again
    tries: int = 0


@dataclass
class Campaign:
    """A campaign in the store, planned for some recipients."""

    store: Store
    slug: str
    rows: dict[DeliveryId, Row] = field(default_factory=dict)

    def plan(self, size: int) -> None:
        people = [
            (Recipient(blog=f"b{n}", name="B", email=f"b{n}@x.example", language="fr"), S.PLANNED)
            for n in range(size)
        ]
        with self.store.write() as tx:
            campaigns.set_state(tx, self.slug, CampaignState.SENDING, NOW)
            planned = deliveries.plan(tx, self.slug, people, COMMON, NOW)
        self.rows = {delivery.id: Row() for delivery in planned}

    def lease(self, now: datetime, holder: str = "1@elsewhere") -> int:
        with self.store.write() as tx:
            fence = leases.take_lease(tx, self.slug, holder, now)
            deliveries.release(tx, self.slug, now)
        return fence


def result(
    id_: DeliveryId, state: DeliveryState, now: datetime, next_at: datetime | None = None
) -> Result:
    attempt = Attempt(
        delivery=id_, started_at=now, ended_at=now, phase=Phase.RCPT, outcome=state, reply_code=450
    )
    return Result(attempt=attempt, state=state, next_at=next_at)


_NAMES = count()


class Machine(RuleBasedStateMachine):
    """The store against a dictionary: whatever happens, both say the same of everybody."""

    store: Store

    @initialize(size=st.integers(1, 6))
    def begin(self, size: int) -> None:
        self.campaign = Campaign(self.store, f"c{next(_NAMES)}")
        self.campaign.plan(size)
        self.now = NOW
        self.fence = self.campaign.lease(self.now)

    @property
    def rows(self) -> dict[DeliveryId, Row]:
        return self.campaign.rows

    def those(self, *states: DeliveryState) -> list[DeliveryId]:
        return [id_ for id_, row in self.rows.items() if row.state in states]

    def move(self, ids: list[DeliveryId], state: DeliveryState) -> None:
        for id_ in ids:
            self.rows[id_].state = state
            self.rows[id_].due = None

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        due = [id_ for id_ in self.those(S.DEFERRED) if self.rows[id_].due <= self.now]  # type: ignore[operator]  # deferred has a date
        self.move(due, S.PLANNED)
        expected = self.those(S.PLANNED)[:limit]
        with self.store.write() as tx:
            found = deliveries.next_planned(tx, self.campaign.slug, self.now, limit)
            assert [delivery.id for delivery in found] == expected
            deliveries.claim(tx, expected, self.fence, self.now)
        self.move(expected, S.CLAIMED)

    @rule(data=st.data())
    def dot(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.rows)), unique=True, max_size=3))
        try:
            with self.store.write() as tx:
                deliveries.mark_dots(tx, ids, self.fence, self.now)
        except Fenced:
            assert set(ids) - set(self.those(S.CLAIMED))
        else:
            assert set(ids) <= set(self.those(S.CLAIMED))
            self.move(ids, S.DOT)
            for id_ in ids:
                self.rows[id_].dots += 1

    @rule(data=st.data(), state=st.sampled_from(DeliveryState), minutes=st.integers(5, 60))
    def answer(self, data: st.DataObject, state: DeliveryState, minutes: int) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.rows)))
        row = self.rows[id_]
        due = self.now + timedelta(minutes=minutes) if state is S.DEFERRED else None
        legal = row.state in {S.CLAIMED, S.DOT} and state in TRANSITIONS[row.state] - {S.DOT}
        if state in {S.DOT, S.CLAIMED, S.SUPPRESSED, S.CANCELLED}:
            return  # no outcome of an attempt
        try:
            with self.store.write() as tx:
                deliveries.record(tx, [result(id_, state, self.now, due)], self.fence)
        except Fenced:
            assert not legal
        else:
            assert legal
            self.move([id_], state)
            row.due = due
            row.tries += state is not S.PLANNED
            row.dots = 0 if state is S.DEFERRED else row.dots

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def die_and_be_followed(self) -> None:
        old = self.fence
        self.now += leases.LEASE
        self.fence = self.campaign.lease(self.now)
        assert self.fence > old
        in_flight = self.those(S.DOT)
        for id_ in in_flight:
            self.rows[id_].tries += 1
        self.move(in_flight, S.UNCERTAIN)
        self.move(self.those(S.CLAIMED), S.PLANNED)
        with pytest.raises(Fenced), self.store.write() as tx:
            leases.hold(tx, self.campaign.slug, old)

    @precondition(lambda self: self.those(S.UNCERTAIN))
    @rule(resend=st.booleans(), data=st.data())
    def resolve(self, resend: bool, data: st.DataObject) -> None:  # noqa: FBT001  (Hypothesis passes by name)
        ids = data.draw(st.lists(st.sampled_from(self.those(S.UNCERTAIN)), unique=True))
        target = S.PLANNED if resend else S.ACCEPTED
        with self.store.write() as tx:
            deliveries.resolve(tx, self.campaign.slug, ids, target, self.now)
        self.move(ids, target)
        for id_ in ids:
            self.rows[id_].dots = 0

    @rule(state=st.sampled_from([S.DEFERRED, S.REFUSED]))
    def retry(self, state: DeliveryState) -> None:
        ids = self.those(state)
        with self.store.write() as tx:
            assert deliveries.retry(tx, self.campaign.slug, state, self.now) == len(ids)
        self.move(ids, S.PLANNED)
        for id_ in ids:
            self.rows[id_].dots = 0

    @precondition(lambda self: len(self.those(S.PLANNED)) > 2)
    @rule()
    def suppress(self) -> None:
        ids = self.those(S.PLANNED)[:1]
        with self.store.write() as tx:
            assert deliveries.suppress(tx, ids, self.now) == 1
        self.move(ids, S.SUPPRESSED)

    @rule(dice=st.integers(0, 9))
    def cancel(self, dice: int) -> None:
        if dice:  # seldom: it ends everything
            return
        ids = self.those(S.PLANNED, S.DEFERRED)
        with self.store.write() as tx:
            assert deliveries.cancel(tx, self.campaign.slug, self.now) == len(ids)
        self.move(ids, S.CANCELLED)

    @invariant()
    def store_and_model_agree(self) -> None:
        if not hasattr(self, "campaign"):
            return
        with self.store.read() as tx:
            found = deliveries.of_campaign(tx, self.campaign.slug)
            account = deliveries.account(tx, self.campaign.slug)
        assert {d.id: (d.state, d.attempts, d.next_at) for d in found} == {
            id_: (row.state, row.tries, row.due) for id_, row in self.rows.items()
        }
        assert account.targeted == len(self.rows)
        assert account.uncertain == len(self.those(S.UNCERTAIN))
        assert all(row.dots <= 1 for row in self.rows.values())


@pytest.mark.both_databases
def test_rows_do_what_the_model_does(store: Store) -> None:
    class OfThisStore(Machine):
        pass

    OfThisStore.store = store
    run_state_machine_as_test(
        OfThisStore,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.both_databases
def test_every_attempt_is_kept(store: Store) -> None:
    campaign = Campaign(store, "c")
    campaign.plan(1)
    (id_,) = campaign.rows
    fence = campaign.lease(NOW)
    for state in (S.PLANNED, S.DEFERRED):
        with store.write() as tx:
            deliveries.claim(tx, [id_], fence, NOW)
            deliveries.record(tx, [result(id_, state, NOW, NOW)], fence)
            deliveries.next_planned(tx, "c", NOW, 1)
    with store.write() as tx:
        deliveries.claim(tx, [id_], fence, NOW)
        deliveries.mark_dots(tx, [id_], fence, NOW)
        deliveries.release(tx, "c", NOW)
        outcomes = [attempt.outcome for attempt in deliveries.attempts_of(tx, id_)]
        assert outcomes == [S.PLANNED, S.DEFERRED, S.UNCERTAIN]
        assert deliveries.deferrals(tx, [id_]) == {id_: 1}
        delivery = deliveries.get(tx, id_)
    assert delivery is not None
    assert (delivery.attempts, delivery.reply_text) == (2, SENDER_ENDED)


@pytest.mark.both_databases
def test_a_lease_is_held_by_one(store: Store) -> None:
    campaign = Campaign(store, "c")
    campaign.plan(1)
    fence = campaign.lease(NOW, "12@elsewhere")
    with pytest.raises(LockHeld, match="12 on elsewhere, since 2 Mar 2026 at 10:00"):
        campaign.lease(NOW + timedelta(seconds=59), "13@here")
    with store.write() as tx:
        leases.renew_lease(tx, "c", fence, NOW + timedelta(seconds=59))
    with pytest.raises(LockHeld):
        campaign.lease(NOW + timedelta(seconds=61), "13@here")
    with store.write() as tx:
        leases.release_lease(tx, "c", fence)
    assert campaign.lease(NOW + timedelta(seconds=61), "13@here") == fence + 1


@pytest.mark.both_databases
def test_the_lease_of_a_process_that_is_no_more_is_free(store: Store) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    campaign = Campaign(store, "c")
    campaign.plan(1)
    host = leases.own_holder().partition("@")[2]
    campaign.lease(NOW, f"{gone.pid}@{host}")
    campaign.lease(NOW, leases.own_holder())
    with pytest.raises(LockHeld):
        campaign.lease(NOW, leases.own_holder())


@pytest.mark.both_databases
def test_suppressions(store: Store) -> None:
    with store.write() as tx:
        assert suppressions.add(tx, "h1", "unsubscribe", "c", NOW)
        assert not suppressions.add(tx, "h1", "complaint", "c", NOW + timedelta(days=1))
        assert suppressions.contains(tx, ["h1", "h2"]) == {"h1"}
        assert suppressions.contains(tx, (f"h{n}" for n in range(2000))) == {"h1"}
        (one,) = suppressions.all_suppressions(tx)
        assert (one.address_hash, one.reason, one.at) == ("h1", "unsubscribe", NOW)
        assert suppressions.remove(tx, "h1")
        assert not suppressions.remove(tx, "h1")
