"""Sending a campaign: whatever the server, the database or a person does, the account adds up."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import Result
from sending import SLUG, Desk, people
from servers import DROP, STALL, BadServer, Postbox, bad, free_port, postbox

from buzz.config import Settings
from buzz.core import delivery as core
from buzz.core import letter, rates
from buzz.edges import store as stores
from buzz.edges.store import Store, Transaction, audit, deliveries, suppressions
from buzz.errors import (
    BuzzError,
    CheckRefused,
    ConfigurationError,
    Interrupted,
    TemporaryFailure,
    UsageError,
)
from buzz.model import CampaignState, DeliveryState, Phase
from buzz.pipeline import send
from buzz.pipeline.send import lanes

S = DeliveryState
COUNTS = [
    "planned",
    "claimed",
    *(s for s in DeliveryState if s not in {"planned", "claimed", "dot"}),
]
KEYS = ["v", "campaign", "state", *COUNTS, "targeted"]


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    return Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)


@contextmanager
def sending(desk: Desk, addresses: Sequence[str], box: Postbox | None = None) -> Iterator[Postbox]:
    """Make a campaign to these addresses, and a server that takes it."""
    desk.campaign(addresses)
    box = box or Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        yield box


def facts(found: Result) -> dict[str, int]:
    """Return what ``--json`` said; the sum is always right."""
    said = json.loads(found.out)
    assert sorted(said) == sorted(KEYS)
    numbers: dict[str, int] = {key: said[key] for key in KEYS[3:]}
    assert numbers["targeted"] == sum(n for key, n in numbers.items() if key != "targeted")
    return {key: n for key, n in numbers.items() if n}


# --- the good way ------------------------------------------------------------------------------


def test_everybody_gets_the_letter_that_was_checked(desk: Desk) -> None:
    with sending(desk, people(30)) as box:
        desk.plan()
        result = desk.start()
    assert (result.state, result.exit_code) == (CampaignState.FINISHED, 0)
    assert result.account.accepted == result.account.targeted == 30
    hashes = {delivery.email: delivery.message_hash for delivery in desk.rows}
    assert {m.rcpt_to: letter.message_hash(m.content) for m in box.received} == hashes
    assert len({m.content.split(b"Message-ID: ")[1][:60] for m in box.received}) == 30
    assert {m.mail_from for m in box.received} == {"lettre@parti.example"}
    assert box.sessions <= desk.settings.smtp.connections


def test_each_recipient_is_in_the_state_that_their_server_gave(desk: Desk) -> None:
    odd = ["450", "451", "550", "552", "554", "421", "dot-451", "dot-550", "dot-552", "dot-554"]
    with sending(desk, [*people(5), *(f"{local}@odd.example" for local in odd)]) as box:
        found = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
    assert found.code == 3
    assert facts(found) == {"accepted": 5, "deferred": 6, "refused": 4, "targeted": 15}
    assert len(box.received) == 5
    by_local = {row.email.partition("@")[0]: row for row in desk.rows}
    assert {local: by_local[local].state for local in odd} == {
        "450": S.DEFERRED,
        "451": S.DEFERRED,
        "421": S.DEFERRED,
        "550": S.REFUSED,
        "552": S.DEFERRED,
        "554": S.REFUSED,
        "dot-451": S.DEFERRED,
        "dot-550": S.REFUSED,
        "dot-552": S.DEFERRED,  # 5.2.2: the mailbox is full
        "dot-554": S.REFUSED,
    }
    for row in by_local.values():
        if row.state is S.DEFERRED:
            assert row.next_at is not None
            assert row.updated_at is not None
            assert row.next_at - row.updated_at >= timedelta(minutes=5)
    assert (by_local["550"].reply_code, by_local["550"].enhanced_code) == (550, "5.1.1")
    with desk.store.read() as tx:
        hard = {one.address_hash for one in suppressions.all_suppressions(tx)}
    assert hard == {
        core.address_hash(desk.settings.secret, f"{local}@odd.example")
        for local in ("550", "dot-550")
    }


def test_one_that_was_put_off_is_tried_again_when_it_is_due(desk: Desk) -> None:
    grey = iter(["450 4.2.0 greylisted"])
    box = Postbox(lambda rcpt_to: next(grey, "") if rcpt_to.startswith("grey") else "")
    with sending(desk, [*people(2), "grey@x.example"], box):
        first = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
        assert (first.code, facts(first)["deferred"]) == (75, 1)
        early = desk.run("send", "resume", SLUG, "--json")
        assert (early.code, facts(early)["deferred"], box.offered["grey@x.example"]) == (75, 1, 1)
        desk.set(clock_offset_s=400)
        late = desk.run("send", "resume", SLUG, "--json")
    assert (late.code, facts(late)) == (0, {"accepted": 3, "targeted": 3})
    assert set(box.count.values()) == {1}
    assert len({row.message_id for row in desk.rows}) == 3


def test_one_that_is_always_put_off_is_given_up(desk: Desk) -> None:
    with sending(desk, ["450@x.example"]) as box:
        for hours in range(0, 60, 10):
            desk.set(clock_offset_s=hours * 3600)
            result = desk.start()
    assert (result.state, result.account.refused) == (CampaignState.FINISHED, 1)
    assert box.offered["450@x.example"] == len(core.RETRY_DELAYS) + 1
    with desk.store.read() as tx:
        assert suppressions.all_suppressions(tx) == ()


def test_retry_makes_it_due_at_once_and_refused_ones_only_when_asked(desk: Desk) -> None:
    answers = {"grey@x.example": "450 4.2.0 later", "gone@x.example": "550 no"}
    with sending(desk, list(answers), Postbox(lambda rcpt_to: answers[rcpt_to])) as box:
        desk.start()
        answers.update(dict.fromkeys(answers, ""))
        assert desk.run("send", "retry", SLUG, "--json").code == 0
        assert desk.start().account.refused == 1
        found = desk.run("send", "retry", SLUG, "--refused", "--json")
        assert facts(found)["planned"] == 1
        assert desk.run("send", "resume", SLUG, "--json").code == 0
    assert box.offered == {"grey@x.example": 2, "gone@x.example": 2}


def test_a_pause_is_ended_by_a_person_and_not_by_cron(desk: Desk) -> None:
    answers = {"grey@x.example": "450 4.2.0 later"}
    with sending(desk, list(answers), Postbox(lambda rcpt_to: answers[rcpt_to])) as box:
        assert desk.start().account.deferred == 1
        answers["grey@x.example"] = ""
        assert desk.run("send", "resume", "--due").code == 0  # not due
        assert box.offered["grey@x.example"] == 1
        desk.set(clock_offset_s=400)
        assert desk.run("send", "pause", SLUG).code == 0
        for command in (("send", "resume", "--due"), ("cron", "run")):
            assert desk.run(*command).code == 0
        assert (box.offered["grey@x.example"], desk.account.deferred) == (1, 1)
        assert send.status(desk.settings, desk.store, SLUG).state is CampaignState.PAUSED
        assert desk.run("send", "resume", SLUG).code == 0
    assert desk.account.accepted == 1


def test_what_is_due_goes_on_by_itself(desk: Desk) -> None:
    grey = iter(["450 4.2.0 later"])
    with sending(desk, ["grey@x.example"], Postbox(lambda _rcpt_to: next(grey, ""))):
        desk.start()
        desk.set(clock_offset_s=400)
        found = desk.run("send", "resume", "--due", "--json")
        assert found.code == 0
        (resumed,) = json.loads(found.out)["resumed"]
        assert (resumed["campaign"], resumed["accepted"]) == (SLUG, 1)
        assert json.loads(desk.run("send", "resume", "--due", "--json").out)["resumed"] == []
    assert desk.run("send", "resume").code == 2


def test_a_run_that_waits_tries_again_what_was_put_off(desk: Desk) -> None:
    grey = iter(["450 4.2.0 later"])
    desk.monkeypatch.setattr(core, "RETRY_DELAYS", (timedelta(milliseconds=20),) * 5)
    box = Postbox(lambda rcpt_to: next(grey, "") if rcpt_to.startswith("grey") else "")
    with sending(desk, [*people(2), "grey@x.example"], box):
        found = desk.run("send", "start", SLUG, "--confirm", SLUG, "--wait", "--json")
    assert (found.code, facts(found)) == (0, {"accepted": 3, "targeted": 3})
    assert box.offered["grey@x.example"] == 2


def test_a_new_sender_sends_no_more_than_its_day_allows(desk: Desk) -> None:
    desk.monkeypatch.setattr(rates, "WARM_UP", (10, 20))
    with sending(desk, people(25)) as box:
        desk.set(send_warm_up_since=desk.settings.now().date().isoformat())
        first = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
        assert (first.code, facts(first)["accepted"], facts(first)["planned"]) == (75, 10, 15)
        assert desk.run("send", "resume", SLUG).code == 75
        assert len(box.received) == 10
        desk.set(clock_offset_s=24 * 3600)
        assert desk.run("send", "resume", SLUG).code == 0
    assert desk.account.accepted == 25


def test_receivers_are_written_to_as_they_wish(desk: Desk) -> None:
    """Two connections to the one, a new connection every three letters to the other."""
    (desk.settings.workspace / "receivers.toml").write_text(
        '[narrow]\ndomains = ["narrow.*"]\nconnections = 2\n'
        '[short]\ndomains = ["short.example"]\nmessages = 3\n'
    )
    under_way = most = 0

    class Counting(Postbox):
        async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: N802
            nonlocal under_way, most
            if arguments[3].endswith("@narrow.example"):
                under_way += 1
                most = max(most, under_way)
            return await super().handle_RCPT(*arguments)

        async def handle_DATA(self, *arguments: Any) -> str:  # noqa: N802
            nonlocal under_way
            said = await super().handle_DATA(*arguments)
            under_way -= self.received[-1].rcpt_to.endswith("@narrow.example")
            return said

    narrow = [f"n{n}@narrow.example" for n in range(20)]
    short = [f"s{n}@short.example" for n in range(20)]
    with sending(desk, [*narrow, *short], Counting(delay_s=0.002)) as box:
        desk.set(smtp_connections=5)
        assert desk.start().account.accepted == 40
    assert most == 2
    assert box.sessions >= 7  # 20 letters, 3 a connection


def test_a_connection_carries_no_more_than_is_set(desk: Desk) -> None:
    with sending(desk, people(10)) as box:
        desk.set(smtp_connections=1, smtp_messages=4)
        assert desk.start().account.accepted == 10
    assert box.sessions == 3


def test_a_server_that_complains_is_written_to_more_slowly(desk: Desk) -> None:
    complaints = iter(["452 4.3.1 slow down"])
    with sending(desk, people(8), Postbox(lambda _rcpt_to: next(complaints, ""))):
        desk.set(send_rate_per_s=100)
        begun = time.monotonic()
        result = desk.start()
    assert result.account.accepted == 7
    assert time.monotonic() - begun >= 5 / 50  # half of 100 a second


def test_the_rate_holds_for_all_connections_together(desk: Desk) -> None:
    with sending(desk, people(11)):
        desk.set(send_rate_per_s=50)
        desk.plan()
        begun = time.monotonic()
        desk.start()
    assert time.monotonic() - begun >= 10 / 50


# --- what a person says ------------------------------------------------------------------------


def test_without_confirm_nothing_is_sent(desk: Desk) -> None:
    with sending(desk, people(3)) as box:
        recap = desk.run("send", "start", SLUG)
        assert recap.code == 0
        assert "Retraites" in recap.out
        assert f"buzz send start {SLUG} --confirm {SLUG}" in recap.err
        dry = desk.run("send", "start", SLUG, "--confirm", SLUG, "--dry-run", "--json")
        assert (dry.code, facts(dry)) == (0, {"planned": 3, "targeted": 3})
        wrong = desk.run("send", "start", SLUG, "--confirm", "retraite")
        assert wrong.code == 2
    assert (box.sessions, desk.rows) == (0, ())


def test_a_plan_may_be_made_again_until_the_first_letter_leaves(desk: Desk) -> None:
    with sending(desk, people(3)):
        assert desk.run("send", "plan", SLUG, "--dry-run").code == 0
        assert desk.rows == ()
        assert desk.run("send", "plan", SLUG).code == 0
        assert facts(desk.run("send", "plan", SLUG, "--json")) == {"planned": 3, "targeted": 3}
        desk.start()
        assert desk.run("send", "plan", SLUG).code == 5
    assert desk.account.accepted == 3


def test_pause_stops_a_run_and_resume_goes_on(desk: Desk) -> None:
    def answer(_rcpt_to: str) -> str:
        if sum(box.offered.values()) == 10:
            send.pause(desk.store, SLUG, desk.settings.now())
        return ""

    box = Postbox(answer)
    with sending(desk, people(60), box):
        paused = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
        assert paused.code == 0
        assert json.loads(paused.out)["state"] == "paused"
        assert facts(paused)["planned"] > 30
        assert "claimed" not in facts(paused)
        assert desk.run("send", "resume", SLUG, "--json").code == 0
    assert set(box.count.values()) == {1}
    assert len(box.count) == 60


def test_cancel_keeps_what_has_left(desk: Desk) -> None:
    def answer(_rcpt_to: str) -> str:
        if sum(box.offered.values()) == 10:
            send.cancel(desk.store, SLUG, desk.settings.now())
        return ""

    box = Postbox(answer)
    with sending(desk, people(60), box):
        result = desk.start()
        assert result.state is CampaignState.CANCELLED
        assert desk.run("send", "start", SLUG, "--confirm", SLUG).code == 5
        assert desk.run("send", "resume", SLUG).code == 2
        assert desk.run("send", "cancel", SLUG, "--yes").code == 5
    assert result.account.accepted == len(box.received)
    assert result.account.accepted + result.account.cancelled == 60


def test_cancel_asks(desk: Desk) -> None:
    with sending(desk, people(3)):
        desk.plan()
        assert desk.run("send", "cancel", SLUG).code == 2
        assert facts(desk.run("send", "cancel", SLUG, "--dry-run", "--json"))["planned"] == 3
        assert facts(desk.run("send", "cancel", SLUG, "--yes", "--json"))["cancelled"] == 3


def test_whoever_is_suppressed_before_or_after_the_plan_gets_nothing(desk: Desk) -> None:
    addresses = people(30)
    early, late = addresses[3], addresses[25]

    def suppress(address: str) -> None:
        with desk.store.write() as tx:
            hash_ = core.address_hash(desk.settings.secret, address.upper())
            suppressions.add(tx, hash_, "unsubscribe", SLUG, desk.settings.now())

    def answer(rcpt_to: str) -> str:
        if rcpt_to == addresses[0]:
            suppress(late)  # unsubscribes while the letter is being sent
        return ""

    with sending(desk, addresses, Postbox(answer)) as box:
        desk.set(smtp_connections=1)
        suppress(early)
        assert desk.plan().account.suppressed == 1
        result = desk.start()
    assert (result.account.suppressed, result.account.accepted) == (2, 28)
    assert box.count.keys() == set(addresses) - {early, late}


@pytest.mark.parametrize(
    ("front", "code", "state"),
    [
        ("not_before: 2099-01-01T08:00:00+01:00", 75, "checked"),
        ("not_after: 2026-01-01T08:00:00+01:00", 5, ""),
    ],
    ids=["too-early", "too-late"],
)
def test_the_time_of_a_letter(desk: Desk, front: str, code: int, state: str) -> None:
    desk.campaign(people(2), front=front)
    with postbox(Postbox()) as port:
        desk.set(smtp_port=port)
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
        assert found.code == code, found.err
        if state:
            assert send.status(desk.settings, desk.store, SLUG).state.value == state
    assert {row.state for row in desk.rows} <= {S.PLANNED}


def test_nothing_is_sent_after_not_after(desk: Desk) -> None:
    end = desk.settings.now() + timedelta(hours=1)
    desk.campaign(["450@x.example", *people(2)], front=f"not_after: {end.isoformat()}")
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        assert desk.start().account.deferred == 1
        desk.set(clock_offset_s=3700)
        result = desk.start()
    assert (result.state, result.account.cancelled) == (CampaignState.EXPIRED, 1)
    assert box.offered["450@x.example"] == 1


def test_quiet_hours(desk: Desk) -> None:
    with sending(desk, people(2)) as box:
        desk.set(send_quiet_hours="00:00-23:59")
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert (found.code, box.sessions) == (75, 0)


def test_two_persons(desk: Desk) -> None:
    def approved_by_another() -> None:
        with desk.store.write() as tx:
            audit.add(tx, "campaign approve", desk.settings.now(), campaign=SLUG, who="rosa")

    with sending(desk, people(2)) as box:
        desk.set(send_two_person="true")
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
        assert (found.code, box.sessions) == (5, 0)
        assert "approve" in found.err
        assert desk.run("campaign", "approve", SLUG).code == 0
        alone = desk.run("send", "start", SLUG, "--confirm", SLUG)
        assert (alone.code, box.sessions) == (5, 0)
        assert "you approved it yourself" in alone.err
        approved_by_another()
        assert desk.run("send", "start", SLUG, "--confirm", SLUG).code == 0
    assert desk.account.accepted == 2
    assert desk.run("campaign", "approve", SLUG).code == 5


def test_an_approval_is_of_one_letter(desk: Desk) -> None:
    desk.campaign(people(2))
    path = desk.settings.campaigns / SLUG / "letter.md"
    assert desk.run("campaign", "approve", SLUG).code == 5  # never checked
    desk.plan()
    assert desk.run("campaign", "approve", SLUG, "--dry-run").code == 0
    assert send.status(desk.settings, desk.store, SLUG).state is CampaignState.CHECKED
    assert desk.run("campaign", "approve", SLUG).code == 0
    assert desk.run("campaign", "check", SLUG).code == 0  # the same letter
    assert send.status(desk.settings, desk.store, SLUG).state is CampaignState.APPROVED
    path.write_text(path.read_text().replace('subject: "Retraites', 'subject: "Pensions'))
    assert desk.run("campaign", "approve", SLUG).code == 5  # another letter than was checked
    assert desk.run("campaign", "check", SLUG).code == 0
    assert send.status(desk.settings, desk.store, SLUG).state is CampaignState.CHECKED


class Overtaken:
    """The database, in which something happens just before the next transaction that writes."""

    def __init__(self, store: Store, meanwhile: Callable[[], object]) -> None:
        self.read = store.read
        self._store = store
        self._meanwhile = meanwhile

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._meanwhile()
        with self._store.write() as tx:
            yield tx


def test_a_plan_that_is_overtaken_by_a_send_takes_nobody_back(desk: Desk) -> None:
    with sending(desk, people(3)) as box:
        desk.plan()
        late = cast("Store", Overtaken(desk.store, desk.start))
        with pytest.raises(CheckRefused, match="already being sent"):
            send.plan(desk.settings, late, SLUG, desk.settings.now())
    assert desk.account.accepted == len(box.received) == 3


def test_a_plan_is_of_the_letter_that_was_checked(desk: Desk) -> None:
    path = desk.settings.campaigns / SLUG / "letter.md"

    def edit() -> None:
        path.write_text(path.read_text().replace('subject: "Retraites', 'subject: "Pensions'))
        desk.run("campaign", "check", SLUG)

    desk.campaign(people(3))
    desk.plan()
    late = cast("Store", Overtaken(desk.store, edit))
    with pytest.raises(CheckRefused, match="edited while"):
        send.plan(desk.settings, late, SLUG, desk.settings.now())


def test_a_start_that_is_overtaken_by_a_cancel_sends_nothing(desk: Desk) -> None:
    with sending(desk, people(3)) as box:
        desk.plan()

        def cancel() -> None:
            send.cancel(desk.store, SLUG, desk.settings.now())

        late = cast("Store", Overtaken(desk.store, cancel))
        with pytest.raises(CheckRefused, match="has ended"):
            send.start(desk.settings, late, SLUG, desk.settings.now())
        found = send.status(desk.settings, desk.store, SLUG)
    assert (found.state, found.holder, box.sessions) == (CampaignState.CANCELLED, "", 0)


def test_who_decided_is_recorded(desk: Desk) -> None:
    answers = {"grey@x.example": "450 4.2.0 later"}
    with sending(desk, list(answers), Postbox(lambda rcpt_to: answers[rcpt_to])):
        desk.start()
        for command in ("pause", "retry", "cancel"):
            options = ["--yes"] if command == "cancel" else []
            assert desk.run("send", command, SLUG, *options).code == 0
    with desk.store.read() as tx:
        for command in ("start", "pause", "retry", "cancel"):
            deed = audit.last(tx, f"send {command}", SLUG)
            assert deed is not None
            assert (deed.who, deed.campaign) == (audit.own_name(), SLUG)
        assert audit.last(tx, "send resolve", SLUG) is None


def test_a_letter_that_is_edited_during_the_send_goes_out_as_it_was(desk: Desk) -> None:
    path = desk.settings.campaigns / SLUG / "letter.md"

    def answer(_rcpt_to: str) -> str:
        path.write_text("---\nsubject: gone\n---\n")
        return ""

    with sending(desk, people(40), Postbox(answer)) as box:
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert found.code == 0
    assert "edited since" in found.err
    hashes = {row.email: row.message_hash for row in desk.rows}
    assert {m.rcpt_to: letter.message_hash(m.content) for m in box.received} == hashes


def test_a_letter_that_was_edited_after_the_plan_is_planned_anew(desk: Desk) -> None:
    with sending(desk, people(2)) as box:
        desk.plan()
        path = desk.settings.campaigns / SLUG / "letter.md"
        path.write_text(path.read_text().replace('subject: "Retraites', 'subject: "Pensions'))
        assert desk.start().exit_code == 0
    assert all(b"UmV0cmFpdGVz" not in m.content for m in box.received)  # "Retraites"


def test_other_bytes_than_those_checked_are_not_sent(desk: Desk) -> None:
    with sending(desk, people(2)) as box:
        desk.plan()
        desk.monkeypatch.setenv("BUZZ_SECRET", "another")
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert (found.code, box.received, desk.account.planned) == (5, [], 2)


def test_a_letter_that_fails_for_one_recipient_goes_to_nobody(desk: Desk) -> None:
    with sending(desk, people(3)) as box:
        path = desk.settings.campaigns / SLUG / "letter.md"
        path.write_text(path.read_text().replace("{{ name }}", "{{ nobody_knows }}"))
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert (found.code, box.sessions, desk.rows) == (5, 0, ())
    assert "nobody_knows" in found.err


def test_a_segment_that_reaches_nobody_is_refused(desk: Desk) -> None:
    with sending(desk, ["", ""]):
        found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert found.code == 5


# --- what a server does ------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_for_later(desk: Desk) -> None:
    desk.campaign(people(3))
    desk.set(smtp_port=free_port())
    result = desk.start()
    assert isinstance(result.trouble, TemporaryFailure)
    assert (result.exit_code, result.account.planned, result.holder) == (75, 3, "")


def test_a_host_that_does_not_exist_is_a_setting_to_mend(desk: Desk) -> None:
    desk.campaign(people(3))
    desk.set(smtp_host="a" * 64 + ".example", smtp_tls="starttls")
    found = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
    assert (found.code, facts(found)) == (7, {"planned": 3, "targeted": 3})
    assert "[smtp] host" in found.err


def test_a_server_that_wants_fewer_connections_gets_fewer(desk: Desk) -> None:
    desk.campaign(people(40))
    host = BadServer({})

    async def few(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if host.connections >= 2:
            host.connections += 1
            writer.write(b"421 4.7.0 too many connections\r\n")
            writer.close()
            return
        await BadServer.serve(host, reader, writer)

    host.serve = few  # type: ignore[method-assign]  # this one counts
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=5)
        result = desk.start()
    assert (result.exit_code, result.account.accepted) == (0, 40)
    assert len(set(host.accepted)) == 40


def test_a_run_that_is_refused_by_policy_is_paused(desk: Desk) -> None:
    box = Postbox(lambda _rcpt_to: "554 5.7.1 we do not like you")
    with sending(desk, people(100), box):
        found = desk.run("send", "start", SLUG, "--confirm", SLUG, "--json")
    said = facts(found)
    assert found.code == 3
    assert "we do not like you" in found.err
    assert json.loads(found.out)["state"] == "paused"
    assert said["refused"] <= core.POLICY_ANSWERS + desk.settings.smtp.connections
    assert said["planned"] >= 50
    with desk.store.read() as tx:
        assert suppressions.all_suppressions(tx) == ()


@pytest.mark.parametrize(
    ("signals", "gap_s", "at_once"),
    [(1, 0, False), (2, 0, False), (2, 0.1, True)],  # 0.1 s: a person's two key strokes
    ids=["once", "with an echo, as timeout(1) sends", "twice"],
)
def test_a_server_that_never_answers_does_not_hold_up_a_signal(
    desk: Desk, signals: int, gap_s: float, *, at_once: bool
) -> None:
    desk.campaign(people(4))
    host = BadServer({Phase.REPLY: STALL})
    desk.monkeypatch.setattr(lanes, "GRACE_S", 60 if at_once else 0.2)  # 30 s in real life

    def interrupt() -> None:
        for _signal in range(signals):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(gap_s)

    host.on_stall = interrupt
    with bad(host) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        if not at_once:
            result = desk.start()
            assert isinstance(result.trouble, Interrupted)
            assert result.exit_code == 130
        else:
            with pytest.raises(KeyboardInterrupt):
                desk.start()
    assert (desk.account.uncertain, desk.account.planned) == (1, 3)
    assert send.status(desk.settings, desk.store, SLUG).holder == ""


# --- what cannot be known ----------------------------------------------------------------------


@pytest.fixture
def doubtful(desk: Desk) -> Desk:
    """A campaign to three, of whom two may or may not have got it."""
    desk.campaign(people(3))
    with bad(BadServer({Phase.REPLY: DROP}, times=2)) as port:
        desk.set(smtp_port=port, smtp_connections=1)
        assert desk.start().account.uncertain == 2
    return desk


def test_uncertain_ones_are_listed_and_never_sent_again_by_themselves(doubtful: Desk) -> None:
    found = doubtful.run("send", "uncertain", SLUG)
    assert found.code == 0
    assert "blog0000@blogs.example" in found.out
    assert "the connection was lost" in found.out
    doubtful.monkeypatch.setenv("COLUMNS", "40")
    assert "blog0000@blogs.example" in doubtful.run("send", "uncertain", SLUG).out  # in one piece
    listed = json.loads(doubtful.run("send", "uncertain", SLUG, "--json").out)["uncertain"]
    assert [one["address"] for one in listed] == people(2)
    assert {one["why"] for one in listed} == {"lost"}
    assert {one["last_words"] for one in listed} == {"354 go ahead"}
    assert doubtful.run("send", "start", SLUG, "--confirm", SLUG).code == 5  # it has ended
    assert doubtful.run("send", "retry", SLUG, "--refused").code == 0
    assert doubtful.account.uncertain == 2


def test_a_person_settles_them(doubtful: Desk) -> None:
    first, second = people(2)
    resolve = ("send", "resolve", SLUG)
    assert doubtful.run(*resolve).code == 2
    assert doubtful.run(*resolve, "--only", "nobody@x.example", "--resend").code == 2
    dry = doubtful.run(*resolve, "--resend", "--dry-run", "--json")
    assert facts(dry)["uncertain"] == 2
    settled = doubtful.run(*resolve, "--only", first, "--assume-delivered", "--json")
    assert facts(settled) == {"accepted": 2, "uncertain": 1, "targeted": 3}
    again = doubtful.run(*resolve, "--only", second, "--resend", "--json")
    assert facts(again) == {"accepted": 2, "planned": 1, "targeted": 3}
    box = Postbox()
    with postbox(box) as port:
        doubtful.set(smtp_port=port)
        assert doubtful.run("send", "resume", SLUG).code == 0
    assert [m.rcpt_to for m in box.received] == [second]


def test_an_empty_list_is_no_error(desk: Desk) -> None:
    with sending(desk, people(1)):
        desk.start()
    found = desk.run("send", "uncertain", SLUG, "--json")
    assert (found.code, json.loads(found.out)["uncertain"]) == (0, [])


# --- one workspace sends with one database --------------------------------------------------------


def refused(desk: Desk) -> str:
    found = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert found.code == 5, found.err
    return found.err


def copy(source: Path, target: Path) -> None:
    """Copy a database, as a backup does."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def test_a_database_that_lags_behind_may_not_send_until_it_is_adopted(desk: Desk) -> None:
    """Matrix 35: a restored backup believes that letters are to be sent which have arrived."""
    path = desk.settings.data / "buzz.db"
    backup = desk.settings.workspace / "backup.db"
    with sending(desk, people(30)) as box:
        desk.set(send_warm_up_since=desk.settings.now().date().isoformat())
        desk.monkeypatch.setattr(rates, "WARM_UP", (10, 30))
        assert desk.start().account.accepted == 10
        copy(path, backup)
        desk.set(clock_offset_s=24 * 3600)
        assert desk.start().account.accepted == 30
        copy(backup, path)
        assert desk.account.accepted == 10
        assert "older than what was sent last" in refused(desk)
        assert desk.run("send", "adopt").code == 2
        assert desk.run("send", "adopt", "--dry-run").code == 0
        assert "older than what was sent last" in refused(desk)
        found = desk.run("send", "adopt", "--yes", "--json")
        assert json.loads(found.out)["paused"] == [SLUG]
        assert desk.run("send", "resume", "--due").code == 0
        assert len(box.received) == 30  # nothing goes on by itself
        assert desk.run("send", "cancel", SLUG, "--yes").code == 0


