"""What the benchmarks share: where and on what they ran, what a program cost, a row of a table.

Every script prints one JSON object: its own figures, ``rows`` (what stands in the table of
``docs/benchmarks.md``) and the circumstances.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
LOOK_S = 0.05  # between two looks at a program's memory


def circumstances() -> dict[str, Any]:
    """Return the machine, the commit and the day."""
    return {
        "machine": _processor(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "buzz")),
        "date": datetime.now(UTC).date().isoformat(),
    }


def tell(figures: Mapping[str, Any]) -> None:
    """Print figures with the circumstances."""
    json.dump({**figures, **circumstances()}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def row(
    what: str,
    ours: float | None,
    unit: str = "",
    *,
    peer: float | None = None,
    than: str = "",
    most: float | None = None,
    least: float | None = None,
) -> dict[str, Any]:
    """Return one row of a table.

    Args:
        what: what was measured.
        ours: our figure; None: it was not measured.
        unit: of both figures.
        peer: theirs; None: the peer is absent, or there is none.
        than: the peer's name; empty where our figure itself is judged.
        most: the goal, of the ratio where there is a peer's name, else of our figure.
        least: the same from below.
    """
    ratio = ours / peer if ours is not None and peer else None
    judged = ratio if than else ours
    is_reached = None
    if judged is not None and (most is not None or least is not None):
        is_reached = (most is None or judged <= most) and (least is None or judged >= least)
    return {
        "what": what,
        "ours": _rounded(ours),
        "peer": _rounded(peer),
        "than": than,
        "unit": unit,
        "ratio": _rounded(ratio),
        "most": most,
        "least": least,
        "reached": is_reached,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one program took."""

    wall_s: float
    cpu_s: float  # its own and that of its children
    peak_mib: float  # of the main process alone


def cost(command: Sequence[str | Path], **options: Any) -> Cost:
    """Run a program to its end and return what it took.

    Args:
        command: the program and its arguments.
        options: as for ``subprocess.Popen``.
    """
    peak_kib = 0
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options
    )
    while True:
        # ru_maxrss is the largest of all its children; VmHWM is its own.
        peak_kib = max(peak_kib, _peak_kib(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(LOOK_S)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s=round(wall_s, 2),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 3),
        peak_mib=round(peak_kib / 1024, 1),
    )


def middle(costs: Sequence[Cost]) -> dict[str, float] | None:
    """Return the medians of several costs, or None of none."""
    tables = [asdict(cost) for cost in costs]
    return {key: median(table[key] for table in tables) for key in tables[0]} if tables else None


def data(folder: str) -> Path | None:
    """Return a folder of the development data, or None where it is absent."""
    base = os.environ.get("BUZZ_DATA")
    return Path(base) / folder if base and (Path(base) / folder).is_dir() else None


def documents(folder: Path | None) -> list[bytes]:
    """Return the real feed documents of a folder, or made-up ones where there is none."""
    if folder is not None:
        return [path.read_bytes() for path in sorted(folder.glob("*.*")) if path.suffix != ".csv"]
    return [_made_up(n) for n in range(200)]


def _made_up(n: int) -> bytes:
    words = f"Le billet du blog {n} dit ce que chacun pense tout bas. " * (10 + n % 60)
    items = "".join(
        f"<item><guid>https://b{n}.example/{m}</guid><link>https://b{n}.example/{m}</link>"
        f"<title>Billet {m}</title><pubDate>Mon, {1 + m % 27:02} Mar 2026 09:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;{words}&lt;/p&gt;</description></item>"
        for m in range(10 + n % 20)
    )
    return f'<rss version="2.0"><channel><title>Blog {n}</title>{items}</channel></rss>'.encode()


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.3g}")


def _peak_kib(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0])
    return 0


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _git(*arguments: str) -> str:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(
            ["git", *arguments],  # noqa: S607  (whichever git the person has)
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        ).stdout.strip()
    return ""
