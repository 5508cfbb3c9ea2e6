"""How long `campaign check` takes: each recipient's letter rendered before the first is sent.

    python benchmarks/check.py [--blogs 1500] [--runs 3]

Prints JSON: seconds in all (compiling, rendering, judging, the database), and of those the seconds
for compiling once per language, for rendering everybody's letter into the bytes that would be
sent, and for looking at the longest ones. The best of so many runs; links are not asked.
"""

import argparse
import dataclasses
import json
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.common import circumstances
from buzz import config
from buzz.core.campaign.looks import looks
from buzz.edges import files
from buzz.edges.store import Store, open_store
from buzz.edges.store import blogs as stored
from buzz.model import Blog
from buzz.pipeline import campaign
from buzz.pipeline.campaign import checking, loading

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SLUG = "retraites"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--blogs", type=int, default=1500)
    options.add_argument("--runs", type=int, default=3)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(Path(folder), asked.blogs, asked.runs), indent=2))


def measured(folder: Path, blogs: int, runs: int) -> dict[str, object]:
    settings = desk(folder)
    store = open_store(settings.database_url)
    people = [
        Blog(
            slug=f"blog-{n}",
            name=f"Le blog n° {n} de la fédération",
            url=f"https://b{n}.example/",
            email=f"b{n}@b.example",
            language="en" if n % 10 == 0 else "fr",
            federation=str(n % 95),
        )
        for n in range(blogs)
    ]
    with store.write() as tx:
        stored.save(tx, people, NOW)
    best: dict[str, float] = {}
    for _run in range(runs):
        took = once(settings, store)
        best = took if not best or took["seconds"] < best["seconds"] else best
    store.close()
    return {
        "recipients": blogs,
        **{name: round(value, 3) for name, value in best.items()},
        "us_per_recipient": round(best["rendering_s"] / blogs * 1e6),
        "goal_s": 2.0,
        **circumstances(),
    }


def once(settings: config.Settings, store: Store) -> dict[str, float]:
    begin, begin_cpu = time.perf_counter(), time.process_time()
    report = campaign.check(settings, store, SLUG, NOW)
    seconds, cpu_s = time.perf_counter() - begin, time.process_time() - begin_cpu
    assert report.passed, report.findings
    found = loading.load(settings, SLUG)
    begin = time.perf_counter()
    with store.write() as tx:
        letters = loading.compile_all(settings, tx, found)
        people = loading.recipients(settings, tx, found)
    compiling_s = time.perf_counter() - begin
    trial = checking.Trials(settings, found, letters, NOW)
    begin = time.perf_counter()
    rendered = list(trial.rendered(people))
    rendering_s = time.perf_counter() - begin
    assert len(rendered) == report.recipients
    begin = time.perf_counter()
    looks(rendered[0].html)
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "compiling_s": compiling_s,
        "rendering_s": rendering_s,
        "looking_at_one_s": time.perf_counter() - begin,
    }


def desk(folder: Path) -> config.Settings:
    """Return the settings of a workspace with the sample letter, to every blog."""
    shutil.copytree(files.shared("campaigns"), folder / "campaigns")
    letter = folder / "campaigns" / SLUG / "letter.md"
    letter.write_text(letter.read_text("utf-8").replace("segment: listed", "segment: all"), "utf-8")
    files.write(files.private_folder(folder / "data") / "secret.key", "a-secret-for-a-benchmark")
    (folder / "buzz.toml").write_text("", encoding="utf-8")
    settings = config.load(folder)
    sender = dataclasses.replace(
        settings.sender, organisation="Parti", postal_address="1 rue", controller="Parti, dpo"
    )
    return dataclasses.replace(settings, sender=sender)


if __name__ == "__main__":
    main()
