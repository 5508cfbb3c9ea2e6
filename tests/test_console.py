"""What commands print: tables whose figures stay whole, text broken between words."""

import pytest

from buzz.cli import console

ROWS = [("le-blog-de-karim", "Le blog de Karim, à Saint-Denis", "1 234,50")]


def table(capsys: pytest.CaptureFixture[str], right: str) -> list[str]:
    console.table(["slug", "nom du blog", "score de la semaine"], ROWS, right=right)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_figures_and_words_to_copy_are_whole_while_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "45")
    lines = table(capsys, "wlr")
    assert max(map(len, lines)) <= 45
    assert any(line.startswith("le-blog-de-karim ") for line in lines)
    assert any(line.endswith(" 1 234,50") for line in lines)


def test_where_there_is_no_room_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    lines = table(capsys, "wlr")
    assert max(map(len, lines)) <= 24
    letters = "".join("".join(lines).split())
    assert all(word in letters for word in ("blog", "Karim", "Denis"))


def test_a_heading_is_not_broken_where_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert "score de la semaine" in table(capsys, "wlr")[0]


def test_no_break_spaces_are_kept_and_not_broken_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = "demandez-le-lui\N{NO-BREAK SPACE}: maintenant"
    console.table(["que faire"], [(text,)])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[2:] == ["demandez-le-lui\N{NO-BREAK SPACE}:", "maintenant"]


def test_without_a_row_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    console.table(["slug"], [])
    assert capsys.readouterr().out == ""


def test_a_paragraph_breaks_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    console.paragraph(
        "mot " * 9 + "https://un.example/une-adresse-entiere", first="→ ", indent="  "
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("→ mot")
    assert all(line.startswith("  ") for line in lines[1:])
    assert lines[-1] == "  https://un.example/une-adresse-entiere"
