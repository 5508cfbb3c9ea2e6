"""Measure relay detection as shipped, beside simpler rules, on the development sets.

    BUZZ_DATA=… python benchmarks/relay_eval.py

Prints JSON with the machine and the commit:

sets
    for each labelled set under ``$BUZZ_DATA/relays`` what ``buzz relays eval`` prints, beside it
    the average precision and best possible F1 of simpler measures (their threshold is chosen with
    the labels in sight, ours is not), and Churnalism's rule (more than a fifth of the message's
    15-character strings) as it was used
strangers
    posts of ``written-fr`` judged against each of the other campaigns: pairs, and alerts
chance
    alerts per 1,000 posts of the real feeds under ``$BUZZ_DATA/feeds``: none relays anything
speed
    posts a second on one core for 20, 200 and 2,000 talking points, those of the feeds and of
    ``written-fr`` together
"""

import io
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser

from benchmarks import common
from buzz.core import feeds, relay
from buzz.core.relay import words
from buzz.core.text import folded
from buzz.model import Entry, EntryId, MessagePack, Stance, Verdict
from buzz.pipeline import relays

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETS = ("written-fr", "embedded-fr", "clough-stevenson")
STRING = 15  # characters of Churnalism's strings
RULE = 0.2  # share of them from which it called an article churned
TALKING_POINTS = (20, 200, 2000)


def churnalism(message: str, post: str) -> float:
    """Return the share of the message's 15-character strings that the post has."""

    def strings(text: str) -> set[str]:
        text = folded(text)
        return {text[i : i + STRING] for i in range(max(1, len(text) - STRING + 1))}

    ours = strings(message)
    return len(ours & strings(post)) / len(ours)


def trigrams(message: str, post: str) -> float:
    """Return the share of the post's word trigrams that the message has."""
    ours, theirs = _grams(message, 3), _grams(post, 3)
    return len(ours & theirs) / max(1, len(theirs))


def stems(message: str, post: str) -> float:
    """Return the share of the post's content stems that the message has."""
    ours, theirs = _content(message), _content(post)
    return len(ours & theirs) / max(1, len(theirs))


def _grams(text: str, n: int) -> set[tuple[str, ...]]:
    run = folded(text).split()
    return set(zip(*(run[i:] for i in range(n)), strict=False))


def _content(text: str) -> set[str]:
    return {word.stem for word in words.read(text).words if word.says_something}


PEERS: dict[str, Callable[[str, str], float]] = {
    "churnalism": churnalism,
    "word trigrams": trigrams,
    "content stems": stems,
}


def peers(folder: Path) -> dict[str, Any]:
    """Return what simpler measures reach on a set."""
    texts = {c["id"]: c["text"] for c in _lines(folder / "campaigns.jsonl")}
    posts = list(_lines(folder / "posts.jsonl"))
    labels = [post["label"] == "relayed" for post in posts]
    found: dict[str, Any] = {}
    for name, measure in PEERS.items():
        values = [measure(texts[post["campaign"]], post["text"]) for post in posts]
        found[name] = {
            "ap": round(relay.figures(_as_judged(values, labels)).ap, 3),
            "best_f1": round(max(_f1(values, labels, limit) for limit in set(values)), 3),
        }
        if measure is churnalism:
            found[name]["f1_of_its_rule"] = round(_f1(values, labels, RULE), 3)
    return found


def _as_judged(values: Sequence[float], labels: Sequence[bool]) -> list[relay.Judged]:
    return [
        relay.Judged(
            label=Verdict.RELAYED if label else Verdict.NOT,
            mode="",
            stance=Stance.NEUTRAL,
            score=value,
            verdict=Verdict.NOT,
        )
        for value, label in zip(values, labels, strict=True)
    ]


def _f1(values: Sequence[float], labels: Sequence[bool], limit: float) -> float:
    called = [value >= limit for value in values]
    hits = sum(c and label for c, label in zip(called, labels, strict=True))
    return 2 * hits / max(1, sum(called) + sum(labels))


def strangers(folder: Path) -> dict[str, int]:
    """Judge each post against the campaigns it is not about."""
    messages = {pack.campaign: relay.prepare(pack) for pack in packs(folder)}
    counts: Counter[str] = Counter()
    for post in _lines(folder / "posts.jsonl"):
        for slug, message in messages.items():
            if slug != post["campaign"]:
                reading = relay.read(post["text"], message.pack.language)
                said = relay.weigh(message, reading, relay.links_of(reading))
                counts["pairs"] += 1
                counts[said.verdict.value] += 1
    return dict(counts)


