"""French and English: the catalogue is complete, true to its source, and heard everywhere."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from conftest import Result

from buzz import locales
from buzz.cli import root, speech
from buzz.locales import formats
from tools import messages

NO_BREAK = messages.NO_BREAK
NARROW = "\N{NARROW NO-BREAK SPACE}"  # between thousands in French (CLDR)
SOURCES = sorted((messages.ROOT / "buzz").rglob("*.py"))


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with locales.speaking("en"):
        yield


# --- the catalogue ----------------------------------------------------------------------------


def test_the_catalogue_is_complete_and_true() -> None:
    found = messages.problems()
    assert not found, "\n".join([*found, "python tools/messages.py update, then translate"])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('_("a")', ["a"]),
        ("f\"{_('a')} {n}\"", ["a"]),
        ('_("a" "b")', ["ab"]),
        ('N_("a"); mark("b"); locales.gettext("c")', ["a", "b", "c"]),
        ('ngettext("one", "many", n)', [("one", "many")]),
        ('_(name); _(""); other("a"); _(f"{x}")', []),
    ],
)
def test_messages_of_python(source: str, expected: list[messages.Id]) -> None:
    assert list(messages.python_messages(source)) == expected


def test_messages_of_a_template(tmp_path: Path) -> None:
    template = tmp_path / "t.html.j2"
    template.write_text("{{ _('a') }}{% if x %}{{ ngettext('one', 'many', n) }}{% endif %}")
    assert list(messages.template_messages(template)) == ["a", ("one", "many")]


@pytest.mark.parametrize(
    ("identifier", "string", "wrong"),
    [
        ("{n} of {m}", "{m} dont {n}", ""),
        ("{n} of {m}", "{n} de {k}", "placeholders"),
        ("run `buzz poll`", "lancez `buzz rank`", "backquoted"),
        ("one", "un\n", "line ends"),
        ("so: yes", "ainsi : oui", "typography"),
        (("{n} blog", "{n} blogs"), ("{n} blog", "des blogs"), "placeholders"),
    ],
)
def test_what_a_translation_can_do_wrong(identifier: Any, string: Any, wrong: str) -> None:
    catalog = Catalog(locale="fr")
    catalog.add(identifier, string)
    lines = list(messages.mismatches(catalog[messages._key(identifier)]))
    assert [line.split()[0].rstrip(":") for line in lines] == wrong.split()[:1]


def test_a_plural_without_translation_falls_back_to_english() -> None:
    """An empty form in an MO file is shown as nothing at all."""
    catalog = Catalog(locale="fr")
    catalog.add(("one", "many"))
    assert b"one\0many" not in messages.mo_bytes(catalog)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(messages.ROOT).as_posix())
def test_messages_are_looked_up_before_they_are_filled(path: Path) -> None:
    """``_("… {n}").format(n=n)``: what is filled before the look-up is in no catalogue."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"_", "N_", "ngettext"}:
            assert node.args, f"{path}:{node.lineno}"
            assert not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{path}:{node.lineno}"
            assert not _is_format(node.args[0]), f"{path}:{node.lineno}"


