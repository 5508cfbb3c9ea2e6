"""The documents are held to the code: commands, examples, settings, errors, README, layers."""

import contextlib
import dataclasses
import io
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import TOML

from buzz import config, errors, locales
from buzz.cli import main, root
from buzz.core import registry
from buzz.demo import documents, readers
from buzz.demo.prose import Prose
from buzz.demo.stage import Stage
from buzz.demo.world import Blogger, Post
from buzz.errors import BuzzError
from buzz.model import Blog, Consent
from tools import commands as page_of_commands
from tools import settings as page_of_settings

ROOT = Path(__file__).parents[1]
SLUG = "le-blog-de-karim"
CAMPAIGN = "retraites"  # the sample campaign of `buzz init`


def leaves() -> list[tuple[tuple[str, ...], Any]]:
    with locales.speaking("en"):
        return list(page_of_commands.leaves(root.tree()))


LEAVES = {" ".join(path): command for path, command in leaves()}
# Not run here: one goes on until stopped, the other is a story (tests/test_web.py, test_demo.py).
ONLY_PARSED = {"serve", "demo"}


# --- the pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page_of_commands, page_of_settings], ids=["commands", "settings"])
def test_page_is_what_the_code_says(page: Any) -> None:
    assert page.PAGE.read_text("utf-8") == page.page(), f"run: python {page.__file__}"


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_is_on_the_page_with_help_and_example(name: str) -> None:
    command = LEAVES[name]
    assert f"# buzz {name}\n" in page_of_commands.PAGE.read_text("utf-8")
    assert command.help
    assert all(getattr(parameter, "help", None) for parameter in command.params)
    assert page_of_commands.example(command).startswith(f"buzz {name}")


def test_every_setting_is_on_the_page() -> None:
    page = page_of_settings.PAGE.read_text("utf-8")
    for name, section in config.SECTIONS.items():
        assert f"## [{name}]" in page
        for field in dataclasses.fields(section):  # type: ignore[arg-type]  # a section's class
            assert f"`BUZZ_{name}_{field.name.rstrip('_')}`".upper() in page.upper()


def test_keys_and_codes_are_those_of_known_commands() -> None:
    assert set(page_of_commands.JSON) == {
        name for name, command in LEAVES.items() if _has(command, "--json")
    }
    assert set(page_of_commands.EXITS) <= set(LEAVES)
    known = {kind.exit_code for kind in our_errors()}
    assert all(set(codes) <= known for codes in page_of_commands.EXITS.values())


def our_errors() -> list[type[BuzzError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, BuzzError)]


def test_the_drawn_tree_of_errors_is_the_tree_of_errors() -> None:
    drawn = {name: code for name, code, _words in page_of_commands.drawn_errors()}
    assert drawn == {kind.__name__: kind.exit_code for kind in our_errors()}


def test_every_error_hangs_where_it_is_drawn() -> None:
    assert all(kind.__base__ is BuzzError for kind in our_errors() if kind is not BuzzError)


@pytest.mark.parametrize(
    "line",
    [
        part
        for block in re.findall(
            r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
        )
        for line in block.splitlines()
        for part in re.split(r" && |;", line.partition("#")[0].strip())
        if re.match(r"(\.venv/bin/)?buzz ", part)
    ],
)
def test_readme_says_only_what_can_be_typed(line: str) -> None:
    parse(line.removeprefix(".venv/bin/"))


def test_readme_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_changelog_has_a_place_for_what_is_new() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_architecture_names_every_layer_and_module_of_the_core() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    layers = [path for path in (ROOT / "buzz").iterdir() if _is_module(path)]
    core = [path for path in (ROOT / "buzz/core").iterdir() if _is_module(path)]
    assert not [p.stem for p in (*layers, *core) if not re.search(rf"\b{p.stem}\b", page)]


def _is_module(path: Path) -> bool:
    is_code = path.suffix == ".py" or (path / "__init__.py").exists()
    return is_code and not path.name.startswith("__")


def test_decisions_are_numbered_without_gap_and_named() -> None:
    found = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{n:04}" for n in range(1, len(found) + 1)]
    for path in found:
        assert path.read_text("utf-8").startswith(f"# {path.name[:4]}")


# --- the examples -----------------------------------------------------------------------------


def parse(line: str) -> None:
    """Parse a command line as the front door would, and stop before the command runs."""
    words = shlex.split(line)[1:]
    with locales.speaking("en"):
        command = root.tree()
    while getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    command.make_context("buzz", words)


@dataclass(frozen=True)
class Desks:
    """Two workspaces: before the sample letter went out, and after a blog relayed it."""

    before: Path
    after: Path