def test_a_copied_workspace_may_not_send_and_adopting_it_ends_the_first(desk: Desk) -> None:
    with sending(desk, [*people(2), "450@x.example"]) as box:
        desk.start()
        first = desk.settings.workspace
        second = first.parent / "second"
        shutil.copytree(first, second)
        desk.monkeypatch.chdir(second)
        assert "copied or restored" in refused(desk)
        (second / "data" / "instance").unlink()
        assert "from elsewhere" in refused(desk)
        assert desk.run("send", "adopt", "--yes").code == 0
        copy(second / "data" / "buzz.db", first / "data" / "buzz.db")  # as if it were one
        desk.monkeypatch.chdir(first)
        assert "taken over" in refused(desk)
    assert len(box.received) == 2


# --- what the database does --------------------------------------------------------------------


def test_nothing_is_sent_whose_dot_cannot_be_committed(desk: Desk) -> None:
    with sending(desk, people(40)) as box:
        desk.plan()
        with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database, database:
            database.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON deliveries WHEN NEW.state = 'dot' AND "
                "(SELECT count(*) FROM deliveries WHERE state = 'accepted') >= 10 "
                "BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        broken = desk.start()
        assert isinstance(broken.trouble, BuzzError)
        assert "disk full" in str(broken.trouble)
        assert broken.account.accepted == len(box.received) < 40
        assert broken.account.planned == 40 - len(box.received)
        with closing(sqlite3.connect(desk.settings.data / "buzz.db")) as database, database:
            database.execute("DROP TRIGGER full")
        assert desk.start().account.accepted == 40
    assert set(box.count.values()) == {1}


