import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from buzz import config
from buzz.core import registry
from buzz.edges import files

Run = Callable[..., Result]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def folder(workspace: Path) -> Path:
    """An empty folder to make a workspace in, and the current one."""
    shutil.rmtree(workspace / "data")
    (workspace / "buzz.toml").unlink()
    return workspace


@pytest.mark.parametrize("name", ["", "ma-lettre", "un dossier/à l'été", "quoi ? 100 %"])
def test_init_makes_a_workspace_that_works(run: Run, folder: Path, name: str) -> None:
    result = run("init", *([name] if name else []))
    assert (result.code, result.out) == (0, "")
    made = folder / name
    settings = config.load(made, {})
    assert settings == config.Settings(workspace=made)
    assert len(settings.secret) == 64
    assert (mode(made / "data"), mode(made / "data" / "secret.key")) == (0o700, 0o600)
    assert (made / "blogs.csv").read_text() == ",".join(registry.COLUMNS) + "\n"
    assert (made / ".gitignore").read_text() == "/data/\n"
    assert (made / "campaigns" / "retraites" / "letter.md").read_bytes() == (
        files.shared("campaigns") / "retraites" / "letter.md"
    ).read_bytes()
    assert run("status", "--workspace", str(made)).code == 0
    assert run("config", "check", "--workspace", str(made)).code == 0


def test_the_next_command_that_it_names_works(run: Run, folder: Path) -> None:
    result = run("init", "l'été")
    (line,) = [line for line in result.err.splitlines() if line.startswith("Next: ")]
    command = line.removeprefix("Next: ").replace("buzz", f"{sys.executable} -m buzz")
    subprocess.run(["/bin/sh", "-c", command], check=True, stdout=subprocess.DEVNULL, cwd=folder)


def test_init_leaves_what_exists_and_says_so(run: Run, folder: Path) -> None:
    mine = {
        "buzz.toml": "[rank]\nsize = 7\n",
        "blogs.csv": "name,url\n",
        ".gitignore": "*.pyc\n",
        "data/secret.key": "mine\n",
        "campaigns/retraites/letter.md": "mine\n",
    }
    for name, text in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    result = run("init", "--sample")
    assert result.code == 0
    assert {name: (folder / name).read_text() for name in mine} == mine
    assert all(f"= {name} (existed, left as it is)" in result.err for name in mine)
    assert "add a line /data/ to .gitignore" in result.err


@pytest.mark.parametrize("line", ["/data/", "data/", "/data", "data"])
def test_a_gitignore_that_knows_the_data_is_enough(run: Run, folder: Path, line: str) -> None:
    (folder / ".gitignore").write_text(f"*.pyc\n{line}\n")
    assert "/data/ to .gitignore" not in run("init").err


def test_init_twice_changes_nothing(run: Run, folder: Path) -> None:
    run("init", "--sample")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = json.loads(run("init", "--sample", "--json").out)
    assert (again["made"], again["blogs"]) == ([], 0)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_sample_is_imported(run: Run, folder: Path) -> None:
    made = json.loads(run("init", "--sample", "--json").out)
    assert made["blogs"] == 1_500
    assert (folder / "blogs.csv").read_bytes() == files.shared("blogs.csv").read_bytes()
    assert run("blogs", "export").out.encode() == (folder / "blogs.csv").read_bytes()
    assert json.loads(run("status", "--json").out)["blogs"]["imported"]


def test_a_dry_run_makes_nothing(run: Run, folder: Path) -> None:
    made = json.loads(run("init", "new", "--dry-run", "--json").out)["made"]
    assert {"buzz.toml", "blogs.csv", "data/secret.key", ".gitignore"} < set(made)
    assert list(folder.iterdir()) == []


def test_init_in_a_file_is_refused(run: Run, folder: Path) -> None:
    (folder / "x").write_text("")
    result = run("init", "x")
    assert result.code == 2
    assert "this is a file" in result.err


def test_init_where_nothing_can_be_written_is_refused(run: Run, folder: Path) -> None:
    result = run("init", "/dev/null/x")
    assert result.code in {2, 7}
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("language", "word"), [("fr", "qui écrit"), ("en", "who writes")])
def test_settings_are_explained_in_the_reader_s_language(
    run: Run, folder: Path, language: str, word: str
) -> None:
    assert run("init", "--lang", language).code == 0
    text = (folder / "buzz.toml").read_text()
    assert word in text
    assert tomllib.loads(text)["smtp"]["port"] == 25


def test_each_workspace_has_a_secret_of_its_own(run: Run, folder: Path) -> None:
    run("init", "a")
    run("init", "b")
    secrets = {(folder / name / "data" / "secret.key").read_text() for name in "ab"}
    assert len(secrets) == 2
