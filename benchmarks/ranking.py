"""Measure a night's ranking: a full run over all posts, and what keeping scores would save.

    python benchmarks/ranking.py [--blogs 1500] [--posts 100] [--words 200]

Fills a workspace of its own in a temporary folder with blogs that each have so many posts in the
last hundred days, and runs ``rank run`` as cron does. Prints JSON, in seconds of CPU:

``sketch_s``
    the first run's reading of every text, for near-copies; later nights read the new texts only
``read_s``, ``eligible_s``, ``rank_s``, ``run_s``
    posts from the database; what counts; scores and order; a whole run, stored
``sql_s``
    the peer: the same sum of decayed days by one SQL aggregate, which knows no copies, no repeated
    titles, no bits of rounding in order, no list
``carried``
    scores that would be carried forward from night to night instead (S · 2^(-1/14) + v), beside
    those made anew, of so many simulated blogs: by night, how many ``differ``, by how much at
    ``most``, and how many ``ranks`` are others (docs/decisions/0008)

Ten million posts (``--blogs 100000 --words 0``: minutes, 7.5 GiB) were measured for
``docs/decisions/0008-scores-are-made-anew.md``. How good the formula is says ``buzz rank
backtest --posts FILE.csv.gz``.
"""

import argparse
import math
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import common
from buzz import config
from buzz.core import ranking as core
from buzz.core.feeds import content_hash, entry_day
from buzz.core.ranking import scoring
from buzz.edges.store import Store, blogs, feeds, open_store, rankings
from buzz.edges.store.schema import entries
from buzz.model import Blog, Feed, FeedState
from buzz.pipeline import rank
from buzz.pipeline.rank import reading

