"""The front door: languages, exit codes, help, streams that are closed, narrow or full."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Result

from buzz import __version__, errors, locales
from buzz.cli import main, root
from buzz.errors import BuzzError

Run = Callable[..., Result]
BUZZ = [sys.executable, "-m", "buzz"]


def commands(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, child in getattr(node, "commands", {}).items():
        yield from commands(child, (*path, name))


with locales.speaking("en"):
    COMMANDS = list(commands(root.tree()))


@pytest.fixture
def filled(run: Run, workspace: Path) -> Path:
    """A workspace with a registry."""
    rows = "".join(f"Le blog de Nº {n},https://b{n}.example/,29\n" for n in range(300))
    (workspace / "blogs.csv").write_text("name,url,federation\n" + rows)
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    return workspace


def shell(command: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``buzz`` is the product, as one process of its own."""
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("buzz", " ".join(BUZZ))],
        cwd=folder,
        env={**os.environ, **environ},
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


# --- help, version, mistakes ------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_in_both_languages(run: Run, command: tuple[str, ...]) -> None:
    english, french = (run(*command, "--help", "--lang", lang) for lang in ("en", "fr"))
    assert (english.code, french.code) == (0, 0)
    assert "Usage: buzz" in english.out
    assert "Show this message and exit." not in french.out
    assert french.out != english.out


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_version(run: Run, arguments: list[str]) -> None:
    assert run(*arguments) == Result(0, f"buzz {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["blogs"], ["config"]])
def test_a_noun_alone_shows_what_it_can_do(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert "--help" in result.out
    assert result.err == ""


@pytest.mark.parametrize(
    ("arguments", "complaint", "see"),
    [
        (["stat"], "there is no command stat (did you mean status?)", "buzz --help"),
        (["blogs", "lst"], "there is no command lst", "buzz blogs --help"),
        (["status", "--jsn"], "there is no option --jsn", "buzz status --help"),
        (["blogs", "list", "--tag"], "--tag wants a value", "buzz --help"),
        (["blogs", "import"], "FILE", "buzz blogs import --help"),
        (["blogs", "list", "--status", "dead"], "dead", "buzz blogs list --help"),
        (["status", "now"], "too many arguments: now", "buzz status --help"),
        (["status", "--workspace"], "--workspace wants a value", ""),
        (["status", "--lang=xx"], "xx is no language of ours (fr | en)", ""),
    ],
)
def test_what_is_not_understood_exits_2_and_says_where_to_look(
    run: Run, arguments: list[str], complaint: str, see: str
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("buzz: ")
    assert complaint in result.err
    assert see in result.err


# --- languages --------------------------------------------------------------------------------

FRENCH = "il n'y a pas de commande stat"


@pytest.mark.parametrize(
    ("environ", "option", "french"),
    [
        ({"LANG": "fr_FR.UTF-8"}, [], True),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C.UTF-8"}, [], True),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "fr_BE"}, [], True),
        ({"LANG": "fr_FR.UTF-8", "BUZZ_LANG": "en"}, [], False),
        ({"LANG": "de_DE.UTF-8"}, [], False),
        ({"BUZZ_LANG": "en"}, ["--lang", "fr"], True),
        ({"BUZZ_LANG": "fr"}, ["--lang=en"], False),
        ({}, [], False),
    ],
)
def test_the_language_is_the_option_s_then_the_variable_s_then_the_locale_s(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    option: list[str],
    french: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    for name in ("BUZZ_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    told = run("stat", *option).err.replace("\u2019", "'")
    assert (FRENCH in told) is french, told


def test_data_is_the_same_in_every_language(run: Run, filled: Path) -> None:
    for command in (["blogs", "export"], ["blogs", "list", "--json"]):
        outputs = {run(*command, "--lang", lang).out for lang in locales.LANGUAGES}
        assert len(outputs) == 1, command


# --- exit codes -------------------------------------------------------------------------------


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    kinds = [kind for kind in BuzzError.__subclasses__() if kind.__module__ == errors.__name__]
    for kind in kinds:
        (line,) = [line for line in drawn.splitlines() if f"-- {kind.__name__} " in line]
        assert line.split(kind.__name__)[1].split()[0] == str(kind.exit_code)
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["blogs", "list"], 0),
        (["blogs", "show", "nobody"], 2),
        (["blogs", "import", "nothing.csv", "--yes"], 2),
        (["blogs", "add", "x", "--url", "nonsense"], 5),
        (["blogs", "list", "--workspace", "/nowhere"], 7),
    ],
)
def test_exit_codes(run: Run, filled: Path, arguments: list[str], code: int) -> None:
    assert run(*arguments).code == code


def test_quiet_prints_nothing_on_success_and_errors_all_the_same(run: Run, filled: Path) -> None:
    assert run("--quiet", "blogs", "export", "out.csv") == Result(0, "", "")
    assert run("blogs", "--quiet", "show", "nobody").err != ""


def test_debug_shows_where_it_broke(workspace: Path) -> None:
    with pytest.raises(BuzzError):
        main(["blogs", "show", "nobody", "--debug"])


def test_a_fault_of_ours_is_no_traceback(run: Run, workspace: Path) -> None:
    gone = workspace / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()  # a current folder that is no more: Path.cwd() fails
    result = run("status")
    assert result.code == 1
    assert "run it again with --debug" in result.err
    assert "Traceback" not in result.err
    os.chdir(workspace)


IMPATIENT = """
import os, signal, sys
import buzz.cli

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
buzz.cli.run()
"""


def test_ctrl_c_before_the_command_began_is_no_traceback(workspace: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPATIENT, "status"],
        capture_output=True,
        text=True,
        check=False,
        cwd=workspace,
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_a_person_who_says_no_changes_nothing(filled: Path) -> None:
    code, told = _on_a_terminal(["blogs", "remove", "le-blog-de-no-1"], "n\n", filled)
    assert code == 8
    assert "nothing was changed" in told
    code, told = _on_a_terminal(["blogs", "remove", "le-blog-de-no-1"], "y\n", filled)
    assert code == 0
    assert "le-blog-de-no-1," not in (filled / "blogs.csv").read_text()


def _on_a_terminal(arguments: list[str], typed: str, folder: Path) -> tuple[int, str]:
    """Run a command on a terminal where this is typed, and return what it said."""
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        [*BUZZ, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder
    ) as process:
        os.close(theirs)
        told = b""
        while b"[y/N]" not in told:
            told += os.read(mine, 4096)
        os.write(mine, typed.encode())
        try:
            while chunk := os.read(mine, 4096):
                told += chunk
        except OSError:  # the other side of a terminal was closed
            pass
        code = process.wait(timeout=30)
    os.close(mine)
    return code, told.decode()


# --- streams ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "blogs list",
        "blogs list --json",
        "blogs export",
        "status",
        "--help",
        "poll --help",
        "version",
    ],
)
def test_a_reader_that_leaves_is_no_failure(filled: Path, command: str) -> None:
    result = shell(f"(buzz {command}; echo $? >code) | true; cat code", filled)
    assert (result.stdout, result.stderr) == ("0\n", "")


