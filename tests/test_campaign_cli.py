"""``buzz campaign``: from a new letter to a test message that arrives."""

import dataclasses
import email
import email.policy
import json
import os
import resource
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from conftest import Result
from servers import Postbox, free_port, postbox

from buzz.config import Settings
from buzz.core.campaign import message_pack
from buzz.edges import files
from buzz.edges.store import Store, blogs, campaigns, consents, rankings
from buzz.model import (
    Blog,
    BlogStatus,
    Campaign,
    CampaignState,
    Channel,
    Consent,
    ConsentRecord,
    FeedState,
    RankedBlog,
    Ranking,
    Tracking,
)
from buzz.pipeline import campaign as pipeline
from buzz.pipeline.campaign import loading

Run = Callable[..., Result]
LIMIT = resource.getrlimit(resource.RLIMIT_AS)[0]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def blog(slug: str, **facts: object) -> Blog:
    values = {"name": f"Le blog de {slug}", "email": f"{slug}@b.example", **facts}
    return Blog(slug=slug, url=f"https://{slug}.example/", **values)  # type: ignore[arg-type]


def ranked(rank: int, slug: str, *, listed: bool) -> RankedBlog:
    return RankedBlog(
        rank=rank,
        slug=slug,
        score=1 / rank,
        listed=listed,
        active_days_30=1,
        entries_30=1,
        last_published=None,
        status=FeedState.OK,
    )


@pytest.fixture
def desk(settings: Settings, store: Store) -> Settings:
    """A registry of five blogs, three of them on the list, and the sample campaign."""
    shutil.copytree(files.shared("campaigns"), settings.campaigns)
    registry = [
        blog("anna", consent_open=Consent.GRANTED, notice_at=date(2026, 1, 1)),
        blog("bela", language="en", source="annuaire"),
        blog("carl", email="ANNA@b.example"),
        blog("dora", status=BlogStatus.PAUSED),
        blog("emil", tags=("climat",), federation="75"),
    ]
    places = [("bela", True), ("anna", True), ("carl", True), ("dora", False)]
    ranking = Ranking(
        as_of=NOW,
        size=3,
        half_life_days=14,
        blogs=tuple(ranked(n, slug, listed=on) for n, (slug, on) in enumerate(places, 1)),
    )
    with store.write() as tx:
        blogs.save(tx, registry, NOW)
        rankings.save(tx, ranking)
    return settings


def edit(settings: Settings, old: str, new: str) -> None:
    path = settings.campaigns / "retraites" / "letter.md"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# --- recipients and what is kept --------------------------------------------------------------


def test_recipients_come_by_rank_once_each_with_what_they_agreed_to(
    desk: Settings, store: Store
) -> None:
    campaign = pipeline.load(desk, "retraites")
    with store.read() as tx:
        bela, anna = pipeline.recipients(desk, tx, campaign)
    assert (bela.blog, bela.rank, bela.language, bela.source) == ("bela", 1, "en", "annuaire")
    assert bela.needs_notice
    assert (anna.blog, anna.rank, anna.needs_notice) == ("anna", 2, False)
    assert (anna.opens, anna.clicks) == (Tracking.PERSONAL, Tracking.NONE)
    assert bela.opens is Tracking.NONE


def test_the_workspace_decides_what_may_be_measured_at_all(desk: Settings, store: Store) -> None:
    off = dataclasses.replace(desk, tracking=dataclasses.replace(desk.tracking, opens="off"))
    campaign = pipeline.load(desk, "retraites")
    with store.read() as tx:
        assert {r.opens for r in pipeline.recipients(off, tx, campaign)} == {Tracking.NONE}


def test_a_compiled_letter_comes_back_from_the_store_as_it_was(
    desk: Settings, store: Store
) -> None:
    campaign = pipeline.load(desk, "retraites")
    pack = message_pack(campaign, organisation="Parti", sent_at=NOW, base_url="https://l.example")
    with store.write() as tx:
        letters = pipeline.compile_all(desk, tx, campaign)
        campaigns.freeze(tx, "retraites", letters, pack, NOW)
    with store.read() as tx:
        assert campaigns.letters(tx, "retraites") == letters
        assert campaigns.pack(tx, "retraites") == pack
        link = letters["fr"].links[0]
        assert campaigns.link(tx, link.id) == link
        assert campaigns.letters(tx, "other") == {}
        assert campaigns.pack(tx, "other") is None
    assert letters["fr"].links == letters["en"].links


