"""The real lists of the development data (``BUZZ_DATA``), if they are there.

Each is read, and has as many blogs as the index that came with them counts addresses of feeds.
Without the data this file has no tests, and pytest's header says so.
"""

import csv
import os
from pathlib import Path

import pytest

from buzz.core.registry import lists
from buzz.model import Level

FOLDER = Path(os.environ.get("BUZZ_DATA") or "/nonexistent") / "opml"
# Lists where we count otherwise: how many blogs we read, and why.
OTHERWISE = {
    "awesome-devblog__awesome-devblog__db.yml": 2015,  # with those that give a home page alone
    "timqian__chinese-independent-blogs__blogs-original.csv": 1462,  # home and feed are one blog
    "plenaryapp__awesome-rss-feeds__countries_without_category_Russia.opml": 12,  # a torn line, …
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Android_Development.opml": 31,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Beauty.opml": 10,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Business_&_Economy.opml": 15,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_History.opml": 10,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Programming.opml": 49,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Startups.opml": 21,
    "plenaryapp__awesome-rss-feeds__recommended_without_category_Tech.opml": 25,
}


def index() -> list[tuple[str, int]]:
    """Return each file and how many addresses of feeds were counted in it."""
    if not FOLDER.exists():
        return []
    with (FOLDER / "INDEX.csv").open(encoding="utf-8") as file:
        return [(row["file"], int(row["feed_urls"])) for row in csv.DictReader(file)]


if INDEX := index():

    @pytest.mark.parametrize(("file", "count"), INDEX, ids=[file for file, _count in INDEX])
    def test_a_real_list_is_read_and_what_is_torn_is_reported(file: str, count: int) -> None:
        listing = lists.read_list((FOLDER / file).read_bytes(), file=file)
        assert listing is not None
        assert len(listing.rows) == OTHERWISE.get(file, count)
        found = lists.arrivals(listing, (), file=file)
        assert len(found.blogs) + found.repeated == len(listing.rows)
        errors = [finding for finding in found.findings if finding.level is Level.ERROR]
        assert bool(errors) >= (len(listing.rows) < count and file.endswith(".opml"))
        assert len(errors) <= 2
        assert all(finding.remedy for finding in found.findings)
