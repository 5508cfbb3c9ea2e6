"""``rank show`` by parts, ``diff``, ``rising``: the list as people look at it."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st

from buzz.config import Settings
from buzz.core import ranking as core
from buzz.core.ranking import Change, band
from buzz.edges.store import Store, blogs, entries, feeds, rankings
from buzz.model import Blog, Entry, Feed, FeedState, RankedBlog, Ranking
from buzz.pipeline import rank

NIGHTS = [datetime(2026, 3, 28 + n, 2, 0, tzinfo=UTC) for n in range(3)]
AS_OF = NIGHTS[-1]
Run = Callable[..., Result]


def entry(blog: str, day: date, number: int = 0) -> Entry:
    at = datetime(day.year, day.month, day.day, 1, number, tzinfo=UTC)
    return Entry(
        blog=blog,
        identity=f"{day} {number}",
        title=f"{blog} {day} {number}",
        published=at,
        first_seen=at,
        day=day,
        content_hash=f"{blog} {day} {number}",
        length=500,
    )


def daily(blog: str, ages: range) -> list[Entry]:
    return [entry(blog, (AS_OF - timedelta(days=age)).date()) for age in ages]


@pytest.fixture
def desk(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Five blogs, ranked on three nights in a list of three places; "new" comes up, "old" fades."""
    with store.write() as tx:
        blogs.save(
            tx,
            [
                Blog(slug="top", name="Top", url="u", federation="75", tags=("ecole",)),
                Blog(slug="mid", name="Mid", url="u", federation="2A", tags=("climat", "ecole")),
                Blog(slug="old", name="Old", url="u", federation="75"),
                Blog(slug="new", name="New", url="u", federation="75", tags=("ecole",)),
                Blog(slug="mute", name="Mute", url="u"),
            ],
            AS_OF - timedelta(days=99),
        )
        known = ("top", "mid", "old", "new", "mute")
        feeds.save(
            tx, [Feed(blog=s, url="u", state=FeedState.OK, last_success=AS_OF) for s in known]
        )
        entries.save(tx, daily("top", range(60)))
        entries.save(tx, daily("mid", range(0, 60, 2)))
        entries.save(tx, daily("old", range(20, 60, 5)))
        entries.save(tx, daily("new", range(3)))
    monkeypatch.setenv("BUZZ_RANK_SIZE", "3")
    for night in NIGHTS:
        rank.run(_three(settings), store, night)
    return store


def _three(settings: Settings) -> Settings:
    return replace(settings, rank=replace(settings.rank, size=3))


def slugs(result: Result) -> list[str]:
    return [blog["slug"] for blog in json.loads(result.out)["blogs"]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["top", "mid", "new"]),
        (("--all",), ["top", "mid", "new", "old", "mute"]),
        (("--federation", "75"), ["top", "new"]),
        (("--federation", "75", "--all"), ["top", "new", "old"]),
        (("--federation", "2a"), ["mid"]),
        (("--tag", "École"), []),
        (("--tag", "ecole"), ["top", "mid", "new"]),
        (("--tag", "ecole", "--tag", "CLIMAT"), ["mid"]),
        (("--federation", "75", "--tag", "ecole", "--top", "1"), ["top"]),
        (("--federation", "13"), []),
    ],
)
def test_parts_of_the_list(
    desk: Store, run: Run, options: tuple[str, ...], expected: list[str]
) -> None:
    assert slugs(run("rank", "show", *options, "--json")) == expected


def test_a_part_is_numbered_for_itself(desk: Store, run: Run) -> None:
    lines = run("rank", "show", "--federation", "75").out.splitlines()
    assert lines[0].split()[:2] == ["place", "rank"]
    assert [line.split()[:4] for line in lines[2:]] == [
        ["1", "1", "=", "Top"],
        ["2", "3", "=", "New"],
    ]


@pytest.mark.parametrize(
    ("rank_", "told"), [(1, (1, 1)), (100, (100, 100)), (101, (101, 200)), (1500, (1401, 1500))]
)
def test_bands(rank_: int, told: tuple[int, int]) -> None:
    assert band(rank_) == told


@given(st.integers(1, 5000))
def test_a_rank_is_in_its_band(rank_: int) -> None:
    first, last = band(rank_)
    assert first <= rank_ <= last
    assert band(first) == band(last)


def test_below_rank_100_bands_are_told(settings: Settings, store: Store, run: Run) -> None:
    """And a blog there has moved only where it has changed its band."""
    known = [f"b{n:03}" for n in range(320)]
    before = [*known[:100], *known[200:], *known[100:200]]
    with store.write() as tx:
        blogs.save(tx, [Blog(slug=s, name=s, url="u") for s in known], AS_OF)
        for night, order in zip(NIGHTS, (before, known), strict=False):
            rankings.save(tx, _ranking(night, order))
    lines = run("rank", "show", "--all").out.splitlines()
    assert lines[2 + 99].split()[:2] == ["100", "="]
    assert lines[2 + 100].split()[:2] == ["101\u2013200", "▲"]
    assert lines[2 + 200].split()[:2] == ["201\u2013300", "▼"]
    assert lines[2 + 319].split()[:2] == ["301\u2013400", "▼"]