def _is_format(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "format"


# --- the help ---------------------------------------------------------------------------------


def commands() -> list[tuple[str, ...]]:
    """Return the path of every command of the tree, groups included."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))

    return list(walk(root.tree(), ()))


def english_help() -> set[str]:
    """Return the English texts of the help whose French is another."""
    texts = {text for text in messages.help_messages() if isinstance(text, str)}
    texts |= {*speech.HEADINGS, speech.EXAMPLE, speech.HELP_OPTION}
    with locales.speaking("fr"):
        return {text for text in texts if locales.gettext(text) != text}


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_help_is_french_to_the_last_word(
    run: Callable[..., Result], path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # no text is broken over lines
    result = run(*path, "--help", "--lang", "fr")
    assert result.code == 0
    lines = [re.sub(r" +", " ", line).strip(" │") for line in result.out.splitlines()]
    assert lines[1 if not lines[0] else 0].startswith(f"Usage{NO_BREAK}: buzz")
    words = {text for text in english_help() if len(text) > 1}
    left = [text for text in words for line in lines if re.search(_whole(text), line)]
    assert not left


def _whole(text: str) -> str:
    """Return a pattern for a text that stands for itself, not as a part of a word."""
    return r"(?<![\w-])" + re.escape(re.sub(r" +", " ", text).strip()) + r"(?![\w-])"


def test_help_follows_the_language_within_one_process(run: Callable[..., Result]) -> None:
    for language, heading in (("fr", "Commandes"), ("en", "Commands"), ("fr", "Commandes")):
        assert f" {heading} " in run("--help", "--lang", language).out


COMPLAINTS = [
    (("rank", "show", "--top", "x"), "--top : un nombre entier est attendu"),
    (("rank", "show", "--top", "0"), "--top : 1 au moins"),
    (("rank", "show", "--top"), "--top attend une valeur"),
    (("rank", "rising", "--tpo"), "il n'y a pas d'option --tpo (vouliez-vous dire --top ?)"),
    (("rank", "show", "--zzz"), "il n'y a pas d'option --zzz"),
    (("rank", "show", "--all=1"), "--all ne prend pas de valeur"),
    (("rank", "explain"), "BLOG manque"),
    (("rank", "explain", "a", "b"), "trop d'arguments : b"),
    (("rank", "zzz"), "il n'y a pas de commande zzz"),
    (("rnk",), "il n'y a pas de commande rnk (vouliez-vous dire rank ?)"),
    (("blogs", "list", "--status", "x"), "--status : x n'est pas parmi active, paused"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), COMPLAINTS, ids=[" ".join(row[0]) for row in COMPLAINTS]
)
def test_complaints_are_french(
    run: Callable[..., Result], arguments: tuple[str, ...], words: str
) -> None:
    result = run(*arguments, "--lang", "fr")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[0] == "buzz: " + messages.typeset(words)


def test_a_complaint_nobody_knows_is_shown_as_it_is() -> None:
    assert speech.complaint("Something new.") == "Something new."


# --- numbers, dates, spans --------------------------------------------------------------------

NIGHT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # already Monday in Paris
FORMATS: list[tuple[str, Callable[[], str], str, str]] = [
    ("thousands", lambda: formats.number(12345), "12,345", f"12{NARROW}345"),
    ("decimals", lambda: formats.number(1234.5, digits=2), "1,234.50", f"1{NARROW}234,50"),
    ("percent", lambda: formats.percent(0.1234), "12%", f"12{NO_BREAK}%"),
    ("percent, a digit", lambda: formats.percent(0.1234, 1), "12.3%", f"12,3{NO_BREAK}%"),
    ("nothing", lambda: formats.percent(0), "0%", f"0{NO_BREAK}%"),
    ("day", lambda: formats.day(date(2026, 8, 9)), "9 Aug 2026", "9 août 2026"),
    ("moment", lambda: formats.moment(NIGHT), "2 Mar 2026 at 00:30", "2 mars 2026 à 00:30"),
    ("span", lambda: formats.span(timedelta(minutes=90)), "90 minutes", "90 minutes"),
    ("days", lambda: formats.span(timedelta(hours=50)), "2 days", f"2{NO_BREAK}jours"),
]


@pytest.mark.parametrize(
    ("show", "english", "french"), [row[1:] for row in FORMATS], ids=[row[0] for row in FORMATS]
)
def test_formats(show: Callable[[], str], english: str, french: str) -> None:
    assert show() == english
    with locales.speaking("fr"):
        assert show() == french


def test_formatting_is_imported_when_needed(workspace: Path) -> None:
    import subprocess
    import sys

    code = "import sys, buzz.locales.formats; print('babel' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