def real_entries(folder: Path) -> list[Entry]:
    """Return the entries of the real feeds, dated so that none is older than a letter."""
    entries: list[Entry] = []
    for path in sorted(folder.iterdir()):
        if path.suffix != ".csv":
            document = feedparser.parse(
                io.BytesIO(path.read_bytes()), sanitize_html=False, resolve_relative_uris=False
            )
            parsed = feeds.read(
                document, blog=path.name, url="https://blog.example/", now=NOW, first=True
            )
            entries += parsed.entries
    return [
        replace(entry, id=EntryId(number), published=NOW) for number, entry in enumerate(entries)
    ]


def chance(index: relay.Index, entries: Sequence[Entry]) -> dict[str, float]:
    """Return alerts per 1,000 posts, by the strongest verdict of each post."""
    counts: Counter[Verdict] = Counter()
    order = (Verdict.RELAYED, Verdict.TO_CHECK, Verdict.MENTIONED)
    for entry in entries:
        found = {said.verdict for said in relay.judge(index, entry, _nobody)}
        counts[next((verdict for verdict in order if verdict in found), Verdict.NOT)] += 1
    per_mille = {v.value: round(1000 * counts[v] / len(entries), 2) for v in order}
    return {"posts": len(entries), "talking_points": _points(index), **per_mille}


def speed(index: relay.Index, entries: Sequence[Entry]) -> dict[str, float]:
    started = time.process_time()
    for entry in entries:
        relay.judge(index, entry, _nobody)
    took = time.process_time() - started
    return {"talking_points": _points(index), "posts_per_s_core": round(len(entries) / took)}


def of_size(all_packs: Sequence[MessagePack], points: int) -> relay.Index:
    """Return an index of French letters with so many talking points in all, or a few more."""
    chosen: list[MessagePack] = []
    for pack in (pack for pack in all_packs if pack.language == "fr"):
        if sum(len(p.talking_points) for p in chosen) >= points:
            break
        chosen.append(pack)
    return relay.index_of(chosen)


def packs(folder: Path) -> list[MessagePack]:
    """Return a set's campaigns as messages."""
    return [relays.pack_of(line) for line in relays.lines(folder / "campaigns.jsonl")]


def main() -> None:
    data = Path(os.environ["BUZZ_DATA"])
    sets: dict[str, Any] = {}
    for name in SETS:
        folder = data / "relays" / name
        command = ["buzz", "relays", "eval", "--data", str(folder), "--json"]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        sets[name] = {"ours": json.loads(ran.stdout), "peers": peers(folder)}
    written = data / "relays" / "written-fr"
    entries = real_entries(data / "feeds")
    posts = [
        Entry(
            id=EntryId(number),
            blog="b",
            identity=post["id"],
            text=post["text"],
            published=NOW,
            first_seen=NOW,
            day=NOW.date(),
        )
        for number, post in enumerate(_lines(written / "posts.jsonl"))
    ]
    letters = packs(written) + packs(data / "relays" / "embedded-fr")
    report: dict[str, Any] = {
        "sets": sets,
        "strangers": strangers(written),
        "chance": chance(relay.index_of(packs(written)), entries),
        "speed": [speed(of_size(letters, n), [*entries[::4], *posts]) for n in TALKING_POINTS],
    }
    common.tell({**report, "rows": table(report)})


def table(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a report: the simplest good measure of each set is the peer."""
    rows = []
    for name, figures in report["sets"].items():
        best = max(figures["peers"], key=lambda peer: figures["peers"][peer]["ap"])
        what, peer = f"{name}, average precision", figures["peers"][best]["ap"]
        rows.append(common.row(what, figures["ours"]["ap"], peer=peer, than=best, least=1))
    for speed_ in report["speed"]:
        points = speed_["talking_points"]
        least = 60 if 200 <= points < 2000 else None
        what = f"{points:,} talking points"
        rows.append(common.row(what, speed_["posts_per_s_core"], "posts/s/core", least=least))
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line:
            yield json.loads(line)


def _points(index: relay.Index) -> int:
    return sum(len(message.points) for message in index.messages)


def _nobody(_url: str) -> str:
    return ""


if __name__ == "__main__":
    main()