def test_links_keep_their_ids(store: Store) -> None:
    with store.write() as tx:
        first = campaigns.ensure_links(tx, "a", ["u", "v", "u"])
        again = campaigns.ensure_links(tx, "a", ["w", "v"])
        other = campaigns.ensure_links(tx, "b", ["u"])
    assert [link.url for link in first] == ["u", "v", "u"]
    assert first[0] == first[2]
    assert again[1] == first[1]
    assert len({link.id for link in (*first, *again, *other)}) == 4


def test_a_state_is_dated_once(store: Store) -> None:
    later = NOW.replace(hour=10)
    with store.write() as tx:
        campaigns.record_check(tx, "a", subject="s", content_hash="h", not_after=later, now=NOW)
        assert campaigns.get(tx, "a") is not None
        campaigns.set_state(tx, "a", CampaignState.SENDING, NOW)
        campaigns.set_state(tx, "a", CampaignState.PAUSED, later)
        campaigns.set_state(tx, "a", CampaignState.SENDING, later)
        # Too late for this one: what is being sent is not what the files say now.
        campaigns.record_check(tx, "a", subject="t", content_hash="i", not_after=None, now=later)
        status = campaigns.get(tx, "a")
        assert status is not None
        assert (status.state, status.started_at) == (CampaignState.SENDING, NOW)
        campaigns.set_state(tx, "a", CampaignState.FINISHED, later)
        (status,) = campaigns.all_campaigns(tx)
    assert (status.finished_at, status.checked_hash, status.not_after) == (later, "h", later)


def test_a_template_of_the_workspace_replaces_the_products(desk: Settings, run: Run) -> None:
    templates = desk.workspace / "templates"
    templates.mkdir()
    (templates / "mots.txt.j2").write_text(
        files.shared("templates").joinpath("mots.txt.j2").read_text(encoding="utf-8")
        + "{%- macro relay_title() %}Faites tourner{% endmacro -%}"
    )
    assert "Faites tourner" in run("campaign", "preview", "retraites", "--text").out
    (templates / "lettre.html.j2").write_text("\n{{ nobody }}")
    refused = run("campaign", "preview", "retraites")
    assert refused.code == 5
    assert "templates/lettre.html.j2:2: 'nobody' is undefined" in refused.err


# --- check ------------------------------------------------------------------------------------


def test_check_passes_the_sample_and_records_it(
    desk: Settings, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.campaigns / "retraites" / "letter.md"  # whose addresses are examples
    path.write_text(path.read_text("utf-8").replace(".parti.example", ".parti.test"), "utf-8")
    monkeypatch.setenv("BUZZ_WEB_BASE_URL", "https://lettre.parti.example")
    monkeypatch.setenv("BUZZ_SENDER_FROM", "La Lettre <redaction@parti.example>")
    result = run("campaign", "check", "retraites", "--offline")
    assert (result.code, result.out) == (0, "")
    monkeypatch.delenv("BUZZ_WEB_BASE_URL")
    monkeypatch.delenv("BUZZ_SENDER_FROM")
    warned = run("campaign", "check", "retraites", "--offline")
    assert warned.code == 0
    assert "2 warnings" in warned.out
    assert "buzz.toml [sender] from: still the example's address" in warned.out
    assert "buzz.toml: no reader can follow the links" in warned.out
    assert "retraites passed the check: 2 recipients" in result.err
    with store.read() as tx:
        status = campaigns.get(tx, "retraites")
    assert status is not None
    assert status.state is CampaignState.CHECKED
    assert status.checked_hash == pipeline.load(desk, "retraites").content_hash


def test_check_prints_facts_for_programs(desk: Settings, run: Run) -> None:
    edit(desk, "segment: listed", "segment: listed and tag:nobody")
    result = run("campaign", "check", "retraites", "--json")
    facts = json.loads(result.out)
    assert result.code == 5
    assert (facts["v"], facts["passed"], facts["recipients"]) == (1, False, 0)
    finding, *others = facts["findings"]
    assert finding["rule"] == "segment"
    assert {other["rule"] for other in others} == {"10-unsubscribe", "15-links", "config"}
    assert (facts["errors"], facts["warnings"], facts["waived"]) == (1, 3, [])
    assert [link["error"] for link in facts["links"]] == ["reserved"] * 3
    assert finding["level"] == "error"
    assert finding["place"] == "campaigns/retraites/letter.md:5"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("---\nsubject", "subject", "letter.md:1: the front matter", id="front matter"),
        pytest.param("{{ name }}", "{{ nom }}", "unknown variable {{ nom }}", id="variable"),
        pytest.param("\n## ", "\n### ", "no talking point", id="no talking point"),
        pytest.param("{{ name }}", "{{ federation }}", "have no federation: bela", id="empty"),
        pytest.param("segment: listed", "not_after: 2020-01-01", "must not go out", id="late"),
    ],
)
def test_check_refuses_with_place_and_remedy(
    desk: Settings, run: Run, old: str, new: str, said: str
) -> None:
    edit(desk, old, new)
    result = run("campaign", "check", "retraites")
    assert result.code == 5
    assert said in result.out
    assert "campaigns/retraites/letter.md" in result.out
    assert "must not go out yet" in result.err


