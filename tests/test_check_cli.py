"""`buzz campaign check` as a person uses it: what it prints, what it waives, what it refuses."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from servers import Postbox, postbox
from test_campaign_cli import NOW, Run, blog, edit
from test_campaign_cli import desk as desk  # noqa: PLC0414  (a fixture)
from test_rules import PAGE, TEXT, line

from buzz.config import Settings
from buzz.core.campaign.rulebook import RULES
from buzz.edges.store import Store, audit, blogs, checks
from buzz.pipeline.campaign import loading

CHECK = ("campaign", "check", "retraites", "--offline")


def facts(run: Run, *options: str) -> Any:
    return json.loads(run(*CHECK, "--json", *options).out)


def spoil(settings: Settings) -> None:
    """Let a link say nothing: an error that a person may let pass."""
    edit(settings, "[Signer la pétition]", "[ici]")


# --- what is printed ----------------------------------------------------------------------------


def test_findings_stand_rule_by_rule_with_what_to_do_next(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    edit(desk, "{{ name }}", "{{ federation }} <b>[[qui ?]]</b>")
    found = run(*CHECK)
    assert found.code == 5
    assert max(map(len, found.out.splitlines())) <= 80
    assert found.out.startswith("2 errors: they stop the letter\n\n  to-write · Nothing is left")
    rules = [row for row in found.out.splitlines() if row.startswith("  ") and " · " in row]
    assert found.out.count("\n    → ") == len(rules)
    assert "next: mend campaigns/retraites/letter.md:" in found.err


def test_a_finding_of_several_places_says_its_remedy_once(desk: Settings, run: Run) -> None:
    edit(desk, "Mardi,", "<i>Mardi</i>, <b>oui</b>,")
    out = run(*CHECK).out
    assert out.count("letter.md:20: readers would see") == 2
    assert out.count("→ write Markdown") == 1


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_all_of_it_is_said_in_both_languages(desk: Settings, run: Run, lang: str) -> None:
    spoil(desk)
    found = run(*CHECK, "--lang", lang)
    for word in ("it stops the letter", "Links say", "a link says", "say where", "next: mend"):
        assert (word in found.out + found.err) is (lang == "en"), word


# --- waivers ------------------------------------------------------------------------------------


def test_a_waived_error_lets_the_letter_go_and_stays_in_sight(
    desk: Settings, store: Store, run: Run
) -> None:
    spoil(desk)
    assert run(*CHECK).code == 5
    waived = run(*CHECK, "--waive", "8-labels=un long entretien,\nil le vaut")
    assert waived.code == 0
    assert "\n1 waived\n" in waived.out
    assert "“un long entretien, il le vaut” (" in waived.out
    again = run(*CHECK)  # it stands, through edits too
    assert (again.code, again.out) == (0, waived.out)
    edit(desk, "Fraternellement", "Amicalement")
    assert run(*CHECK).code == 0
    assert run("send", "plan", "retraites").code == 0
    with store.read() as tx:
        (kept,) = checks.waived(tx, "retraites")
        deed = audit.last(tx, "campaign check --waive", "retraites")
    assert (kept.rule, kept.reason) == ("8-labels", "un long entretien, il le vaut")
    assert deed is not None
    assert (deed.who, deed.detail) == (kept.who, "8-labels: un long entretien, il le vaut")


def test_programs_are_told_of_waivers(desk: Settings, run: Run) -> None:
    spoil(desk)
    found = facts(run, "--waive", "8-labels=exprès", "--waive", "15-links=un exemple")
    assert (found["passed"], found["errors"]) == (True, 0)
    assert {finding["rule"] for finding in found["findings"]} == {"10-unsubscribe", "config"}
    assert [finding["rule"] for finding in found["waived"]] == ["8-labels", "15-links"]
    assert {w["rule"]: w["reason"] for w in found["waivers"]} == {
        "8-labels": "exprès",
        "15-links": "un exemple",
    }


def test_a_waiver_can_be_taken_back(desk: Settings, store: Store, run: Run) -> None:
    spoil(desk)
    assert run(*CHECK, "--waive", "8-labels=exprès").code == 0
    assert run(*CHECK, "--unwaive", "8-labels").code == 5
    assert run(*CHECK, "--unwaive", "8-labels").code == 2
    with store.read() as tx:
        assert checks.waived(tx, "retraites") == ()
        assert audit.last(tx, "campaign check --unwaive", "retraites") is not None


def test_a_waiver_that_is_of_no_use_any_more_is_told(desk: Settings, run: Run) -> None:
    assert (
        "8-labels is waived, and nothing is found" in run(*CHECK, "--waive", "8-labels=bientôt").err
    )


def test_who_approves_sees_what_is_waived(desk: Settings, run: Run) -> None:
    spoil(desk)
    assert run(*CHECK, "--waive", "8-labels=exprès").code == 0
    assert "waived with it: 8-labels, “exprès” (" in run("campaign", "approve", "retraites").err


def test_the_report_tells_what_was_waived_for_it(desk: Settings, run: Run) -> None:
    spoil(desk)
    assert run(*CHECK, "--waive", "8-labels=un <b>long</b> entretien").code == 0
    told = json.loads(run("report", "show", "retraites", "--json").out)["waivers"]
    assert [waiver["rule"] for waiver in told] == ["8-labels"]
    assert "8-labels: “un <b>long</b> entretien” (" in run("report", "show", "retraites").out
    assert run("report", "html", "retraites", "-o", "report.html").code == 0
    page = (desk.workspace / "report.html").read_text("utf-8")
    assert "8-labels: “un &lt;b&gt;long&lt;/b&gt; entretien” (" in page


@pytest.mark.parametrize(
    ("waiver", "code", "said"),
    [
        ("8-labels", 2, "a waiver wants a reason"),
        ("8-labels=  ", 2, "a waiver wants a reason"),
        ("8-label=x", 2, "did you mean `8-labels`?"),
        ("=x", 2, "there is no rule"),
        ("12-sender=x", 5, "the law wants it"),
        ("10-unsubscribe=x", 5, "the law wants it"),
        ("privacy-notice=x", 5, "the law wants it"),
        ("13-active=x", 5, "the law wants it"),
        ("segment=x", 5, "there would be no letter to send"),
    ],
)
def test_what_nobody_can_waive(desk: Settings, run: Run, waiver: str, code: int, said: str) -> None:
    found = run(*CHECK, "--waive", "16-generic=x", "--waive", waiver)
    assert (found.code, found.out) == (code, "")
    assert said in found.err
    with closing(sqlite3.connect(desk.data / "buzz.db")) as database:  # all or nothing
        assert database.execute("SELECT count(*) FROM waivers").fetchone() == (0,)


def test_the_law_stands_where_somebody_wrote_into_the_database(
    desk: Settings, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from buzz.model import Waiver

    monkeypatch.setenv("BUZZ_SENDER_CONTROLLER", "")
    with store.write() as tx:
        for rule in RULES:
            checks.waive(tx, "retraites", Waiver(rule=rule, reason="non", who="x", at=NOW))
    found = run(*CHECK)
    assert found.code == 5
    assert "1 error" in found.out
    assert "12-sender" in found.out


# --- bad input ----------------------------------------------------------------------------------


def written(old: str, new: str) -> Callable[[Settings], None]:
    return lambda desk: edit(desk, old, new)


def template(html: str) -> Callable[[Settings], None]:
    def write(desk: Settings) -> None:
        (desk.workspace / "templates").mkdir()
        (desk.workspace / "templates" / "lettre.html.j2").write_text(html, encoding="utf-8")

    return write


def large_image(desk: Settings) -> None:
    """An image of 20 MB: noise, which no format makes smaller."""
    with (desk.campaigns / "retraites" / "foule.jpg").open("wb") as file:
        file.truncate(20_000_000)
    edit(desk, "> On ne soigne", "![La foule](foule.jpg)\n\n> On ne soigne")


def huge_image(desk: Settings) -> None:
    """A small file of 400 million pixels."""
    Image.new("1", (20_000, 20_000)).save(desk.campaigns / "retraites" / "foule.png")
    edit(desk, "> On ne soigne", "![La foule](foule.png)\n\n> On ne soigne")


def untold(desk: Settings) -> None:
    """A template without the notice, for a blog that was never told what is held on it."""
    sources = {"petit.html.j2": PAGE, "petit.txt.j2": TEXT}
    (desk.workspace / "templates").mkdir()
    for name, source in sources.items():
        (desk.workspace / "templates" / name).write_text(source, encoding="utf-8")
    edit(desk, "language: fr\n", "language: fr\ntemplate: petit\n")


QUOTE = "> On ne soigne"
SUBJECT = "subject: "
PETITION = "https://www.parti.example/retraites/petition)"
POINT = "## La caisse"  # the longest talking point, once the quotation in it has grown
SELF = "lettre.html.j2"
# What is spoilt, the rule that tells it, and where: a place, or words of the letter's line.
BAD = {
    "a letter of 200 KB": (written(QUOTE, f"{'mot ' * 50_000}\n\n{QUOTE}"), "3-size", POINT),
    "an image of 20 MB": (large_image, "13-images", "![La foule]"),
    "an image of 400 million pixels": (huge_image, "13-images", "![La foule]"),
    "CR LF in the subject": (
        written(SUBJECT, 'subject: "a\\r\\nBcc: x@y.example"  #'), "headers", SUBJECT,
    ),
    "an encoded word in the subject": (
        written(SUBJECT, 'subject: "=?utf-8?q?a=0ABcc:x@y?="  #'), "headers", SUBJECT,
    ),
    "x * 10**9": (written("{{ name }}", "{{ 'x' * 10**9 }}"), "14-variables", "10**9"),
    "x * 10**9 in a template": (template("\n{{ 'x' * 10**9 }}"), "templates", f"{SELF}:2"),
    "a class": (written("{{ name }}", "{{ ''.__class__ }}"), "14-variables", "__class__"),
    "a class in a template": (template("\n{{ ''.__class__ }}"), "templates", f"{SELF}:2"),
    "a template in itself": (template(f'{{% include "{SELF}" %}}'), "templates", SELF),
    "a template over itself": (template(f'{{% extends "{SELF}" %}}'), "templates", SELF),
    "an empty template": (template("{# soon #}\n"), "templates", SELF),
    "200 KB before the first point": (
        written("Mardi,", f"{'mot ' * 50_000}\n\nMardi,"), "3-size", "",
    ),
    "script": (written("Mardi,", "<script>alert(1)</script> Mardi,"), "markdown-html", "<script>"),
    "javascript:": (written(PETITION, "javascript:alert(1))"), "17-links", "javascript:"),
    "an empty segment": (written("segment: listed", "segment: tag:nobody"), "segment", "segment:"),
    "no segment": (written("segment: listed", "segment: lsited"), "segment", "segment:"),
    "an unknown key": (written("slogans:", "slogan:"), "front-matter", "slogan:"),
    "no such day": (
        written("segment:", "not_after: 2026-02-30\nsegment:"), "front-matter", "not_after:",
    ),
    "no date": (written("segment:", "not_after: bientôt\nsegment:"), "front-matter", "not_after:"),
    "a blog without notice": (untold, "privacy-notice", "petit.html.j2"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_by_a_rule_at_its_place_and_nothing_is_sent(
    desk: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    harm, rule, mark = BAD[name]
    monkeypatch.setattr(loading, "COMPILE_CPU_S", 2.0)
    harm(desk)
    box = Postbox()
    with postbox(box) as port:
        monkeypatch.setenv("BUZZ_SMTP_PORT", str(port))
        found = run(*CHECK, "--json")
        started = run("send", "start", "retraites", "--confirm", "retraites")
    assert (found.code, started.code, box.received) == (5, 5, [])
    errors = [f for f in json.loads(found.out)["findings"] if f["level"] == "error"]
    assert {f["rule"] for f in errors} == {rule}, errors
    source = (desk.campaigns / "retraites" / "letter.md").read_text("utf-8")
    place = f"retraites/letter.md:{line(source, mark)}" if mark in source else f"templates/{mark}"
    place = place if mark else "retraites/letter.md"
    assert errors[0]["place"].endswith(place)


def test_hard_values_that_are_sound_pass(desk: Settings, store: Store, run: Run) -> None:
    """Emoji, right-to-left marks, markup, 500 letters in a blog's name; links with everything."""
    names = [
        "🐝 \u202eمدونة\u202c <b>&amp; fils",
        "é" * 500,
        "=?utf-8?q?a=0ABcc:x@y?=",
        "{{ name }}",
    ]
    with store.write() as tx:
        blogs.save(tx, [blog(f"b{n}", name=name) for n, name in enumerate(names)], NOW)
    edit(desk, "segment: listed", "segment: all")
    edit(desk, "retraites/contre-budget)", "retraites/contre%20budget?x=1&y=é#fin)")
    Image.effect_noise((1600, 1200), 60).save(desk.campaigns / "retraites" / "foule.jpg")
    film = "[![Un film](foule.jpg)](https://video.parti.test/x)"
    edit(desk, QUOTE, f"![La foule](foule.jpg)\n\n{film}\n\n- [Un](https://a.test)\n\n{QUOTE}")
    found = facts(run)
    assert found["passed"], found
    assert found["recipients"] == 7


def test_the_benchmark_renders_for_everybody(tmp_path: Path) -> None:
    from benchmarks import check

    found = check.measured(tmp_path, blogs=3, runs=1)
    assert found["recipients"] == 3
