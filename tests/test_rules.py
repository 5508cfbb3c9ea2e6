"""The rules of `campaign check`: a sound letter passes; each fault is told by one rule alone."""

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from buzz.core import campaign as core
from buzz.core import letter, relay, tracking
from buzz.core.campaign.rulebook import RULES
from buzz.edges import files
from buzz.model import (
    Campaign,
    DeliveryId,
    Finding,
    Level,
    Link,
    LinkId,
    Probe,
    Recipient,
    Tracking,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PATH = "campaigns/x/letter.md"
SHIPPED = {
    path.name: path.read_text(encoding="utf-8") for path in files.shared("templates").glob("*.j2")
}
# What the others are made of is no letter.
TEMPLATES = sorted(
    {name.split(".")[0] for name in SHIPPED if name.endswith(".html.j2")}
    - {"base", "pieces", "styles"}
)
SAMPLE = (files.shared("campaigns") / "retraites" / "letter.md").read_text(encoding="utf-8")
E, W = Level.ERROR, Level.WARNING

# A letter of our own, the smallest that passes: what the shipped ones look like is their business.
LETTER = """---
subject: "Les moulins de Bréhat"
preheader: "Quarante-deux moulins tournaient ici ; il en reste un, et c'est assez."
template: petit
links: ["https://parti.test/moulins"]
---

À l'attention de {{ name }} : voici pourquoi ce moulin compte plus que sa farine.

## Le dernier moulin ne se rend pas

Quarante-deux meuniers ont rendu leurs clés au sous-préfet ; le quarante-troisième a gardé la sienne
sous l'oreiller. [L'histoire en une page](https://parti.test/histoire) se lit à voix haute.

[Signer pour le moulin](https://parti.test/moulins)
"""
PAGE = """<!DOCTYPE html>
<html lang="fr" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ letter.subject }}</title>
<style>
.letter { max-width: 600px; width: 100%; }
.words { font-size: 17px; line-height: 27px; color: #1d1b18; background-color: #ffffff; }
.words a { color: #a3122a; }
.call a, .way { display: inline-block; padding: 11px 0; line-height: 22px; }
.way { color: #5a544b; }
.picture { width: 1px; }
</style>
<style data-premailer="ignore">
@media (prefers-color-scheme: dark) {
  .words { color: #f1ece4 !important; background-color: #1f1d1b !important; }
  .words a { color: #ff9b8c !important; }
}
</style>
</head>
<body>
<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->
<table role="presentation" class="letter" width="100%"><tr><td class="words">
{{ intro.html }}
{% for point in points %}
<h2>{{ point.title }}</h2>
{{ point.html }}
{% endfor %}
<p>{{ sender.organisation }}, {{ sender.postal_address }}. {{ sender.controller }}</p>
<!--{{ block.mail }}-->
<p>Vous recevez cette lettre parce que {{ recipient.name }} est un blog que nous suivons.</p>
<p><a class="way" href="{{ urls.online }}">Lire en ligne</a></p>
<p><a class="way" href="{{ urls.unsubscribe }}">Se désabonner</a></p>
<!--{{ block.pixel }}-->
<img class="picture" src="{{ urls.pixel }}" alt="" width="1" height="1">
<!--{{ block.pixel }}-->
<!--{{ block.mail }}-->
</td></tr></table>
<!--[if mso]></td></tr></table><![endif]-->
</body>
</html>
"""
TEXT = """{{ letter.subject | wrapped }}
{{ intro.text | wrapped }}
{% for point in points %}

{{ point.title | wrapped }}
{{ point.text | wrapped }}
{% for link in point.links %}
{{ link.url }}
{% endfor %}
{% endfor %}
{{ sender.organisation }}
{{ sender.postal_address }}
{{ sender.controller }}
{{ block.mail }}
{{ ("Vous recevez cette lettre parce que " ~ recipient.name ~ " est un blog.") | wrapped }}
{{ urls.online }}
{{ urls.unsubscribe }}
{{ block.mail }}
"""
SUBJECT = "Les moulins de Bréhat"
PREHEADER = "Quarante-deux moulins tournaient ici ; il en reste un, et c'est assez."
TOLD = (
    "Quarante-deux meuniers ont rendu leurs clés au sous-préfet ; le quarante-troisième a gardé la"
    " sienne"
)
ANNA = Recipient(
    blog="anna",
    name="Anna",
    email="anna@b.example",
    language="fr",
    opens=Tracking.PERSONAL,
    clicks=Tracking.PERSONAL,
)


@dataclasses.dataclass(frozen=True)
class Sender:
    """Who writes, as the settings say it."""

    from_: str = "L <l@parti.example>"
    organisation: str = "Parti des Moulins"
    postal_address: str = "1 rue du Vent"
    controller: str = "dpo@parti.example"


def rendered(
    campaign: Campaign,
    recipient: Recipient,
    sources: Mapping[str, str],
    *,
    sender: Sender = Sender(),
    base_url: str = "https://lettre.parti.example",
) -> core.Rendered:
    """Return what one recipient gets."""
    links = [Link(id=LinkId(n), url=u) for n, u in enumerate(letter.urls_in(campaign), 1)]
    compiled = letter.compile_letter(
        campaign, language=recipient.language, sender=sender, sources=sources, links=links
    )
    urls = tracking.letter_urls(
        b"secret",
        base_url,
        campaign="x",
        delivery=DeliveryId(1),
        recipient=recipient,
        links=links,
    )
    return core.Rendered(
        recipient=recipient,
        urls=urls,
        clicks={link.url: urls.clicks[link.id] for link in links},
        subject=letter.subject_of(compiled, recipient),
        html=letter.html_of(compiled, recipient, urls),
        text=letter.text_of(compiled, recipient, urls),
        has_notice=letter.has_notice(compiled, recipient, urls),
        holes=letter.holes(compiled, recipient, urls),
        online=letter.online_html(compiled, urls),
    )


def findings(
    source: str = LETTER,
    *,
    page: str = PAGE,
    text: str = TEXT,
    people: tuple[Recipient, ...] = (ANNA,),
    sender: Sender = Sender(),
    base_url: str = "https://lettre.parti.example",
    probes: tuple[Probe, ...] = (),
) -> tuple[Finding, ...]:
    """Return what the check finds in a letter, rendered for these people."""
    campaign, mistakes = core.read(source, slug="x", path=PATH)
    if campaign is None:
        return mistakes
    sources = {**SHIPPED, "petit.html.j2": page, "petit.txt.j2": text}
    context = core.Context(
        campaign=campaign,
        path=PATH,
        source=source,
        sender=sender,
        masses={
            p.number: relay.weight(f"{p.title}. {p.text}", "fr") for p in campaign.talking_points
        },
        wordings={1: "le moulin de Bréhat"},
        probes={probe.url: probe for probe in probes},
        sources=sources,
        now=NOW,
    )
    return core.check(
        context,
        (rendered(campaign, who, sources, sender=sender, base_url=base_url) for who in people),
    )


def page_of(template: str) -> str:
    """Return the HTML of a sample letter in one of the templates."""
    source = LETTER if template == "petit" else SAMPLE
    campaign = dataclasses.replace(core.parse(source, slug="x", path=PATH), template=template)
    sources = {**SHIPPED, "petit.html.j2": PAGE, "petit.txt.j2": TEXT}
    return rendered(campaign, dataclasses.replace(ANNA, needs_notice=True), sources).html


def told(found: tuple[Finding, ...]) -> dict[str, Level]:
    """Return the rules that speak up, with their levels."""
    assert all(finding.rule in RULES for finding in found)
    assert all(finding.place and finding.what and finding.remedy for finding in found)
    return {finding.rule: finding.level for finding in found}


def swapped(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def line(text: str, wanted: str) -> int:
    """Return the number of the first line with this in it."""
    return next(n for n, row in enumerate(text.split("\n"), 1) if wanted in row)


# --- what passes --------------------------------------------------------------------------------


def test_a_sound_letter_passes() -> None:
    assert findings() == ()


@pytest.mark.parametrize("needs_notice", [False, True], ids=["known", "new"])
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_shipped_templates_pass_every_rule(
    template: str,
    language: str,
    needs_notice: bool,  # noqa: FBT001  (a table's column)
) -> None:
    source = swapped(SAMPLE, ("language: fr\n", f"language: fr\ntemplate: {template}\n"))
    who = dataclasses.replace(ANNA, language=language, needs_notice=needs_notice)
    assert findings(source, people=(who,)) == ()


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_page_online_names_nobody(template: str) -> None:
    campaign = dataclasses.replace(core.parse(SAMPLE, slug="x", path=PATH), template=template)
    who = dataclasses.replace(ANNA, name="Zéphyrine", federation="987", needs_notice=True)
    found = rendered(campaign, who, SHIPPED)
    for value in (who.name, who.email, "987"):
        assert value not in found.online
    assert who.name in found.html


def test_a_letter_with_everything_that_is_hard_passes() -> None:
    """Links with & # %20 and an IDN, a name with emoji and right-to-left marks."""
    source = swapped(
        LETTER,
        ("https://parti.test/histoire", "https://été.test/a%20b?x=1&y=é#fin"),
    )
    who = dataclasses.replace(ANNA, name="\u202eمدونة\u202c 🐝 <b>& \u200ffils\u200f")
    assert findings(source, people=(who,)) == ()


# --- what each rule tells -------------------------------------------------------------------------


def in_page(
    rule: str, name: str, mark: str, *pairs: tuple[str, str], level: Level = E
) -> ParameterSet:
    """Return a fault of the HTML template: the rule that tells it, at the line with the mark."""
    page = swapped(PAGE, *pairs)
    place = f"templates/petit.html.j2:{line(page, mark)}"
    return pytest.param({"page": page}, rule, level, place, id=f"{rule}: {name}")


def in_text(rule: str, name: str, *pairs: tuple[str, str]) -> ParameterSet:
    text = swapped(TEXT, *pairs)
    return pytest.param({"text": text}, rule, E, "templates/petit.txt.j2", id=f"{rule}: {name}")


def in_letter(
    rule: str, name: str, mark: str, *pairs: tuple[str, str], level: Level = E
) -> ParameterSet:
    source = swapped(LETTER, *pairs)
    place = f"{PATH}:{line(source, mark)}"
    return pytest.param({"source": source}, rule, level, place, id=f"{rule}: {name}")


KEPT = '<style data-premailer="ignore">'
DOT = '<img src="{{ urls.pixel }}" alt="" width="1" height="1">'


def hidden(style: str) -> str:
    return UNSUBSCRIBE.replace("<p>", f'<p style="{style}">')


IMAGE = 'src="{{ urls.pixel }}"'
UNSUBSCRIBE = '<p><a class="way" href="{{ urls.unsubscribe }}">Se désabonner</a></p>'
ONLINE = '<p><a class="way" href="{{ urls.online }}">Lire en ligne</a></p>'
END = "}\n</style>\n</head>"  # of the block that is kept
NARROW = "@media (max-width: 520px) { .words { font-size: 14px !important; } }"
BUTTON = "padding: 11px 0; background-color: #a3122a; color: #ffffff !important;"
POINT = "## Le dernier moulin ne se rend pas"
FAULTS = [
    in_page(
        "1-layout",
        "640 px",
        "640",
        ("<h2>", '<table role="presentation" width="640"><tr><td>x</td></tr></table><h2>'),
    ),
    in_page("1-layout", "no role", '"letter"', (' role="presentation" class', " class")),
    in_page(
        "1-layout",
        "580 px on a telephone",
        ".letter",
        ("max-width: 600px; width: 100%", "width: 580px"),
        ('class="letter" width="100%"', 'class="letter"'),
    ),
    in_page("2-head", "dir", "<html", (' dir="ltr"', "")),
    in_page("2-head", "lang", "<html", (' lang="fr"', "")),
    in_page("2-head", "charset", "<head>", ('<meta charset="utf-8">', "")),
    in_page("2-head", "viewport", "<head>", ('name="viewport"', 'name="x"')),
    in_page("2-head", "color-scheme", "<head>", ('name="color-scheme"', 'name="x"')),
    in_page("2-head", "title", "<title>", ("<title>{{ letter.subject }}", "<title>Lettre")),
    in_page("4-styles", "a declaration", "color red", (".picture {", ".picture { color red;")),
    in_page("4-styles", "a colour", "#12345;", (".picture {", ".picture { color: #12345;")),
    in_page("4-styles", "a selector", ".a >", (".picture {", ".a > { margin: 0; }\n.picture {")),
    in_page("4-styles", "a brace", "#ff9b8c", ("}\n}\n</style>", "}</style>")),
    in_page("4-styles", "17 KB", "ignore", (END, f"}}{' ' * 17_000}\n</style>\n</head>")),
    in_page(
        "4-styles", "a third", "<style>", ("</head>", f"{KEPT}p {{ margin: 0; }}</style></head>")
    ),
    in_page(
        "6-outlook",
        "no table for it",
        ".letter",
        ('<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->', ""),
        level=W,
    ),
    in_page("6-outlook", "a button", ".call", ("padding: 11px 0;", BUTTON), level=W),
    in_page("7-images", "alt", "<img", (' alt=""', "")),
    in_page("7-images", "height", "<img", (' height="1"', "")),
    in_page("7-images", "no pixels", "<img", (' height="1"', ' height="auto"')),
    in_page("8-contrast", "by day", ".words", ("color: #1d1b18; b", "color: #777777; b")),
    in_page("8-contrast", "in the dark", "  .words", ("color: #f1ece4", "color: #5a544b")),
    in_page("8-underline", "none", ".words {", ("#a3122a;", "#a3122a; text-decoration: none;")),
    in_page("8-size", "15 px", ".words", ("font-size: 17px", "font-size: 15px")),
    in_page(
        "8-size",
        "14 px on a telephone",
        ".words",
        (
            END,
            f"}}\n{NARROW}\n</style>\n</head>",
        ),
    ),
    in_page("8-targets", "30 px high", ".call", ("padding: 11px 0", "padding: 4px 0")),
    in_page("8-targets", "no box", ".call", ("display: inline-block; padding", "padding")),
    in_page(
        "8-labels",
        "an image without words",
        "<p><a",
        ("<h2>", f'<p><a class="way" href="{{{{ links[0].url }}}}">{DOT}</a></p><h2>'),
    ),
    in_page("10-unsubscribe", "hidden", "urls.unsubscribe", (UNSUBSCRIBE, hidden("display:none"))),
    in_page("10-unsubscribe", "1 px", "urls.unsubscribe", (UNSUBSCRIBE, hidden("font-size:1px"))),
    in_page("11-online", "no link", "</body>", (ONLINE, "")),
    in_page(
        "11-online",
        "anybody could unsubscribe the reader there",
        "urls.unsubscribe",
        (UNSUBSCRIBE, ""),
        ("<!--{{ block.mail }}-->\n</td>", f"<!--{{{{ block.mail }}}}-->\n{UNSUBSCRIBE}</td>"),
    ),
    in_page("12-sender", "organisation", "</body>", ("{{ sender.organisation }}", "Nous")),
    in_page("12-sender", "postal address", "</body>", ("{{ sender.postal_address }}", "Ici")),
    in_page("12-sender", "controller", "</body>", ("{{ sender.controller }}", "Nous")),
    in_page("12-sender", "why", "</body>", ("Vous recevez cette lettre", "Ceci est là")),
    in_page("13-active", "script", "<script", ("<body>", "<body>\n<script>1</script>")),
    in_page("13-active", "form", "<form", ("<body>", "<body>\n<form></form>")),
    in_page("13-active", "on…", "onload", ("<body>", '<body onload="x()">')),
    in_page(
        "13-active", "data:", "data:image", (IMAGE, 'src="data:image/gif;base64,R0lGODlhAQABA"')
    ),
    in_page("13-active", "others' image", "cdn.test", (IMAGE, 'src="https://cdn.test/a.gif"')),
    in_page(
        "13-active", "background", "cdn.test", ("<body>", '<body background="//cdn.test/a.gif">')
    ),
    in_page(
        "13-active", "srcset", "cdn.test", (IMAGE, f'{IMAGE} srcset="https://cdn.test/a.gif 2x"')
    ),
    in_page(
        "13-active",
        "a picture's source",
        "cdn.test",
        ("<body>", '<body><picture><source srcset="https://cdn.test/a.webp"></picture>'),
    ),
    in_page(
        "13-active",
        "image-set",
        "image-set(",
        ("<body>", "<body style=\"background-image: image-set('https://cdn.test/a.png' 1x)\">"),
    ),
    in_page(
        "13-active",
        "an image for Outlook",
        "cdn.test",
        ("<body>", '<body><!--[if mso]><v:image src="https://cdn.test/a.gif"/><![endif]-->'),
    ),
    in_page(
        "13-active",
        "an address that acts",
        "javascript:",
        ("<body>", '<body><map><area alt="x" href="javascript:alert(1)"></map>'),
    ),
    in_page("13-active", "refresh", "http-equiv", ("<head>", '<head><meta http-equiv="refresh">')),
    in_page(
        "13-active",
        "style sheet",
        "<link",
        ("<head>", '<head>\n<link rel="stylesheet" href="/x.css">'),
    ),
    in_page(
        "13-active",
        "font",
        "@font-face",
        ("@media", '@font-face { font-family: x; src: url("https://cdn.test/f"); }\n@media'),
    ),
    in_page(
        "14-variables",
        "empty in the template",
        "recipient.rank",
        ("<h2>", "<h2>{{ recipient.rank }} "),
    ),
    in_text("9-text", "a link is missing", ("{{ link.url }}", "")),
    in_text("9-text", "half a link", ("{{ link.url }}", "{{ link.url }}/and/more")),
    in_text(
        "9-text",
        "81 columns",
        ("{{ urls.online }}", f"{'un mot ' * 11}long\n{{{{ urls.online }}}}"),
    ),
    in_text("10-unsubscribe", "not in the text", ("{{ urls.unsubscribe }}", "")),
    in_letter("5-preheader", "short", "preheader:", (PREHEADER, "Court."), level=W),
    in_letter("5-preheader", "long", "preheader:", (PREHEADER, "Long. " * 20), level=W),
    in_letter("5-preheader", "the subject", "preheader:", (SUBJECT, PREHEADER), level=W),
    in_letter("8-labels", "ici", "[cliquez ici]", ("[L'histoire en une page]", "[cliquez ici]")),
    in_letter(
        "relay-links", "none", "---", ('links: ["https://parti.test/moulins"]\n', ""), level=W
    ),
    in_letter(
        "17-links", "in a title", "la page", (POINT, f"{POINT} ([la page](https://x.test/))")
    ),
    in_letter("17-links", "bare", "https://x.test/", (TOLD, f"Voyez https://x.test/ {TOLD}")),
    in_letter("markdown-html", "script", "<script", (TOLD, f"<script>x</script> {TOLD}")),
    in_letter("markdown-html", "bold", "<b>", ("à voix haute", "à <b>voix</b> haute"), level=W),
    in_letter("to-write", "a hint is left", "[[", ("à voix haute", "[[comment ?]]")),
    in_letter(
        "not-after", "yesterday", "not_after", ("template:", "not_after: 2026-03-01\ntemplate:")
    ),
    in_letter("3-size", "85 KB", POINT, (TOLD, f"{TOLD} {'mot ' * 21_000}"), level=W),
    in_letter("3-size", "200 KB", POINT, (TOLD, f"{TOLD} {'mot ' * 50_000}")),
    in_letter(
        "14-variables", "empty for one", "{{ rank }}", ("ce moulin", "le blog n° {{ rank }}")
    ),
]


@pytest.mark.parametrize(("fault", "rule", "level", "place"), FAULTS)
def test_a_fault_is_told_by_its_rule_alone_and_at_its_place(
    fault: dict[str, str], rule: str, level: Level, place: str
) -> None:
    found = findings(**fault)  # type: ignore[arg-type]  # source, page or text
    assert told(found) == {rule: level}
    assert place in {finding.place for finding in found}


def test_a_talking_point_that_is_anybody_s_is_told_with_words_of_its_own() -> None:
    source = LETTER.partition(POINT)[0] + "## Agir\n\nIl faut agir, et vite.\n"
    (found,) = findings(source)
    assert (found.rule, found.level, found.place) == ("16-generic", W, f"{PATH}:10")
    assert "weigh 13 of 25" in found.what
    assert "“le moulin de Bréhat”" in found.remedy


def test_a_template_that_asks_first_leaves_no_hole() -> None:
    page = swapped(PAGE, ("<h2>", "<h2>{% if recipient.rank %}{{ recipient.rank }}. {% endif %}"))
    nobody = dataclasses.replace(ANNA, rank=None)
    assert findings(page=page, people=(nobody, dataclasses.replace(ANNA, rank=3))) == ()


def test_a_place_of_its_own_is_nobody_s_alone() -> None:
    assert told(findings(people=())) == {"segment": E}
    late = dataclasses.replace(ANNA, needs_notice=True)
    assert told(findings(people=(late,))) == {"privacy-notice": E}
    assert told(findings(sender=Sender(controller=""))) == {"12-sender": E}
    assert told(findings(base_url="http://127.0.0.1:8025")) == {"10-unsubscribe": W}


def test_the_page_on_the_letter_says_of_every_rule_what_the_code_says() -> None:
    folder = Path(core.__file__).parents[2]
    page = (folder.parent / "docs" / "letter.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in page.splitlines() if row.startswith("| `")]
    waived = {
        rule: row[4].strip()
        for row in rows
        if len(row) == 6
        for rule in re.findall(r"`([a-z0-9-]+)`", row[1])
    }
    says = {"": "yes", "the law wants it": "no: the law", "there would be no letter to send": "no"}
    assert waived == {name: says[rule.because] for name, rule in RULES.items()}
    sources = [
        path.read_text(encoding="utf-8")
        for part in ("core/campaign", "pipeline/campaign")
        for path in (folder / part).glob("*.py")
    ]
    told = r"(?:report|error|warning|_finding)\(\s*\"([a-z0-9-]+)\""
    assert {rule for source in sources for rule in re.findall(told, source)} <= set(RULES)