def test_check_renders_for_every_recipient_and_names_a_bad_address(
    desk: Settings, store: Store, run: Run
) -> None:
    with store.write() as tx:
        blogs.save(tx, [blog("bela", email="béla@b.example")], NOW)
    result = run("campaign", "check", "retraites")
    assert result.code == 5
    assert "blogs.csv (bela): `béla@b.example`" in result.out


def test_a_change_after_the_check_is_seen(desk: Settings, run: Run) -> None:
    assert run("campaign", "check", "retraites").code == 0
    assert json.loads(run("campaign", "show", "retraites", "--json").out)["checked"] is True
    edit(desk, "Fraternellement", "Amicalement")
    facts = json.loads(run("campaign", "show", "retraites", "--json").out)
    assert (facts["checked"], facts["state"]) == (False, "checked")
    assert "changed since the check" in run("campaign", "list").out


@pytest.mark.parametrize("command", ["check", "preview", "show"])
@pytest.mark.parametrize(
    ("slug", "said"),
    [("../x", "is not the name of a campaign"), ("gone", "there is no campaign `gone`")],
)
def test_a_name_that_is_none_is_refused(
    desk: Settings, run: Run, command: str, slug: str, said: str
) -> None:
    result = run("campaign", command, slug)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "campaigns/retraites/letter.md:2: this file is not UTF-8\n    → save it as UTF-8"),
        ("fr", "letter.md:2: ce fichier n\u2019est pas en UTF-8\n    → enregistrez-le en UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_refused_and_hides_no_other_campaign(
    desk: Settings, run: Run, lang: str, said: str
) -> None:
    letter = desk.campaigns / "retraites" / "letter.md"
    written = "---\nsubject: é\n---\n".encode("latin-1")
    letter.write_bytes(written)
    result = run("campaign", "check", "retraites", "--lang", lang)
    assert result.code == 5
    assert said in result.out
    assert letter.read_bytes() == written
    assert run("campaign", "list").code == 0


def _a_link(letter: Path) -> None:
    letter.with_name("elsewhere.md").write_text("secret")
    letter.symlink_to("elsewhere.md")


def _a_large_file(letter: Path) -> None:
    letter.write_bytes(b"a" * 1_100_000)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_a_link, "a campaign is a real folder, not a link"),
        (Path.mkdir, "this is no file"),
        (os.mkfifo, "this is no file"),
        (_a_large_file, "larger than 1 MB"),
    ],
    ids=["link", "folder", "pipe", "large"],
)
def test_what_is_no_file_of_a_letter_s_size_is_refused(
    desk: Settings, run: Run, make: Callable[[Path], object], said: str
) -> None:
    letter = desk.campaigns / "retraites" / "letter.md"
    letter.unlink()
    make(letter)
    result = run("campaign", "check", "retraites")
    assert result.code == 5
    assert f"campaigns/retraites/letter.md: {said}" in result.out
    assert run("campaign", "list").code == 0


