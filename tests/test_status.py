import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Result

from buzz.cli import root
from buzz.config import Settings
from buzz.core.status import CampaignLine, RankingLine, Status, next_steps
from buzz.edges.store import Store, blogs, campaigns, deliveries, entries, feeds, rankings, runs
from buzz.edges.store.deliveries import Envelope
from buzz.model import (
    Account,
    Blog,
    BlogStatus,
    CampaignState,
    CampaignStatus,
    DeliveryState,
    Entry,
    Feed,
    FeedState,
    RankedBlog,
    Ranking,
    Recipient,
    Run,
    Verdict,
)
from buzz.pipeline.status import status

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLLED = Run(command="poll", started_at=NOW - HOUR, ended_at=NOW - HOUR, exit_code=0)
QUIET = Status(
    blogs={BlogStatus.ACTIVE: 2, BlogStatus.PAUSED: 0},
    with_email=2,
    is_imported=True,
    feeds={FeedState.OK: 2},
    entries=5,
    newest=NOW - 2 * HOUR,
    runs=(POLLED,),
    failed={},
    ranking=RankingLine(as_of=NOW - HOUR, ranked=2, listed=2),
    campaigns=(),
)


def line(state: CampaignState, account: Account = Account(), **relays: int) -> CampaignLine:  # noqa: B008  (frozen)
    held = NOW + HOUR if account.claimed else None
    return CampaignLine(
        campaign=CampaignStatus(slug="retraites", state=state, held_until=held),
        account=account,
        relays={Verdict(name): n for name, n in relays.items()},
    )


SENT = line(CampaignState.FINISHED, Account(accepted=9), relayed=1)

