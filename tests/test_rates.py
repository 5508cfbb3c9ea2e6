"""How fast letters leave: what no bucket lets through, whatever the lanes do."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import date
from math import ceil, inf
from pathlib import Path

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st

from buzz.config import receivers
from buzz.core import rates
from buzz.errors import ConfigurationError
from buzz.model import Delivery, DeliveryId, DeliveryState, Receiver, Recipient
from buzz.pipeline.send import queue as queues
from buzz.pipeline.send.queue import Queue

GAPS = st.lists(st.floats(0, 0.5) | st.sampled_from([0.0, 1 / 20, 1.0, 90.0]), max_size=200)


def most_in_a_second(times: list[float]) -> int:
    """Return how many of these lie in the fullest second [t, t + 1)."""
    return max((sum(t <= u < t + 1 - 1e-6 for u in times) for t in times), default=0)


@given(st.floats(0.2, 300), GAPS, st.sets(st.integers(0, 199), max_size=3))
def test_no_rolling_second_has_more_than_the_limit(
    limit: float, gaps: list[float], complaints: set[int]
) -> None:
    """Lanes come at any time and take whatever they may have; the server complains now and then."""
    pace, now, times = rates.pace(limit), 1000.0, []
    for number, gap in enumerate(gaps):
        now += gap
        while pace.wait_s(now) <= 0:
            pace = pace.took(now)
            times.append(now)
        if number in complaints:
            pace = pace.slowed(now, inf)
    assert most_in_a_second(times) <= max(1, ceil(limit))


@given(st.floats(0.2, 5000))
def test_who_waits_as_long_as_told_may_go(limit: float) -> None:
    pace = rates.pace(limit)
    now = 50.0
    for _letter in range(100):
        now += pace.wait_s(now) + 1e-9
        assert pace.wait_s(now) <= 1e-6
        pace = pace.took(now)
    assert (100 - 1 - limit * rates.BURST) / limit - 0.01 <= now - 50 <= 100 / limit * 1.05 + 0.01


def test_a_complaint_halves_the_rate_and_time_heals() -> None:
    pace = rates.pace(20).slowed(100, measured=50)
    assert pace.rate(100) == 10
    assert pace.slowed(105, measured=50) == pace  # heard by another lane
    again = pace.slowed(120, measured=50)
    assert 5 <= again.rate(120) < 5.5
    assert again.rate(120 + rates.RECOVERY_S) == pytest.approx(2 * again.rate(120))
    assert again.rate(10_000) == 20


def test_where_there_was_no_limit_what_was_measured_is_halved() -> None:
    pace = rates.pace(0)
    assert pace.took(1) is pace
    assert pace.slowed(100, measured=60).rate(100) == 30
    assert pace.slowed(100, measured=60).rate(1_000_000) > 10**6


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("a@gmail.com", "gmail"),
        ("a@GMAIL.com", "gmail"),
        ("a@hotmail.fr", "outlook"),
        ("a@live.co.uk", "outlook"),
        ("a@wanadoo.fr", "orange"),
        ("a@laposte.net", "laposte"),
        ("a@blog.example", ""),
        ("a@notgmail.com", ""),
        ("nobody", ""),
    ],
)
def test_whose_mailbox_it_is(tmp_path: Path, email: str, name: str) -> None:
    assert rates.Receivers(receivers.load(tmp_path)).of(email).name == name


def test_orange_is_as_orange_says(tmp_path: Path) -> None:
    found = rates.Receivers(receivers.load(tmp_path)).of("x@orange.fr")
    assert (found.connections, found.messages) == (2, 100)


def test_a_workspace_changes_a_receiver_and_adds_one(tmp_path: Path) -> None:
    (tmp_path / "receivers.toml").write_text(
        '[orange]\nrate_per_s = 0.5\n[ovh]\ndomains = ["OVH.net"]\nconnections = 1\n'
    )
    known = rates.Receivers(receivers.load(tmp_path))
    assert known.of("x@orange.fr").rate_per_s == 0.5
    assert known.of("x@orange.fr").connections == 2
    assert known.of("x@ovh.net").connections == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orange = 3", "[orange]"),
        ("[orange]\nspeed = 3", "[orange] speed"),
        ("[orange]\nconnections = -1", "[orange] connections"),
        ("[orange]\nconnections = 1.5", "[orange] connections"),
        ('[x]\ndomains = ["a@b"]', "[x] domains"),
        ('[x]\ndomains = "b"', "[x] domains"),
        ("[orange", "receivers.toml"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "receivers.toml").write_text(text)
    with pytest.raises(ConfigurationError) as found:
        receivers.load(tmp_path)
    assert said in str(found.value)


def test_a_new_sender_warms_up() -> None:
    first = date(2026, 3, 2)
    assert rates.warm_up_allowance(first, date(2026, 3, 1), 0) == rates.WARM_UP[0]
    assert rates.warm_up_allowance(first, first, 40) == rates.WARM_UP[0] - 40
    assert rates.warm_up_allowance(first, first, 4000) == 0
    assert rates.warm_up_allowance(first, date(2026, 4, 2), 4000) is None


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30"])
def test_a_day_that_is_none_is_refused(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, day: str
) -> None:
    monkeypatch.setenv("BUZZ_SEND_WARM_UP_SINCE", day)
    found = run("config", "show")
    assert found.code == 7
    assert "warm_up_since" in found.err


# --- the queue: all lanes together ---------------------------------------------------------------


class Clock:
    """A monotonic clock that tests push on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def delivery(number: int, email: str) -> Delivery:
    return Delivery(
        id=DeliveryId(number),
        campaign="c",
        blog=f"b{number}",
        email=email,
        state=DeliveryState.CLAIMED,
        recipient=Recipient(blog=f"b{number}", name="B", email=email, language="fr"),
        message_id="",
        message_hash="",
    )