DOUBLING = (
    "{% set n = namespace(s='x') %}{% for i in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
)
LOOPS = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ '%1000000000d' % 1 }}", "MB of memory"),
        ("{{ 'x'.ljust(1000000000) }}", "MB of memory"),
        (DOUBLING, "MB of memory"),
        (LOOPS, "s of computing"),
    ],
    ids=["format", "method", "doubling", "loops"],
)
def test_a_template_has_bounds(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, template: str, said: str
) -> None:
    monkeypatch.setattr(loading, "COMPILE_CPU_S", 1.0)
    (desk.workspace / "templates").mkdir()
    (desk.workspace / "templates" / "lettre.html.j2").write_text(template)
    result = run("campaign", "check", "retraites")
    assert result.code == 5
    assert "templates/lettre.html.j2: this takes more than" in result.out
    assert said in result.out
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == LIMIT


def test_a_new_campaign_is_not_written_through_a_link(
    desk: Settings, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (desk.campaigns / "rentree").symlink_to(tmp_path / "outside")
    result = run("campaign", "new", "rentree")
    assert result.code == 5
    assert "not a link" in result.err
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "buzz.toml",
        "blogs.csv",
        "data/secret.key",
        "campaigns/retraites/letter.md",
        "campaigns/retraites/letter.en.md",
    ],
)
def test_what_the_workspace_is_made_of_is_not_written_over(
    desk: Settings, run: Run, name: str
) -> None:
    file = desk.workspace / name
    before = file.read_bytes() if file.exists() else None
    for command in (["campaign", "preview"], ["report", "html"], ["report", "csv"]):
        result = run(*command, "retraites", "-o", name)
        assert result.code == 2
        assert f"{name}: this belongs to the workspace and is not replaced" in result.err
        assert (file.read_bytes() if file.exists() else None) == before


def test_a_template_that_cannot_be_read_is_named(desk: Settings, run: Run) -> None:
    folder = desk.workspace / "templates"
    folder.mkdir()
    (folder / "lettre.html.j2").write_bytes("<p>é</p>".encode("latin-1"))
    result = run("campaign", "check", "retraites")
    assert result.code == 5
    assert "templates/lettre.html.j2:1: this file is not UTF-8" in result.out


# --- new, list, show --------------------------------------------------------------------------


def test_a_new_campaign_lacks_only_what_a_person_must_write(desk: Settings, run: Run) -> None:
    made = run("campaign", "new", "rentree", "--segment", "top:2", "--language", "fr")
    assert made.code == 0
    assert "rentree/letter.md" in made.err
    text = (desk.campaigns / "rentree" / "letter.md").read_text(encoding="utf-8")
    facts = json.loads(run("campaign", "check", "rentree", "--json").out)
    assert {f["rule"] for f in facts["findings"] if f["level"] == "error"} == {"to-write"}
    assert facts["recipients"] == 2
    while "[[" in text:
        start, rest = text.split("[[", 1)
        text = f"{start}Quarante-deux moulins de Bréhat{rest.split(']]', 1)[1]}"
    (desk.campaigns / "rentree" / "letter.md").write_text(text, encoding="utf-8")
    assert run("campaign", "check", "rentree").code == 0


def test_a_new_campaign_replaces_none_and_a_dry_run_writes_none(desk: Settings, run: Run) -> None:
    before = (desk.campaigns / "retraites" / "letter.md").read_bytes()
    assert run("campaign", "new", "retraites").code == 2
    assert (desk.campaigns / "retraites" / "letter.md").read_bytes() == before
    assert run("campaign", "new", "x", "--dry-run").code == 0
    assert run("campaign", "new", "x", "--segment", "topp:2").code == 5
    assert run("campaign", "new", "../x").code == 2
    assert not (desk.campaigns / "x").exists()


def test_a_subject_with_quotes_is_written_so_that_it_reads_back(desk: Settings, run: Run) -> None:
    subject = 'Dire « non » : "oui" # et \\ après'
    assert run("campaign", "new", "x", "--subject", subject).code == 0
    assert pipeline.load(desk, "x").subject == subject