STEPS: dict[str, tuple[Status, list[str]]] = {
    "nothing yet": (
        replace(QUIET, blogs={BlogStatus.ACTIVE: 0, BlogStatus.PAUSED: 0}, campaigns=(SENT,)),
        ["buzz blogs import FILE"],
    ),
    "edited by hand": (
        replace(QUIET, is_imported=False, campaigns=(SENT,)),
        ["buzz blogs import blogs.csv", "buzz report show retraites"],
    ),
    "no campaign": (QUIET, ["buzz campaign new SLUG"]),
    "never polled": (
        replace(QUIET, feeds={FeedState.NEW: 2}, runs=(), campaigns=(SENT,)),
        ["buzz poll", "buzz report show retraites"],
    ),
    "polled long ago": (
        replace(QUIET, runs=(replace(POLLED, ended_at=NOW - 25 * HOUR),), campaigns=(SENT,)),
        ["buzz poll", "buzz report show retraites"],
    ),
    "never ranked": (
        replace(QUIET, ranking=None, campaigns=(SENT,)),
        ["buzz rank run", "buzz report show retraites"],
    ),
    "posts since the ranking": (
        replace(QUIET, newest=NOW - HOUR / 2, campaigns=(SENT,)),
        ["buzz rank run", "buzz report show retraites"],
    ),
    "draft": (
        replace(QUIET, campaigns=(line(CampaignState.DRAFT),)),
        ["buzz campaign check retraites"],
    ),
    "checked": (
        replace(QUIET, campaigns=(line(CampaignState.CHECKED),)),
        ["buzz send plan retraites"],
    ),
    "planned": (
        replace(QUIET, campaigns=(line(CampaignState.APPROVED, Account(planned=9)),)),
        ["buzz send start retraites --confirm retraites"],
    ),
    "being sent": (
        replace(QUIET, campaigns=(line(CampaignState.SENDING, Account(planned=8, claimed=1)),)),
        ["buzz send status retraites"],
    ),
    "interrupted, one uncertain": (
        replace(QUIET, campaigns=(line(CampaignState.SENDING, Account(planned=8, uncertain=1)),)),
        ["buzz send uncertain retraites", "buzz send resume retraites"],
    ),
    "paused": (
        replace(QUIET, campaigns=(line(CampaignState.PAUSED, Account(planned=8)),)),
        ["buzz send resume retraites"],
    ),
    "sent, not scanned": (
        replace(QUIET, campaigns=(line(CampaignState.FINISHED, Account(accepted=9)),)),
        ["buzz relays scan retraites"],
    ),
    "posts to look at": (
        replace(QUIET, campaigns=(line(CampaignState.FINISHED, relayed=1, to_check=2),)),
        ["buzz relays list retraites --verdict to_check"],
    ),
    "only the newest of those sent": (
        replace(QUIET, campaigns=(SENT, line(CampaignState.FINISHED), line(CampaignState.EXPIRED))),
        ["buzz report show retraites"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_what_to_do_next(name: str) -> None:
    found, expected = STEPS[name]
    steps = list(next_steps(found, NOW))
    assert [step.command for step in steps] == expected
    assert all(step.why for step in steps)


@pytest.mark.parametrize(
    "command", sorted({step for _found, steps in STEPS.values() for step in steps})
)
def test_every_step_is_a_command_that_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    node: Any = root.tree()
    while hasattr(node, "commands"):
        node = node.commands[words.pop(0)]
    node.make_context(command, words)


# --- read from a workspace --------------------------------------------------------------------


def entry(number: int) -> Entry:
    return Entry(
        blog="karim",
        identity=str(number),
        first_seen=NOW - number * HOUR,
        day=date(2026, 3, 1),
        text="x" * 100,
        length=100,
    )


@pytest.fixture
def lived_in(store: Store, settings: Settings) -> Settings:
    """A workspace in the middle of its life."""
    many = [
        Blog(slug=slug, name=slug, url=f"https://{slug}.example/", email=email, status=state)
        for slug, email, state in (
            ("karim", "karim@karim.example", BlogStatus.ACTIVE),
            ("brest", "", BlogStatus.ACTIVE),
            ("lens", "lens@lens.example", BlogStatus.ACTIVE),
            ("pause", "pause@pause.example", BlogStatus.PAUSED),
        )
    ]
    with store.write() as tx:
        blogs.save(tx, many, NOW)
        feeds.save(
            tx,
            [
                Feed(blog="karim", url="https://karim.example/", state=FeedState.OK),
                Feed(blog="lens", url="https://lens.example/", state=FeedState.GONE),
                Feed(blog="pause", url="https://pause.example/", state=FeedState.OK),
            ],
        )
        entries.save(tx, [entry(1), entry(2)])
        ranked = RankedBlog(
            rank=1,
            slug="karim",
            score=1.0,
            listed=True,
            active_days_30=1,
            entries_30=2,
            last_published=None,
            status=FeedState.OK,
        )
        for hours in (30, 1):
            rankings.save(
                tx,
                Ranking(
                    as_of=NOW - hours * HOUR,
                    size=1,
                    half_life_days=14,
                    blogs=(ranked, replace(ranked, rank=2, slug="lens", listed=False)),
                ),
            )
        runs.add(tx, replace(POLLED, started_at=NOW - 50 * HOUR, exit_code=75))
        runs.add(tx, replace(POLLED, started_at=NOW - HOUR - timedelta(seconds=90)))
        runs.add(tx, replace(POLLED, command="rank", exit_code=1))
        campaigns.record_check(
            tx, "retraites", subject="Une lettre", content_hash="hash", not_after=None, now=NOW
        )
        deliveries.plan(
            tx,
            "retraites",
            [
                (_recipient("karim"), DeliveryState.PLANNED),
                (_recipient("lens"), DeliveryState.SUPPRESSED),
            ],
            Envelope(
                from_="a@x.example",
                reply_to="",
                mail_from="a@x.example",
                list_id="x",
                base_url="https://x.example",
                content_hash="hash",
            ),
            NOW,
        )
    (settings.campaigns / "ete").mkdir(parents=True)
    (settings.campaigns / "ete" / "letter.md").write_text("---\nsubject: Été\n---\n")
    return settings


def _recipient(blog: str) -> Recipient:
    return Recipient(blog=blog, name=blog, email=f"{blog}@{blog}.example", language="fr")


def test_status_reads_the_whole_workspace(lived_in: Settings, store: Store) -> None:
    found = status(lived_in, store, NOW)
    assert found.blogs == {BlogStatus.ACTIVE: 3, BlogStatus.PAUSED: 1}
    assert found.with_email == 2
    assert found.feeds == {FeedState.NEW: 1, FeedState.OK: 1, FeedState.GONE: 1}
    assert (found.entries, found.newest) == (2, NOW - HOUR)
    assert found.ranking == RankingLine(as_of=NOW - HOUR, ranked=2, listed=1)
    assert [(run.command, run.exit_code) for run in found.runs] == [("rank", 1), ("poll", 0)]
    assert [line.campaign.slug for line in found.campaigns] == ["retraites", "ete"]
    assert found.campaigns[0].account == Account(planned=1, suppressed=1)
    assert [step.command for step in found.next_steps] == [
        "buzz poll",
        "buzz send start retraites --confirm retraites",
        "buzz campaign check ete",
    ]


def test_status_is_told_to_people_and_to_programs(
    run: Callable[..., Result], lived_in: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = (NOW - datetime.now(UTC)).total_seconds()
    monkeypatch.setenv("BUZZ_CLOCK_OFFSET_S", str(offset))
    told = run("status")
    assert told.code == 0
    for expected in (
        "Blogs      4: 3 active (2 with an e-mail address), 1 paused\n",
        "Posts      2, the newest found 60 minutes ago\n",
        "Ranking    2 Mar 2026 at 09:00: 2 blogs, 1 listed\n",
        "poll: 2 Mar 2026 at 08:58, 90 seconds, done; 1 of the last runs did not end well\n",
        "rank: 2 Mar 2026 at 09:00, 0 seconds, exit code 1; 1 of the last runs did not end well\n",
        "retraites: checked; 2 targeted = 1 planned + 1 suppressed\n",
        "\nNext:\n  buzz poll\n      1 feed was never polled\n",
    ):
        assert expected in told.out, told.out
    assert "premier relevé" in run("status", "--lang", "fr").out
    facts = json.loads(run("status", "--json").out)
    assert facts["blogs"] == {
        "total": 4, "active": 3, "paused": 1, "with_email": 2, "imported": True,
    }  # fmt: skip
    assert facts["feeds"] == {"new": 1, "ok": 1, "gone": 1}
    assert facts["campaigns"][0]["targeted"] == 2
    assert facts["next"][0] == {"command": "buzz poll", "why": "1 feed was never polled"}
    assert facts["runs"][1]["seconds"] == 90


def test_an_edit_by_hand_is_noticed(run: Callable[..., Result], workspace: Path) -> None:
    path = workspace / "blogs.csv"
    run("blogs", "add", "Karim", "--url", "https://karim.example/")
    assert json.loads(run("status", "--json").out)["blogs"]["imported"]
    path.write_text(path.read_text().replace("Karim", "Karim !"))
    facts = json.loads(run("status", "--json").out)
    assert not facts["blogs"]["imported"]
    assert facts["next"][0]["command"] == "buzz blogs import blogs.csv"
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    assert json.loads(run("status", "--json").out)["blogs"]["imported"]


def test_a_new_workspace_begins_with_the_registry(run: Callable[..., Result]) -> None:
    facts = json.loads(run("status", "--json").out)
    assert [step["command"] for step in facts["next"]] == ["buzz blogs import FILE"]
    assert facts["ranking"] is None
