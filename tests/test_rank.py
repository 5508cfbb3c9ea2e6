"""``rank run``, ``show`` and ``explain``: from stored entries to the list and its reasons."""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Result
from sqlalchemy import event

from buzz.config import Settings
from buzz.core.ranking import Post
from buzz.edges import files
from buzz.edges.store import Store, blogs, entries, feeds, rankings, runs
from buzz.model import (
    Blog,
    BlogStatus,
    Entry,
    Feed,
    FeedState,
    LeftOut,
    RankedBlog,
    Ranking,
)
from buzz.pipeline import rank

AS_OF = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)
Run = Callable[..., Result]


def entry(blog: str, age: int, number: int = 0, **more: object) -> Entry:
    at = AS_OF - timedelta(days=age, hours=1, minutes=number)
    values = {
        "blog": blog,
        "identity": f"{age}-{number}",
        "title": f"Billet {age}-{number} de {blog}",
        "published": at,
        "first_seen": at + timedelta(minutes=30),
        "day": at.date(),
        "content_hash": f"{blog}-{age}-{number}",
        "length": 500,
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type]  # the values above, or a test's


@pytest.fixture
def desk(settings: Settings, store: Store) -> Store:
    """Four blogs: a posts daily, b weekly, c is blocked since ten days, d is paused."""
    registry = [
        Blog(slug=slug, name=f"Le blog {slug.upper()}", url=f"https://{slug}.example/")
        for slug in "abc"
    ]
    paused = Blog(slug="d", name="D", url="https://d.example/", status=BlogStatus.PAUSED)
    with store.write() as tx:
        blogs.save(tx, [*registry, paused], AS_OF - timedelta(days=200))
        feeds.save(
            tx,
            [
                Feed(blog="a", url="u", state=FeedState.OK, last_success=AS_OF),
                Feed(blog="b", url="u", state=FeedState.OK, last_success=AS_OF),
                Feed(
                    blog="c",
                    url="u",
                    state=FeedState.BLOCKED,
                    last_success=AS_OF - timedelta(days=10),
                ),
            ],
        )
        entries.save(
            tx,
            [
                *(entry("a", age) for age in range(1, 40)),
                entry("a", 2, 1, title="Trop court", length=10, left_out=LeftOut.SHORT),
                entry("a", 3, 1, title="Recopié", content_hash="b-7-0"),
                *(entry("b", age) for age in range(0, 60, 7)),
                entry("c", 10),
            ],
        )
    return store


# --- the steps --------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_run_stores_the_ranking_and_a_record(settings: Settings, desk: Store) -> None:
    report = rank.run(settings, desk, AS_OF)
    assert [b.slug for b in report.ranking.blogs] == ["a", "b", "c"]
    assert (report.listed, report.entered, report.left) == (3, ("a", "b", "c"), ())
    assert report.unreachable == 1
    with desk.read() as tx:
        stored = rankings.latest(tx)
        (record,) = runs.last(tx, "rank")
    assert stored is not None
    assert (stored.as_of, stored.size, stored.blogs) == (AS_OF, 1500, report.ranking.blogs)
    assert record.summary == {"ranked": 3, "listed": 3, "entered": 3, "left": 0, "held": 0}


@pytest.mark.both_databases
def test_dry_run_decides_the_same_and_stores_nothing(settings: Settings, desk: Store) -> None:
    dry = rank.run(settings, desk, AS_OF, dry_run=True)
    with desk.read() as tx:
        assert rankings.latest(tx) is None
        assert runs.last(tx) == ()
    assert rank.run(settings, desk, AS_OF) == dry


@pytest.mark.both_databases
def test_the_list_before_decides_at_the_edge(settings: Settings, desk: Store) -> None:
    rank.run(settings, desk, AS_OF)
    with desk.write() as tx:
        blogs.remove(tx, ["b"])
    second = rank.run(settings, desk, AS_OF + timedelta(days=1))
    assert (second.entered, second.left) == ((), ())
    third = rank.run(settings, desk, AS_OF + timedelta(days=400))
    assert (third.listed, third.left) == (0, ("a", "c"))


@pytest.mark.both_databases
def test_a_ranking_of_the_same_moment_replaces(settings: Settings, desk: Store) -> None:
    rank.run(settings, desk, AS_OF)
    rank.run(settings, desk, AS_OF)
    with desk.read() as tx:
        assert rankings.before(tx, AS_OF) is None


@pytest.mark.both_databases
def test_what_was_seen_later_explains_nothing(settings: Settings, desk: Store) -> None:
    rank.run(settings, desk, AS_OF)
    before = rank.explain(desk, "b").why
    with desk.write() as tx:
        entries.save(tx, [entry("b", 3, first_seen=AS_OF + timedelta(hours=1))])
    assert rank.explain(desk, "b").why == before
    assert sum(day.points for day in before.days) == pytest.approx(before.blog.score)


