"""What a feed can try to gain a rank, and what it gains (docs/ranking.md, "Frauds")."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st
from ranking_values import AS_OF, TODAY, post, ranking_of

from buzz.config import Settings
from buzz.core import feeds as feedcore
from buzz.core.ranking import NOTICE_LENGTH, Post, alike, eligible, floods, sketch
from buzz.edges.store import Store, blogs, entries, feeds, rankholds, rankings
from buzz.model import Blog, Entry, Feed, FeedState, LeftOut
from buzz.pipeline import rank

Run = Callable[..., Result]
COPY, TITLE, LINK = LeftOut.NEAR_COPY, LeftOut.REPEATED_TITLE, LeftOut.REPEATED_LINK


def prose(seed: int | str, words: int = 200) -> str:
    """Return a text of its own."""
    rng = random.Random(seed)
    return " ".join(f"mot{rng.randrange(5000)}" for _ in range(words))


# --- near-copies ------------------------------------------------------------------------------


@given(st.integers(), st.integers(0, 198), st.integers(0, 198), st.text(max_size=20))
def test_a_text_with_some_words_changed_is_the_same_text(
    seed: int, first: int, second: int, word: str
) -> None:
    words = prose(seed).split()
    words[first] = word
    words.insert(second, "vraiment")
    assert alike(sketch(prose(seed)), sketch(" ".join(words)))


@given(st.integers(), st.integers())
def test_two_texts_on_whatever_are_two_texts(one: int, other: int) -> None:
    assert one == other or not alike(sketch(prose(one)), sketch(prose(other)))


@given(st.integers(), st.integers(min_value=1))
def test_quoting_a_text_and_answering_it_is_another_text(seed: int, other: int) -> None:
    answer = f"{prose(seed)} {prose(seed + other, 400)}"
    assert not alike(sketch(prose(seed)), sketch(answer))


@pytest.mark.parametrize(
    "variant",
    [str.upper, lambda t: t.replace(" ", ", "), lambda t: t.replace("mot", "mo\u0302t")],
    ids=["capitals", "punctuation", "accents"],
)
def test_how_a_text_is_dressed_makes_no_difference(variant: Callable[[str], str]) -> None:
    assert sketch(variant(prose(1))) == sketch(prose(1))


@given(st.text(max_size=400))
def test_any_text_has_a_sketch_of_bounded_size(text: str) -> None:
    assert len(sketch(text)) <= 192
    assert alike(sketch(text), sketch(text)) is bool(sketch(text))


NOTICE = "Rassemblement samedi à 14 h place de la République. " * 3
WRITTEN, EDITED = prose(1), f"Vu ailleurs. {prose(1)} Partagez !"
FRAUDS: list[tuple[str, list[Post], list[LeftOut | None]]] = [
    (
        "another's text with a sentence before and one after",
        [post("a", 3, words=WRITTEN), post("b", 2, words=EDITED)],
        [None, COPY],
    ),
    (
        "the own text, edited, within 60 days",
        [post("a", 60, words=WRITTEN), post("a", 0, words=EDITED)],
        [None, COPY],
    ),
    (
        "the own text, edited, after 61 days",
        [post("a", 61, words=WRITTEN), post("a", 0, words=EDITED)],
        [None, None],
    ),
    (
        "a copy of a copy",
        [post("a", 3, words=WRITTEN), post("b", 2, words=EDITED), post("c", 1, words=EDITED)],
        [None, COPY, COPY],
    ),
    (
        "one short notice in two blogs is no fraud",
        [post("a", 3, text=NOTICE, length=156), post("b", 2, text=NOTICE, length=156)],
        [None, None],
    ),
    (
        "but a habit of it is",
        [post(b, a, text=f"{NOTICE}{a}", length=156) for a in (9, 8, 7) for b in "ab"],
        [None, None, None, COPY, None, COPY],
    ),
    (
        "a notice of one's own twice is one",
        [post("a", 3, text=NOTICE, length=156), post("a", 2, text=NOTICE, length=156)],
        [None, COPY],
    ),
    (
        "a long text in two blogs is a copy at once",
        [post("a", 1, text="x", length=NOTICE_LENGTH), post("b", text="x", length=NOTICE_LENGTH)],
        [None, COPY],
    ),
    (
        "a retitled post at its old link",
        [post("a", 2, title="A", link="l"), post("a", 1, title="A (mis à jour)", link="l")],
        [None, LINK],
    ),
    (
        "a link that many titles share is that of the site",
        [post("a", n, title=f"T{n}", link="https://a.example/") for n in range(4)],
        [None] * 4,
    ),
    (
        "a page that is written anew each week",
        [post("a", 7, title="A", link="l"), post("a", 0, title="B", link="l")],
        [None, None],
    ),
    (
        "no link is no link",
        [post("a", 1, title="A"), post("a", 0, title="B")],
        [None, None],
    ),
    (
        "guids renewed: one post under thirty ids",
        [post("a", 0, title="Le même", link="l") for _ in range(30)],
        [None] + [TITLE] * 29,
    ),
]


@pytest.mark.parametrize(("posts", "marks"), [f[1:] for f in FRAUDS], ids=[f[0] for f in FRAUDS])
def test_frauds(posts: list[Post], marks: list[LeftOut | None]) -> None:
    assert eligible(posts) == tuple(marks)


def test_thirty_posts_in_a_day_gain_what_three_gain() -> None:
    flood = [post("a", title=f"{n}") for n in range(30)]
    assert ranking_of(flood).blogs[0].score == 2.0
    assert ranking_of(flood[:3]).blogs[0].score == 2.0


def test_a_crowd_of_texts_with_one_phrase_costs_no_more() -> None:
    """A template's footer is in every text of a platform: nobody is compared with all of them."""
    footer = "Retrouvez toutes nos luttes sur le site national du mouvement " * 5
    posts = [post(f"b{n % 50}", n // 50, words=f"{prose(n, 60)} {footer}") for n in range(2000)]
    assert set(eligible(posts)) == {None}


# --- dates, through the store -----------------------------------------------------------------


def publish(
    store: Store, blog: str, found: Iterable[Entry], seen: datetime, since: datetime | None
) -> None:
    """Store a document's entries as a poll at ``seen`` does, whose last success was ``since``."""
    document = [
        replace(e, first_seen=seen, day=feedcore.entry_day(e.published, seen)) for e in found
    ]
    with store.write() as tx:
        known = entries.candidates(tx, blog, [e.identity for e in document])
        entries.save(tx, feedcore.settle(document, known, since).entries)


def entry(blog: str, number: int, published: datetime | None, text: str = "") -> Entry:
    text = text or prose(f"{blog} {number}")
    return Entry(
        blog=blog,
        identity=f"{blog}-{number}",
        title=f"Billet {number} de {blog}",
        link=f"https://{blog}.example/{number}",
        published=published,
        first_seen=AS_OF,
        day=TODAY,
        text=text,
        content_hash=feedcore.content_hash(text),
        length=len(text),
    )


@pytest.fixture
def desk(store: Store) -> Store:
    """Two blogs of the registry, polled without a post."""
    with store.write() as tx:
        known = [Blog(slug=s, name=s.upper(), url=f"https://{s}.example/") for s in "ab"]
        blogs.save(tx, known, AS_OF - timedelta(days=90))
        feeds.save(
            tx, [Feed(blog=s, url="u", state=FeedState.OK, last_success=AS_OF) for s in "ab"]
        )
    return store


def scores(settings: Settings, store: Store, as_of: datetime = AS_OF) -> dict[str, float]:
    found = rank.run(settings, store, as_of).ranking.blogs
    return {blog.slug: round(blog.score, 6) for blog in found}


@pytest.mark.both_databases
def test_a_day_of_writing_dated_over_a_week_is_one_day(settings: Settings, desk: Store) -> None:
    """The feed was read an hour ago and showed none of them: so all are of today."""
    hour_ago = AS_OF - timedelta(hours=1)
    week = [entry("a", n, AS_OF - timedelta(days=n % 6, hours=2)) for n in range(18)]
    publish(desk, "a", week, AS_OF, hour_ago)
    assert scores(settings, desk)["a"] == 2.0


@pytest.mark.both_databases
def test_after_an_outage_of_ours_dates_are_believed(settings: Settings, desk: Store) -> None:
    week = [entry("a", n, AS_OF - timedelta(days=n, hours=2)) for n in range(5)]
    publish(desk, "a", week, AS_OF, AS_OF - timedelta(days=6))
    assert scores(settings, desk)["a"] == pytest.approx(
        sum(2 ** (-n / 14) for n in range(5)), abs=1e-6
    )


@pytest.mark.both_databases
def test_an_old_date_after_a_recent_poll_counts_for_nothing(
    settings: Settings, desk: Store
) -> None:
    publish(desk, "a", [entry("a", 0, AS_OF - timedelta(days=40))], AS_OF - timedelta(2), None)
    made_up = [entry("a", n, AS_OF - timedelta(days=n + 9)) for n in range(1, 20)]
    before = scores(settings, desk)["a"]
    publish(desk, "a", made_up, AS_OF, AS_OF - timedelta(hours=1))
    assert scores(settings, desk)["a"] == before


@pytest.mark.both_databases
def test_a_future_date_gains_nothing_and_keeps_nothing_alive(
    settings: Settings, desk: Store
) -> None:
    future = [entry("a", n, AS_OF + timedelta(days=30 * n)) for n in range(1, 30)]
    publish(desk, "a", future, AS_OF, AS_OF - timedelta(hours=1))
    assert scores(settings, desk)["a"] == 2.0
    assert scores(settings, desk, AS_OF + timedelta(days=14))["a"] == 1.0


@pytest.mark.both_databases
def test_dating_a_copy_back_does_not_make_it_the_original(settings: Settings, desk: Store) -> None:
    text = prose(7)
    publish(
        desk,
        "b",
        [entry("b", 1, AS_OF - timedelta(hours=5), text)],
        AS_OF - timedelta(hours=4),
        AS_OF - timedelta(days=1),
    )
    copied = entry("a", 1, AS_OF - timedelta(days=2), f"{text} À lire !")
    publish(desk, "a", [copied], AS_OF, AS_OF - timedelta(hours=1))
    assert scores(settings, desk) == {"b": round(2 ** (-1 / 14), 6), "a": 0.0}


@pytest.mark.both_databases
def test_a_slowly_polled_author_stays_the_author(settings: Settings, desk: Store) -> None:
    """Its post was seen a day after it was published; the copy at once."""
    text = prose(7)
    copied_at = AS_OF - timedelta(hours=20)
    publish(desk, "a", [entry("a", 1, copied_at, text)], copied_at, copied_at - timedelta(hours=1))
    written = entry("b", 1, AS_OF - timedelta(hours=24), text)
    publish(desk, "b", [written], AS_OF, AS_OF - timedelta(hours=26))
    found = scores(settings, desk)
    assert (found["a"], found["b"] > 0) == (0.0, True)


@pytest.mark.both_databases
def test_an_edited_text_gets_a_new_sketch_and_a_dry_run_keeps_none(
    settings: Settings, desk: Store
) -> None:
    publish(desk, "a", [entry("a", 1, AS_OF, prose(1))], AS_OF, None)
    publish(desk, "b", [entry("b", 1, AS_OF, prose(2))], AS_OF, None)
    rank.run(settings, desk, AS_OF, dry_run=True)

    def sketches() -> dict[str, bytes]:
        with desk.read() as tx:
            return {p.blog: p.sketch for p in rankings.posts(tx, TODAY, AS_OF)}

    assert sketches() == {"a": b"", "b": b""}
    rank.run(settings, desk, AS_OF)
    assert sketches() == {"a": sketch(prose(1)), "b": sketch(prose(2))}
    publish(desk, "b", [entry("b", 1, AS_OF, prose(3))], AS_OF, AS_OF)
    rank.run(settings, desk, AS_OF)
    assert sketches() == {"a": sketch(prose(1)), "b": sketch(prose(3))}


# --- floods -----------------------------------------------------------------------------------


def days_of(blog: str, posts_a_day: dict[int, int]) -> list[Post]:
    return [
        post(blog, age, title=f"{age}-{n}") for age, n_ in posts_a_day.items() for n in range(n_)
    ]


FLOODS = [
    ("ten on two days", {0: 10, 3: 10}, 0, 10),
    ("ten on one day is an election", {0: 10}, 0, 0),
    ("thirty at once", {0: 30}, 0, 30),
    ("nine on two days by a new blog: more than five times one", {0: 9, 1: 9}, 0, 9),
    ("six where two are usual", {0: 6, 1: 6, **dict.fromkeys(range(20, 60), 2)}, 0, 0),
    ("eleven where two are usual", {0: 11, 1: 11, **dict.fromkeys(range(20, 60), 2)}, 0, 11),
    ("days apart", {0: 10, 7: 10}, 0, 0),
    ("a person has found twelve right", {0: 12, 1: 12}, 12, 0),
    ("and now it is more", {0: 13, 1: 13}, 12, 13),
    ("nothing", {}, 0, 0),
]


@pytest.mark.parametrize(
    ("posts_a_day", "looked_at", "posts"), [f[1:] for f in FLOODS], ids=[f[0] for f in FLOODS]
)
def test_floods(posts_a_day: dict[int, int], looked_at: int, posts: int) -> None:
    found = days_of("a", posts_a_day)
    (flood, *_none) = (*floods(found, eligible(found), AS_OF, {"a": looked_at}), None)
    assert (flood.posts if flood else 0) == posts


def test_a_flood_of_copies_is_one_and_a_backlog_is_none() -> None:
    copies = [post("a", age, text="x") for age in (0, 1) for _ in range(12)]
    assert floods(copies, eligible(copies), AS_OF, {})
    backlog = [post("a", age, left_out=LeftOut.BACKFILL) for age in (0, 1) for _ in range(12)]
    assert not floods(backlog, eligible(backlog), AS_OF, {})


@pytest.mark.both_databases
def test_a_flood_waits_at_its_rank_for_a_person(settings: Settings, desk: Store, run: Run) -> None:
    night = timedelta(days=1)
    with desk.write() as tx:
        blogs.save(tx, [Blog(slug="c", name="C", url="https://c.example/")], AS_OF)
        entries.save(tx, [flooding("a", n, AS_OF - night) for n in range(3)])
        entries.save(tx, [flooding("b", n, AS_OF - night) for n in range(2)])
    assert order_of(settings, desk, AS_OF) == [("a", False), ("b", False), ("c", False)]
    with desk.write() as tx:
        for slug in "bc":
            for day in range(2):
                many = [flooding(slug, 100 * day + n + 9, AS_OF + day * night) for n in range(12)]
                entries.save(tx, many)
    later = AS_OF + 2 * night
    report = rank.run(settings, desk, later)
    assert [(hold.blog, hold.rank, hold.posts, hold.usual) for hold in report.held] == [
        ("b", 2, 12, 1),
        ("c", None, 12, 1),
    ]
    assert [(b.slug, b.held, b.listed) for b in report.ranking.blogs] == [
        ("a", False, True),
        ("b", True, True),
        ("c", True, False),
    ]
    assert rank.run(settings, desk, later + night / 2).held == (), "held once, until released"
    assert "held after a flood" in run("rank", "show").out
    explained = run("rank", "explain", "b").out
    assert "Flood: 12 posts on 1 Apr 2026, usually 1 on a full day" in explained
    assert "until: buzz rank hold release b" in explained
    assert "2 blogs are held" in " ".join(run("status").out.split())
    listed = run("rank", "hold", "list")
    assert "B (b)\n  Flood: 12 posts on 1 Apr 2026" in listed.out
    assert "Missing to enter" not in explained
    assert run("rank", "hold", "release", "b", "--by", "Awa", "--dry-run").code == 0
    with desk.read() as tx:
        assert len(rankholds.waiting(tx)) == 2
    assert run("rank", "hold", "release", "b", "--by", "Awa").code == 0
    assert run("rank", "hold", "release", "b").code == 2, "not held any more"
    assert "released by Awa" in run("rank", "explain", "b").out
    assert "Awa" in run("rank", "hold", "list", "--all").out
    assert order_of(settings, desk, later + night) == [("b", False), ("a", False), ("c", True)]


def flooding(blog: str, number: int, at: datetime) -> Entry:
    found = entry(blog, number, at - timedelta(minutes=number))
    return replace(found, first_seen=at, day=feedcore.entry_day(found.published, at))


def order_of(settings: Settings, store: Store, as_of: datetime) -> list[tuple[str, bool]]:
    return [(b.slug, b.held) for b in rank.run(settings, store, as_of).ranking.blogs]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 11), st.integers(1, 12) | st.none(), max_size=4),
    st.integers(1, 6),
)
def test_who_is_held_keeps_rank_and_place(
    ages: list[int], held: dict[int, int | None], size: int
) -> None:
    posts = [post(f"b{n}", age) for n, age in enumerate(ages)]
    wanted = {f"b{n}": r for n, r in held.items() if n < len(ages) and (r or 0) <= len(ages)}
    wanted = {s: r for s, r in wanted.items() if list(wanted.values()).count(r) == 1 or r is None}
    former = [f"b{n}" for n in range(0, len(ages), 2)][:size]
    ranking = ranking_of(posts, size=size, former=former, held=wanted)
    for placed in ranking.blogs:
        assert placed.held is (placed.slug in wanted)
        if placed.held:
            assert placed.listed is (placed.slug in former)
    assert sorted(b.rank for b in ranking.blogs) == list(range(1, len(ages) + 1))
    if None not in wanted.values():
        assert {b.slug: b.rank for b in ranking.blogs if b.held} == wanted
