"""Replay successive real versions of feeds and tell the new posts from the old ones.

    python benchmarks/history.py [FOLDER] [--truth FILE] [--reader PYTHON] [--disputed]

FOLDER (default: ``$BUZZ_DATA/feeds_history``) has one folder a feed; the files in it begin with the
time of the version. Each version goes through the product's parser and ``feeds.settle``, beside
the posts of the versions before. Prints JSON: distinct posts by feed; how many there would be by
id alone (guid, else link), which is how feed readers tell posts apart; and how far both agree with
``tests/data/history_truth.csv``, where a person has looked at each entry over which id, link, title
and text quarrel. What none of them disputes, nobody had to look at. ``--reader`` names a Python
that can ``import reader``: lemon24/reader then reads the same versions in the same order, and its
posts are counted. ``--disputed`` lists the disputed entries as CSV.
"""

import argparse
import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import common
from buzz.core import feeds
from buzz.core.urls import canonical
from buzz.edges.parser import Document, Parsers
from buzz.model import Entry, ParsedFeed

GOAL = 0.97  # share of a person's verdicts
# Reads {feed: [file of a version]} and tells how many posts there are, as reader sees it.
READER = """
import json, pathlib, shutil, sys, tempfile, reader
posts, refused = 0, 0
for name, versions in json.load(sys.stdin).items():
    with tempfile.TemporaryDirectory() as folder:
        with reader.make_reader(":memory:", feed_root=folder) as made:
            made.add_feed("feed")
            for version in versions:
                shutil.copyfile(version, pathlib.Path(folder, "feed"))
                try:
                    made.update_feed("feed")
                except reader.ParseError:
                    refused += 1
            posts += made.get_entry_counts().total
json.dump({"version": reader.__version__, "posts": posts, "refused": refused}, sys.stdout)
"""
TRUTH = Path(__file__).parents[1] / "tests" / "data" / "history_truth.csv"


@dataclass(frozen=True)
class Verdict:
    """What was decided of one entry of one version."""

    feed: str
    version: str  # file name
    entry: str  # hash of its guid and link: no text, no address
    is_new: bool
    is_new_id: bool  # no entry before had its id
    is_disputed: bool  # a new id with something known about it, or a known title on a new post
    title: str = field(repr=False, default="")


@dataclass
class Replay:
    """One feed's history so far."""

    stored: dict[str, Entry] = field(default_factory=dict)
    since: datetime | None = None
    guids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def read(self, name: str, version: str, parsed: ParsedFeed) -> Iterator[Verdict]:
        """Take one version in; yield what was decided of each of its entries."""
        settled = feeds.settle(parsed.entries, self.stored.values(), self.since)
        by_place = dict(zip(_places(parsed.entries, settled.entries), settled.entries, strict=True))
        for place, entry in enumerate(parsed.entries):
            known = by_place.get(place)
            is_new = known is not None and known.identity not in self.stored
            yield Verdict(
                feed=name,
                version=version,
                entry=entry_key(entry),
                is_new=is_new,
                is_new_id=entry.identity not in self.guids,
                is_disputed=self._is_disputed(entry, is_new=is_new),
                title=entry.title,
            )
        for entry in settled.entries:
            before = self.stored.get(entry.identity)
            first = before.first_seen if before else entry.first_seen
            published = before.published if before else entry.published
            self.stored[entry.identity] = replace(
                entry, first_seen=first, published=published, text=""
            )
        for entry in parsed.entries:
            self.guids.add(entry.identity)
            self.links.add(canonical(entry.link))
            self.titles.add(entry.title)
            self.texts.add(entry.content_hash)
        if not parsed.error:
            self.since = parsed.entries[0].first_seen if parsed.entries else self.since

    def _is_disputed(self, entry: Entry, *, is_new: bool) -> bool:
        if not self.stored:
            return False
        ways = {
            entry.identity not in self.guids,
            canonical(entry.link) not in self.links,
            entry.title not in self.titles,
            is_new,
        }
        return len(ways) > 1 or (
            entry.identity not in self.guids and entry.content_hash in self.texts
        )


def entry_key(entry: Entry) -> str:
    """Return what names an entry of a version without telling anything of it."""
    return blake2b(f"{entry.identity}\n{entry.link}".encode(), digest_size=8).hexdigest()


def _places(document: Sequence[Entry], settled: Sequence[Entry]) -> Iterator[int]:
    """Yield where each settled entry stands in its document: settling keeps the texts."""
    place = 0
    for entry in settled:
        while not _is_same(document[place], entry):
            place += 1
        yield place
        place += 1


