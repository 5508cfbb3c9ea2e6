"""What runs by itself: our lines in a crontab, the hour's work, locks that a kill releases."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import TOML, Result
from hypothesis import given
from hypothesis import strategies as st

from buzz.config import Settings
from buzz.core import schedule
from buzz.edges import crontab, files
from buzz.edges.store import Store, blogs, campaigns, runs
from buzz.errors import CheckRefused
from buzz.model import Blog, CampaignState, MessagePack
from buzz.model import Run as Record
from buzz.pipeline import cron

Run = Callable[..., Result]
OTHERS = "# mine\nMAILTO=moi@parti.example\n0 5 * * * /usr/bin/backup --at 100\\%\n"
HERE = "/srv/buzz"
BLOCK = schedule.block(HERE, schedule.jobs(7), ["buzz"])

# A crontab program like cron's own: one file a user, "-l" prints it, "-" replaces it. The same
# tests run with the real one beside it, where there is one, on a spool of their own.
FAKE = """\
#!/bin/sh
if [ -e "$FAKE_CRON/broken" ]; then echo "crontab: cannot access the spool" >&2; exit 1; fi
case "$1" in
-l) [ -e "$FAKE_CRON/tab" ] || { echo "no crontab for $(id -un)" >&2; exit 1; }
    cat "$FAKE_CRON/tab" ;;
-) cat > "$FAKE_CRON/new"
   if grep -q refused "$FAKE_CRON/new"; then echo "bad minute" >&2; exit 1; fi
   mv "$FAKE_CRON/new" "$FAKE_CRON/tab" ;;
*) exit 2 ;;
esac
"""


# The real one, in a mount namespace where /var/spool is a folder of the test's: no crontab of this
# machine is touched, and no daemon reads what is installed.
REAL = """\
#!/bin/sh
exec unshare --map-root-user --mount sh -c '
    mount -t tmpfs none /var/spool && mkdir -p /var/spool/cron/crontabs &&
    mount --bind "$FAKE_CRON" /var/spool/cron/crontabs && exec {crontab} "$@"' crontab "$@"
"""
PROGRAMS = {"fake": FAKE}
_NAMESPACE = "unshare --map-root-user --mount true 2>/dev/null"
if (crontab_ := shutil.which("crontab")) and os.system(_NAMESPACE) == 0:  # noqa: S605  (ours)
    PROGRAMS["real"] = REAL.format(crontab=crontab_)


def put(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program named ``crontab`` before all others, with a folder of its own."""
    programs, spool = folder / "bin", folder / "spool"
    programs.mkdir()
    spool.mkdir()
    (programs / "crontab").write_text(PROGRAMS[program])
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_CRON", str(spool))


