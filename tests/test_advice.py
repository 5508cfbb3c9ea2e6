"""What the product advises to type exists: a remedy that fails is worse than none."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Result

import buzz
from buzz.cli import root

COMMAND = re.compile(r"(?:: |`|run |^)buzz ([a-z]+)(?: ([a-z-]+))?")
HELPERS = {"_", "N_", "ngettext"}


def messages() -> Iterator[tuple[str, str]]:
    """Yield (file, text) of each message that people read."""
    for path in sorted(Path(buzz.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in HELPERS
            ):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield path.name, argument.value


ADVICE = sorted(
    {
        (file, *found.groups(default=""))
        for file, text in messages()
        for found in COMMAND.finditer(text)
    }
)


@pytest.fixture(scope="module")
def tree() -> Any:
    return root.tree()


def test_there_is_advice() -> None:
    assert len(ADVICE) > 30


@pytest.mark.parametrize(("file", "noun", "verb"), ADVICE, ids=" ".join)
def test_a_command_that_is_advised_exists(tree: Any, file: str, noun: str, verb: str) -> None:
    assert noun in tree.commands, file
    verbs = getattr(tree.commands[noun], "commands", None)
    assert verbs is None or verb in verbs, file


def test_help_says_what_may_stand_anywhere(run: Callable[..., Result]) -> None:
    """The options of every command were in no command's help."""
    shown = run("--help").out
    assert not [o for o in ("--workspace", "--lang", "--quiet", "--debug") if o not in shown]


def test_help_of_a_flag_does_not_ask_for_a_value(run: Callable[..., Result]) -> None:
    shown = run("poll", "--help").out
    assert "--all" in shown
    assert "SLUG" in shown
    assert "<bool>" not in shown
