"""The report: every figure is what an independent query counts, and every form shows the same."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import report_golden as golden
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st

from buzz.config import Settings
from buzz.core.report import Facts, Report, Seen, as_json, build, lines, sheet
from buzz.core.report.facts import BlogFacts, Refusal, UncertainDelivery
from buzz.core.report.model import cumulative, marks
from buzz.core.report.passages import PASSAGE_CHARS, pieces
from buzz.core.report.terminal import cells
from buzz.edges.store import Store, reports
from buzz.edges.store import events as events_store
from buzz.model import (
    Account,
    CampaignState,
    CampaignStatus,
    DeliveryId,
    DeliveryState,
    EntryId,
    Event,
    EventKind,
    Relay,
    RelayMode,
    Stance,
    Verdict,
)
from buzz.pipeline import report as pipeline

Run = Callable[..., Result]


@pytest.fixture
def found(settings: Settings, store: Store) -> Report:
    """The report of the golden workspace."""
    golden.build(store)
    return pipeline.report(settings, store, "retraites", golden.NOW)


# --- every figure, by an independent query ----------------------------------------------------

# One letter's events of one kind, by who caused them: the queries below count from these.
_LETTERS = """
WITH letter AS (
  SELECT d.id, d.blog, d.state,
         json_extract(d.recipient, '$.opens') = 'personal' AS opens,
         json_extract(d.recipient, '$.clicks') = 'personal' AS clicks,
         (SELECT count(*) FROM events e WHERE e.delivery = d.id AND e.kind = 'open'
             AND e.agent = 'person') AS person_opens,
         (SELECT count(*) FROM events e WHERE e.delivery = d.id AND e.kind = 'open'
             AND e.agent <> 'person') AS machine_opens,
         (SELECT count(*) FROM events e WHERE e.delivery = d.id AND e.kind = 'click'
             AND e.agent = 'person') AS person_clicks,
         (SELECT count(*) FROM events e WHERE e.delivery = d.id AND e.kind = 'click'
             AND e.agent <> 'person') AS machine_clicks
  FROM deliveries d WHERE d.campaign = 'retraites'),
post AS (
  SELECT *, CASE label WHEN '' THEN verdict ELSE label END AS says
  FROM relays WHERE campaign = 'retraites')
