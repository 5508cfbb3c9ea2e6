"""What letter.md says, who gets it, and what the check finds in it."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buzz.core import campaign as core
from buzz.core.campaign.letterfile import KEYS
from buzz.core.campaign.page import read_page
from buzz.core.campaign.segment import Candidate
from buzz.core.urls import is_web
from buzz.edges import files
from buzz.errors import CheckRefused
from buzz.model import Blog, BlogStatus, Campaign

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PATH = "campaigns/x/letter.md"
SAMPLE = (files.shared("campaigns") / "retraites" / "letter.md").read_text(encoding="utf-8")


def parsed(body: str, front: str = "subject: Sujet") -> Campaign:
    return core.parse(f"---\n{front}\n---\n{body}", slug="x", path=PATH)


def refusal(text: str) -> str:
    with pytest.raises(CheckRefused) as caught:
        core.parse(text, slug="x", path=PATH)
    return str(caught.value)


# --- letter.md ----------------------------------------------------------------------------------


def test_a_letter_has_an_intro_talking_points_and_a_closing() -> None:
    campaign = parsed(
        "Bonjour {{ name }},\nentrez.\n\n## Un\n\nA *b* [c](https://a.example/).\n\n"
        "[Signez](https://a.example/p)\n\n## Deux\n\n- x\n- y\n\n---\n\nMerci\n"
    )
    assert campaign.intro_text == "Bonjour {{ name }}, entrez."
    assert campaign.closing_html == "<p>Merci</p>"
    one, two = campaign.talking_points
    assert (one.number, one.title, one.line) == (1, "Un", 7)
    assert one.text == "A b c."  # the call is not said twice: the text part lists the links
    assert '<p class="call"><a href="https://a.example/p">Signez</a></p>' in one.html
    assert two.text == "- x\n- y"
    assert one.markdown.startswith("A *b*")


def test_a_break_right_under_a_line_begins_the_closing_and_is_no_heading() -> None:
    campaign = parsed("## Un\n\nTexte\n---\nMerci\n")
    assert [point.title for point in campaign.talking_points] == ["Un"]
    assert campaign.closing_text == "Merci"


def test_text_keeps_the_structure_of_blocks() -> None:
    campaign = parsed("## Un\n\nA\n\n1. b\n2. c\n   - d\n\n> e\n>\n> f\n\nG  \nh\n")
    assert campaign.talking_points[0].text == ("A\n\n1. b\n2. c\n   - d\n\n> e\n>\n> f\n\nG\nh")


def test_front_matter_is_read_into_its_kinds() -> None:
    campaign = parsed(
        "## Un\n\nA",
        'subject: "A : b"\nlinks: ["https://été.example/é?x=1&y=2#z"]\nhashtags: ["#A", B]\n'
        "slogans: Un seul !\nnot_before: 2026-03-02 18:00\nnot_after: 2026-03-04",
    )
    assert campaign.links == ("https://xn--t-9fab.example/%C3%A9?x=1&y=2#z",)
    assert campaign.hashtags == ("#A", "#B")
    assert campaign.slogans == ("Un seul\u202f!",)
    assert campaign.not_before == datetime(2026, 3, 2, 17, 0, tzinfo=UTC)  # 18:00 in Paris
    assert campaign.not_after == datetime(2026, 3, 4, 23, 0, tzinfo=UTC)  # the day is counted whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("Bonjour", [":1: the front matter does not begin and end"], id="none"),
        pytest.param("---\nsubject: x\n", [":1: the front matter does not begin"], id="open"),
        pytest.param(
            "---\nsubject: a\nnames: [#b]\n---\n## A\n\nb", [":4: this is not YAML"], id="comment"
        ),
        pytest.param(
            "---\nsubject: Retraites : la lettre\n---\n## A\n\nb",
            [":2: this is not YAML", "quotes"],
            id="colon",
        ),
        pytest.param(
            "---\nsubject: a\nslogan: b\n---\n## A\n\nb",
            [":3: slogan: unknown key", "did you mean `slogans`?"],
            id="unknown key",
        ),
        pytest.param(
            "---\nsubject: a\nsubject: b\n---\n## A\n\nb", [":3: subject: stands twice"], id="twice"
        ),
        pytest.param(
            "---\nsubject: 12\n---\n## A\n\nb", [":2: subject: 12 is not a text"], id="int"
        ),
        pytest.param(
            "---\nlanguage: fr\n---\n## A\n\nb", ["the letter has no subject"], id="subject"
        ),
        pytest.param(
            "---\nsubject: a\n---\nIntro", ["no talking point", "## Its title"], id="points"
        ),
        pytest.param(
            "---\nsubject: a\n---\n## A\n", [":4: a talking point needs"], id="empty point"
        ),
        pytest.param(
            "---\nsubject: a\n---\n## A\n\n{{ nam }}",
            [":6: unknown variable {{ nam }}", "did you mean `{{ name }}`?"],
            id="variable",
        ),
        pytest.param(
            "---\nsubject: a {{ 7*7 }}\n---\n## A\n\nb", [":2: unknown variable"], id="expression"
        ),
        pytest.param(
            "---\nsubject: a\nsegment: tagg:x\n---\n## A\n\nb",
            [":3: segment, column 1: `tagg:x`", "`tag:climat`"],
            id="segment",
        ),
        pytest.param(
            "---\nsubject: a\n---\n## A\n\n[b](javascript:alert(1))",
            [":6: `javascript:alert(1)` is no address"],
            id="scheme",
        ),
        pytest.param(
            "---\nsubject: a\n---\n## A\n\n[b](https://x.example/{{name}})",
            [":6: a variable inside an address"],
            id="variable in link",
        ),
        pytest.param(
            "---\nsubject: a\n---\n## A\n\n![b](https://x.example/y.png)",
            [":6: a letter loads no image"],
            id="image",
        ),
        pytest.param("---\nsubject: a\n---\n# T\n\n## A\n\nb", [":4: a letter has no"], id="h1"),
        pytest.param(
            "---\nsubject: a\nlinks: [ftp://x]\n---\n## A\n\nb", ["`ftp://x` is no web"], id="links"
        ),
        pytest.param(
            "---\nsubject: a\nnot_after: demain\n---\n## A\n\nb", [":3: not_after:"], id="time"
        ),
        pytest.param(
            "---\nsubject: a\nnot_after: 2026-99-99\n---\n## A\n\nb",
            [":3: this is not YAML: month must be in 1..12"],
            id="no day",
        ),
        pytest.param(
            f"---\nsubject: {'9' * 5000}\n---\n## A\n\nb", [":2: this is not YAML:"], id="number"
        ),
        pytest.param(
            f"---\nsubject: {'[' * 5000}\n---\n## A\n\nb", [":1: ", "too deep"], id="deep"
        ),
        pytest.param(
            "---\nsubject: !!python/object/apply:os.system [true]\n---\n## A\n\nb",
            [":2: this is not YAML:"],
            id="object",
        ),
        pytest.param("---\n? [a]\n: b\n---\n## A\n\nb", [":2: ?: unknown key"], id="list as key"),
        pytest.param(
            f"---\nsubject: a\nsegment: {'(' * 5000}all\n---\n## A\n\nb",
            [":3: the segment nests too deep"],
            id="deep segment",
        ),
        pytest.param(
            "---\nsubject: a\nnot_before: 2026-03-02\nnot_after: 2026-03-01\n---\n## A\n\nb",
            [":4: not_after: is not after"],
            id="times",
        ),
        pytest.param(
            "---\nsubject: a\ntemplate: ../../etc\n---\n## A\n\nb", [":3: template:"], id="template"
        ),
        pytest.param(
            "---\nsubject: a\nreply_to: nobody\n---\n## A\n\nb", ["not an address"], id="address"
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(text: str, said: list[str]) -> None:
    message = refusal(text)
    assert message.startswith(PATH)
    assert all(words in message for words in said), message


def test_a_billion_laughs_are_told_in_a_line() -> None:
    """A few lines of YAML that stand for 9**9 words."""
    lines = [
        "a: &a [x]",
        *(f"{n}: &{n} [{', '.join(['*' + o] * 9)}]" for o, n in pairwise("abcdefghi")),
    ]
    message = refusal("\n".join(["---", *lines, "subject: *i", "---", "## A", "", "b"]))
    assert "is not a text" in message
    assert len(message) < 5_000


def test_all_mistakes_are_told_at_once() -> None:
    message = refusal("---\nsubjet: a\nsegment: top\n---\n{{ x }}")
    assert message.startswith(f"{PATH}: 3 mistakes\n")


HOSTILE_MARKDOWN = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[a](JaVaScRiPt:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    "[a](&#106;avascript:alert(1))",
    '[a](https://x.example "onmouseover=alert(1)")',
    '<https://x.example/"onclick=alert(1)>',
    "<svg/onload=alert(1)>",
    "```html\n<script>\n```",
    "[a]: javascript:alert(1)\n\n[a]",
    "<style>*{display:none}</style>",
    "<a href=javascript:alert(1)>x</a>",
    "`<iframe src=//evil.example>`",
    "<!-- --><base href=//evil.example>",
]


@pytest.mark.parametrize("markdown", HOSTILE_MARKDOWN)
def test_markdown_becomes_no_active_html(markdown: str) -> None:
    campaign, _findings = core.read(
        f"---\nsubject: a\n---\n## A\n\nb\n\n{markdown}\n", slug="x", path=PATH
    )
    if campaign is None:  # refused with its line: as good
        return
    page = read_page(campaign.talking_points[0].html)
    assert page.tags <= {"p", "a", "pre", "code", "em", "strong"}
    names = {name for _tag, attributes in page.elements for name in attributes}
    assert names <= {"href", "class"}
    assert all(is_web(link.url) for link in page.links)


@given(st.text(max_size=400))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    campaign, findings = core.read(text, slug="x", path=PATH)
    assert (campaign is None) == bool(findings)
    assert all(f.place.startswith(PATH) and f.what and f.remedy for f in findings)


def test_the_sample_is_written_with_french_typography() -> None:
    body = SAMPLE.split("---\n", 2)[2]
    assert " !" not in body
    assert " ;" not in body
    assert "\u00a0:" in body
    assert "'" not in body
    campaign = core.parse(SAMPLE, slug="retraites", path=PATH)
    assert len(campaign.talking_points) == 3
    assert all(".example/" in link for link in campaign.links)


def test_the_message_pack_holds_what_is_looked_for() -> None:
    campaign = core.parse(SAMPLE, slug="retraites", path=PATH)
    pack = core.message_pack(
        campaign, organisation="Parti", sent_at=NOW, base_url="https://lettre.parti.example/"
    )
    assert len(pack.talking_points) == len(pack.titles) == 3
    assert pack.talking_points[0].startswith("Les deux années")
    assert pack.talking_points[0] in pack.text
    assert "{{" not in pack.text
    assert pack.links == campaign.links
    assert pack.tracking_prefixes == (
        "https://lettre.parti.example/r/",
        "https://lettre.parti.example/c/",
    )


# --- segments -----------------------------------------------------------------------------------


def candidate(slug: str = "a", rank: int | None = 1, **facts: object) -> Candidate:
    blog = Blog(slug=slug, name=slug, **{"email": f"{slug}@b.example", **facts})  # type: ignore[arg-type]
    return Candidate(blog=blog, rank=rank, listed=rank is not None and rank <= 10)


@pytest.mark.parametrize(
    ("segment", "inside"),
    [
        ("all", True),
        ("listed", True),
        ("top:3", True),
        ("top:2", False),
        ("tag:climat", True),
        ("tag:Climat", True),
        ("tag:satire", False),
        ("federation:2a", True),
        ("lang:fr", True),
        ("blog:a", True),
        ("NOT lang:fr", False),
        ("not not lang:fr", True),
        ("tag:satire or lang:fr and top:3", True),
        ("(tag:satire or lang:fr) and top:2", False),
        ("not (tag:satire or lang:br)", True),
        ("lang:br or not tag:satire", True),
        ("((all))", True),
    ],
)
def test_a_segment_decides(segment: str, inside: bool) -> None:  # noqa: FBT001  (a table's column)
    one = candidate(rank=3, tags=("climat",), federation="2A", language="fr")
    assert core.parse_segment(segment)(one) is inside


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("", "ends too early"),
        ("all and", "ends too early"),
        ("(all", "a closing parenthesis"),
        ("all)", "column 4: unexpected `)`"),
        ("all listed", "column 5: unexpected `listed`"),
        ("or all", "column 1: unexpected `or`"),
        ("top:x", "`top:200`"),
        ("top:²", "`top:200`"),
        (f"top:{'9' * 5000}", "`top:200`"),
        ("not " * 5000 + "all", "nests too deep"),
        ("tag:", "`tag:climat`"),
        ("all:x", "did you mean `all`?"),
        ("lsited", "did you mean `listed`?"),
        ("zzz", "wanted: all · listed"),
    ],
)
def test_a_segment_that_is_none_says_where_and_why(segment: str, said: str) -> None:
    with pytest.raises(CheckRefused) as caught:
        core.parse_segment(segment)
    assert said in str(caught.value)


WORDS = st.sampled_from(["all", "listed", "top:3", "tag:x", "federation:75", "lang:br", "blog:a"])
EXPRESSIONS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) and ({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) or ({p[1]})"),
    ),
    max_leaves=8,
)
CANDIDATES = st.builds(
    candidate,
    slug=st.sampled_from(["a", "b"]),
    rank=st.none() | st.integers(1, 20),
    tags=st.sampled_from([(), ("x",)]),
    federation=st.sampled_from(["", "75"]),
    language=st.sampled_from(["fr", "br"]),
)


@given(EXPRESSIONS, EXPRESSIONS, CANDIDATES)
def test_segments_obey_de_morgan(one: str, two: str, who: Candidate) -> None:
    left = core.parse_segment(f"not (({one}) and ({two}))")
    right = core.parse_segment(f"not ({one}) or not ({two})")
    assert left(who) is right(who)
    assert core.parse_segment(f"not not ({one})")(who) is core.parse_segment(one)(who)


def test_who_is_written_to() -> None:
    everybody = [
        candidate("late", 9, email="Shared@b.example"),
        candidate("first", 2, email="shared@b.example"),
        candidate("paused", 1, status=BlogStatus.PAUSED),
        candidate("mute", 3, email=""),
        candidate("unranked", None),
        candidate("third", 5),
    ]
    chosen = core.choose(core.parse_segment("all"), everybody)
    assert [c.blog.slug for c in chosen] == ["first", "third", "unranked"]
    assert core.choose(core.parse_segment("all"), reversed(everybody)) == chosen


def test_the_page_on_the_letter_names_every_key() -> None:
    page = (Path(core.__file__).parents[3] / "docs" / "letter.md").read_text(encoding="utf-8")
    assert {key for key in KEYS if f"`{key}`" not in page} == set()
