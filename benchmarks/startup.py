"""Start the program and end it: how long a person waits for an answer that is ready.

    python benchmarks/startup.py [--runs 15]

``buzz --version``, and ``buzz status`` in a workspace with the sample of 1,500 blogs; Python alone
beside them. The runs are interleaved; prints JSON: seconds, the best run's and the median, and
seconds of CPU. The goal is held against the best run: the others tell what else the machine did.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import common

BUZZ = (sys.executable, "-m", "buzz")


def once(command: Sequence[str]) -> tuple[float, float]:
    """Run a program; return what it took, in seconds and in seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(runs: int) -> dict[str, Any]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as name:
        workspace = str(Path(name) / "press")
        once([*BUZZ, "init", workspace, "--sample"])
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "buzz --version": [*BUZZ, "--version"],
            "buzz status": [*BUZZ, "--workspace", workspace, "status"],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for run in range(runs + 1):
            for what, command in commands.items():
                cost = once(command)
                if run:  # the first fills caches
                    taken[what].append(cost)
    figures = {
        what: {
            "best_s": round(min(wall for wall, _cpu in costs), 3),
            "median_s": round(median(wall for wall, _cpu in costs), 3),
            "cpu_s": round(median(cpu for _wall, cpu in costs), 3),
        }
        for what, costs in taken.items()
    }
    goals = {"buzz --version": 0.15, "buzz status": 0.4}
    return {
        "runs": runs,
        "figures": figures,
        "rows": [
            row
            for what, most in goals.items()
            for row in (
                common.row(f"`{what}`, best run", figures[what]["best_s"], "s", most=most),
                common.row(f"`{what}`, median", figures[what]["median_s"], "s"),
                common.row(f"`{what}`, CPU", figures[what]["cpu_s"], "s CPU"),
            )
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    common.tell(measured(options.runs))


if __name__ == "__main__":
    main()