"""
_OF = "SELECT count(*) FROM letter WHERE state = 'accepted' AND "
_FIGURES = {
    "targeted": "SELECT count(*) FROM letter",
    "planned": "SELECT count(*) FROM letter WHERE state = 'planned'",
    "claimed": "SELECT count(*) FROM letter WHERE state IN ('claimed', 'dot')",
    "accepted": "SELECT count(*) FROM letter WHERE state = 'accepted'",
    "deferred": "SELECT count(*) FROM letter WHERE state = 'deferred'",
    "refused": "SELECT count(*) FROM letter WHERE state = 'refused'",
    "suppressed": "SELECT count(*) FROM letter WHERE state = 'suppressed'",
    "cancelled": "SELECT count(*) FROM letter WHERE state = 'cancelled'",
    "uncertain": "SELECT count(*) FROM letter WHERE state = 'uncertain'",
    "opened.tracked": _OF + "opens",
    "opened.person": _OF + "opens AND person_opens > 0",
    "opened.machine": _OF + "opens AND person_opens = 0 AND machine_opens > 0",
    "clicked.tracked": _OF + "clicks",
    "clicked.person": _OF + "clicks AND person_clicks > 0",
    "clicked.machine": _OF + "clicks AND person_clicks = 0 AND machine_clicks > 0",
    "aggregate.opened.person": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'open' AND delivery IS NULL AND agent = 'person'""",
    "aggregate.opened.machine": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'open' AND delivery IS NULL AND agent <> 'person'""",
    "aggregate.clicked.person": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'click' AND delivery IS NULL AND agent = 'person'""",
    "aggregate.clicked.machine": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'click' AND delivery IS NULL AND agent <> 'person'""",
    "visited.visits": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'relay-visit' AND agent = 'person'""",
    "visited.blogs": """SELECT count(*) FROM letter WHERE state = 'accepted' AND id IN
        (SELECT delivery FROM events WHERE kind = 'relay-visit' AND agent = 'person')""",
    "unsubscribed": """SELECT count(*) FROM letter WHERE id IN
        (SELECT delivery FROM events WHERE kind = 'unsubscribe')""",
    "bounced": """SELECT count(*) FROM letter WHERE id IN
        (SELECT delivery FROM events WHERE kind = 'bounce')""",
    "complained": """SELECT count(*) FROM letter WHERE id IN
        (SELECT delivery FROM events WHERE kind = 'complaint')""",
    "relays.relayed": "SELECT count(*) FROM post WHERE says = 'relayed'",
    "relays.to_check": "SELECT count(*) FROM post WHERE says = 'to_check'",
    "relays.mentioned": "SELECT count(*) FROM post WHERE says = 'mentioned'",
    "relays.dismissed": "SELECT count(*) FROM post WHERE says = 'not'",
    "relays.opposed": """SELECT count(*) FROM post WHERE stance = 'against' AND says <> 'not'
        AND label <> 'relayed'""",
    "relays.confirmed": "SELECT count(*) FROM post WHERE label = 'relayed'",
    "relays.blogs": "SELECT count(DISTINCT blog) FROM post WHERE says = 'relayed'",
    "relays.first_lag_s": "SELECT min(lag_s) FROM post WHERE says = 'relayed'",
    "relays.by_mode.quote": """SELECT count(*) FROM post WHERE says = 'relayed'
        AND mode = 'quote'""",
    "relays.by_stance.against": """SELECT count(*) FROM post WHERE says <> 'not'
        AND stance = 'against'""",
    "talking_points.0.relays": """SELECT count(*) FROM post, json_each(talking_points)
        WHERE says = 'relayed' AND value = 1""",
    "talking_points.1.blogs": """SELECT count(DISTINCT blog) FROM post,
        json_each(talking_points) WHERE says = 'relayed' AND value = 2""",
    "talking_points.2.relays": "SELECT 0",
    "blogs.0.relays": """SELECT max(n) FROM (SELECT count(*) AS n FROM post
        WHERE says = 'relayed' GROUP BY blog)""",
    "funnel.4.count": """SELECT count(*) FROM letter WHERE state = 'accepted' AND id IN
        (SELECT delivery FROM events WHERE kind = 'relay-visit' AND agent = 'person')""",
    "funnel.5.count": """SELECT count(*) FROM letter WHERE state = 'accepted' AND blog IN
        (SELECT blog FROM post WHERE says = 'relayed')""",
    "refusals.0.count": """SELECT max(n) FROM (SELECT count(*) AS n FROM deliveries
        WHERE campaign = 'retraites' AND state = 'refused'
        GROUP BY reply_code, enhanced_code)""",
    "receivers.0.targeted": """SELECT max(n) FROM (SELECT count(*) AS n FROM deliveries
        WHERE campaign = 'retraites' GROUP BY substr(email, instr(email, '@')))""",
    "links.0.clicked.person": """SELECT count(DISTINCT e.delivery) FROM events e, letter l, links k
        WHERE l.id = e.delivery AND l.state = 'accepted' AND l.clicks AND k.id = e.link
        AND k.url = 'https://parti.example/petition' AND e.kind = 'click'
        AND e.agent = 'person'""",
    "links.0.aggregate": """SELECT count(*) FROM events WHERE campaign = 'retraites'
        AND kind = 'click' AND delivery IS NULL""",
    "links.1.visits": """SELECT count(*) FROM events e, links k WHERE e.campaign = 'retraites'
        AND e.kind = 'relay-visit' AND e.agent = 'person' AND k.id = e.link
        AND k.url = 'https://video.example/watch?v=3'""",
}


def _at(facts: Any, path: str) -> Any:
    for key in path.split("."):
        facts = facts[int(key)] if key.isdigit() else facts[key]
    return facts


def test_every_figure_is_what_an_independent_query_counts(
    settings: Settings, store: Store, run: Run
) -> None:
    golden.build(store)
    shown = json.loads(run("report", "show", "retraites", "--json").out)
    database = sqlite3.connect(settings.data / "buzz.db")
    counted = {
        path: database.execute(_LETTERS + query).fetchone()[0] for path, query in _FIGURES.items()
    }
    database.close()
    assert {path: _at(shown, path) for path in _FIGURES} == counted
    trivial = {path for path, count in counted.items() if not count} - {"talking_points.2.relays"}
    assert not trivial, "the golden workspace must put every figure to the test"


