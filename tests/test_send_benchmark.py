"""The benchmark of sending runs; what it measures is its own business."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "send.py"


def test_the_benchmark_measures_ours_and_theirs(tmp_path: Path) -> None:
    done = subprocess.run(
        (
            *(sys.executable, str(SCRIPT), "--messages", "5", "--rounds", "1"),
            *("--connections", "2", "--latency-ms", "2", "--only", "ours,smtplib"),
            *("--folder", str(tmp_path)),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["senders"].keys() == {"ours", "smtplib"}
    assert found["ours_to_theirs"]["smtplib"]["goal"] == 20
    for figures in found["senders"].values():
        assert figures["messages_per_s"] > 0
        assert figures["max_rss_mib"] > 1