def call(*arguments: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one command, run in the current folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


def done(*arguments: str) -> None:
    code, _out, err = call(*arguments)
    assert code == 0, err


def blogger(stage: Stage, slug: str) -> Blogger:
    """Return a blog with three posts, served by the stage."""
    address = f"http://{slug}.localhost:{stage.feed_port}"
    blog = Blog(
        slug=slug,
        name=slug.replace("-", " ").title(),
        url=f"{address}/",
        feed_url=f"{address}/rss",
        email=f"{slug}@{slug}.example",
        federation="75",
        consent_open=Consent.GRANTED,
        consent_click=Consent.GRANTED,
    )
    person = Blogger(
        blog=blog,
        health="well",
        mailbox="takes",
        reaction="silent",
        latency_s=0,
        remembers=True,
    )
    for days in (9, 5, 2):
        words = f"Chronique n° {days} de {slug} : le marché, la pluie, le vote des chaises. " * 2
        write(person, stage, f"Carnet {days}", words, age=timedelta(days=days))
    stage.sites[f"{slug}.localhost"] = documents.BlogSite(person, stage.now)
    stage.office.mailboxes[blog.email] = person.mailbox
    return person


def write(
    person: Blogger, stage: Stage, title: str, text: str, age: timedelta = timedelta()
) -> None:
    link = f"{person.blog.url}{len(person.posts)}.html"
    person.posts.append(Post(link=link, published=stage.now() - age, prose=Prose(title, (text,))))


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """The sample workspace, played with the product's own commands over real servers."""
    folder = tmp_path_factory.mktemp("desks")
    desks = Desks(folder / "before", folder / "after")
    with pytest.MonkeyPatch.context() as patch, Stage() as stage:
        for name in ("BUZZ_WORKSPACE", "BUZZ_SECRET"):
            patch.delenv(name, raising=False)
        patch.setenv("BUZZ_LANG", "en")
        people = [blogger(stage, slug) for slug in (SLUG, "chez-josette")]
        done("init", str(desks.before))
        patch.chdir(desks.before)
        (desks.before / "buzz.toml").write_text(
            TOML.replace("[smtp]", f"[smtp]\nport = {stage.smtp_port}")
        )
        (desks.before / "ours.csv").write_bytes(registry.write([p.blog for p in people]))
        (desks.before / "bounces.mbox").touch()
        done("blogs", "import", "ours.csv", "--yes")
        done("poll", "--all")
        done("rank", "run")
        done("send", "plan", CAMPAIGN)
        shutil.copytree(desks.before, desks.after)
        patch.chdir(desks.after)
        done("send", "start", CAMPAIGN, "--confirm", CAMPAIGN)
        mail = stage.office.arrived[people[0].blog.email][0]
        letter = readers.read(people[0].blog.email, mail, "http://127.0.0.1:8025")
        stage.offset = timedelta(minutes=5)
        patch.setenv("BUZZ_CLOCK_OFFSET_S", str(stage.offset.seconds))
        write(people[0], stage, "Je relaie", f"À faire circuler. Signez : {letter.relay}")
        done("poll", "--all")
        done("relays", "scan", CAMPAIGN)
        done("relays", "confirm", "1")
        yield desks


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in ONLY_PARSED])
def test_example_runs_and_its_json_has_the_keys_of_the_page(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("BUZZ_LANG", "en")
    arguments = shlex.split(page_of_commands.example(LEAVES[name]))[1:]
    asks_facts = _has(LEAVES[name], "--json") and "--help" not in arguments
    tried = []
    for desk in (desks.after, desks.before):  # some examples are for one or the other
        shutil.copytree(desk, tmp_path / desk.name)
        monkeypatch.chdir(tmp_path / desk.name)
        code, out, err = call(*arguments, *(["--json"] if asks_facts else []))
        if code == 0:
            break
        tried.append(f"{desk.name}: {code} {err}")
    else:
        pytest.fail("\n".join(tried))
    if asks_facts:
        facts = json.loads(out)
        assert facts.pop("v") == 1
        option, others = page_of_commands.JSON_WITH.get(name, ("", ""))
        keys = others if option and option in arguments else page_of_commands.JSON[name]
        described = dict(page_of_commands.keys(keys))
        assert set(facts) == set(described)
        for key, value in facts.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                assert set(value[0]) == set(described[key].split()), key


def _has(command: Any, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)


@pytest.mark.parametrize("name", sorted(ONLY_PARSED))
def test_example_that_is_not_run_parses(name: str) -> None:
    parse(page_of_commands.example(LEAVES[name]))
