"""Measure the ranking's formula on real posts: who is still there a week later, who buys a place.

    python benchmarks/ranking.py posts.csv.gz [--size K] [--days N]

Reads ``blog,day,length,text_hash`` (``rank backtest`` reads the same), ranks each of the last days
with the product's own functions and with a raw count of posts beside it, and prints JSON:

alive
    share of the list that posts in the week after
churn
    blogs that enter or leave a day
burst
    share of blogs outside the list and outside its margin that 30 posts in one day bring onto it
"""

import argparse
import csv
import gzip
import json
import platform
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

from buzz.core.ranking import places, score

HALF_LIFE_DAYS = 14.0
BURST_POSTS = 30
WEEK = 7
Days = Mapping[date, int]
Method = Callable[[Days, date], float]


def read(path: Path) -> dict[str, Counter[date]]:
    """Return each blog's posts a day; a text that a blog repeats counts once."""
    posts: dict[str, Counter[date]] = defaultdict(Counter)
    seen = set()
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if (row["blog"], row["text_hash"]) not in seen:
                seen.add((row["blog"], row["text_hash"]))
                posts[row["blog"]][date.fromisoformat(row["day"])] += 1
    return posts


def last_full_day(posts: Mapping[str, Days]) -> date:
    """Return the last day with a quarter of the busiest day's posts: beyond, a crawl had ended."""
    total: Counter[date] = Counter()
    for days in posts.values():
        total.update(days)
    return max(day for day, n in total.items() if n >= max(total.values()) / 4)


def tempered(days: Days, on: date) -> float:
    """Return the product's score."""
    return score({day: n for day, n in days.items() if day <= on}, on, HALF_LIFE_DAYS)


def raw_count(days: Days, on: date) -> float:
    """Return the number of posts in 30 days."""
    return sum(n for day, n in days.items() if 0 <= (on - day).days < 30)


def order(posts: Mapping[str, Days], method: Method, on: date) -> list[tuple[str, float]]:
    """Return the blogs with a score, best first."""
    scored = ((blog, method(days, on)) for blog, days in posts.items())
    return sorted((pair for pair in scored if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))


def measure(
    posts: Mapping[str, Days], method: Method, days: list[date], size: int, *, sticky: bool
) -> dict[str, float]:
    """Return the figures of one method over these days."""
    alive, moves, bought, tried = [], [], 0, 0
    former: frozenset[str] = frozenset()
    for number, on in enumerate(days):
        ranked = order(posts, method, on)
        slugs = [blog for blog, _ in ranked]
        listed = places(slugs, former, size) if sticky else frozenset(slugs[:size])
        if number:
            moves.append(len(listed ^ former))
        week = [on + timedelta(days=n) for n in range(1, WEEK + 1)]
        alive.append(sum(any(d in posts[blog] for d in week) for blog in listed) / len(listed))
        if number % 5 == 0:
            scores = dict(ranked)
            cut = ranked[size * 90 // 100 - 1 if sticky else size - 1][1]
            for blog, own in list(scores.items())[size * 115 // 100 :]:
                burst = Counter(posts[blog])
                burst[on] += BURST_POSTS
                tried += 1
                bought += method(burst, on) > max(cut, own)
        former = listed
    return {
        "alive": round(sum(alive) / len(alive), 4),
        "churn": round(sum(moves) / max(len(moves), 1), 1),
        "burst": round(bought / max(tried, 1), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("posts", type=Path)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--days", type=int, default=25)
    options = parser.parse_args()
    started = time.perf_counter()
    posts = read(options.posts)
    last = last_full_day(posts) - timedelta(days=WEEK)
    days = [last - timedelta(days=n) for n in reversed(range(options.days))]
    methods = {
        "raw count, 30 days": measure(posts, raw_count, days, options.size, sticky=False),
        "tempered": measure(posts, tempered, days, options.size, sticky=False),
        "tempered, hysteresis": measure(posts, tempered, days, options.size, sticky=True),
    }
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607  (whichever git the person has)
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    result = {
        "commit": commit,
        "machine": f"{platform.machine()} Python {platform.python_version()}",
        "blogs": len(posts),
        "k": options.size,
        "days": options.days,
        "methods": methods,
        "seconds": round(time.perf_counter() - started, 1),
    }
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
