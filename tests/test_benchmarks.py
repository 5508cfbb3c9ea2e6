"""Every benchmark runs, tiny; what it prints becomes a page, and a figure is never judged wrongly.

No figure is judged here: a machine that is busy fails nobody.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import common, parsing, polling, relay_eval, startup, upsert
from tools import benchmarks as page_of_benchmarks


def documents() -> list[bytes]:
    return common.documents(None)[:4]


def run(module: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", [module.__name__, *arguments])
    module.main()


def test_polling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Cold, then warm; who is not there is named, and nothing is said of it."""
    monkeypatch.delenv("BUZZ_DATA", raising=False)
    monkeypatch.setenv("PATH", "")
    run(polling, monkeypatch, "--feeds", "30", "--scale", "0.02", "--reader", "")
    figures = json.loads(capsys.readouterr().out)
    assert figures["absent"] == ["reader", "curl", "newsboat"]
    assert figures["documents"] == "200 made up"
    ours = figures["programs"]["buzz"]
    assert ours["entries"] > 30
    assert ours["warm"]["cpu_s"] < ours["cold"]["cpu_s"]
    assert ours["cold"]["peak_mib"] > 10
    judged = {(row["what"], row["than"]): row for row in figures["rows"]}
    assert judged["cold poll, wall", "reader"]["reached"] is None
    assert judged["warm poll, wall", "the slowest feed"]["ratio"] > 1


def test_the_server_of_the_polls_answers_as_it_says() -> None:
    """One in twenty is slow, one in twenty fails, and what was not modified comes back as 304."""
    found = polling.answers(documents(), 1500, 1.0)
    assert sum(answer.delay_s == polling.SLOW_S for answer in found) == 75
    assert sum(answer.status != 200 for answer in found) == 75
    assert all(0.1 <= a.delay_s <= 0.3 for a in found if a.delay_s != polling.SLOW_S)
    assert len({polling.address(n) for n in range(100_000)}) == 100_000


PEERS = [name for name in ("curl", "newsboat") if shutil.which(name)]
if PEERS:

    @pytest.mark.parametrize("name", PEERS)
    def test_a_peer_polls(name: str) -> None:
        program = polling.programs("")[name]
        assert program is not None
        figures = polling.measured([program], documents(), 8, rounds=1, scale=0.02)
        assert figures[name]["cold"]["wall_s"] > 0
        assert figures[name]["entries"] is None or figures[name]["entries"] > 0


def test_parsing() -> None:
    figures = parsing.measured(documents(), 1)
    assert figures["documents"] == 4
    assert {row["than"] for row in figures["rows"]} == {"feedparser"}
    assert all(row["ratio"] > 0 for row in figures["rows"])


def test_upsert(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(upsert, monkeypatch, "--entries", "60")
    figures = json.loads(capsys.readouterr().out)
    assert figures["entries"] == 60
    assert [row["than"] for row in figures["rows"]] == ["ORM by row"] * 4


def test_startup() -> None:
    figures = startup.measured(1)
    assert {row["what"]: row["most"] for row in figures["rows"] if row["most"]} == {
        "`buzz --version`, best run": 0.15,
        "`buzz status`, best run": 0.4,
    }


def test_the_table_of_relay_detection() -> None:
    rows = relay_eval.table(
        {
            "sets": {
                "one": {"ours": {"ap": 0.9}, "peers": {"a": {"ap": 0.5}, "b": {"ap": 0.6}}},
            },
            "speed": [
                {"talking_points": 20, "posts_per_s_core": 5},
                {"talking_points": 203, "posts_per_s_core": 50},
            ],
        }
    )
    assert [(row["than"], row["reached"]) for row in rows] == [("b", True), ("", None), ("", False)]


@pytest.mark.parametrize(
    ("arguments", "ratio", "judgement"),
    [
        pytest.param({"peer": 4.0, "than": "x", "most": 0.25}, 0.25, True, id="just reached"),
        pytest.param({"peer": 3.0, "than": "x", "most": 0.25}, 0.333, False, id="missed"),
        pytest.param({"peer": None, "than": "x", "most": 0.25}, None, None, id="peer absent"),
        pytest.param({"most": 0.5}, None, False, id="no peer: the figure itself"),
        pytest.param({"least": 0.5}, None, True, id="from below"),
        pytest.param({"peer": 4.0, "than": "x"}, 0.25, None, id="no goal"),
    ],
)
def test_a_row_judges(arguments: dict[str, Any], ratio: float | None, judgement: object) -> None:
    row = common.row("what", 1.0, **arguments)
    assert row["ratio"] == ratio
    assert row["reached"] is judgement


def test_a_program_costs_what_its_children_cost() -> None:
    """CPU is that of all of it, memory that of the program itself."""
    child = "sum(range(5_000_000)); x = bytes(200 << 20)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    cost = common.cost([sys.executable, "-c", parent])
    assert cost.cpu_s > 0.05
    assert cost.wall_s >= cost.cpu_s / 2
    assert 1 < cost.peak_mib < 100


def test_the_page_tells_what_was_reached_and_what_is_absent() -> None:
    rows = [
        common.row("cold poll", 1.0, "s", peer=4.0, than="reader", most=0.25),
        common.row("warm poll", 2.0, "s", peer=4.0, than="reader", most=0.25),
        common.row("beside one", 1.0, "s", than="newsboat", most=0.4),
    ]
    facts = {"rows": rows, "absent": ["newsboat"], "commit": "abc", "changed": True, "cpus": 2}
    page = page_of_benchmarks.page({"polling": facts})
    assert "| cold poll | 1 s | 4 s (reader) | 0.25 | ≤ 0.25 | reached |" in page
    assert "| warm poll | 2 s | 4 s (reader) | 0.5 | ≤ 0.25 | **missed** |" in page
    assert "| beside one | 1 s | no newsboat |  | ≤ 0.4 |  |" in page
    assert "Not there in this run: newsboat." in page
    assert "*2 processors · commit abc with changes*" in page


def test_the_page_is_what_the_results_say() -> None:
    page = page_of_benchmarks.page(page_of_benchmarks.results())
    assert page_of_benchmarks.PAGE.read_text("utf-8") == page, "python tools/benchmarks.py --page"


def test_the_page_of_a_script_without_rows() -> None:
    page = page_of_benchmarks.page({"kill_loop": {"kills": 500, "lost": 0, "commit": "abc"}})
    assert "| kills | 500 |" in page
    assert "| lost | 0 |" in page


def test_a_script_can_be_run_from_anywhere(tmp_path: Path) -> None:
    script = page_of_benchmarks.SCRIPTS / "upsert.py"
    command = [sys.executable, str(script), "--entries", "20"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["machine"]