def test_a_locked_database_stops_the_send_before_the_next_body(desk: Desk) -> None:
    locks: list[sqlite3.Connection] = []

    def answer(_rcpt_to: str) -> str:
        if sum(box.offered.values()) == 10:
            lock = sqlite3.connect(desk.settings.data / "buzz.db", check_same_thread=False)
            lock.execute("BEGIN IMMEDIATE")
            locks.append(lock)
        return ""

    box = Postbox(answer)
    desk.store.close()
    desk.monkeypatch.setattr(stores, "BUSY_TIMEOUT_MS", 200)  # 30 s in real life
    with closing(stores.open_store(desk.settings.database_url)) as desk.store:
        with sending(desk, people(40), box):
            with pytest.raises(TemporaryFailure, match="locked"):
                desk.start()
            (lock,) = locks
            lock.close()
            desk.set(clock_offset_s=61)  # its lease has run out
            in_flight = desk.settings.smtp.connections
            assert desk.account.accepted >= len(box.received) - in_flight
            result = desk.start()
        assert result.account.accepted + result.account.uncertain == 40
        assert result.account.uncertain <= in_flight
    assert set(box.count.values()) == {1}


def test_a_campaign_nobody_knows(desk: Desk) -> None:
    for command, code in (
        ("status", 2),
        ("resume", 2),
        ("pause", 1),
        ("retry", 1),
        ("uncertain", 1),
    ):
        found = desk.run("send", command, "nobody")
        assert found.code == code
        assert "nobody" in found.err
    assert desk.run("send", "start", "nobody", "--confirm", "nobody").code == 2
    assert desk.run("send", "plan", "../x").code == 2


def test_a_campaign_that_was_never_checked_has_zeros(desk: Desk) -> None:
    desk.campaign(people(2))
    found = desk.run("send", "status", SLUG, "--json")
    assert (found.code, json.loads(found.out)["state"], facts(found)) == (0, "draft", {})


def test_errors_of_the_pipeline(desk: Desk) -> None:
    with sending(desk, people(1)):
        desk.plan()
        with pytest.raises(CheckRefused, match="not being sent"):
            send.pause(desk.store, SLUG, desk.settings.now())
        with pytest.raises(UsageError):
            send.resolve(desk.store, SLUG, ["x@y.example"], desk.settings.now(), resend=False)
        path = desk.settings.campaigns / SLUG / "letter.md"
        path.write_text(path.read_text().replace("---\n", "---\nfrom: nobody\n", 1))
        with pytest.raises((CheckRefused, ConfigurationError)):
            desk.plan()
    with desk.store.read() as tx:
        assert deliveries.next_due(tx, SLUG) is None