def _is_same(one: Entry, other: Entry) -> bool:
    """Tell whether two are one entry: settling changes its identity and what counts of it."""
    return (one.link, one.title, one.text, one.first_seen) == (
        other.link,
        other.title,
        other.text,
        other.first_seen,
    )


def histories(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the feeds of a folder, each with its versions, oldest first."""
    return [
        (feed, sorted(feed.iterdir(), key=lambda path: int(path.name.split("_")[0])))
        for feed in sorted(filter(Path.is_dir, folder.iterdir()))
    ]


async def replay(folder: Path) -> list[Verdict]:
    """Return the verdicts on all feeds of a folder, version by version."""
    verdicts: list[Verdict] = []
    async with Parsers() as parsers:
        for feed, versions in histories(folder):
            documents = await asyncio.gather(*(parsers.parse(_document(v)) for v in versions))
            history = Replay()
            for version, parsed in zip(versions, documents, strict=True):
                verdicts += history.read(feed.name, version.name, parsed)
    return verdicts


def _document(path: Path) -> Document:
    return Document(
        blog="blog",
        url="http://blog.example/feed",
        content_type="text/xml",
        body=path.read_bytes(),
        now=datetime.fromtimestamp(int(path.name.split("_")[0]), UTC),
        first=False,
    )


class Agreement(NamedTuple):
    """Verdicts of a person on these versions, and how many of them agree."""

    judged: int
    ours: int
    by_id: int


def agreement(verdicts: Sequence[Verdict], truth: Path = TRUTH) -> Agreement:
    """Return how far our verdicts, and those by id alone, agree with a person's."""
    known = {(v.feed, v.version, v.entry): v for v in verdicts}
    with truth.open(newline="", encoding="utf-8") as file:
        rows = [
            (known[key], row["verdict"] == "new")
            for row in csv.DictReader(file)
            if (key := (row["feed"], row["version"], row["entry"])) in known
        ]
    return Agreement(
        judged=len(rows),
        ours=sum(verdict.is_new == is_new for verdict, is_new in rows),
        by_id=sum(verdict.is_new_id == is_new for verdict, is_new in rows),
    )


def posts_of_reader(python: str, folder: Path) -> dict[str, Any]:
    """Return how many posts lemon24/reader has after the same versions, and what it refused."""
    feeds_and_versions = {
        feed.name: [str(version.resolve()) for version in versions]
        for feed, versions in histories(folder)
    }
    done = subprocess.run(
        [python, "-c", READER],
        input=json.dumps(feeds_and_versions),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    data = Path(os.environ.get("BUZZ_DATA", ".")) / "feeds_history"
    parser.add_argument("folder", type=Path, nargs="?", default=data)
    parser.add_argument("--truth", type=Path, default=TRUTH)
    parser.add_argument("--reader", metavar="PYTHON", default="")
    parser.add_argument("--disputed", action="store_true")
    options = parser.parse_args()
    verdicts = asyncio.run(replay(options.folder))
    if options.disputed:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["feed", "version", "entry", "verdict", "title"])
        for v in verdicts:
            if v.is_disputed:
                row = [v.feed, v.version, v.entry, "new" if v.is_new else "old", v.title]
                writer.writerow(row)
        return 0
    found = agreement(verdicts, options.truth)
    posts = {
        name: sum(v.is_new for v in verdicts if v.feed == name)
        for name in sorted({v.feed for v in verdicts})
    }
    distinct, ids = sum(posts.values()), len({(v.feed, v.entry) for v in verdicts})
    reader = posts_of_reader(options.reader, options.folder) if options.reader else None
    ours, by_id = share(found.ours, found.judged), share(found.by_id, found.judged)
    common.tell(
        {
            "versions": len({(v.feed, v.version) for v in verdicts}),
            "entries": len(verdicts),
            "disputed": sum(v.is_disputed for v in verdicts),
            "distinct_posts": distinct,
            "distinct_ids": ids,
            "by_feed": posts,
            "judged_by_a_person": found.judged,
            "agreed": found.ours,
            "agreement": ours,
            "agreed_by_id": found.by_id,
            "agreement_by_id": by_id,
            "reader": reader,
            "rows": [
                common.row(
                    "disputed entries told as a person tells them", ours, "share", least=GOAL
                ),
                common.row("the same by id alone", by_id, "share"),
                common.row(
                    "posts counted in the same histories",
                    distinct,
                    "posts",
                    peer=reader["posts"] if reader else ids,
                    than="reader" if reader else "by id alone",
                ),
            ],
        }
    )
    return 0 if found.ours >= GOAL * found.judged else 1


def share(part: int, whole: int) -> float | None:
    """Return a share, or None of nothing."""
    return round(part / whole, 4) if whole else None


if __name__ == "__main__":
    sys.exit(main())
