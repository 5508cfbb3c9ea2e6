"""Which entries are known already: old posts under new ids, new posts under old titles."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feed_server import item, rss
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import history
from buzz.core.feeds import Settled, content_hash, settle
from buzz.model import Entry, LeftOut

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)


def post(
    name: str,
    days_ago: float | None = 1.0,
    *,
    title: str = "",
    guid: str = "",
    link: str = "",
    text: str = "",
    site: str = "https://blog.example",
) -> Entry:
    """Return a post; ``days_ago`` None: without a date."""
    words = text or f"Le texte de {name}, assez long pour que le billet compte un peu. " * 3
    published = None if days_ago is None else NOW - timedelta(days=days_ago)
    return Entry(
        blog="karim",
        identity=guid or f"{site}/{name}",
        link=link or f"{site}/{name}",
        title=title or f"Billet {name}",
        published=published,
        first_seen=NOW,
        day=min(published or NOW, NOW).date(),
        text=words,
        content_hash=content_hash(words),
        length=len(words),
    )


def known(*posts: Entry) -> list[Entry]:
    """Return posts as the store has them."""
    return [replace(p, text="", first_seen=p.published or NOW - timedelta(days=5)) for p in posts]


def identities(settled: Settled) -> list[str]:
    return [entry.identity for entry in settled.entries]


BEFORE = [post(name, days) for name, days in (("c", 1), ("b", 3), ("a", 9))]


def test_a_first_document_is_all_new() -> None:
    settled = settle(BEFORE, [], None)
    assert settled == Settled(tuple(BEFORE), 3, 0, False)


def test_nothing_new() -> None:
    assert settle(BEFORE, known(*BEFORE), SINCE) == Settled(tuple(BEFORE), 0, 3, True)


def test_one_new_post() -> None:
    settled = settle([post("d", 0.01), *BEFORE], known(*BEFORE), SINCE)
    assert (settled.new, settled.known) == (1, 3)
    assert settled.entries[0].left_out is None


OLD = "an old post under a new id"
MOVES = [
    pytest.param({"guid": "urn:1"}, id="guid alone"),
    pytest.param({"link": "https://blog.example/2026/c.html", "guid": "x"}, id="permalink"),
    pytest.param({"site": "https://neuf.example"}, id="domain"),
    pytest.param({"site": "https://neuf.example", "title": "Autre titre"}, id="domain and title"),
    pytest.param({"site": "https://neuf.example", "text": "Remanié. " * 20}, id="domain and text"),
    pytest.param({"guid": "x", "link": "https://blog.example/c?utm_source=rss"}, id="parameters"),
]


@pytest.mark.parametrize("changes", MOVES)
def test_one_old_post_under_a_new_id_is_not_new(changes: dict[str, str]) -> None:
    moved = post("c", 1, **changes)
    settled = settle([moved, *BEFORE[1:]], known(*BEFORE), SINCE)
    assert identities(settled) == [e.identity for e in BEFORE]
    assert settled.new == 0
    assert settled.entries[0].link == moved.link


@pytest.mark.parametrize("changes", MOVES)
def test_a_whole_document_under_new_ids_is_not_new(changes: dict[str, str]) -> None:
    changes = {key: value for key, value in changes.items() if key in {"site", "text"}}
    document = [
        post(name, days, **changes, guid=f"urn:{name}", link=f"https://neuf.example/p/{name}")
        for name, days in (("c", 1), ("b", 3), ("a", 9))
    ]
    settled = settle(document, known(*BEFORE), SINCE)
    assert identities(settled) == [e.identity for e in BEFORE]


def test_a_move_that_costs_the_dates_is_seen_by_the_texts() -> None:
    document = [
        post(name, 0.1, site="https://neuf.example", text=text)
        for name, text in (("c", ""), ("b", ""), ("a", "Remanié pour le nouveau site. " * 5))
    ]
    settled = settle(document, known(*BEFORE), SINCE)
    assert identities(settled) == [e.identity for e in BEFORE]


def test_a_move_of_posts_without_texts_and_dates_is_seen_by_the_titles() -> None:
    bare = [replace(p, content_hash="", length=0) for p in BEFORE]
    document = [
        replace(post(p.title[-1], 0.1, site="https://neuf.example"), content_hash="", length=0)
        for p in bare
    ]
    assert settle(document, known(*bare), SINCE).new == 0


def test_a_new_post_with_a_repeated_title_is_new() -> None:
    weekly = [post(f"revue-{n}", 7 * n, title="Revue de presse") for n in range(1, 6)]
    latest = post("revue-0", 0, title="Revue de presse")
    assert settle([latest, *weekly], known(*weekly), SINCE).new == 1
    assert settle([latest, *weekly[:1]], known(*weekly), SINCE).new == 1
    assert settle([latest], known(*weekly), SINCE).new == 1, "the old ones have left the document"


def test_a_repeated_title_in_the_midst_of_a_move_is_new() -> None:
    weekly = [post(f"revue-{n}", 7 * n, title="Revue de presse") for n in range(1, 6)]
    moved = [
        post(f"revue-{n}", 7 * n, title="Revue de presse", site="https://neuf.example")
        for n in range(6)
    ]
    settled = settle([*moved], known(*weekly), SINCE)
    assert (settled.new, settled.known) == (1, 5)
    assert settled.entries[0].identity == "https://neuf.example/revue-0"


def test_a_week_of_columns_that_are_called_as_last_week_is_new() -> None:
    names = ("lundi", "mardi", "mercredi", "jeudi", "vendredi")
    last = [post(f"{n}-1", 12 - d, title=n) for d, n in enumerate(names)]
    this = [post(f"{n}-2", 5 - d, title=n) for d, n in enumerate(names)]
    earlier = [post(f"{n}-0", 19 - d, title=n) for d, n in enumerate(names)]
    assert settle(this, known(*last, *earlier), SINCE).new == 5


def test_two_languages_of_one_post_are_two_posts() -> None:
    english = post("en/bienvenue", 1, title="Welcome!", text="Hello world. " * 9)
    spanish = post("es/bienvenue", 1, title="Welcome!", text="Hola a todos. " * 9)
    assert settle([english, spanish], known(english), SINCE).new == 1


def test_a_guid_that_is_given_to_another_post_is_none() -> None:
    first = post("a", 9, guid="1")
    second = post("b", 1, guid="1")
    settled = settle([second], known(first), SINCE)
    assert settled.new == 1
    assert settled.entries[0].identity.startswith("hash:")
    again = settle([second], known(first, settled.entries[0]), SINCE)
    assert identities(again) == identities(settled)
    assert again.new == 0


def test_an_edit_of_everything_but_the_link_is_an_edit() -> None:
    edited = post("c", 0.1, title="Tout autre chose", text="Rien de commun avec hier. " * 9)
    assert settle([edited], known(*BEFORE), SINCE).new == 0


def test_a_page_that_is_written_anew_each_day_is_a_new_post_where_its_guid_says_so() -> None:
    link = "https://blog.example/aujourdhui"
    old = post("x", 5, guid="1", link=link)
    new = post("y", 0.1, guid="2", link=link)
    assert settle([new], known(old), SINCE).new == 1


@pytest.mark.parametrize(
    ("days_ago", "left_out"),
    [
        pytest.param(0.1, None, id="in time"),
        pytest.param(5, None, id="a draft of last week"),
        pytest.param(30, LeftOut.REDATED, id="back-dated"),
        pytest.param(900, LeftOut.BACKFILL, id="older than all that is known"),
        pytest.param(None, None, id="undated"),
        pytest.param(-30, None, id="future"),
    ],
)
def test_what_appears_with_a_date_long_before_the_last_poll(
    days_ago: float | None, left_out: LeftOut | None
) -> None:
    stored = known(*BEFORE, post("z", 400))
    settled = settle([post("late", days_ago), *BEFORE], stored, SINCE)
    assert settled.entries[0].left_out is left_out
    assert all(entry.left_out is None for entry in settled.entries[1:])


def test_thirty_back_dated_posts_gain_nothing() -> None:
    forged = [post(f"f{n}", 8 + n) for n in range(30)]
    settled = settle([*forged, *BEFORE], known(*BEFORE, post("z", 400)), SINCE)
    assert all(entry.left_out for entry in settled.entries[:30])


def test_after_an_outage_what_was_written_meanwhile_counts() -> None:
    settled = settle([post("d", 30), *BEFORE], known(*BEFORE), NOW - timedelta(days=60))
    assert settled.entries[0].left_out is None


def test_new_ids_with_every_document_never_make_a_new_post() -> None:
    """A platform that makes up guids as it goes: 30 documents of the same ten posts."""
    stored = known(*(post(f"p{n}", n + 1) for n in range(10)))
    for round_ in range(30):
        document = [post(f"p{n}", n + 1, guid=f"urn:{round_}-{n}") for n in range(10)]
        settled = settle(document, stored, SINCE)
        assert settled.new == 0
        stored = known(*settled.entries)


names = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8, unique=True)


@given(
    before=names, after=names, site=st.sampled_from(["https://blog.example", "https://b2.example"])
)
def test_every_entry_is_one_post_and_no_post_is_two_entries(
    before: list[str], after: list[str], site: str
) -> None:
    stored = known(*(post(name, ord(name) - 90) for name in before))
    document = [post(name, ord(name) - 90, site=site) for name in after]
    settled = settle(document, stored, SINCE)
    assert len(set(identities(settled))) == len(settled.entries) == len(document)
    assert settled.new + settled.known == len(document)
    assert settled.known == len(set(before) & set(after))


def test_a_replayed_history_counts_each_post_once(tmp_path: Path) -> None:
    """By id alone, as readers do it, every post would be counted twice."""
    first = rss(*(item(n, f"Billet {n}", f"Un texte à propos de {n}. " * 9) for n in "abc"))
    folder = tmp_path / "un-blog"
    folder.mkdir()
    (folder / "1700000000_a.xml").write_bytes(first)
    (folder / "1700086400_b.xml").write_bytes(first.replace(b"isPermaLink='false'>", b">urn:"))
    verdicts = asyncio.run(history.replay(tmp_path))
    assert [v.is_new for v in verdicts] == [True] * 3 + [False] * 3
    assert [v.is_new_id for v in verdicts] == [True] * 6


HISTORY = Path(os.environ.get("BUZZ_DATA") or "/nonexistent") / "feeds_history"
if HISTORY.is_dir():

    def test_the_histories_of_real_feeds_agree_with_what_a_person_says() -> None:
        judged, agreed, by_id = history.agreement(asyncio.run(history.replay(HISTORY)))
        assert judged >= 40
        assert agreed >= history.GOAL * judged
        assert by_id < agreed
