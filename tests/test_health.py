"""``blogs check``: how each blog's feed is, worst first."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st

from buzz import locales
from buzz.cli.blogs.checking import state_words
from buzz.core.registry.health import WORST_FIRST, worst_first
from buzz.edges.store import Store, blogs, feeds
from buzz.model import Blog, BlogStatus, Feed, FeedState

Run = Callable[..., Result]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def feed(blog: str, state: FeedState, reason: str = "", days: int = 3, read: int = 9) -> Feed:
    return Feed(
        blog=blog,
        url=f"https://{blog}.example/feed",
        state=state,
        since=datetime.now(UTC) - timedelta(days=days),
        reason=reason,
        last_success=datetime.now(UTC) - timedelta(days=read),
        failures=2,
    )


def test_every_state_has_its_place() -> None:
    assert set(WORST_FIRST) == set(FeedState)


@given(
    one=st.lists(
        st.builds(
            Feed,
            blog=st.sampled_from("abc"),
            url=st.just("https://x.example/"),
            state=st.sampled_from(FeedState),
            last_success=st.none() | st.just(NOW),
        ),
        max_size=5,
    ).flatmap(lambda feeds: st.tuples(st.just(feeds), st.permutations(feeds)))
)
def test_the_order_is_of_the_feeds_and_not_of_their_coming(
    one: tuple[list[Feed], list[Feed]],
) -> None:
    first, second = one
    places = [WORST_FIRST.index(feed.state) for feed in worst_first(first)]
    assert places == sorted(places)
    assert worst_first(first) == worst_first(second)


@pytest.fixture
def desk(store: Store) -> Store:
    with store.write() as tx:
        names = ("bien", "mur", "page", "mort", "neuf", "pause")
        blogs.save(
            tx,
            [
                Blog(
                    slug=name,
                    name=name,
                    feed_url=f"https://{name}.example/feed",
                    status=BlogStatus.PAUSED if name == "pause" else BlogStatus.ACTIVE,
                )
                for name in names
            ],
            NOW,
        )
        feeds.save(
            tx,
            [
                feed("bien", FeedState.OK),
                feed("page", FeedState.SOFT, "html", read=30),
                feed("mur", FeedState.BLOCKED, "challenge"),
                feed("mort", FeedState.PARKED, "parked"),
                feed("pause", FeedState.GONE, "http-410"),
            ],
        )
    return store


def test_the_worst_come_first_with_since_when_why_and_what_to_do(
    desk: Store, run: Run, workspace: Path
) -> None:
    facts = json.loads(run("blogs", "check", "--json").out)
    assert [ill["blog"] for ill in facts["ill"]] == ["mort", "mur", "page"]
    assert facts["well"] == []
    assert facts["states"] == {"parked": 1, "blocked": 1, "soft": 1, "new": 1, "ok": 1}
    assert facts["ill"][2]["remedy"] == "look for its feed: buzz blogs discover page"
    assert facts["ill"][1]["days"] == 3
    everybody = json.loads(run("blogs", "check", "--all", "--json").out)
    assert [well["blog"] for well in everybody["well"]] == ["neuf", "bien"]


@pytest.mark.parametrize("width", ["80", "160"])
def test_the_table_says_it_all(
    desk: Store, run: Run, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = run("blogs", "check")
    starts = [line.split()[0].rstrip(":") for line in result.out.splitlines() if line.strip()]
    named = [start for start in starts if start in {"bien", "mur", "page", "mort"}]
    assert list(dict.fromkeys(named)) == ["mort", "mur", "page"]
    assert "Cloudflare" in result.out
    assert "1 on a parking page, 1 behind a wall for robots" in result.err
    assert max(map(len, result.out.splitlines())) <= 160


def test_a_wall_is_told_in_eighty_columns(
    desk: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = run("blogs", "check", "--lang", "fr").out
    plain = out.replace("\N{NO-BREAK SPACE}", " ")
    assert "mur\n  bloqué par Cloudflare depuis 3 jours ; dernière lecture : " in plain
    assert "\n    buzz blogs discover page\n" in out  # to be copied
    assert max(map(len, out.splitlines())) <= 80


def test_a_wall_has_a_name_and_an_age() -> None:
    now = datetime.now(UTC)
    with locales.speaking("en"):
        wall = feed("mur", FeedState.BLOCKED, "challenge")
        assert state_words(wall, now) == "blocked by Cloudflare for 3 days"
        assert state_words(feed("x", FeedState.GONE, "http-410", 60), now) == "given up for 9 weeks"
        assert state_words(Feed(blog="x", url=""), now) == "never polled"
