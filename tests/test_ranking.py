"""The ranking's core: values in, values out."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_values import (
    AS_OF,
    HALF_LIFE,
    TODAY,
    blog,
    feed,
    order,
    post,
    ranking_of,
)

from buzz.core.ranking import (
    COPY_MIN_LENGTH,
    FREEZE_DAYS,
    Post,
    eligible,
    explain,
    horizon_days,
    places,
    score,
    scored_on,
    thresholds,
    today,
)
from buzz.model import BlogStatus, Feed, FeedState, LeftOut

# --- the score --------------------------------------------------------------------------------

SCORES = [
    ("nothing", {}, 0.0),
    ("one today", {0: 1}, 1.0),
    ("two today", {0: 2}, 1.5),
    ("three today", {0: 3}, 2.0),
    ("a flood today", {0: 30}, 2.0),
    ("one a half-life ago", {14: 1}, 0.5),
    ("three two half-lives ago", {28: 3}, 0.5),
    ("the last day of the horizon", {112: 1}, 1 / 256),
    ("beyond the horizon", {113: 1}, 0.0),
    ("a day that is still to come counts as today", {-1: 1}, 1.0),
    ("days add up", {0: 1, 14: 2, 28: 3}, 1 + 0.75 + 0.5),
]


@pytest.mark.parametrize(
    ("ages", "expected"), [row[1:] for row in SCORES], ids=[row[0] for row in SCORES]
)
def test_score(ages: dict[int, int], expected: float) -> None:
    days = {TODAY - timedelta(days=age): n for age, n in ages.items()}
    assert score(days, TODAY, HALF_LIFE) == pytest.approx(expected, abs=1e-12)


posts_a_day = st.dictionaries(
    st.integers(0, 120).map(lambda age: TODAY - timedelta(days=age)),
    st.integers(1, 40),
    max_size=60,
)


@given(posts_a_day, st.randoms(use_true_random=False))
def test_score_does_not_depend_on_order_by_a_bit(days: dict[date, int], rng: random.Random) -> None:
    shuffled = list(days.items())
    rng.shuffle(shuffled)
    assert score(dict(shuffled), TODAY, HALF_LIFE) == score(days, TODAY, HALF_LIFE)


@given(posts_a_day, st.integers(0, 120), st.integers(1, 30))
def test_more_posts_never_lower_the_score_and_a_flood_gains_at_most_two(
    days: dict[date, int], age: int, more: int
) -> None:
    richer = Counter(days)
    richer[TODAY - timedelta(days=age)] += more
    gain = score(richer, TODAY, HALF_LIFE) - score(days, TODAY, HALF_LIFE)
    assert -1e-12 <= gain <= 2.0 + 1e-12


@given(posts_a_day, st.integers(0, 60))
def test_silence_never_raises_the_score(days: dict[date, int], silence: int) -> None:
    later = TODAY + timedelta(days=silence)
    assert score(days, later, HALF_LIFE) <= score(days, TODAY, HALF_LIFE) + 1e-12


# --- what counts ------------------------------------------------------------------------------

TITLE, COPY = LeftOut.REPEATED_TITLE, LeftOut.NEAR_COPY
ELIGIBLE = [
    ("nothing", [], []),
    ("a post", [post(title="A", text="x")], [None]),
    ("what the poll found stays", [post(left_out=LeftOut.SHORT)], [LeftOut.SHORT]),
    ("no titles are not one title", [post(), post()], [None, None]),
    ("a title again after 6 days", [post(age=6, title="A"), post(title="A")], [None, TITLE]),
    ("a title again after 7 days", [post(age=7, title="A"), post(title="A")], [None, None]),
    (
        "one of a title in 7 days counts",
        [post(age=10, title="A"), post(age=5, title="A"), post(age=1, title="A")],
        [None, TITLE, None],
    ),
    ("case and spaces", [post(age=1, title="Le  Billet"), post(title="le billet")], [None, TITLE]),
    ("a title of another blog", [post("a", 1, title="A"), post("b", title="A")], [None, None]),
    (
        "what is left out uses no title up",
        [post(age=1, title="A", left_out=LeftOut.BACKFILL), post(title="A")],
        [LeftOut.BACKFILL, None],
    ),
    ("own text after 60 days", [post(age=60, text="x"), post(text="x")], [None, COPY]),
    ("own text after 61 days", [post(age=61, text="x"), post(text="x")], [None, None]),
    ("another's text", [post("a", 90, text="x"), post("b", text="x")], [None, COPY]),
    (
        "the author repeats long after a copy",
        [post("a", 80, text="x"), post("b", 70, text="x"), post("a", text="x")],
        [None, COPY, None],
    ),
    (
        "a copy of what was left out",
        [post("a", 3, text="x", left_out=LeftOut.REDATED), post("b", text="x")],
        [LeftOut.REDATED, COPY],
    ),
    (
        "short texts are no copies: two podcasts",
        [post("a", 1, text="x", length=COPY_MIN_LENGTH - 1), post("b", text="x", length=0)],
        [None, None],
    ),
    ("no hash is no text", [post("a", 1), post("b")], [None, None]),
    ("the same instant: by slug", [post("b", text="x"), post("a", text="x")], [COPY, None]),
    (
        "the earlier hour wrote it",
        [post("a", text="x", hour=9), post("b", text="x", hour=8)],
        [COPY, None],
    ),
]


@pytest.mark.parametrize(
    ("posts", "expected"), [row[1:] for row in ELIGIBLE], ids=[row[0] for row in ELIGIBLE]
)
def test_eligible(posts: list[Post], expected: list[LeftOut | None]) -> None:
    assert eligible(posts) == tuple(expected)


any_post = st.builds(
    post,
    blog=st.sampled_from("abc"),
    age=st.integers(0, 130),
    title=st.sampled_from(["", "A", "B", "C"]),
    text=st.sampled_from(["", "x", "y", "z"]),
    length=st.sampled_from([0, 500]),
    hour=st.integers(0, 23),
    left_out=st.sampled_from([None, None, LeftOut.SHORT]),
)
posts_of_three = st.lists(any_post, max_size=40)


@given(posts_of_three, st.randoms(use_true_random=False))
def test_marks_do_not_depend_on_order(posts: list[Post], rng: random.Random) -> None:
    by_id = {p.id: mark for p, mark in zip(posts, eligible(posts), strict=True)}
    rng.shuffle(posts)
    assert {p.id: m for p, m in zip(posts, eligible(posts), strict=True)} == by_id


# --- unreachable ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "success_age", "expected_age"),
    [
        (FeedState.OK, 3, 0),
        (FeedState.MOVED, 3, 0),
        (FeedState.SOFT, 0, 0),
        (FeedState.SOFT, 3, 3),
        (FeedState.BLOCKED, 14, 14),
        (FeedState.GONE, 15, FREEZE_DAYS),
        (FeedState.PARKED, 300, FREEZE_DAYS),
    ],
)
def test_scored_on(state: FeedState, success_age: int, expected_age: int) -> None:
    assert scored_on(feed("a", state, success_age), AS_OF) == TODAY - timedelta(days=expected_age)


def test_a_blog_never_reached_is_scored_today() -> None:
    assert scored_on(None, AS_OF) == TODAY
    never = Feed(blog="a", url="https://a.example/feed", state=FeedState.SOFT)
    assert scored_on(never, AS_OF) == TODAY


def test_the_day_is_that_of_paris() -> None:
    assert today(datetime(2026, 3, 31, 21, 59, tzinfo=UTC)) == TODAY
    assert today(datetime(2026, 3, 31, 22, 0, tzinfo=UTC)) == TODAY + timedelta(days=1)


@pytest.mark.parametrize(("away", "expected"), [(0, 1.0), (14, 1.0), (28, 0.5), (42, 0.25)])
def test_an_unreachable_blog_keeps_its_score_and_then_decays(away: int, expected: float) -> None:
    ranking = ranking_of([post("a", away)], feeds=[feed("a", FeedState.SOFT, away)])
    assert ranking.blogs[0].score == pytest.approx(expected)
    assert ranking.blogs[0].status is FeedState.SOFT
    reachable = ranking_of([post("a", away)], feeds=[feed("a")])
    assert reachable.blogs[0].score == pytest.approx(2 ** (-away / 14))


# --- the order --------------------------------------------------------------------------------


def test_figures_of_a_blog() -> None:
    posts = [post("a", 0, hour=7), post("a", 0, hour=9), post("a", 29), post("a", 30)]
    posts.append(post("a", 0, hour=10, left_out=LeftOut.SHORT))
    (ranked,) = ranking_of(posts, feeds=[feed("a")]).blogs
    assert (ranked.rank, ranked.slug, ranked.listed) == (1, "a", True)
    assert (ranked.active_days_30, ranked.entries_30) == (2, 3)
    assert ranked.last_published == posts[1].at
    assert ranked.scored_on == TODAY


TIES = [
    ("the score first", [post("a", 1), post("b", 0)], {}, "ba"),
    (
        "more active days: 2.0 against 1.0 + 2.0 / 2",
        [post("a"), post("a"), post("a"), post("b"), *(post("b", 14) for _ in range(3))],
        {},
        "ba",
    ),
    ("the later entry", [post("a", hour=8), post("b", hour=9)], {}, "ba"),
    ("registered earlier", [post("a"), post("b")], {"b": AS_OF - timedelta(days=1)}, "ba"),
    ("the slug", [post("b"), post("a")], {}, "ab"),
]


@pytest.mark.parametrize(
    ("posts", "registered", "expected"), [row[1:] for row in TIES], ids=[row[0] for row in TIES]
)
def test_ties(posts: list[Post], registered: dict[str, datetime], expected: str) -> None:
    ranking = ranking_of(posts, registered={"a": AS_OF, "b": AS_OF, **registered})
    assert order(ranking) == list(expected)


def test_paused_blogs_are_not_ranked_and_silent_ones_have_no_place() -> None:
    blogs = [blog("a"), blog("b", BlogStatus.PAUSED), blog("c")]
    ranking = ranking_of([post("a"), post("b")], blogs=blogs)
    assert [(b.slug, b.listed, b.score) for b in ranking.blogs] == [
        ("a", True, 1.0),
        ("c", False, 0.0),
    ]


def test_posts_of_a_blog_outside_the_registry_are_ignored() -> None:
    assert order(ranking_of([post("a"), post("gone")], blogs=[blog("a")])) == ["a"]


@given(posts_of_three, st.randoms(use_true_random=False))
def test_ranking_is_independent_of_input_order(posts: list[Post], rng: random.Random) -> None:
    blogs = [blog(slug) for slug in "abcd"]
    feeds = [feed("a", FeedState.SOFT, 5), feed("b")]
    first = ranking_of(posts, blogs=blogs, feeds=feeds, size=2, former=["d", "c"])
    for values in (posts, blogs, feeds):
        rng.shuffle(values)
    assert ranking_of(posts, blogs=blogs, feeds=feeds, size=2, former=["c", "d"]) == first


# --- the list ---------------------------------------------------------------------------------


def names(*numbers: int) -> set[str]:
    return {str(n) for n in numbers}


RANKED = [str(n) for n in range(1, 16)]  # slugs that are their ranks
PLACES = [  # with 10 places: a newcomer enters at 9, a member stays to 11
    ("first list", [], names(*range(1, 11))),
    ("a member stays at 11", names(*range(1, 10), 11), names(*range(1, 10), 11)),
    ("a member leaves at 12", names(*range(1, 10), 12), names(*range(1, 11))),
    ("a newcomer enters at 9", names(*range(1, 9), 10, 11), names(*range(1, 11))),
    ("members keep 10 from a newcomer", names(*range(1, 9), 11), names(*range(1, 10), 11)),
    ("too many members: the better stays", names(10, 11), names(*range(1, 11))),
    ("strangers are forgotten", {"zorro"}, names(*range(1, 11))),
]


@pytest.mark.parametrize(
    ("former", "expected"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_places(former: set[str], expected: set[str]) -> None:
    assert places(RANKED, former, 10) == expected


@pytest.mark.parametrize(
    ("size", "enter", "stay"),
    [(1, 0, 1), (2, 1, 2), (10, 9, 11), (100, 90, 115), (1500, 1350, 1725)],
)
def test_thresholds(size: int, enter: int, stay: int) -> None:
    assert thresholds(size) == (enter, stay)


ranked_slugs = st.integers(0, 60).map(lambda n: [f"b{i}" for i in range(n)])


@given(ranked_slugs, st.sets(st.integers(0, 60).map("b{}".format)), st.integers(1, 40))
def test_law_of_the_list(ranked: list[str], former: set[str], size: int) -> None:
    listed = places(ranked, former, size)
    enter, stay = thresholds(size)
    number = {slug: n for n, slug in enumerate(ranked, 1)}
    assert len(listed) == min(size, len(ranked)), "exactly K where there are K"
    assert listed >= set(ranked[:enter]), "the best 0.90 K always have a place"
    assert all(number[slug] <= max(size, stay) for slug in listed)
    waiting = [
        n for slug, n in number.items() if slug in former and n <= stay and slug not in listed
    ]
    for slug in listed - former:
        assert number[slug] <= enter or not waiting, "a newcomer takes no member's place"
    for slug in former & listed:
        assert number[slug] <= max(size, stay)
    assert all(number[slug] < n for n in waiting for slug in listed), "the better member stays"
    assert places(ranked, listed, size) == listed, "doing it again changes nothing"


# --- why --------------------------------------------------------------------------------------


def steady(slug: str, every: int, days: int = 60) -> list[Post]:
    return [post(slug, age) for age in range(0, days, every)]


def test_explanation_adds_up() -> None:
    posts = [
        *steady("a", 1),
        *steady("b", 3),
        *steady("c", 9),
        post("b", 1, left_out=LeftOut.SHORT),
    ]
    ranking = ranking_of(posts, size=2)
    former = ranking_of(steady("b", 1), size=2)
    why = explain(ranking, "b", posts, eligible(posts), former)
    assert why is not None
    assert sum(day.points for day in why.days) == pytest.approx(why.blog.score)
    assert [day.age_days for day in why.days] == list(range(0, 60, 3))
    assert [(p.id, mark) for p, mark in why.left_out] == [(posts[-1].id, LeftOut.SHORT)]
    assert why.former_rank == 1
    assert (why.enter_rank, why.stay_rank) == thresholds(2)
    assert why.stay_score == ranking.blogs[1].score


def test_explanation_of_a_frozen_blog_adds_up() -> None:
    posts = [post("a", age) for age in range(20, 80, 2)]
    ranking = ranking_of(posts, feeds=[feed("a", FeedState.BLOCKED, 20)])
    why = explain(ranking, "a", posts, eligible(posts))
    assert why is not None
    assert why.days[0].age_days == 20 - FREEZE_DAYS
    assert sum(day.points for day in why.days) == pytest.approx(why.blog.score)


def test_no_explanation_of_a_blog_without_rank() -> None:
    assert explain(ranking_of([post("a")]), "b", [], []) is None


def test_a_blog_without_posts_is_explained() -> None:
    ranking = ranking_of([post("a")], blogs=[blog("a"), blog("b")], size=1)
    why = explain(ranking, "b", [post("a")], [None])
    assert why is not None
    assert (why.days, why.left_out, why.silence_days) == ((), (), None)


def test_silence_costs_the_place_where_the_next_one_overtakes() -> None:
    # a: 1 post today. b holds 1/2 from 14 days ago and stands still: after 15 days a is behind.
    posts = [post("a"), post("b", 14)]
    why = explain(ranking_of(posts, size=1), "a", posts, eligible(posts))
    assert why is not None
    assert why.silence_days == 15


def test_silence_costs_the_place_in_the_end_even_without_rivals() -> None:
    posts = [post("a", 2)]
    why = explain(ranking_of(posts), "a", posts, eligible(posts))
    assert why is not None
    assert why.silence_days == horizon_days(HALF_LIFE) - 2 + 1


@settings(max_examples=40)
@given(posts_of_three)
def test_silence_is_what_a_ranking_of_that_day_would_decide(posts: list[Post]) -> None:
    """Others go on as they do: shift their posts along with the days of silence."""
    ranking = ranking_of(posts, size=1)
    slug = ranking.blogs[0].slug if ranking.blogs and ranking.blogs[0].listed else ""
    why = explain(ranking, slug, posts, eligible(posts))
    if why is None or why.silence_days is None:
        return
    counted = [p for p, mark in zip(posts, eligible(posts), strict=True) if mark is None]
    for silence, kept in ((why.silence_days - 1, True), (why.silence_days, False)):
        older = [
            replace_day(p, p.day - timedelta(days=silence)) if p.blog == slug else p
            for p in counted
        ]
        again = ranking_of(
            [p._replace(title="", content_hash="") for p in older],
            blogs=[blog(s) for s in sorted({p.blog for p in posts})],
            size=1,
            former=[slug],
        )
        places_now = {b.slug: b.listed for b in again.blogs}
        tie = len({b.score for b in again.blogs[:2]}) == 1 and len(again.blogs) > 1
        assert tie or places_now[slug] is kept


def replace_day(old: Post, day: date) -> Post:
    return old._replace(day=day, at=old.at - (old.day - day))