def _ranking(as_of: datetime, order: list[str]) -> Ranking:
    return Ranking(
        as_of=as_of,
        size=100,
        half_life_days=14.0,
        blogs=tuple(
            RankedBlog(
                rank=number,
                slug=slug,
                score=1.0,
                listed=number <= 100,
                active_days_30=1,
                entries_30=1,
                last_published=None,
                status=FeedState.OK,
            )
            for number, slug in enumerate(order, 1)
        ),
    )


def test_diff_with_the_ranking_before_and_with_a_day(desk: Store, run: Run) -> None:
    facts = json.loads(run("rank", "diff", "--json").out)
    assert (facts["as_of"], facts["since"]) == (NIGHTS[2].isoformat(), NIGHTS[1].isoformat())
    assert (facts["entered"], facts["left"]) == ([], [])
    facts = json.loads(run("rank", "diff", "--since", "2026-03-28", "--json").out)
    assert facts["since"] == NIGHTS[0].isoformat()
    assert facts["entered"] == [{"slug": "new", "rank": 3, "former_rank": 4}]
    assert facts["left"] == [{"slug": "old", "rank": 4, "former_rank": 3}]
    assert [(m["slug"], m["gain"]) for m in facts["moved"]] == [("new", 1), ("old", -1)]
    shown = run("rank", "diff", "--since", "2026-03-28")
    assert [line.split() for line in shown.out.splitlines()[2:]] == [
        ["entered", "New", "3", "4", "▲1"],
        ["left", "Old", "4", "3", "▼1"],
    ]
    assert "1 entered, 1 left" in shown.err


def test_ranking_again_by_hand_does_not_hide_what_the_night_has_moved(
    settings: Settings, desk: Store, run: Run
) -> None:
    with desk.write() as tx:
        entries.save(tx, [entry("mid", AS_OF.date(), n) for n in range(1, 4)])
        entries.save(tx, [entry("mid", AS_OF.date() - timedelta(days=d)) for d in (1, 3, 5, 7)])
    for hours in (1, 2):
        rank.run(_three(settings), desk, AS_OF + timedelta(hours=hours))
    facts = json.loads(run("rank", "diff", "--json").out)
    assert facts["since"] == NIGHTS[1].isoformat()
    shown = run("rank", "show").out.splitlines()
    assert len(shown) == 5
    assert json.loads(run("rank", "explain", "mid", "--json").out)["former_rank"] == 2


LONG = "Les amis de la bibliothèque municipale de Saint-Quentin-en-Yvelines"


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("command", ["show --all", "show --federation 75", "diff", "rising"])
def test_eighty_columns_are_enough_and_no_figure_is_broken(
    desk: Store,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    language: str,
) -> None:
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug=s, name=f"{LONG} {s}", url="u", federation="75")
                        for s in ("top", "old", "mid", "new", "mute")], AS_OF)  # fmt: skip
        before = [f"b{n}" for n in range(95)]
        blogs.save(tx, [Blog(slug=s, name=LONG, url="u") for s in before], AS_OF)
        known = [*before, "top", "old", "mid", "new", "mute", "b95", "b96"]
        blogs.save(tx, [Blog(slug=s, name=LONG, url="u") for s in known[-2:]], AS_OF)
        for day, order in ((1, known[::-1]), (2, known)):
            rankings.save(tx, _ranking(AS_OF + timedelta(days=day), order))
    monkeypatch.setenv("COLUMNS", "80")
    result = run("rank", *command.split(), "--lang", language)
    assert result.code == 0
    lines = result.out.splitlines()
    assert max(map(len, lines), default=0) <= 80
    if command == "show --all":
        assert sum("101\u2013200" in line for line in lines) == 2


def test_diff_needs_two_rankings_and_a_date(desk: Store, run: Run) -> None:
    assert run("rank", "diff", "--since", "2026-03-27").code == 1
    assert run("rank", "diff", "--since", "yesterday").code == 2


def test_diff_and_rising_before_the_first_run(workspace: object, run: Run) -> None:
    for command in ("diff", "rising"):
        result = run("rank", command)
        assert (result.code, result.out) == (1, "")
        assert "no ranking yet" in result.err


def test_a_blog_that_left_the_ranking_is_told_last() -> None:
    from buzz.core.ranking import changes

    one, two = _ranking(NIGHTS[0], ["a", "b"]), _ranking(NIGHTS[1], ["b", "c"])
    assert changes(two, one) == (
        Change(slug="b", rank=1, former_rank=2, listed=True, was_listed=True),
        Change(slug="c", rank=2, former_rank=None, listed=True, was_listed=False),
        Change(slug="a", rank=None, former_rank=1, listed=False, was_listed=True),
    )
    assert [change.gain for change in changes(two, one)] == [1, 0, 0]