NARROW = Receiver(name="narrow", domains=("narrow.example",), connections=2, rate_per_s=5)


def queue(
    clock: Clock, emails: list[str], rate_per_s: float, left: list[Delivery] | None = None
) -> Queue:
    left = [] if left is None else left
    left += [delivery(number, email) for number, email in enumerate(emails)]

    async def claim(limit: int, without: tuple[str, ...]) -> tuple[Delivery, ...]:
        found = [d for d in left if d.email.rpartition("@")[2] not in without][:limit]
        for one in found:
            left.remove(one)
        return tuple(found)

    known = rates.Receivers([NARROW])
    return Queue(claim, known, rate_per_s=rate_per_s, time=clock)


@given(
    st.lists(st.sampled_from(["a@narrow.example", "b@wide.example"]), min_size=1, max_size=60),
    st.lists(st.floats(0, 0.3), min_size=200, max_size=200),
    st.sampled_from([0.0, 8.0]),
)
def test_the_buckets_hold_for_all_lanes_together(
    emails: list[str], gaps: list[float], rate_per_s: float
) -> None:
    """Three lanes: each takes what it may have, and is done with it a little later."""
    clock, stopping = Clock(), asyncio.Event()
    left_at: dict[str, list[float]] = {"narrow.example": [], "wide.example": []}

    async def run() -> None:
        waiting = queue(clock, emails, rate_per_s)
        under_way: list[Delivery] = []
        first = await waiting.next(stopping)
        for gap in gaps:
            found, first = first or waiting.at_once(), None
            if found is None and not under_way:
                await waiting._claim_more()  # as a lane does that finds nothing
            if found is not None:
                under_way.append(found)
                left_at[found.email.rpartition("@")[2]].append(clock.now)
            if len(under_way) == 3 or found is None:
                clock.now += gap
                if under_way:
                    waiting.has_left(under_way.pop(0))
            counts = Counter(d.email.rpartition("@")[2] for d in under_way)
            assert counts["narrow.example"] <= 2
        await waiting.close()

    asyncio.run(run())
    assert most_in_a_second(left_at["narrow.example"]) <= 5
    if rate_per_s:
        assert most_in_a_second([*left_at["narrow.example"], *left_at["wide.example"]]) <= 8


def test_letters_to_a_receiver_that_has_enough_let_others_pass() -> None:
    clock, stopping = Clock(), asyncio.Event()
    emails = ["a@narrow.example"] * 100 + ["b@wide.example"] * 3

    async def run() -> list[str]:
        waiting = queue(clock, emails, 0)
        found = []
        for _letter in range(4):
            clock.now += 0.3
            one = await waiting.next(stopping)
            assert one is not None
            found.append(one.email)
        await waiting.close()
        return found

    assert asyncio.run(run()) == ["a@narrow.example"] * 2 + ["b@wide.example"] * 2


def test_no_more_is_claimed_than_will_leave_soon() -> None:
    """Suppression is looked up at claim time: what is claimed early may be sent too late."""
    clock, stopping, unclaimed = Clock(), asyncio.Event(), list[Delivery]()
    emails = ["a@narrow.example", "b@wide.example", "b@wide.example"] * 300

    async def run() -> int:
        waiting, most = queue(clock, emails, 8, unclaimed), 0
        for number in range(400):
            clock.now += 0.13
            one = await waiting.next(stopping)
            assert one is not None
            await asyncio.sleep(0)  # what is claimed meanwhile
            waiting.has_left(one)
            most = max(most, len(emails) - len(unclaimed) - number - 1)
        await waiting.close()
        return most

    assert asyncio.run(run()) <= 2 * queues.FEWEST
