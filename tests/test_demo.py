"""The small world: drawn from a seed, true to itself, and never known to the product."""

import io
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
from conftest import Result

from buzz.core import registry
from buzz.demo import documents, mail, readers, world
from buzz.demo.stage import Stage
from buzz.edges import files
from buzz.model import Blog

SENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = SENT + timedelta(days=3)


def _blogs(count: int) -> list[Blog]:
    sample = registry.read(files.shared("blogs.csv").read_bytes(), file="blogs.csv").blogs
    return list(sample[:count])


@pytest.fixture(scope="module")
def small() -> world.World:
    small = world.build(_blogs(400), sent_at=SENT, now=NOW)
    for blogger in small.bloggers.values():
        world.receive(small, blogger, "http://127.0.0.1:1/r/token", now=NOW)
    return small


def test_the_same_seed_makes_the_same_world() -> None:
    one, two = (world.build(_blogs(60), sent_at=SENT, now=NOW) for _ in range(2))
    assert one == two
    assert one != world.build(_blogs(60), sent_at=SENT, now=NOW, seed=1)


def test_every_manner_of_relaying_occurs_and_nothing_relays_before_the_letter(
    small: world.World,
) -> None:
    posts = [post for blogger in small.bloggers.values() for post in blogger.posts]
    modes = Counter(post.mode for post in posts if post.label == "relayed")
    assert {"copy", "quote", "light", "link", "paraphrase", "slogan"} <= set(modes)
    assert all(post.published > SENT for post in posts if post.label != "not")
    assert all(post.published <= NOW for post in posts)
    assert not any("{relay}" in p for post in posts for p in post.prose.paragraphs)


def test_addresses_of_posts_are_unique(small: world.World) -> None:
    links = Counter(p.link for b in small.bloggers.values() for p in b.posts)
    assert max(links.values()) == 1


def test_every_platform_s_document_is_read_by_a_feed_parser(small: world.World) -> None:
    for blogger in list(small.bloggers.values())[:80]:
        shown = blogger.shown(NOW)
        body, _content_type = documents.document(blogger.blog, shown)
        parsed = feedparser.parse(io.BytesIO(body))
        assert not parsed.bozo
        assert [entry.title for entry in parsed.entries] == [post.prose.title for post in shown]
        assert all(entry.content[0].value for entry in parsed.entries)


def test_a_feed_shows_only_what_is_past(small: world.World) -> None:
    blogger = max(small.bloggers.values(), key=lambda b: len(b.posts))
    shown = blogger.shown(SENT)
    assert len(shown) <= world.IN_FEED
    assert all(post.published <= SENT for post in shown)
    assert shown == sorted(shown, key=lambda post: post.published, reverse=True)


def test_a_letter_is_read_as_its_reader_would() -> None:
    message = (
        b"Subject: x\r\nList-Unsubscribe: <http://t.example/u/1>\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n"
        b'<a href="http://t.example/c/2&amp;x">a</a><a href="http://t.example/r/3">b</a>'
        b'<img src="http://t.example/o/4.gif">'
    )
    found = readers.read("a@b.example", message, "http://t.example")
    assert found.unsubscribe == "http://t.example/u/1"
    assert found.clicks == ("http://t.example/c/2&x",)
    assert found.relay == "http://t.example/r/3"
    assert found.pixel == "http://t.example/o/4.gif"


def test_the_stage_stops_what_it_started() -> None:
    with Stage() as stage:
        assert stage.feed_port
        assert stage.smtp_port
        stage.office.mailboxes["a@b.example"] = "unknown"
    assert isinstance(stage.office, mail.PostOffice)
    assert not stage._thread.is_alive()


def test_the_demo_tells_its_story_and_leaves_a_report(tmp_path: Path) -> None:
    folder = tmp_path / "été à la plage"
    done = subprocess.run(
        [sys.executable, "-m", "buzz", "demo", "--blogs", "40", "--keep", str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    report = folder / "report-urgences.html"
    assert report.stat().st_size > 10_000
    assert str(report) in done.stdout
    assert "truly relayed" in done.stdout or "ont vraiment relayé" in done.stdout


def test_real_documents_are_polled_twice_and_the_second_time_nothing_is_new(
    tmp_path: Path, run: Callable[..., Result], small: world.World
) -> None:
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    for number, blogger in enumerate(list(small.bloggers.values())[:12]):
        body, _content_type = documents.document(blogger.blog, blogger.shown(NOW))
        (feeds / f"{number}.xml").write_bytes(body)
    result = run("demo", "--feeds", str(feeds), "--keep", str(tmp_path / "kept"))
    assert result.code == 0, result.err
    assert '"not_modified": 12' in result.out


def test_a_folder_that_is_not_empty_is_left_alone(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    result = run("demo", "--keep", str(tmp_path))
    assert result.code == 2
    assert str(tmp_path) in result.err
    assert kept.read_text() == "mine"