@pytest.mark.parametrize("command", ["blogs list", "blogs export", "version"])
def test_a_full_disk_behind_stdout_is_a_failure(filled: Path, command: str) -> None:
    result = shell(f"buzz {command} >/dev/full", filled)
    assert result.returncode == 1
    assert result.stderr.startswith("buzz: the output cannot be written: No space left")


def test_closed_streams_never_let_output_into_the_database(filled: Path) -> None:
    command = "buzz blogs add Neuf --url https://neuf.example/ <&- >&- 2>&-"
    assert shell(command, filled).returncode == 0
    listed = shell("buzz blogs list --json", filled)
    assert len(json.loads(listed.stdout)["blogs"]) == 301


@pytest.mark.parametrize(
    "command", ["blogs list", "blogs show le-blog-de-no-1", "status", "--help"]
)
def test_forty_columns_are_enough(filled: Path, command: str) -> None:
    result = shell(f"buzz {command}", filled, COLUMNS="40", TERMINAL_WIDTH="40")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines
    assert max(map(len, lines)) <= 40, max(lines, key=len)


@pytest.mark.parametrize("locale", ["C", "POSIX", "fr_FR.ISO-8859-1"])
def test_accents_survive_any_locale(filled: Path, locale: str) -> None:
    result = shell("buzz blogs export", filled, LC_ALL=locale)
    assert result.returncode == 0
    assert "Le blog de Nº 1" in result.stdout


def test_what_comes_from_outside_cannot_move_the_cursor(run: Run, workspace: Path) -> None:
    result = run("blogs", "show", "x\x1b[31m\u202ey")
    assert result.code == 2
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


# --- start-up ---------------------------------------------------------------------------------


def test_what_every_start_loads_is_light() -> None:
    program = "import sys, buzz.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"sqlalchemy", "typer", "rich", "aiohttp", "feedparser", "alembic", "babel", "jinja2"}
    assert heavy.isdisjoint(loaded.stdout.split())


def test_status_loads_neither_network_nor_migrations(filled: Path) -> None:
    program = "import sys, buzz.cli; buzz.cli.main(['status']); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=filled
    ).stdout.split()
    heavy = {"alembic", "aiohttp", "feedparser", "jinja2", "premailer", "starlette", "uvicorn"}
    assert (heavy | {"email_validator", "rich.table", "aiosmtplib", "dns"}).isdisjoint(loaded)
