"""Measure how well bounces are known, ours against flufl.bounce, on the same messages.

    python benchmarks/bounces.py [--also DIR] [--not-bounces REGEX]

The samples under ``tests/data/bounces`` were written together with the reader that is tested by
them, so of ours they show that nothing was broken, and of the peer what such a corpus asks for.
A fairer figure is that of ``--also``: a folder of messages nobody here has written, one a file, all
of them bounces or complaints but those whose names fit ``--not-bounces`` (e.g. ``maildir/bsd`` of
https://github.com/sisimai/set-of-emails and ``rfc3834``). Prints JSON, counts beside the shares:

``found``
    share of the failures (hard, soft, policy, delayed) and complaints that are called one
``named``
    share of the failures whose recipient is named as the table has it
``permanent``
    share of the hard ones called permanent: of the peer's, whatever it says is permanent
``struck_off``
    share of the others (full, refused as spam, delayed, automatic replies) by which a reader would
    be struck off at once: the harm that a wrong answer does
``ms``
    milliseconds of CPU a message

flufl.bounce is wanted here alone: ``pip install flufl.bounce``; without it only ours is measured.
"""

import argparse
import csv
import email
import importlib
import json
import platform
import re
import subprocess
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from buzz.core import bounce
from buzz.model import BounceKind

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "data" / "bounces"
FAILURES = frozenset({"hard", "soft", "policy", "delayed"})
FOUND = FAILURES | {"complaint"}


@dataclass(frozen=True)
class Message:
    """A message, and what it is."""

    raw: bytes
    kind: str
    recipient: str


@dataclass(frozen=True)
class Answer:
    """What a reader says of a message."""

    found: bool
    recipients: frozenset[str]
    permanent: bool


Reader = Callable[[bytes], Answer]


def ours(raw: bytes) -> Answer:
    reading = bounce.read(raw)
    return Answer(
        reading.kind in FOUND,
        frozenset({reading.recipient}),
        reading.kind is BounceKind.HARD,
    )


def peer() -> Reader | None:
    """Return flufl.bounce as a reader, or None where it is not installed."""
    try:
        flufl = importlib.import_module("flufl.bounce")
    except ImportError:
        return None

    def read(raw: bytes) -> Answer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                temporary, permanent = flufl.all_failures(email.message_from_bytes(raw))
            except Exception:  # noqa: BLE001  (a message it cannot bear is one it has not found)
                return Answer(False, frozenset(), False)
        everybody = {a.decode("utf-8", "replace") for a in temporary | permanent}
        return Answer(bool(everybody), frozenset(everybody), bool(permanent))

    return read


def samples() -> list[Message]:
    with (SAMPLES / "expected.csv").open(encoding="utf-8", newline="") as file:
        return [
            Message((SAMPLES / f"{row['file']}.eml").read_bytes(), row["kind"], row["recipient"])
            for row in csv.DictReader(file)
        ]


def measure(read: Reader, messages: Sequence[Message]) -> dict[str, object]:
    started = time.process_time()
    answers = [(message, read(message.raw)) for message in messages]
    spent_s = time.process_time() - started
    of_kind = {
        "found": [a.found for m, a in answers if m.kind in FOUND],
        "named": [
            m.recipient in a.recipients for m, a in answers if m.kind in FAILURES and m.recipient
        ],
        "permanent": [a.permanent for m, a in answers if m.kind == "hard"],
        "struck_off": [a.permanent for m, a in answers if m.kind not in {"hard", "complaint"}],
    }
    figures = {name: share(told) for name, told in of_kind.items()}
    return {**figures, "ms": round(1000 * spent_s / len(messages), 2)}


def detected(read: Reader, folder: Path, but: str) -> dict[str, object]:
    """Return how many of a folder's bounces are found, and how many of the others called one."""
    told: dict[bool, list[bool]] = {True: [], False: []}
    for path in sorted(folder.iterdir()):
        is_bounce = not (but and re.search(but, path.name))
        told[is_bounce].append(read(path.read_bytes()).found)
    return {"found": share(told[True]), "false_alarms": share(told[False])}


def share(told: Sequence[bool]) -> dict[str, float | int]:
    whole = round(sum(told) / len(told), 4) if told else 0.0
    return {"share": whole, "n": sum(told), "of": len(told)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--also", type=Path, help="a folder of bounces, one a file")
    parser.add_argument("--not-bounces", default="", help="names of those that are none")
    options = parser.parse_args(arguments)
    readers = {"ours": ours, "flufl.bounce": peer()}
    found: dict[str, object] = {
        "samples": {name: r and measure(r, samples()) for name, r in readers.items()}
    }
    if options.also:
        found["also"] = {
            name: r and detected(r, options.also, options.not_bounces)
            for name, r in readers.items()
        }
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],  # noqa: S607  (a developer's git)
        capture_output=True,
        text=True,
        check=False,
    )
    found["machine"] = f"{platform.machine()} Python {platform.python_version()}"
    found["commit"] = commit.stdout.strip()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
