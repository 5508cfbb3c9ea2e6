"""Run the benchmarks and write docs/benchmarks.md from what they printed.

``python tools/benchmarks.py [NAME …]`` runs these scripts of ``benchmarks/`` (all of them without
a name; that takes an hour), keeps each one's JSON in ``benchmarks/results/`` and writes the page
from all that is kept there. ``--page`` only writes the page; ``tests/test_benchmarks.py`` fails
where it is stale. ``BUZZ_DATA`` and, for the polls, ``BUZZ_READER`` say where data and peer are.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "benchmarks"
RESULTS = SCRIPTS / "results"
PAGE = ROOT / "docs/benchmarks.md"
# What the scripts share, and those that make a part of the product.
OTHERS = frozenset(("common", "relay_background", "relay_train"))
ORDER = ("polling", "parsing", "upsert", "startup", "hostile", "politeness", "history", "ranking")

TERM = re.compile(r"^(\S.*)\n    (?=\S)", re.MULTILINE)

INTRODUCTION = """\
# Benchmarks

<!-- Written by tools/benchmarks.py from benchmarks/results/; do not edit. -->

Each section is one script of `benchmarks/`: what it does, in its own words, what it printed last,
and where. Ours and the peers ran in one run, by turns. Most machines of these runs are shared with
other work, which lengthens all wall times: **ratios, and CPU, say more than seconds.** A ratio is
ours divided by theirs; a goal stands beside the figure it is set for.

`python tools/benchmarks.py NAME` runs one again; `python tools/benchmarks.py` runs all.
"""


def names() -> list[str]:
    """Return the scripts that measure something, those of the daily work first."""
    found = {path.stem for path in SCRIPTS.glob("*.py")} - OTHERS
    return [*filter(found.__contains__, ORDER), *sorted(found.difference(ORDER))]


def results() -> dict[str, dict[str, Any]]:
    """Return what is kept of the scripts that there are, in their order."""
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in names()
        if (path := RESULTS / f"{name}.json").exists()
    }


def page(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page."""
    sections = ("\n".join(section(name, figures)) for name, figures in kept.items())
    return "\n".join([INTRODUCTION, *sections])


def section(name: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one script's section."""
    yield f"## {name}\n"
    yield from description(name)
    rows = figures.get("rows")
    yield from table(rows) if rows else plain_table(figures)
    yield ""
    if absent := figures.get("absent"):
        yield f"Not there in this run: {', '.join(absent)}.\n"
    yield f"{circumstances(figures)}\n"


def description(name: str) -> Iterator[str]:
    """Yield what a script says of itself: its title, its command, and the paragraphs after it."""
    text = ast.get_docstring(ast.parse((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))) or ""
    for paragraph in text.replace("``", "`").split("\n\n"):
        if paragraph.startswith("    "):
            yield f"```sh\n{re.sub('^    ', '', paragraph, flags=re.MULTILINE)}\n```\n"
        elif "\n    " in paragraph:  # terms, each with its meaning below it
            yield TERM.sub(r"- \1: ", paragraph) + "\n"
        else:
            yield f"{paragraph}\n"


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a table of rows as ``benchmarks.common.row`` makes them."""
    yield "| | ours | theirs | ratio | goal | |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        unit = f" {row['unit']}" if row["unit"] else ""
        peer = f"{number(row['peer'])}{unit}" if row["peer"] is not None else ""
        cells = (
            row["what"],
            f"{number(row['ours'])}{unit}" if row["ours"] is not None else "not measured",
            f"{peer} ({row['than']})" if peer else row["than"] and f"no {row['than']}",
            number(row["ratio"]) if row["than"] and row["ratio"] is not None else "",
            goal(row),
            {True: "reached", False: "**missed**", None: ""}[row["reached"]],
        )
        yield f"| {' | '.join(cells)} |"


def goal(row: Mapping[str, Any]) -> str:
    """Return a row's goal in signs."""
    bounds = (("≤", row["most"]), ("≥", row["least"]))
    return ", ".join(f"{sign} {number(bound)}" for sign, bound in bounds if bound is not None)


def plain_table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the plain figures of a script that has no rows."""
    yield "| | |"
    yield "|---|---|"
    known = ("machine", "cpus", "python", "commit", "changed", "date")
    for name, value in figures.items():
        if name not in known and isinstance(value, str | int | float):
            yield f"| {name} | {number(value) if isinstance(value, int | float) else value} |"


def circumstances(figures: Mapping[str, Any]) -> str:
    """Return on what it ran."""
    changed = " with changes" if figures.get("changed") else ""
    parts = (
        figures.get("machine"),
        f"{figures['cpus']} processors" if "cpus" in figures else "",
        f"Python {figures['python']}" if "python" in figures else "",
        f"commit {figures['commit']}{changed}" if "commit" in figures else "",
        figures.get("date"),
    )
    return f"*{' · '.join(filter(None, map(str, filter(None, parts))))}*"


def number(value: float) -> str:
    """Return a figure as it is read: thousands apart, no zeros at the end.

    >>> number(1500), number(0.250), number(12.0)
    ('1,500', '0.25', '12')
    """
    return f"{value:,.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"


def run(name: str) -> None:
    """Run one script and keep what it printed; its exit code may judge, and is told."""
    done = subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py"], stdout=subprocess.PIPE, check=False, cwd=ROOT
    )
    figures = json.loads(done.stdout)
    RESULTS.mkdir(exist_ok=True)
    kept = json.dumps(figures, ensure_ascii=False, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(kept, encoding="utf-8")
    print(f"{name}: exit {done.returncode}", file=sys.stderr)


def main() -> None:
    """Run what is asked for; write the page."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write their page.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*names(), []])
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    for name in () if options.page else options.names or names():
        run(name)
    PAGE.write_text(page(results()), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
