"""The spool keeps what was acknowledged, whatever kills the process that wrote it."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buzz.edges import spool
from buzz.edges.spool import Spool, decode, encode
from buzz.model import Agent, DeliveryId, Event, EventKind, LinkId

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ids = st.none() | st.integers(1, 2**63 - 1)
events = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    campaign=st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  (hypothesis wants naive bounds)
    delivery=ids.map(lambda n: None if n is None else DeliveryId(n)),
    link=ids.map(lambda n: None if n is None else LinkId(n)),
    agent=st.sampled_from(Agent),
    rule=st.text(max_size=20),
)


def event(number: int) -> Event:
    return Event(
        kind=EventKind.OPEN,
        campaign="retraites",
        at=AT + timedelta(seconds=number),
        delivery=DeliveryId(number),
    )


def numbers(path: Path, offset: int = 0) -> list[int]:
    return [found.delivery or 0 for found in spool.read(path, offset).events]


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool") as opened:
        yield opened


def only(folder: Path) -> Path:
    (path,) = spool.waiting(folder)
    return path


@given(events)
def test_a_line_says_what_the_event_was(event: Event) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == event


@given(st.binary(max_size=80))
def test_what_is_no_event_is_none_and_raises_nothing(line: bytes) -> None:
    assert decode(line) is None


@given(events, st.integers(1, 60))
def test_half_a_line_is_no_event(event: Event, keep: int) -> None:
    line = encode(event)[:-1]
    assert decode(line[: min(keep, len(line) - 1)]) is None


def test_what_was_appended_is_read_in_order(open_spool: Spool, tmp_path: Path) -> None:
    assert all(open_spool.append(event(n)) for n in (1, 2, 3))
    path = only(tmp_path / "spool")
    assert numbers(path) == [1, 2, 3]
    assert numbers(path, spool.read(path, 0).end) == []


def test_a_batch_ends_with_a_whole_line(open_spool: Spool, tmp_path: Path) -> None:
    for n in range(1, 100):
        open_spool.append(event(n))
    path = only(tmp_path / "spool")
    found: list[int] = []
    offset = 0
    while (batch := spool.read(path, offset, max_bytes=300)).end > offset:
        found += [e.delivery or 0 for e in batch.events]
        offset = batch.end
    assert found == list(range(1, 100))


def test_folder_and_file_are_private(open_spool: Spool, tmp_path: Path) -> None:
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert only(tmp_path / "spool").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_written_to_is_not_removed(open_spool: Spool, tmp_path: Path) -> None:
    open_spool.append(event(1))
    path = only(tmp_path / "spool")
    assert not spool.retire(path, path.stat().st_size)
    assert path.exists()


def test_a_rotated_file_is_removed_once_it_is_read_to_its_end(
    open_spool: Spool, tmp_path: Path
) -> None:
    open_spool.append(event(1))
    old = only(tmp_path / "spool")
    open_spool.rotate()
    open_spool.append(event(2))
    _old, new = spool.waiting(tmp_path / "spool")
    assert not spool.retire(old, 0)
    assert spool.retire(old, spool.read(old, 0).end)
    assert spool.waiting(tmp_path / "spool") == (new,)
    assert numbers(new) == [2]
    assert not spool.retire(old, 0)


def test_an_empty_file_is_not_rotated(open_spool: Spool, tmp_path: Path) -> None:
    before = spool.waiting(tmp_path / "spool")
    open_spool.rotate()
    assert spool.waiting(tmp_path / "spool") == before


def test_a_full_spool_says_so_and_goes_on_when_it_is_emptied(tmp_path: Path) -> None:
    line = len(encode(event(1)))
    with Spool(tmp_path / "spool", max_bytes=2 * line) as small:
        assert [small.append(event(n)) for n in (1, 2, 3)] == [True, True, False]
        assert small.lost == 1
        old = only(tmp_path / "spool")
        small.rotate()
        assert not small.append(event(4))
        assert spool.retire(old, spool.read(old, 0).end)
        small.rotate()
        assert small.append(event(5))


def test_a_disk_that_is_full_costs_one_event_and_no_answer(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for the disk: it cuts a line in two, as a full disk does."""
    script = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from buzz.edges.spool import Spool, encode
from test_spool import event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
line = len(encode(event(1)))
with Spool(Path({str(tmp_path / "spool")!r})) as spool:
    resource.setrlimit(resource.RLIMIT_FSIZE, (line + line // 2, resource.RLIM_INFINITY))
    said = [spool.append(event(n)) for n in (1, 2, 3)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    said.append(spool.append(event(4)))
    print(said, spool.lost)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[True, False, False, True] 2"
    batch = spool.read(only(tmp_path / "spool"), 0)
    assert [e.delivery for e in batch.events] == [1, 4]
    assert batch.unreadable == 1


def test_killed_at_any_moment_it_has_kept_what_it_acknowledged(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from buzz.edges.spool import Spool
from test_spool import event
spool = Spool(Path({str(tmp_path / "spool")!r}))
number = 0
while True:
    number += 1
    if number % 50 == 0:
        spool.rotate()
    spool.append(event(number))
    print(number, flush=True)
"""
    for lines in (1, 130, 700):
        for path in spool.waiting(tmp_path / "spool"):
            path.unlink()
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(lines):
            acknowledged = int(process.stdout.readline())
        process.kill()
        for line in process.communicate()[0].splitlines():
            acknowledged = int(line)
        kept = [n for path in spool.waiting(tmp_path / "spool") for n in numbers(path)]
        assert kept[:acknowledged] == list(range(1, acknowledged + 1))
        for path in spool.waiting(tmp_path / "spool"):
            assert spool.retire(path, spool.read(path, 0).end), "a dead writer holds no lock"


def test_a_file_tidied_away_before_its_maker_locked_it_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "spool"
    lock = fcntl.flock
    tidied: list[bool] = []

    def another_is_faster(handle: int, operation: int) -> None:
        if not tidied:
            tidied.append(False)
            tidied[0] = spool.retire(only(folder), 0)
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", another_is_faster)
    with Spool(folder) as opened:
        assert opened.append(event(1))
    assert tidied == [True]
    assert numbers(only(folder)) == [1]


def test_a_spool_folder_that_is_absent_is_empty(tmp_path: Path) -> None:
    assert spool.waiting(tmp_path / "none") == ()
    assert spool.waiting_bytes(tmp_path / "none") == 0
    assert spool.read(tmp_path / "none" / "x.jsonl", 0).events == ()
    assert list(tmp_path.iterdir()) == []