AS_OF = datetime(2026, 3, 31, 2, tzinfo=UTC)
SEED = 1789
BATCH = 50_000
HALF_LIFE = 14.0
NIGHTS = (3, 30, 126)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blogs", type=int, default=1500)
    parser.add_argument("--posts", type=int, default=100, help="of each blog")
    parser.add_argument("--words", type=int, default=200, help="of each post; 0: no texts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "buzz.toml").touch()
        settings = config.load(workspace)
        store = open_store(settings.database_url)
        fill(store, options.blogs, options.posts, options.words)
        result = measure(settings, store)
        store.close()
    result |= {
        "carried": carried(options.blogs),
        "blogs": options.blogs,
        "posts": options.blogs * options.posts,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    common.tell({**result, "rows": table(result)})


def table(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a run's figures."""
    what = f"{result['posts']:,} posts, "
    steps = {"sketch_s": "sketches, once", "read_s": "read", "eligible_s": "what counts"}
    return [
        *(common.row(what + words, result[step], "s CPU") for step, words in steps.items()),
        common.row(
            what + "a whole run", result["run_s"], "s CPU", peer=result["sql_s"], than="one SQL sum"
        ),
        common.row(what + "memory", result["peak_mib"], "MiB"),
    ]


def fill(store: Store, count: int, posts: int, words: int) -> None:
    """Put blogs with their feeds and posts into the store."""
    known = [Blog(slug=f"b{n}", name=f"B{n}", url=f"https://b{n}.example/") for n in range(count)]
    with store.write() as tx:
        blogs.save(tx, known, AS_OF - timedelta(days=300))
        feeds.save(
            tx,
            [Feed(blog=b.slug, url="u", state=FeedState.OK, last_success=AS_OF) for b in known],
        )
    if not words:
        fill_by_sql(store, count, posts)
        return
    batch: list[dict[str, Any]] = []
    for row in rows(count, posts, words):
        batch.append(row)
        if len(batch) == BATCH:
            insert(store, batch)
            batch = []
    insert(store, batch)


def fill_by_sql(store: Store, count: int, posts: int) -> None:
    """Put posts without texts into the store: ten million of them by the database itself."""
    end = round(AS_OF.timestamp())
    with store.write() as tx:
        tx.exec_driver_sql("PRAGMA cache_size = -4000000")  # 4 GB: its indices are made in memory
        tx.exec_driver_sql(
            "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers"
            " WHERE n < ? - 1), posts AS (SELECT n / ? AS blog, n % ? AS number,"
            " ? - n * 7919 % 144000 * 60 AS at FROM numbers)"
            " INSERT INTO entries (blog, identity, title, link, published, first_seen, day,"
            " content_hash, length)"
            " SELECT 'b' || blog, number, 'Billet ' || number || ' du blog ' || blog,"
            " 'https://b' || blog || '.example/' || number, at * 1000000, at * 1000000,"
            " date(at + 3600, 'unixepoch'), printf('%032x', blog * 1000 + number), 200 FROM posts",
            (count * posts, posts, posts, end),
        )
        tx.exec_driver_sql("PRAGMA cache_size = -2000")
        tx.exec_driver_sql("PRAGMA shrink_memory")


def rows(count: int, posts: int, words: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(SEED)
    vocabulary = [f"mot{n}" for n in range(20_000)]
    for blog in range(count):
        for number in range(posts):
            at = AS_OF - timedelta(minutes=rng.randrange(100 * 24 * 60))
            text = " ".join(rng.choices(vocabulary, k=words))
            yield {
                "blog": f"b{blog}",
                "identity": str(number),
                "title": f"Billet {number} du blog {blog}",
                "link": f"https://b{blog}.example/{number}",
                "published": at,
                "first_seen": at,
                "day": entry_day(at, at),
                "text": text,
                "content_hash": content_hash(text or f"{blog} {number}"),
                "length": len(text) or 200,
            }


def insert(store: Store, batch: list[dict[str, Any]]) -> None:
    if batch:
        with store.write() as tx:
            tx.execute(sa.insert(entries), batch)


def measure(settings: config.Settings, store: Store) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with timed(figures, "sketch_s"):
        reading.sketch(store, reading.first_day(AS_OF, HALF_LIFE), keep=True)
    with timed(figures, "read_s"), store.read() as tx:
        posts = rankings.posts(tx, reading.first_day(AS_OF, HALF_LIFE), AS_OF)
    with timed(figures, "eligible_s"):
        marks = core.eligible(posts)
    with store.read() as tx:
        known, polled, registered = blogs.all_blogs(tx), feeds.all_feeds(tx), blogs.registered(tx)
    with timed(figures, "rank_s"):
        core.rank(
            known,
            polled,
            registered,
            posts,
            marks,
            as_of=AS_OF,
            size=len(known) * 157 // 1000,
            half_life_days=HALF_LIFE,
        )
    del posts, marks
    with timed(figures, "run_s"):
        rank.run(settings, store, AS_OF)
    with timed(figures, "sql_s"):
        by_sql(store)
    return figures


def by_sql(store: Store) -> None:
    """Sum the decayed days of each blog in the database itself."""
    with store.read() as tx:
        raw = tx.connection.driver_connection
        assert raw is not None
        raw.create_function("exp2", 1, math.exp2, deterministic=True)
        tx.exec_driver_sql(
            "SELECT blog, SUM(MIN(0.5 + n / 2.0, 2) * exp2((julianday(day) - julianday(?)) / 14))"
            " FROM (SELECT blog, day, COUNT(*) AS n FROM entries GROUP BY blog, day) GROUP BY blog",
            ("2026-03-31",),
        ).all()


def carried(count: int) -> dict[int, dict[str, float]]:
    """Return what becomes of scores that are carried forward, on some nights."""
    rng = random.Random(SEED)
    habits = [rng.choice((0.05, 0.1, 0.3, 0.6, 0.9)) for _ in range(count)]
    posts: list[dict[date, int]] = [{} for _ in range(count)]
    kept = [0.0] * count
    found = {}
    for night in range(1, max(NIGHTS) + 1):
        today = AS_OF.date() + timedelta(days=night)
        for blog, habit in enumerate(habits):
            n = sum(rng.random() < habit for _ in range(2))
            if n:
                posts[blog][today] = n
            kept[blog] = kept[blog] * math.exp2(-1 / HALF_LIFE) + scoring.value(n)
        if night in NIGHTS:
            made = [core.score(days, today, HALF_LIFE) for days in posts]
            pairs = list(zip(made, kept, strict=True))
            found[night] = {
                "differ": sum(a != b for a, b in pairs),
                "most": max(abs(a - b) for a, b in pairs),
                "ranks": sum(a != b for a, b in zip(order(made), order(kept), strict=True)),
            }
    return found


def order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda blog: (-scores[blog], blog))


class timed:  # noqa: N801  (read as a verb)
    """Write into a table how many seconds of CPU a block took; other work on the machine aside."""

    def __init__(self, figures: dict[str, Any], name: str) -> None:
        self._figures, self._name = figures, name

    def __enter__(self) -> None:
        self._start = time.process_time()

    def __exit__(self, *_exc: object) -> None:
        self._figures[self._name] = round(time.process_time() - self._start, 3)


if __name__ == "__main__":
    main()