def test_list_and_show(desk: Settings, run: Run) -> None:
    (desk.campaigns / "broken").mkdir()
    (desk.campaigns / "broken" / "letter.md").write_text("nothing")
    facts = json.loads(run("campaign", "list", "--json").out)
    assert [(c["slug"], c["readable"]) for c in facts["campaigns"]] == [
        ("broken", False),
        ("retraites", True),
    ]
    assert "its file has mistakes" in run("campaign", "list").out
    shown = run("campaign", "show", "retraites").out
    assert "1. Deux ans de plus" in shown
    assert "2 blogs (listed)" in shown
    assert run("campaign", "show", "broken").code == 5


def test_an_empty_desk_lists_nothing(workspace: Path, run: Run) -> None:
    assert json.loads(run("campaign", "list", "--json").out) == {"v": 1, "campaigns": []}
    assert "buzz campaign new" in run("campaign", "list").err


# --- preview and test -------------------------------------------------------------------------


def test_preview_writes_the_letter_of_one_blog_without_effect(desk: Settings, run: Run) -> None:
    result = run("campaign", "preview", "retraites", "--as", "emil", "-o", "seen.html")
    assert result.code == 0
    assert "seen.html" in result.err
    html = (desk.workspace / "seen.html").read_text(encoding="utf-8")
    assert "Le blog de emil" in html  # not in the segment, shown all the same
    assert "/u/preview" in html
    assert "https://www.parti.example/retraites/petition" in html  # links are plain
    assert run("campaign", "preview", "retraites").code == 0
    assert (desk.data / "previews" / "retraites.html").stat().st_mode & 0o777 == 0o600
    assert run("campaign", "preview", "retraites", "--as", "nobody").code == 2


def test_preview_works_before_there_is_anybody(settings: Settings, run: Run) -> None:
    shutil.copytree(files.shared("campaigns"), settings.campaigns)
    assert "votre blog" in run("campaign", "preview", "retraites", "--text").out


def test_a_test_message_arrives_whole(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Postbox()
    with postbox(box) as port:
        monkeypatch.setenv("BUZZ_SMTP_PORT", str(port))
        dry = run("campaign", "test", "retraites", "--to", "me@desk.example", "--dry-run")
        assert (dry.code, box.received) == (0, [])
        sent = run("campaign", "test", "retraites", "--to", "me@desk.example", "--as", "anna")
    assert sent.code == 0
    assert "queued as 1" in sent.err
    (received,) = box.received
    assert (received.mail_from, received.rcpt_to) == ("lettre@parti.example", "me@desk.example")
    found = email.message_from_bytes(received.content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found["Subject"].startswith("[test] Retraites")
    assert found["To"] == "Le blog de anna <me@desk.example>"
    html = found.get_body(("html",))
    assert html is not None
    assert "Signer la pétition" in html.get_content()


@pytest.mark.parametrize(
    ("to", "code"), [("nobody", 2), ("a@b.example\nBcc: x@y.example", 2), ("550@b.example", 1)]
)
def test_a_test_message_that_cannot_go_says_why(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, to: str, code: int
) -> None:
    box = Postbox()
    with postbox(box) as port:
        monkeypatch.setenv("BUZZ_SMTP_PORT", str(port))
        assert run("campaign", "test", "retraites", "--to", to).code == code
    assert box.received == []


def test_a_server_that_is_not_there_is_a_failure_for_later(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_SMTP_PORT", str(free_port()))
    result = run("campaign", "test", "retraites", "--to", "me@desk.example")
    assert result.code == 75
    assert "cannot be reached" in result.err


def test_an_old_registry_does_not_undo_a_refusal(settings: Settings, store: Store) -> None:
    karim = blog("karim", consent_open=Consent.GRANTED)
    said = ConsentRecord(
        blog="karim", channel=Channel.OPEN, consent=Consent.DENIED, at=NOW, method="preferences"
    )
    letter = Campaign(slug="retraites", subject="Retraites", segment="all")
    with store.write() as tx:
        blogs.save(tx, [karim], NOW)
        assert [r.opens for r in pipeline.recipients(settings, tx, letter)] == [Tracking.PERSONAL]
        consents.record(tx, said)
        blogs.save(tx, [karim], NOW)  # the CSV still says granted
        assert [r.opens for r in pipeline.recipients(settings, tx, letter)] == [Tracking.NONE]
