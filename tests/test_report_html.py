"""The HTML report: self-contained, escaped, small, readable, and each chart with its table."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import report_golden as golden
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from buzz import locales
from buzz.config import Settings
from buzz.core.report import Facts, Report, Seen, build, charts, html
from buzz.core.report.facts import BlogFacts, LinkUse, Receiver, Refusal, UncertainDelivery
from buzz.edges.store import Store
from buzz.model import (
    Account,
    CampaignState,
    CampaignStatus,
    DeliveryId,
    DeliveryState,
    EntryId,
    Evidence,
    LinkId,
    Relay,
    RelayId,
    RelayMode,
    Stance,
    Verdict,
)
from buzz.pipeline import report as pipeline

Run = Callable[..., Result]

# What a blogger, a mail server or a hijacked feed may put where text is expected.
VECTORS = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<form action=//evil.example><input name=x></form>",
    "<style>*{background:url(//evil.example)}</style>",
    "<!--", "-->", "]]>", "<![CDATA[<script>", "&lt;script&gt;", "{{ 7*7 }}", "{% raw %}",
    "\u202egnp.exe", "\x1b]0;x\x07", "\x00<b>", "<math><mi//xlink:href=javascript:alert(1)>",
)  # fmt: skip
URLS = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://user:pass@evil.example/",
    'https://ok.example/"onclick="alert(1)',
    " javascript:alert(1)",
    "file:///etc/passwd",
)


def _facts(text: str = "Un titre", url: str = "https://blog.example/1", posts: int = 12) -> Facts:
    relay = Relay(
        id=RelayId(1), campaign="c", entry=EntryId(1), blog="a", url=url, title=text,
        published=golden.SENT, verdict=Verdict.RELAYED, mode=RelayMode.COPY, stance=Stance.FOR,
        score=0.9, lag_s=4000, talking_points=(1,),
        evidence=(Evidence(kind="text", message=text, post=text, talking_point=1, shared=(text,)),),
    )  # fmt: skip
    kinds = (
        (Verdict.RELAYED, Stance.FOR),
        (Verdict.TO_CHECK, Stance.NEUTRAL),
        (Verdict.MENTIONED, Stance.AGAINST),
    )
    return Facts(
        campaign=CampaignStatus(
            slug="c", subject=text, state=CampaignState.FINISHED, started_at=golden.SENT
        ),
        talking_points=(text, text),
        account=Account(accepted=7, refused=2, uncertain=1),
        opened=Seen(tracked=4, person=2, machine=1, aggregate_person=3),
        clicked=Seen(tracked=3, person=1),
        visits=2,
        visited=1,
        refusals=(Refusal(reply_code=550, enhanced_code=text, reply_text=text, count=2),),
        receivers=(
            Receiver(domain=text, targeted=10, accepted=7, refused=2, uncertain=1, others=0),
        ),
        uncertain=(
            UncertainDelivery(
                delivery=DeliveryId(1), blog=text, since=golden.SENT, reply_text=text, seen=False
            ),
        ),
        links=(LinkUse(link=LinkId(1), url=url, person=1),),
        relays=tuple(
            replace(
                relay,
                entry=EntryId(n),
                verdict=kinds[n % 3][0],
                stance=kinds[n % 3][1],
                lag_s=n * 977,
            )
            for n in range(posts)
        ),
        blogs={"a": BlogFacts(name=text, rank=1, state=DeliveryState.ACCEPTED, received=2)},
    )


def _page(facts: Facts, language: str = "en") -> Any:
    with locales.speaking(language):
        return _parsed(html(_built(facts)))


def _parsed(text: str) -> Any:
    parser = lxml_html.HTMLParser(encoding="utf-8")
    return lxml_html.document_fromstring(text.encode(), parser=parser)


def _built(facts: Facts) -> Report:
    return build(facts, now=golden.NOW, version="1")


# --- self-contained and harmless --------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS)
def test_what_comes_from_outside_is_text(vector: str) -> None:
    page, plain = _page(_facts(vector)), _page(_facts())
    assert _made_of(page) <= _made_of(plain)
    tags = {tag for tag, _attributes in _made_of(plain)}
    assert not tags & {"script", "img", "iframe", "link", "base", "form", "input", "object"}
    names = {name.lower() for _tag, attributes in _made_of(plain) for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src"}]
    assert len(page.xpath("//style | //title[not(ancestor::*[local-name()='svg'])]")) == 2


def _made_of(page: Any) -> set[tuple[str, tuple[str, ...]]]:
    """Return each kind of element there is, with the names of its attributes."""
    return {(str(e.tag), tuple(map(str, e.attrib))) for e in page.iter(etree.Element)}


@pytest.mark.parametrize("url", URLS)
def test_only_addresses_of_the_web_become_links(url: str) -> None:
    page = _page(_facts(url=url))
    hrefs = [str(href) for href in page.xpath("//a/@href")]
    assert all(href.startswith(("#", "https://ok.example/")) for href in hrefs)
    assert not page.xpath("//a[@onclick]")


def test_nothing_is_fetched_and_nothing_runs(found: Report) -> None:
    text = html(found)
    document = _parsed(text)
    policy = str(document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0])
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = str(document.xpath("//style/text()")[0])
    assert "url(" not in style
    assert "@import" not in style
    import base64
    import hashlib

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    fetched = document.xpath("//@src | //link/@href | //*[local-name()='use']/@href")
    assert not fetched


@pytest.fixture
def found(settings: Settings, store: Store) -> Report:
    """The report of the golden workspace."""
    golden.build(store)
    return pipeline.report(settings, store, "retraites", golden.NOW)


# --- the file ---------------------------------------------------------------------------------


def test_the_file_is_private_and_its_place_is_said(workspace: Path, store: Store, run: Run) -> None:
    golden.build(store)
    done = run("report", "html", "retraites", "-o", "rapports/retraites.html")
    assert (done.code, done.out) == (0, "")
    file = workspace / "rapports" / "retraites.html"
    assert "retraites.html" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Retraites, lettre « retraites »" in file.read_text()
    assert run("--quiet", "report", "html", "retraites", "-o", str(file)).err == ""


def test_a_place_that_cannot_be_written_is_said(workspace: Path, store: Store, run: Run) -> None:
    golden.build(store)
    (workspace / "file").write_text("")
    done = run("report", "html", "retraites", "-o", "file/report.html")
    assert done.code == 7
    assert "file" in done.err


@pytest.mark.parametrize("text", ["Un titre de billet, assez long", '"&<' * 200, "長い題名" * 120])
def test_1500_recipients_and_5000_posts_stay_below_1_mb(text: str) -> None:
    name = text[:60]
    blogs = {
        f"b{n}": BlogFacts(name=name, rank=n, state=DeliveryState.ACCEPTED, received=1)
        for n in range(1500)
    }
    small = _facts(text, posts=5000)
    relays = tuple(
        replace(relay, blog=f"b{n % 1500}", evidence=relay.evidence * 4)
        for n, relay in enumerate(small.relays)
    )
    big = replace(
        small,
        account=Account(accepted=1000, refused=300, uncertain=200),
        blogs=blogs,
        relays=relays,
        refusals=small.refusals * 300,
        receivers=small.receivers * 1500,
        uncertain=small.uncertain * 200,
        talking_points=(text,) * 12,
    )
    page = html(_built(big))
    assert len(page.encode()) < 1_000_000
    assert "more posts are not shown here" in page


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_language_is_declared(language: str) -> None:
    page = _page(_facts(), language)
    assert page.get("lang") == language
    quotes = page.xpath("//blockquote/@lang")
    assert quotes
    assert set(quotes) == {"fr"}


# --- what it shows ----------------------------------------------------------------------------


def test_each_chart_has_a_table_with_the_same_figures(found: Report) -> None:
    page = _parsed(html(found))
    figures = page.xpath("//figure[.//*[local-name()='svg' and @role='img']]")
    assert len(figures) == 6  # recipients, funnel, time, modes, points, blogs
    for figure in figures:
        svg = figure.xpath(".//*[local-name()='svg' and @role='img']")[0]
        labels = svg.get("aria-labelledby").split()
        assert all(figure.xpath(f".//*[@id='{label}']") for label in labels)
        cells = {
            _plain(cell) for cell in figure.xpath(".//details//table//*[self::td or self::th]")
        }
        values = {
            _plain(value).split(" · ")[0]
            for value in svg.xpath(".//*[local-name()='text' and @class='value']")
        }
        assert {value for value in values if value} <= cells


def _plain(element: Any) -> str:
    return " ".join(str(element.text_content()).split())


def test_the_sum_is_on_the_page(found: Report) -> None:
    page = _parsed(html(found))
    account = found.facts.account
    sentence = _plain(page.xpath("//section[@id='everybody']//p[@class='sum']")[0])
    whole, parts = sentence.split(" = ")
    assert int(whole.split()[0]) == account.targeted
    assert sum(int(part.split()[0]) for part in parts.split(" + ")) == account.targeted


def test_both_passages_stand_side_by_side_with_the_shared_words_marked(found: Report) -> None:
    page = _parsed(html(found))
    pair = page.xpath("//section[@id='proof']//div[@class='pair']")[0]
    message, post = pair.xpath(".//blockquote")
    assert _plain(message) == "La retraite à 60 ans est finançable."
    assert [_plain(mark) for mark in pair.xpath(".//mark")] == ["retraite", "retraite"]
    assert _plain(post) == "Oui, la retraite !"


def test_opposition_shows_the_words_that_make_it_one_first() -> None:
    facts = _facts()
    cue = Evidence(kind="stance", message="", post="Quelle démagogie.", shared=("démagogie",))
    against = replace(facts.relays[2], evidence=(*facts.relays[2].evidence * 3, cue))
    page = _page(replace(facts, relays=(against,)))
    quote = page.xpath("//section[@id='oppositions']//blockquote")[0]
    assert _plain(quote) == "Quelle démagogie."
    assert not page.xpath("//section[@id='proof']")
    assert "2 more pieces of evidence" in _plain(page.xpath("//section[@id='oppositions']")[0])


def test_nobody_agreed_is_not_measured_and_never_0_percent() -> None:
    page = _page(replace(_facts(), opened=Seen(), clicked=Seen()))
    figures = page.xpath("//dl[@class='figures']/div")
    assert [[_plain(part) for part in figure] for figure in figures[1:3]] == [
        ["Opened", "not measured", "nobody could be measured"],
        ["Clicked", "not measured", "nobody could be measured"],
    ]
    notes = [_plain(note) for note in page.xpath("//section[@id='funnel']//*[@class='note']")]
    assert notes.count("not measured") == 2


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(Facts(campaign=CampaignStatus(slug="c")), id="not sent, no subject"),
        pytest.param(replace(_facts(), relays=()), id="no relay yet"),
        pytest.param(_facts(posts=1), id="one relay"),
        pytest.param(replace(_facts(), blogs={}), id="a blog that left the registry"),
        pytest.param(replace(_facts(), talking_points=()), id="no talking point known"),
    ],
)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_little_to_tell_is_told(facts: Facts, language: str) -> None:
    page = _page(facts, language)
    assert page.xpath("//h1")[0].text_content().strip()
    anchors = {str(href)[1:] for href in page.xpath("//nav//a/@href")}
    assert anchors <= {str(id_) for id_ in page.xpath("//section/@id")}
    ids = [str(id_) for id_ in page.xpath("//@id")]
    assert len(ids) == len(set(ids))


# --- readable ---------------------------------------------------------------------------------


def _schemes() -> dict[str, dict[str, str]]:
    css = str(_page(_facts()).xpath("//style/text()")[0])
    light, dark = css.split("@media (prefers-color-scheme: dark)")
    dark = dark.split("}")[0]
    variable = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6})")
    first = dict(variable.findall(light))
    return {"light": first, "dark": first | dict(variable.findall(dark))}


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("ink", "paper", 4.5),
        ("soft", "paper", 4.5),
        ("blue", "paper", 4.5),
        ("ink", "wash", 4.5),
        ("soft", "wash", 4.5),
        ("mark-ink", "mark", 4.5),
        ("blue", "track", 3),  # WCAG 1.4.11: a bar and the ground it lies on
        ("warn", "paper", 3),
        ("stone", "paper", 3),
    ],
)
def test_contrast_is_enough(scheme: str, ink: str, ground: str, least: float) -> None:
    colours = _schemes()[scheme]
    assert _contrast(colours[ink], colours[ground]) >= least


@st.composite
def _reports(draw: st.DrawFn) -> Report:
    facts = _facts(draw(st.text(max_size=120)), posts=draw(st.integers(0, 40)))
    lags = draw(st.lists(st.integers(0, 40_000_000), min_size=len(facts.relays)))
    relays = tuple(replace(r, lag_s=lag) for r, lag in zip(facts.relays, lags, strict=False))
    accepted = draw(st.integers(1, 3000))
    tracked = draw(st.integers(0, accepted))
    person = draw(st.integers(0, tracked))
    seen = Seen(tracked=tracked, person=person, machine=draw(st.integers(0, tracked - person)))
    account = Account(accepted=accepted, refused=draw(st.integers(0, 9)))
    return _built(
        replace(facts, relays=relays, account=account, opened=seen, clicked=seen, visits=0)
    )


@given(_reports())
def test_bars_stay_inside_and_rows_never_overlap(report: Report) -> None:
    drawn = (charts.account, charts.funnel, charts.modes, charts.points, charts.leaderboard)
    for chart in (make(report) for make in drawn):
        for bar in chart.bars:
            assert 0 <= bar.track <= 100
            assert all(s.start >= 0 and s.start + s.width <= 100.1 for s in bar.segments)
            assert all(len(line) <= charts.LABEL_CHARS for line in bar.label)
        for above, below in pairwise(chart.bars):
            assert above.y + above.height < below.y


@given(_reports())
def test_the_staircase_rises_inside_its_plot(report: Report) -> None:
    chart = charts.over_time(report)
    if chart is None:
        assert not report.lags_s
        return
    steps = re.findall(r"H([\d.]+)V([\d.e-]+)", chart.path)
    xs, ys = [float(x) for x, _y in steps], [float(y) for _x, y in steps]
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)
    assert all(0 <= x <= 1000 for x in xs)
    assert all(0 <= y <= 100 for y in ys)
    assert 2 <= len(chart.x_ticks) <= charts.MAX_TICKS + 1
    assert 2 <= len(chart.y_ticks) <= charts.MAX_TICKS + 1
    assert 0 <= chart.median.at <= 100


def test_a_late_relay_keeps_the_axis_readable() -> None:
    facts = _facts(posts=1)
    late = replace(facts.relays[0], lag_s=int(timedelta(days=400).total_seconds()))
    chart = charts.over_time(_built(replace(facts, relays=(late,))))
    assert chart is not None
    assert [tick.label for tick in chart.x_ticks] == [
        "0",
        "80 d",
        "160 d",
        "240 d",
        "320 d",
        "400 d",
    ]