@pytest.fixture(params=PROGRAMS)
def cron_program(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's crontab, behind each program there is."""
    put(request.param, tmp_path, monkeypatch)


@pytest.fixture
def tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's crontab as a file, behind the program that can be made to fail."""
    put("fake", tmp_path, monkeypatch)
    return tmp_path / "spool" / "tab"


def listed() -> bytes:
    """Return what ``crontab -l`` prints; nothing where there is no crontab."""
    return _crontab("-l")


def given_crontab(content: bytes) -> None:
    _crontab("-", content)


def _crontab(argument: str, given: bytes = b"") -> bytes:
    program = shutil.which("crontab")
    assert program is not None
    return subprocess.run([program, argument], input=given, capture_output=True, check=False).stdout


@pytest.fixture
def spacious(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose path has spaces, quotes and a percent sign."""
    folder = tmp_path / "l'atelier 100 % militant"
    folder.mkdir()
    (folder / "buzz.toml").write_text(TOML)
    files.write(files.private_folder(folder / "data") / "secret.key", "secret")
    monkeypatch.chdir(folder)
    return folder


# --- the crontab's text -----------------------------------------------------------------------

lines = st.lists(
    st.text(st.characters(exclude_characters="\n\r\\", exclude_categories=["Cs"])), max_size=6
)


@given(lines)
def test_install_and_remove_leave_the_rest_as_it_was(found: list[str]) -> None:
    before = "".join(f"{line}\n" for line in found)
    after = schedule.with_block(before, HERE, BLOCK)
    assert after == before + BLOCK
    assert schedule.with_block(after, HERE, BLOCK) == after
    assert schedule.without_block(after, HERE) == (before, BLOCK)
    assert schedule.without_block(before, HERE) == (before, "")


def test_a_new_block_takes_the_old_ones_place() -> None:
    old = schedule.block(HERE, schedule.jobs(1), ["buzz"])
    assert schedule.with_block(f"{old}{OTHERS}", HERE, BLOCK) == f"{BLOCK}{OTHERS}"


def test_a_last_line_without_its_end_is_not_joined_to_ours() -> None:
    assert schedule.with_block("0 5 * * * backup", HERE, BLOCK) == f"0 5 * * * backup\n{BLOCK}"


def test_two_workspaces_do_not_touch_each_other() -> None:
    other = schedule.block("/srv/buzz2", schedule.jobs(1), ["buzz"])
    both = schedule.with_block(other, HERE, BLOCK)
    assert schedule.without_block(both, HERE) == (other, BLOCK)
    assert schedule.without_block(both, "/srv/buzz2") == (BLOCK, other)


BEGIN, *_JOBS, END = BLOCK.splitlines(keepends=True)


@pytest.mark.parametrize(
    "damaged",
    [BEGIN, END, END + BEGIN, BLOCK + BLOCK, BEGIN + BLOCK, BLOCK + END],
    ids=["no end", "no beginning", "upside down", "twice", "two beginnings", "two ends"],
)
def test_damaged_markers_are_refused(damaged: str) -> None:
    with pytest.raises(CheckRefused, match="damaged"):
        schedule.with_block(OTHERS + damaged, HERE, BLOCK)
    with pytest.raises(CheckRefused, match="damaged"):
        schedule.without_block(OTHERS + damaged, HERE)


def test_a_path_that_would_be_two_lines_is_refused() -> None:
    with pytest.raises(CheckRefused):
        schedule.block("/srv/a\n* * * * * rm -rf ~", schedule.jobs(1), ["buzz"])


@given(st.integers(0, 2**32))
def test_times_are_those_of_a_crontab_and_of_a_timer(seed: int) -> None:
    for job in schedule.jobs(seed):
        minute, hour, *rest = job.when.split()
        assert rest == ["*", "*", "*"]
        assert 0 <= int(minute.partition("-")[0]) < 60
        assert hour in {"*", "3"}
        assert f":{int(minute.partition('-')[0]):02}" in job.calendar


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("a", "a"), ("a b", '"a b"'), ("100 %", '"100 %%"'), ('"$HOME"', r'"\"$$HOME\""'), ("", '""')],
)
def test_words_of_a_unit_are_quoted(word: str, quoted: str) -> None:
    unit = schedule.units(schedule.jobs(0)[:1], [word])["buzz-poll.service"]
    assert f"ExecStart={quoted} poll\n" in unit


def test_the_sample_units_are_what_is_printed() -> None:
    page = (Path(__file__).parents[1] / "docs/scheduling.md").read_text("utf-8")
    command = ("/opt/buzz/bin/buzz", "--workspace", "/srv/buzz", "--quiet")
    found = schedule.jobs(9)
    assert schedule.block("/srv/buzz", found, command) in page
    for name, unit in schedule.units(found, command).items():
        assert f"# {name}\n{unit}" in page


if ANALYZE := shutil.which("systemd-analyze"):

    def test_systemd_takes_the_units(spacious: Path, tmp_path: Path, run: Run) -> None:
        units = json.loads(run("cron", "print", "--json").out)["units"]
        for name, unit in units.items():
            (tmp_path / name).write_text(unit)
        files = [str(tmp_path / name) for name in units]
        done = subprocess.run(
            [str(ANALYZE), "verify", "--man=no", "--generators=no", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- the commands -----------------------------------------------------------------------------


@pytest.mark.usefixtures("cron_program")
def test_install_renew_remove(workspace: Path, run: Run) -> None:
    given_crontab(OTHERS.encode())
    assert run("cron", "install").code == 0
    printed = run("cron", "print").out
    assert listed().decode() == OTHERS + printed
    assert "already" in run("cron", "install").err
    assert listed().decode() == OTHERS + printed
    assert run("cron", "remove").code == 0
    assert listed().decode() == OTHERS
    assert "nothing" in run("cron", "remove").err
    assert listed().decode() == OTHERS


@pytest.mark.usefixtures("cron_program")
def test_two_workspaces_share_a_crontab(workspace: Path, spacious: Path, run: Run) -> None:
    here = run("cron", "print").out
    there = run("cron", "print", "--workspace", str(workspace)).out
    run("cron", "install", "--workspace", str(workspace))
    run("cron", "install")
    assert listed().decode() == there + here
    run("cron", "remove", "--workspace", str(workspace))
    assert listed().decode() == here


@pytest.mark.usefixtures("cron_program")
def test_the_first_crontab_of_a_user(workspace: Path, run: Run) -> None:
    assert run("cron", "install", "--quiet") == Result(0, "", "")
    assert listed().decode() == run("cron", "print").out


@pytest.mark.usefixtures("cron_program")
def test_dry_runs_change_nothing_and_say_what_would(workspace: Path, run: Run) -> None:
    printed = run("cron", "print").out
    assert run("cron", "install", "--dry-run").out == printed
    assert listed() == b""
    assert run("cron", "remove", "--dry-run").out == ""
    run("cron", "install")
    assert run("cron", "install", "--dry-run").out == ""
    assert run("cron", "remove", "--dry-run").out == printed
    assert listed().decode() == printed


def test_a_crontab_that_cannot_be_read_is_not_an_empty_one(
    workspace: Path, tab: Path, run: Run
) -> None:
    tab.write_text(OTHERS)
    (tab.parent / "broken").touch()
    result = run("cron", "install")
    assert result.code == 1
    assert "cannot access the spool" in result.err
    assert tab.read_text() == OTHERS


def test_what_cron_refuses_leaves_the_old_one(workspace: Path, tab: Path, run: Run) -> None:
    tab.write_text("refused\n")
    result = run("cron", "install")
    assert (result.code, tab.read_text()) == (1, "refused\n")
    assert "bad minute" in result.err


def test_damaged_markers_stop_the_commands(workspace: Path, tab: Path, run: Run) -> None:
    run("cron", "install")
    damaged = "".join(tab.read_text().splitlines(keepends=True)[:-1])
    tab.write_text(damaged)
    for command in ("install", "remove"):
        result = run("cron", command)
        assert (result.code, tab.read_text()) == (5, damaged)
        assert "crontab -e" in result.err


def test_without_cron(workspace: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert not crontab.is_there()
    result = run("cron", "install")
    assert result.code == 7
    assert "systemd" in result.err
    assert run("cron", "install", "--dry-run").code == 0


@pytest.mark.usefixtures("cron_program")
def test_other_bytes_than_utf_8_survive(workspace: Path, run: Run) -> None:
    given_crontab(b"# caf\xe9 \x1b\n")
    run("cron", "install")
    run("cron", "remove")
    assert listed() == b"# caf\xe9 \x1b\n"


def test_line_ends_of_windows_survive_where_cron_shows_them(
    workspace: Path, tab: Path, run: Run
) -> None:
    tab.write_bytes(b"0 5 * * * backup\r\n")
    run("cron", "install")
    run("cron", "remove")
    assert tab.read_bytes() == b"0 5 * * * backup\r\n"


def test_line_ends_of_windows_are_refused_where_cron_hides_them(
    workspace: Path, tab: Path, run: Run
) -> None:
    r"""Debian's ``crontab -l`` prints ``\r`` in two characters: written back, it would be them."""
    before = b"# mine\n0 5 * * * tr -d \\\\r\n0 6 * * * backup\\r\n"
    tab.write_bytes(before)
    for command in ("install", "remove"):
        result = run("cron", command)
        assert (result.code, tab.read_bytes()) == (5, before)
        assert "crontab:3: " in result.err


if "real" in PROGRAMS:

    def test_the_real_cron_hides_line_ends_of_windows(
        workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
    ) -> None:
        put("real", tmp_path, monkeypatch)
        given_crontab(b"0 5 * * * backup\r\n")
        assert listed() == b"0 5 * * * backup\\r\n"
        assert run("cron", "install").code == 5


def test_every_line_runs_as_cron_would_run_it(spacious: Path, tab: Path, run: Run) -> None:
    r"""Cron turns ``\\%`` into ``%`` and hands the rest to /bin/sh with hardly any environment."""
    run("cron", "install")
    jobs = [line for line in listed().decode().splitlines() if not line.startswith("#")]
    assert len(jobs) == 3
    for job in jobs:
        command = job.split(maxsplit=5)[5].replace("\\%", "%")
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": "/", "PATH": "/usr/bin:/bin"},
            cwd="/",
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), command
        assert shlex.split(command)[4] == str(spacious)


def test_print_json(workspace: Path, run: Run) -> None:
    facts = json.loads(run("cron", "print", "--json").out)
    assert [job["arguments"] for job in facts["jobs"]] == [
        ["poll"],
        ["rank", "run"],
        ["cron", "run"],
    ]
    assert facts["units"].keys() == {
        f"buzz-{name}.{kind}"
        for name in ("poll", "rank", "campaigns")
        for kind in ("service", "timer")
    }
    assert "ExecStart=" in run("cron", "print", "--systemd").out


def test_the_language_of_who_installs_is_that_of_the_mails(workspace: Path, run: Run) -> None:
    assert " --lang fr " in run("cron", "print", "--lang", "fr").out


# --- the hour's work, the runs, the locks -----------------------------------------------------


def test_a_dry_run_of_the_hour_says_its_steps(settings: Settings, store: Store, run: Run) -> None:
    with store.write() as tx:
        pack = MessagePack(
            campaign="retraites",
            sent_at=settings.now(),
            language="fr",
            title="",
            organisation="",
            text="",
            talking_points=(),
        )
        campaigns.freeze(tx, "retraites", {}, pack, settings.now())
        campaigns.set_state(tx, "retraites", CampaignState.SENDING, settings.now())
    result = run("cron", "run", "--dry-run")
    assert (result.code, result.out) == (
        0,
        "collect\nsend resume retraites\nrelays scan retraites\n",
    )
    with store.read() as tx:
        assert runs.last(tx, "cron run") == ()


def test_an_idle_hour(settings: Settings, store: Store, run: Run) -> None:
    now = datetime(2026, 3, 31, 2, 7, tzinfo=UTC)
    assert [(d.step, d.exit_code) for d in cron.run(settings, store, now)] == [("collect", 0)]
    with store.read() as tx:
        (record,) = runs.last(tx, "cron run")
    assert (record.exit_code, record.summary) == (0, {"steps": 1, "waiting": 0, "failed": 0})
    assert run("cron", "run", "--quiet") == Result(0, "", "")


HOLDER = """
import sys, time
from pathlib import Path
from buzz.edges import files
with files.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("command", [("rank", "run"), ("poll",)], ids=["rank", "poll"])
def test_a_kill_releases_the_lock(
    settings: Settings, store: Store, run: Run, command: tuple[str, ...]
) -> None:
    with store.write() as tx:
        blogs.save(
            tx, [Blog(slug="a", name="A", feed_url="http://127.0.0.1:9/rss")], settings.now()
        )
    lock = settings.data / "locks" / f"{command[0]}.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder, contextlib.ExitStack() as cleanup:
        cleanup.callback(holder.kill)
        assert holder.stdout.readline() == "held\n"
        busy = run(*command)
        assert busy.code == 0
        assert str(holder.pid) in busy.err
        assert busy.err.count("\n") == 1
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert str(holder.pid) not in run(*command).err


def test_status_tells_the_last_runs_with_their_failures(store: Store, run: Run) -> None:
    start = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)
    with store.write() as tx:
        for night, code in enumerate((75, 0, 75, 0)):
            at = start + timedelta(days=night)
            runs.add(
                tx,
                Record(
                    command="poll",
                    started_at=at,
                    ended_at=at + timedelta(seconds=90),
                    exit_code=code,
                ),
            )
    out = " ".join(run("status").out.split())
    assert "poll: 3 Apr 2026 at 04:00, 90 seconds, done; 2 of the last runs did not end well" in out
    (record,) = json.loads(run("status", "--json").out)["runs"]
    assert (record["exit_code"], record["seconds"], record["failed_recently"]) == (0, 90.0, 2)