@pytest.mark.both_databases
def test_the_frozen_score_is_explained_after_the_blog_is_back(
    settings: Settings, desk: Store
) -> None:
    rank.run(settings, desk, AS_OF)
    with desk.write() as tx:
        feeds.save(tx, [Feed(blog="c", url="u", state=FeedState.OK, last_success=AS_OF)])
    why = rank.explain(desk, "c").why
    assert (why.blog.score, why.days[0].age_days) == (1.0, 0)


# --- the store --------------------------------------------------------------------------------


def ranked(slug: str, number: int) -> RankedBlog:
    return RankedBlog(
        rank=number,
        slug=slug,
        score=1 / 3,
        listed=number < 3,
        active_days_30=number,
        entries_30=number,
        last_published=AS_OF if number > 1 else None,
        status=FeedState.GONE,
        scored_on=date(2026, 3, 17) if number > 1 else None,
    )


@pytest.mark.both_databases
def test_rankings_come_back_as_they_were(desk: Store) -> None:
    nights = [AS_OF + timedelta(days=n) for n in range(3)]
    given = [
        Ranking(
            as_of=night,
            size=2,
            half_life_days=7.5,
            blogs=tuple(ranked(slug, n) for n, slug in enumerate("cab", 1)),
        )
        for night in nights
    ]
    with desk.write() as tx:
        for ranking in given:
            rankings.save(tx, ranking)
    with desk.read() as tx:
        latest = rankings.latest(tx)
        assert latest is not None
        assert latest.id is not None
        assert (latest.as_of, latest.blogs) == (nights[2], given[2].blogs)
        at = rankings.at(tx, nights[1] + timedelta(hours=5))
        before = rankings.before(tx, nights[1])
        assert at is not None
        assert before is not None
        assert (at.as_of, before.as_of) == (nights[1], nights[0])
        assert rankings.at(tx, nights[0] - timedelta(seconds=1)) is None


@pytest.mark.both_databases
def test_posts_are_dated_by_the_earlier_of_published_and_first_seen(desk: Store) -> None:
    future = entry("b", 0, 9, published=AS_OF + timedelta(days=9), first_seen=AS_OF)
    dateless = entry("b", 0, 8, published=None, first_seen=AS_OF)
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="e", name="E", url="https://e.example/")], AS_OF)
        entries.save(tx, [future, dateless])
    with desk.read() as tx:
        found = rankings.posts(tx, AS_OF.date(), AS_OF)
    assert {p.at for p in found if p.title in {future.title, dateless.title}} == {AS_OF}
    assert all(isinstance(p, Post) and isinstance(p.day, date) for p in found)


def test_reading_posts_does_not_touch_their_texts(settings: Settings, desk: Store) -> None:
    """An index holds all that is read, so that the length of the texts costs nothing."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    with desk.read() as tx:
        event.listen(tx, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
        rankings.posts(tx, AS_OF.date(), AS_OF)
    statement, parameters = asked[-1]  # after BEGIN
    with sqlite3.connect(settings.data / "buzz.db") as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    assert "USING COVERING INDEX ix_entries_ranking" in plan[0][3]


# --- the commands -----------------------------------------------------------------------------


def test_show_before_the_first_run(run: Run) -> None:
    result = run("rank", "show")
    assert (result.code, result.out) == (0, "")
    assert "buzz rank run" in result.err
    result = run("rank", "show", "--json")
    assert json.loads(result.out) == {"v": 1, "as_of": None, "blogs": []}


def test_explain_before_the_first_run(desk: Store, run: Run) -> None:
    result = run("rank", "explain", "a")
    assert (result.code, result.out) == (1, "")
    assert "no ranking yet (run: buzz poll, then buzz rank run)" in result.err


@pytest.mark.parametrize(
    ("slug", "code", "words"),
    [
        ("nobody", 2, "no blog nobody"),
        ("d", 1, "paused"),
        ("e", 1, "after the latest ranking"),
    ],
)
def test_explain_what_is_not_ranked(
    settings: Settings, desk: Store, run: Run, *, slug: str, code: int, words: str
) -> None:
    rank.run(settings, desk, AS_OF)
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="e", name="E", url="https://e.example/")], AS_OF)
    result = run("rank", "explain", slug)
    assert (result.code, result.out) == (code, "")
    assert words in result.err


def test_run_command(desk: Store, run: Run) -> None:
    result = run("rank", "run", "--json", "--dry-run")
    assert result.code == 0
    facts = json.loads(result.out)
    assert facts.keys() == {"v", "as_of", "ranked", "listed", "entered", "left", "held"}
    assert json.loads(run("rank", "show", "--json").out)["blogs"] == []
    result = run("rank", "run")
    assert (result.code, result.out) == (0, "")
    assert "3 ranked" in result.err
    assert run("rank", "run", "--quiet").err == ""


def test_a_second_run_leaves_the_work_to_the_first(
    settings: Settings, desk: Store, run: Run
) -> None:
    with files.lock(settings.lock("rank")):
        result = run("rank", "run")
        facts = run("rank", "run", "--json")
    assert (result.code, result.out) == (0, "")
    assert (facts.code, facts.err) == (0, result.err)
    assert result.err.count("\n") == 1
    assert json.loads(facts.out) == {
        "v": 1, "as_of": None, "ranked": 0, "listed": 0, "entered": [], "left": [], "held": [],
    }  # fmt: skip
    with desk.read() as tx:
        assert rankings.latest(tx) is None


def test_show_json(settings: Settings, desk: Store, run: Run) -> None:
    rank.run(settings, desk, AS_OF)
    facts = json.loads(run("rank", "show", "--json", "--top", "1").out)
    assert facts["as_of"] == "2026-03-31T02:00:00+00:00"
    (blog,) = facts["blogs"]
    assert blog.pop("score") == pytest.approx(sum(2 ** (-age / 14) for age in range(1, 40)))
    assert blog == {
        "rank": 1,
        "slug": "a",
        "listed": True,
        "held": False,
        "active_days_30": 29,
        "entries_30": 29,
        "last_published": "2026-03-30T01:00:00+00:00",
        "status": "ok",
    }


def test_show_only_the_list_unless_all(settings: Settings, desk: Store, run: Run) -> None:
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="e", name="E", url="https://e.example/")], AS_OF)
    rank.run(settings, desk, AS_OF)
    listed = json.loads(run("rank", "show", "--json").out)["blogs"]
    everyone = json.loads(run("rank", "show", "--json", "--all").out)["blogs"]
    assert [b["slug"] for b in listed] == ["a", "b", "c"]
    assert [(b["slug"], b["listed"]) for b in everyone[3:]] == [("e", False)]


def test_show_marks_who_moved(
    settings: Settings, desk: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rank.run(settings, desk, AS_OF)
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="e", name="E", url="https://e.example/")], AS_OF)
        feeds.save(tx, [Feed(blog="c", url="u", state=FeedState.OK, last_success=AS_OF)])
        entries.save(tx, [entry("e", 0)])
        entries.save(tx, [entry("c", age, n) for age in range(3) for n in range(3)])
    rank.run(settings, desk, AS_OF + timedelta(days=1))
    monkeypatch.setenv("COLUMNS", "40")
    lines = run("rank", "show").out.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["1", "=", "a"],
        ["2", "▲1", "c"],
        ["3", "▼1", "b"],
        ["4", "new", "e"],
    ]
    assert max(map(len, lines)) <= 40


EXPLAINED = """\
Le blog B
Rank 2 of 31 Mar 2026 at 04:00: on the list
Score 3.26: a post loses half its weight in 14 days

