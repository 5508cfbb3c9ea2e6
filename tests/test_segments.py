"""Segments over the registry: ``relayed:`` needs what the database knows of each campaign."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from conftest import Result

from buzz.core import campaign as core
from buzz.core.campaign import Candidate
from buzz.edges.store import Store, blogs, campaigns, entries, rankings, relays, segments
from buzz.errors import CheckRefused
from buzz.model import (
    Blog,
    CampaignState,
    Entry,
    EntryId,
    FeedState,
    RankedBlog,
    Ranking,
    Relay,
    RelayId,
    RelayMode,
    Stance,
    Verdict,
)
from buzz.pipeline import segments as pipeline

pytestmark = pytest.mark.both_databases
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Run = Callable[..., Result]


@pytest.fixture
def desk(store: Store) -> Store:
    """Four blogs; two campaigns, one relayed by a (computed) and by d (a person's word)."""
    with store.write() as tx:
        blogs.save(
            tx,
            [
                Blog(
                    slug=slug,
                    name=slug,
                    url=f"https://{slug}.example/",
                    tags=("ecole",) * (slug < "c"),
                )
                for slug in "abcd"
            ],
            NOW,
        )
        for slug in ("retraites", "logement"):
            campaigns.set_state(tx, slug, CampaignState.FINISHED, NOW)
        entries.save(
            tx, [Entry(blog=slug, identity="1", first_seen=NOW, day=NOW.date()) for slug in "abcd"]
        )
        ids = {slug: entries.of_blog(tx, slug)[0].id for slug in "abcd"}
        verdicts = (Verdict.RELAYED, Verdict.RELAYED, Verdict.TO_CHECK, Verdict.MENTIONED)
        relays.save(
            tx,
            [
                relay(slug, ids[slug] or EntryId(0), v)
                for slug, v in zip("abcd", verdicts, strict=True)
            ],
        )
        known = {relay.blog: relay.id or RelayId(0) for relay in relays.all_relays(tx)}
        relays.label(tx, known["b"], Verdict.NOT)
        relays.label(tx, known["d"], Verdict.RELAYED)
    return store


def relay(slug: str, entry: EntryId, verdict: Verdict) -> Relay:
    return Relay(
        campaign="retraites",
        entry=entry,
        blog=slug,
        url=f"https://{slug}.example/1",
        title="x",
        published=NOW,
        verdict=verdict,
        mode=RelayMode.COPY,
        stance=Stance.FOR,
        score=0.9,
        lag_s=60,
    )


def test_who_relayed_is_settled_by_a_person_where_there_is_one(desk: Store) -> None:
    with desk.read() as tx:
        assert segments.relayed(tx) == {"retraites": {"a", "d"}, "logement": frozenset()}


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("relayed:retraites", "ad"),
        ("Relayed:Retraites and tag:École", "a"),
        ("not relayed:retraites", "bc"),
        ("relayed:logement", ""),
        ("all and not (relayed:retraites or blog:b)", "c"),
    ],
)
def test_a_segment_selects(desk: Store, segment: str, expected: str) -> None:
    assert "".join(blog.slug for blog in pipeline.selected(desk, segment)) == expected


def test_without_a_score_nobody_is_at_the_top(desk: Store) -> None:
    scores = {"b": 2.0, "c": 0.0, "a": 0.0, "d": 0.0}
    with desk.write() as tx:
        rankings.save(
            tx,
            Ranking(
                as_of=NOW,
                size=4,
                half_life_days=14,
                blogs=tuple(
                    RankedBlog(
                        rank=place,
                        slug=slug,
                        score=score,
                        listed=score > 0,
                        active_days_30=int(score),
                        entries_30=int(score),
                        last_published=None,
                        status=FeedState.OK,
                    )
                    for place, (slug, score) in enumerate(scores.items(), 1)
                ),
            ),
        )
    assert [blog.slug for blog in pipeline.selected(desk, "top:3")] == ["b"]


def test_the_list_of_a_segment(desk: Store, run: Run) -> None:
    found = json.loads(run("blogs", "list", "--segment", "relayed:retraites", "--json").out)
    assert [blog["slug"] for blog in found["blogs"]] == ["a", "d"]
    both = run("blogs", "list", "--segment", "relayed:retraites", "--tag", "ecole", "--json")
    assert [blog["slug"] for blog in json.loads(both.out)["blogs"]] == ["a"]


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("all and relayed:retraite", "column 9: no campaign `retraite`"),
        ("all and relayed:retraite", "did you mean `relayed:retraites`?"),
        ("relayed:x", "see: buzz campaign list"),
        ("relayed", "column 1: `relayed` is no segment"),
        ("relayed:", "did you mean `relayed:CAMPAIGN`?"),
        ("all and", "the segment ends too early"),
    ],
)
def test_an_error_has_its_place_and_a_remedy(
    desk: Store, run: Run, segment: str, said: str
) -> None:
    result = run("blogs", "list", "--segment", segment)
    assert result.code == 5
    assert said in result.err


def test_the_form_alone_needs_no_campaign() -> None:
    one = Candidate(blog=Blog(slug="a", name="a"))
    assert core.parse_segment("relayed:nothing-yet")(one) is False
    with pytest.raises(CheckRefused):
        core.parse_segment("relayed:nothing-yet", {})