def test_a_blogs_rate_counts_the_letters_up_to_this_one(
    settings: Settings, store: Store, found: Report
) -> None:
    database = sqlite3.connect(settings.data / "buzz.db")
    rows = database.execute(
        """SELECT d.blog, count(*), sum(EXISTS (SELECT 1 FROM relays r WHERE r.blog = d.blog
             AND r.campaign = d.campaign
             AND 'relayed' = CASE r.label WHEN '' THEN r.verdict ELSE r.label END))
           FROM deliveries d WHERE d.state = 'accepted' AND d.campaign IN ('avant', 'retraites')
           GROUP BY d.blog"""
    ).fetchall()
    database.close()
    past = {blog: (received, carried) for blog, received, carried in rows}
    mean = sum(c for _r, c in past.values()) / sum(r for r, _c in past.values())
    for blog in found.blogs:
        received, carried = past.get(blog.slug, (0, 0))
        assert (blog.received, blog.carried) == (received, carried)
        if received:
            assert blog.rate == pytest.approx((carried + 5 * mean) / (received + 5))
        else:
            assert blog.rate is None


def test_the_rank_is_the_one_in_force_when_the_letter_went_out(found: Report) -> None:
    assert found.blogs
    for blog in found.blogs:
        assert blog.rank == int(blog.slug.removeprefix("blog-")) + 1


def test_what_happens_to_other_campaigns_changes_nothing(
    settings: Settings, store: Store, found: Report
) -> None:
    other = Event(kind=EventKind.OPEN, campaign="apres", at=golden.NOW)
    with store.write() as tx:
        events_store.add(tx, [other] * 5)
    again = pipeline.report(settings, store, "retraites", golden.NOW)
    assert as_json(again) == as_json(found)


@pytest.mark.both_databases
def test_the_queries_run_on_each_database(store: Store) -> None:
    golden.build(store)
    with store.read() as tx:
        facts = reports.facts(tx, "retraites")
    assert facts is not None
    assert facts.account.targeted == 50
    assert facts.opened.person + facts.opened.machine <= facts.opened.tracked
    assert {one.seen for one in facts.uncertain} <= {True, False}


# --- laws -------------------------------------------------------------------------------------


@st.composite
def _some_relays(draw: st.DrawFn) -> tuple[Relay, ...]:
    count = draw(st.integers(0, 25))
    return tuple(
        Relay(
            campaign="c",
            entry=EntryId(number),
            blog=draw(st.sampled_from(["a", "b", "c", "gone"])),
            url="https://a.example/",
            title="t",
            published=golden.SENT,
            verdict=draw(st.sampled_from(Verdict)),
            mode=draw(st.sampled_from([*RelayMode, None])),
            stance=draw(st.sampled_from(Stance)),
            score=0.5,
            lag_s=draw(st.integers(0, 10_000_000)),
            talking_points=draw(st.sampled_from([(), (1,), (1, 2), (2,)])),
            label=draw(st.sampled_from([None, None, Verdict.RELAYED, Verdict.NOT])),
        )
        for number in range(count)
    )


def _facts(**given: Any) -> Facts:
    accepted = BlogFacts(name="Un blog", rank=3, state=DeliveryState.ACCEPTED, received=2)
    standard: dict[str, Any] = {
        "campaign": CampaignStatus(
            slug="c", subject="Sujet", state=CampaignState.FINISHED, started_at=golden.SENT
        ),
        "talking_points": ("Un", "Deux", "Trois"),
        "account": Account(accepted=3, refused=1),
        "opened": Seen(tracked=2, person=1),
        "clicked": Seen(tracked=2),
        "blogs": {"a": accepted, "b": accepted, "c": replace(accepted, state=None)},
    }
    return Facts(**(standard | given))


def _report(**given: Any) -> Report:
    return build(_facts(**given), now=golden.NOW, version="1")


@given(_some_relays())
def test_posts_blogs_and_hours_always_add_up(relays: tuple[Relay, ...]) -> None:
    report = _report(relays=relays)
    found = report.found
    by_verdict = (found.relayed, found.to_check, found.mentioned, found.dismissed)
    assert sum(map(len, by_verdict)) == len(relays)
    assert sum(blog.relays for blog in report.blogs) == len(found.relayed)
    assert sum(blog.share for blog in report.blogs) == pytest.approx(1 if found.relayed else 0)
    assert not [relay for relay in found.opposed if relay in found.dismissed]
    for step in report.funnel:
        assert 0 <= step.count + step.machine <= step.of
    counts = [count for _hours, count in cumulative(report.lags_s, marks(report.lags_s))]
    assert counts == sorted(counts)
    assert not counts or counts[-1] == len(found.relayed)


@given(_some_relays(), st.randoms(use_true_random=False))
def test_the_order_in_which_posts_were_found_makes_no_difference(
    relays: tuple[Relay, ...], chance: Any
) -> None:
    shuffled = list(relays)
    chance.shuffle(shuffled)
    assert as_json(_report(relays=tuple(shuffled))) == as_json(_report(relays=relays))