day                         posts points
31 Mar 2026  ████████████       1   1.00
24 Mar 2026  ████████           1   0.71
17 Mar 2026  ██████             1   0.50
10 Mar 2026  ████               1   0.35
3 Mar 2026   ███                1   0.25
before that                     4   0.45

The list has 1,500 places.
A newcomer surely enters at rank 1,350 (there are fewer blogs).
A member may stay down to rank 1,725 (there are fewer blogs).
A silence of 113 days would cost the place.
"""


def test_explain_in_words(settings: Settings, desk: Store, run: Run) -> None:
    rank.run(settings, desk, AS_OF)
    result = run("rank", "explain", "b")
    assert (result.code, result.err) == (0, "")
    assert result.out == EXPLAINED


def test_explain_says_what_does_not_count_and_what_is_away(
    settings: Settings, desk: Store, run: Run
) -> None:
    rank.run(settings, desk, AS_OF)
    out = run("rank", "explain", "a").out
    assert "  29 Mar 2026: too short: Trop court\n" in out
    assert "  28 Mar 2026: a text that was there before: Recopié\n" in out
    out = run("rank", "explain", "c").out
    assert "behind a wall for robots; last reached on 21 Mar 2026" in out
    with desk.write() as tx:
        feeds.save(tx, [Feed(blog="c", url="u", state=FeedState.BLOCKED)])
    assert "behind a wall for robots; never reached\n" in run("rank", "explain", "c").out


def test_explain_json(settings: Settings, desk: Store, run: Run) -> None:
    rank.run(settings, desk, AS_OF)
    facts = json.loads(run("rank", "explain", "a", "--json").out)
    assert sum(day["points"] for day in facts["days"]) == pytest.approx(facts["score"])
    assert [(e["reason"], e["day"]) for e in facts["left_out"]] == [
        ("short", "2026-03-29"),
        ("near-copy", "2026-03-28"),
    ]
    assert facts["stays_to"] == {"rank": 1725, "score": None}


@pytest.mark.parametrize("command", [("rank", "show"), ("rank", "explain", "b")])
def test_in_french(settings: Settings, desk: Store, run: Run, command: tuple[str, ...]) -> None:
    rank.run(settings, desk, AS_OF)
    result = run(*command, "--lang", "fr")
    assert "31 mars 2026 à 04:00" in result.out + result.err


def test_nothing_from_outside_moves_the_cursor(
    settings: Settings, desk: Store, run: Run, workspace: Path
) -> None:
    with desk.write() as tx:
        entries.save(tx, [entry("a", 2, 2, title="\x1b[2J\u202eoups", left_out=LeftOut.SHORT)])
    rank.run(settings, desk, AS_OF)
    out = run("rank", "explain", "a").out
    assert "oups" in out
    assert not {"\x1b", "\u202e"} & set(out)
