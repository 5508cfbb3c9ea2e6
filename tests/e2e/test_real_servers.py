"""A letter to a real Postfix, and a short kill loop: the scripts of ``benchmarks/``, small."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HAS_POSTFIX = (
    shutil.which("postfix") is not None and os.geteuid() == 0
)  # it must be started by root


def facts(script: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Run a benchmark, and return its exit code and what it found."""
    found = subprocess.run(
        (sys.executable, str(BENCHMARKS / script), *options),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout, found.stderr
    return found.returncode, json.loads(found.stdout)


def test_the_kill_loop_that_anybody_can_run() -> None:
    code, found = facts("kill_loop.py", "--kills", "2", "--recipients", "100")
    assert (code, found["lost"], found["doubled"]) == (0, 0, 0)


if HAS_POSTFIX:

    def test_postfix_delivers_every_letter_once_and_unchanged() -> None:
        code, found = facts("real_servers.py", "--messages", "25")
        assert code == 0, found
        assert found["arrived"] == 25