@given(_some_relays(), st.integers(24, 140))
def test_no_line_is_wider_than_the_terminal(relays: tuple[Relay, ...], width: int) -> None:
    report = _report(
        relays=relays, talking_points=("日本語のとても長い文章" * 9, "x" * 200, "Trois")
    )
    assert max(map(cells, lines(report, width))) <= width


# --- what is not known is not 0 ---------------------------------------------------------------


def test_nobody_agreed_is_not_measured_and_never_0_percent() -> None:
    report = _report(opened=Seen(), clicked=Seen())
    text = "\n".join(lines(report, 100))
    assert text.count("not measured") >= 2
    assert "Nobody agreed to be measured" in text
    facts = as_json(report)
    assert [step["share"] for step in facts["funnel"] if step["of"] == 0] == [None, None]


@pytest.mark.parametrize(
    ("accepted", "relayed", "shown"),
    [
        pytest.param(1500, 2, "0.1%", id="few are not 0 %"),
        pytest.param(1500, 0, "0%", id="none is 0 %"),
        pytest.param(2, 2, "100%", id="all are 100 %"),
    ],
)
def test_shares_are_not_rounded_to_nothing(accepted: int, relayed: int, shown: str) -> None:
    one = Relay(
        campaign="c", entry=EntryId(1), blog="a", url="", title="", published=golden.SENT,
        verdict=Verdict.RELAYED, mode=None, stance=Stance.FOR, score=1, lag_s=5,
    )  # fmt: skip
    relays = tuple(
        replace(one, entry=EntryId(n), blog=blog) for n, blog in enumerate(["a", "b"][:relayed])
    )
    report = _report(relays=relays, account=Account(accepted=accepted))
    line = next(line for line in lines(report, 100) if "Relayed" in line)
    assert line.endswith(f"· {shown}")


def test_a_campaign_that_was_not_sent_says_so(workspace: Path, run: Run) -> None:
    (workspace / "campaigns" / "brouillon").mkdir(parents=True)
    done = run("report", "show", "brouillon")
    assert done.code == 0
    assert "has not been sent yet" in done.out
    facts = json.loads(run("report", "show", "brouillon", "--json").out)
    assert (facts["sent_at"], facts["targeted"], facts["relays"]["median_lag_s"]) == (None, 0, None)


@pytest.mark.parametrize("slug", ["inconnue", "../x", "", "a/b"])
@pytest.mark.parametrize("command", ["show", "csv"])
def test_an_unknown_campaign_is_a_usage_error_with_a_remedy(
    run: Run, command: str, slug: str
) -> None:
    done = run("report", command, slug)
    assert done.code == 2
    assert "buzz campaign list" in done.err
    assert not done.out


# --- verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "stance", "label", "group", "opposed"),
    [
        (Verdict.RELAYED, Stance.FOR, None, "relayed", False),
        (Verdict.RELAYED, Stance.FOR, Verdict.NOT, "dismissed", False),
        (Verdict.TO_CHECK, Stance.AGAINST, None, "to_check", True),
        (Verdict.TO_CHECK, Stance.AGAINST, Verdict.RELAYED, "relayed", False),
        (Verdict.MENTIONED, Stance.AGAINST, None, "mentioned", True),
        (Verdict.MENTIONED, Stance.AGAINST, Verdict.NOT, "dismissed", False),
        (Verdict.NOT, Stance.AGAINST, None, "dismissed", False),
    ],
)
def test_a_persons_word_overrides_and_opposition_is_apart(
    verdict: Verdict, stance: Stance, label: Verdict | None, group: str, *, opposed: bool
) -> None:
    relay = Relay(
        campaign="c", entry=EntryId(1), blog="a", url="", title="", published=golden.SENT,
        verdict=verdict, mode=None, stance=stance, score=1, lag_s=5, label=label,
    )  # fmt: skip
    found = _report(relays=(relay,)).found
    assert getattr(found, group) == (relay,)
    assert found.opposed == ((relay,) if opposed else ())