def test_rising_are_those_outside_the_list_by_their_last_days(
    settings: Settings, desk: Store, run: Run
) -> None:
    with desk.write() as tx:
        more = [Blog(slug=s, name=s.title(), url="u") for s in ("spring", "autumn")]
        blogs.save(tx, more, AS_OF)
        entries.save(tx, daily("spring", range(1, 3)))
        entries.save(tx, daily("autumn", range(18, 60, 4)))
    rank.run(_three(settings), desk, AS_OF)
    facts = json.loads(run("rank", "rising", "--json").out)
    assert [blog["slug"] for blog in facts["blogs"]] == ["spring", "autumn", "old"]
    assert facts["blogs"][0]["rising_score"] == pytest.approx(2 ** (-1 / 7) + 2 ** (-2 / 7))
    assert not any(blog["listed"] for blog in facts["blogs"])
    shown = run("rank", "rising", "--top", "1").out.splitlines()
    assert len(shown) == 3
    assert "Spring" in shown[2]


def test_who_is_held_does_not_rise(settings: Settings, desk: Store, run: Run) -> None:
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="loud", name="Loud", url="u")], AS_OF)
        entries.save(tx, [entry("loud", AS_OF.date(), n) for n in range(40)])
    rank.run(_three(settings), desk, AS_OF)
    assert "loud" not in slugs(run("rank", "rising", "--json"))


# --- to the last bit (docs/decisions/0008) ----------------------------------------------------


def exactly(store: Store) -> list[tuple[str, int, str, int]]:
    """Return the latest ranking with every bit of its scores."""
    with store.read() as tx:
        stored = rankings.latest(tx)
    assert stored is not None
    return [(b.slug, b.rank, b.score.hex(), b.entries_30) for b in stored.blogs]


def anew(store: Store, known: list[str], posts: list[Entry], batch: int) -> None:
    """Put blogs with these posts into the store in place of all there was."""
    with store.write() as tx:
        blogs.remove(tx, known)  # and their posts
        blogs.save(tx, [Blog(slug=s, name=s, url="u") for s in known], AS_OF)
    for start in range(0, len(posts), batch):
        with store.write() as tx:
            entries.save(tx, posts[start : start + batch])


@pytest.mark.both_databases
def test_a_full_recomputation_agrees_to_the_last_bit(settings: Settings, store: Store) -> None:
    """Whatever the order and the number of polls in which posts came, and on both databases."""
    rng = random.Random(1)
    known = [f"b{n}" for n in range(8)]
    posts = [
        entry(slug, (AS_OF - timedelta(days=rng.randrange(100))).date(), n)
        for slug in known
        for n in range(40)
    ]
    found = []
    for batch in (77, 40, 320):
        rng.shuffle(posts)
        anew(store, known, posts, batch)
        for _ in range(2):
            rank.run(settings, store, AS_OF)
            found.append(exactly(store))
    assert all(ranking == found[0] for ranking in found)
    days = {slug: Counter(post.day for post in posts if post.blog == slug) for slug in known}
    assert {slug: bits for slug, _rank, bits, _n in found[0]} == {
        slug: core.score(days[slug], core.today(AS_OF), 14.0).hex() for slug in known
    }


@pytest.mark.both_databases
def test_a_night_after_other_nights_is_what_one_run_over_everything_makes(
    settings: Settings, store: Store
) -> None:
    """Posts come night by night, with copies of others and of the blog's own among them."""
    rng = random.Random(2)
    known = [f"b{n}" for n in range(6)]
    texts = [" ".join(f"mot{rng.randrange(9999)}" for _ in range(60)) for _ in range(12)]
    nights = [AS_OF - timedelta(days=age) for age in range(6, -1, -1)]
    posts: list[Entry] = []
    anew(store, known, [], 1)
    for number, night in enumerate(nights):
        tonight = [
            replace(
                entry(slug, (night - timedelta(hours=5)).date(), number * 5 + n),
                first_seen=night - timedelta(hours=1),
                text=f"{rng.choice(texts)} {rng.choice(texts)[:9]}",
                content_hash=f"{number} {n} {slug}",
            )
            for slug in known
            for n in range(rng.randrange(4))
        ]
        posts += tonight
        with store.write() as tx:
            entries.save(tx, tonight)
        rank.run(settings, store, night)
    by_nights = exactly(store)
    rng.shuffle(posts)
    anew(store, known, posts, len(posts))
    rank.run(settings, store, AS_OF)
    assert exactly(store) == by_nights
    assert sum(n for *_, n in by_nights) < len(posts)  # copies there were