# --- the terminal -----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 100])
def test_show_fits_the_terminal_and_says_the_sum(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    golden.build(store)
    monkeypatch.setenv("COLUMNS", str(columns))
    done = run("report", "show", "retraites")
    assert done.code == 0
    assert max(map(cells, done.out.splitlines())) <= columns
    text = " ".join(done.out.replace("\u00a0", " ").split())
    assert "50 targeted = " in text
    for title in ("From the letter to the relay", "Talking points", "Who carried it on"):
        assert title in text


def test_nothing_from_outside_moves_the_cursor(run: Run) -> None:
    evil = "\x1b[2J\u202eevil\x9b"
    report = _report(
        campaign=CampaignStatus(slug="c", subject=evil, started_at=golden.SENT),
        talking_points=(evil,),
        refusals=(Refusal(reply_code=550, enhanced_code="", reply_text=evil, count=1),),
        uncertain=(
            UncertainDelivery(
                delivery=DeliveryId(1), blog=evil, since=None, reply_text=evil, seen=False
            ),
        ),
    )
    text = "\n".join(lines(report, 80))
    assert not {"\x1b", "\u202e", "\x9b"} & set(text)


def test_what_the_trackers_spooled_is_counted(settings: Settings, store: Store, run: Run) -> None:
    from buzz.edges import spool
    from buzz.pipeline import collect

    golden.build(store)
    before = json.loads(run("report", "show", "retraites", "--json").out)
    with store.read() as tx:
        letter = next(
            event.delivery for event in events_store.of_campaign(tx, "retraites") if event.delivery
        )
    event = Event(kind=EventKind.RELAY_VISIT, campaign="retraites", at=golden.NOW, delivery=letter)
    with spool.Spool(collect.folder(settings)) as file:
        file.append(event)
    after = json.loads(run("report", "show", "retraites", "--json").out)
    assert after["visited"]["visits"] == before["visited"]["visits"] + 1


# --- CSV --------------------------------------------------------------------------------------


def test_csv_has_a_line_for_each_recipient_and_each_blog_that_posted(found: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(sheet(found))))
    recipients = {slug for slug, blog in found.facts.blogs.items() if blog.state}
    assert {row["blog"] for row in rows} == recipients | {r.blog for r in found.facts.relays}
    assert sum(int(row["relays"]) for row in rows) == len(found.found.relayed)
    assert sum(row["state"] == "accepted" for row in rows) == found.facts.account.accepted


@pytest.mark.parametrize(
    "name", ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", "\r=1", "\x00=cmd|' /C'"]
)
def test_no_cell_of_the_csv_is_a_formula(name: str) -> None:
    blogs = {"a": BlogFacts(name=name, state=DeliveryState.ACCEPTED)}
    row = next(csv.DictReader(io.StringIO(sheet(_report(blogs=blogs)))))
    assert row["name"].startswith("'")


def test_csv_file_is_private_and_readable_by_spreadsheets(
    workspace: Path, store: Store, run: Run
) -> None:
    golden.build(store)
    done = run("report", "csv", "retraites", "-o", "rapport.csv")
    assert (done.code, done.out) == (0, "")
    file = workspace / "rapport.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(b"\xef\xbb\xbfblog,name,")
    printed = run("report", "csv", "retraites").out
    assert printed.splitlines() == file.read_text(encoding="utf-8-sig").splitlines()


# --- passages ---------------------------------------------------------------------------------


def _marked(text: str, shared: list[str]) -> list[str]:
    return [piece.text for piece in pieces(text, shared) if piece.shared]


@pytest.mark.parametrize(
    ("text", "shared", "marked"),
    [
        pytest.param("La Retraite à 60 ans", ["retraites"], ["Retraite"], id="stem and case"),
        pytest.param("Élus et usagers", ["elus"], ["Élus"], id="accents"),
        pytest.param("deux mille postes", ["mille postes"], ["mille postes"], id="neighbours"),
        pytest.param("rien de tel", ["autre"], [], id="nothing"),
        pytest.param("", ["a"], [], id="empty"),
    ],
)
def test_shared_words_are_marked(text: str, shared: list[str], marked: list[str]) -> None:
    assert _marked(text, shared) == marked


@given(st.text(max_size=3000), st.lists(st.text(max_size=12), max_size=4))
def test_pieces_are_the_passage_and_never_long(text: str, shared: list[str]) -> None:
    found = pieces(text, shared)
    joined = "".join(piece.text for piece in found)
    assert len(joined) <= PASSAGE_CHARS + 4
    if len(text) <= PASSAGE_CHARS:
        assert joined.split() == [*_printed(text)]


def _printed(text: str) -> Iterator[str]:
    from buzz.core.text import one_line

    yield from one_line(text).split()


def test_a_long_passage_is_cut_around_what_is_shared() -> None:
    text = "mot " * 500 + "retraite " + "fin " * 500
    assert _marked(text, ["retraite"]) == ["retraite"]
    assert pieces(text, ["retraite"])[0].text == "… "


def test_lags_are_told_in_order() -> None:
    assert cumulative([], marks([])) == []
    assert marks([3 * 86_400]) == [1, 3, 6, 12, 24, 48, 72]
    assert timedelta(hours=marks([10**9])[-1]) >= timedelta(seconds=10**9)
