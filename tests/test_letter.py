"""The letter: compiled once, filled per recipient, made into bytes that nobody can bend."""

import dataclasses
import email
import email.policy
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from buzz import locales
from buzz.core import campaign as core
from buzz.core import letter as letters
from buzz.core.campaign.page import read_page
from buzz.core.letter.folding import wrapped
from buzz.core.text import one_line, printable
from buzz.core.tracking import letter_urls
from buzz.edges import files
from buzz.edges.smtp import wire
from buzz.errors import CheckRefused
from buzz.model import (
    Campaign,
    CompiledLetter,
    DeliveryId,
    LetterUrls,
    Link,
    LinkId,
    Recipient,
    Tracking,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAMPLE = (files.shared("campaigns") / "retraites" / "letter.md").read_text(encoding="utf-8")
SOURCES = {
    path.name: path.read_text(encoding="utf-8") for path in files.shared("templates").glob("*.j2")
}
BASE = "https://lettre.parti.example"


@dataclasses.dataclass(frozen=True)
class Sender:
    """Who writes, as the settings say it."""

    from_: str = "La Lettre du Buzz <lettre@parti.example>"
    reply_to: str = ""
    organisation: str = "Parti de l'Exemple"
    postal_address: str = "1 rue de l'Exemple, 75001 Paris"
    controller: str = "dpo@parti.example"


def compiled(
    text: str = SAMPLE,
    *,
    language: str = "fr",
    sources: Mapping[str, str] = SOURCES,
    sender: Sender | None = None,
) -> tuple[Campaign, CompiledLetter]:
    campaign = core.parse(text, slug="retraites", path="letter.md")
    links = tuple(Link(id=LinkId(n), url=url) for n, url in enumerate(letters.urls_in(campaign), 1))
    made = letters.compile_letter(
        campaign, language=language, sender=sender or Sender(), sources=sources, links=links
    )
    return campaign, made


CAMPAIGN, LETTER = compiled()
RECIPIENT = Recipient(
    blog="karim",
    name="Le blog de José",
    email="jose@blog.example",
    language="fr",
    federation="75",
    rank=3,
    opens=Tracking.PERSONAL,
    clicks=Tracking.PERSONAL,
)


def urls_for(recipient: Recipient, letter: CompiledLetter = LETTER) -> LetterUrls:
    return letter_urls(
        b"s" * 32,
        BASE,
        campaign="retraites",
        delivery=DeliveryId(7),
        recipient=recipient,
        links=letter.links,
    )


def message(
    recipient: Recipient = RECIPIENT, letter: CompiledLetter = LETTER, **facts: Any
) -> bytes:
    given_: dict[str, Any] = {
        "urls": urls_for(recipient, letter),
        "from_": Sender().from_,
        "reply_to": "",
        "message_id": "<retraites.7@parti.example>",
        "date": NOW,
        "list_id": "lettre.parti.example",
        **facts,
    }
    return letters.message_bytes(letter, recipient, given_.pop("urls"), **given_)


def read(octets: bytes) -> EmailMessage:
    found = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def parts(octets: bytes) -> tuple[str, str]:
    """Return text and HTML as a mail client decodes them."""
    found = read(octets)
    text, html = found.get_body(("plain",)), found.get_body(("html",))
    assert text is not None
    assert html is not None
    return (
        text.get_content().replace("\r\n", "\n"),
        html.get_content().replace("\r\n", "\n"),
    )


# --- compiling ----------------------------------------------------------------------------------


def test_what_is_compiled_holds_no_recipient_and_no_address_of_a_link() -> None:
    for part in (LETTER.html, LETTER.text):
        assert "{{" not in part
        assert not any(link.url in part for link in LETTER.links)
        assert "José" not in part


def test_styles_are_inline_and_dark_mode_survives() -> None:
    assert LETTER.html.count("<style") == 1
    assert "prefers-color-scheme: dark" in LETTER.html
    assert "!important" in LETTER.html  # premailer's default takes it away
    assert "data-premailer" not in LETTER.html
    assert re.search(r'<h1 class="title" style=[^>]*font-size:32px', LETTER.html)


def test_a_slot_word_never_meets_the_text() -> None:
    _campaign, made = compiled(SAMPLE.replace("Mardi", "qz Mardi qz12345678x001q"))
    words = list(made.slots.values())
    assert len(set(words)) == len(words)
    assert not any(word.startswith("qz12345678") for word in words)


def test_compiling_twice_gives_the_same() -> None:
    assert compiled()[1] == LETTER


def test_fixed_words_speak_the_letters_language_whatever_the_process_speaks() -> None:
    with locales.speaking("en"):
        french = compiled(language="fr")[1]
    with locales.speaking("fr"):
        english = compiled(language="en")[1]
    assert "Unsubscribe" in english.html
    assert french == LETTER
    assert french.text != english.text


@pytest.mark.parametrize(
    ("html", "said"),
    [
        pytest.param(
            "{{ nobody.name }}", "templates/lettre.html.j2:1: 'nobody' is undefined", id="x"
        ),
        pytest.param("\n{{ letter.subjet }}", "templates/lettre.html.j2:2:", id="attribute"),
        pytest.param("{% if %}", "templates/lettre.html.j2:1:", id="syntax"),
        pytest.param("{% include 'gone.j2' %}", "gone.j2", id="include"),
        pytest.param("{{ 'x' * 1000000000 }}", "templates/lettre.html.j2:1:", id="repeat"),
        pytest.param("{% include 'lettre.html.j2' %}", "includes itself without end", id="itself"),
        pytest.param("{% extends 'lettre.html.j2' %}", "includes itself without end", id="child"),
        pytest.param(
            "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "without end", id="recursion"
        ),
        pytest.param("{{ 9 ** 999999999 }}", "templates/lettre.html.j2:1:", id="power"),
        pytest.param("{{ lipsum(n=100000) }}", "'lipsum' is undefined", id="lipsum"),
        pytest.param("{{ cycler('a') }}", "'cycler' is undefined", id="cycler"),
        pytest.param("{{ joiner() }}", "'joiner' is undefined", id="joiner"),
        pytest.param("{{ 'x' | center(1000000000) }}", "No filter named 'center'", id="center"),
        pytest.param("{% for i in range(10000000) %}x{% endfor %}", "Range too big", id="range"),
        pytest.param("{{ ''.__class__.__mro__ }}", "templates/lettre.html.j2:1:", id="class"),
        pytest.param("{{ _.__globals__ }}", "templates/lettre.html.j2:1:", id="globals"),
        pytest.param("{{ '{0.__class__}'.format(_) }}", "templates/lettre.html.j2:1:", id="format"),
        pytest.param("{{ 1 // 0 }}", "templates/lettre.html.j2:1:", id="division"),
        pytest.param("{% set _ = points.append(1) %}", "templates/lettre.html.j2:1:", id="append"),
    ],
)
def test_a_template_that_oversteps_is_refused_with_its_line(html: str, said: str) -> None:
    with pytest.raises(CheckRefused) as caught:
        compiled(sources={**SOURCES, "lettre.html.j2": html})
    assert said in str(caught.value)


@pytest.mark.parametrize("desk", ["en", "fr"])
def test_what_is_wrong_is_said_in_the_desks_language(desk: str) -> None:
    sources = {**SOURCES, "lettre.html.j2": "{{ 'x' * 1000000000 }}"}
    with locales.speaking(desk), pytest.raises(CheckRefused) as caught:
        compiled(language="fr", sources=sources)
    assert ("un gabarit peut employer" in str(caught.value)) is (desk == "fr")
    assert ("`*` on these is not for a template" in str(caught.value)) is (desk == "en")


def test_a_missing_template_is_named() -> None:
    with pytest.raises(CheckRefused, match=r"other\.html\.j2"):
        compiled(SAMPLE.replace("language: fr", "language: fr\ntemplate: other"))


# --- filling ------------------------------------------------------------------------------------


def test_the_sample_keeps_the_rules_of_letters() -> None:
    """Every finding of the check on the shipped letter and templates would be a bug of ours."""
    for language in locales.LANGUAGES:
        letter = compiled(language=language)[1]
        for needs_notice in (True, False):
            recipient = dataclasses.replace(RECIPIENT, needs_notice=needs_notice)
            urls = urls_for(recipient, letter)
            context = core.Context(
                campaign=CAMPAIGN,
                path="letter.md",
                source=SAMPLE,
                sender=Sender(),
                masses={},
                now=NOW,
            )
            rendered = core.Rendered(
                recipient=recipient,
                urls=urls,
                clicks={link.url: urls.clicks[link.id] for link in letter.links},
                subject=letters.subject_of(letter, recipient),
                html=letters.html_of(letter, recipient, urls),
                text=letters.text_of(letter, recipient, urls),
                has_notice=letters.has_notice(letter, recipient, urls),
            )
            assert core.check(context, [rendered]) == ()


def test_who_needs_the_notice_gets_it_with_the_source_of_the_address() -> None:
    told = RECIPIENT
    untold = dataclasses.replace(told, needs_notice=True, source="annuaire <b> 2026")
    assert letters.has_notice(LETTER, untold, urls_for(untold))
    for show in (letters.html_of, letters.text_of):
        assert "annuaire" not in show(LETTER, told, urls_for(told))
        assert "annuaire" in show(LETTER, untold, urls_for(untold))
    assert "annuaire &lt;b&gt; 2026" in letters.html_of(LETTER, untold, urls_for(untold))
    without = dataclasses.replace(
        LETTER, text=LETTER.text.replace(LETTER.slots["source"], "somewhere")
    )
    assert not letters.has_notice(without, untold, urls_for(untold))


def test_a_letter_without_consent_has_no_pixel_and_plain_links() -> None:
    silent = dataclasses.replace(RECIPIENT, opens=Tracking.NONE, clicks=Tracking.NONE)
    page = read_page(letters.html_of(LETTER, silent, urls_for(silent)))
    assert page.all("img") == ()
    assert {link.url for link in page.links} >= {link.url for link in LETTER.links}
    assert f"{BASE}/c/" not in letters.text_of(LETTER, silent, urls_for(silent))
    agreed = read_page(letters.html_of(LETTER, RECIPIENT, urls_for(RECIPIENT)))
    assert [image["src"] for image in agreed.all("img")] == [urls_for(RECIPIENT).pixel]


def test_each_talking_point_can_be_passed_on_by_the_blogs_own_link() -> None:
    urls = urls_for(RECIPIENT)
    text = letters.text_of(LETTER, RECIPIENT, urls)
    html = letters.html_of(LETTER, RECIPIENT, urls)
    for link in LETTER.links:
        assert urls.relays[link.id] in text
        assert urls.relays[link.id] in html
    assert "#NosDeuxAns" in text


def test_the_page_online_names_nobody_and_lets_nobody_act() -> None:
    urls = urls_for(RECIPIENT)
    page = letters.online_html(LETTER, urls)
    for private in ("José", urls.unsubscribe, urls.preferences, urls.online, urls.pixel):
        assert private not in page
    assert not any(word in page for word in LETTER.slots.values())


@given(
    name=st.text(max_size=200),
    source=st.text(max_size=200),
    needs_notice=st.booleans(),
    rank=st.none() | st.integers(1, 2000),
)
@settings(max_examples=150)
def test_the_text_part_keeps_to_78_columns(
    name: str,
    source: str,
    needs_notice: bool,  # noqa: FBT001  (drawn)
    rank: int | None,
) -> None:
    recipient = dataclasses.replace(
        RECIPIENT, name=name, source=source, needs_notice=needs_notice, rank=rank
    )
    text = letters.text_of(LETTER, recipient, urls_for(recipient))
    for line in text.split("\n"):
        assert len(line) <= 78 or " " not in line.strip()


@given(st.lists(st.text("abcé-1. >", min_size=1, max_size=30)).map(" ".join))
def test_folding_loses_no_word(text: str) -> None:
    folded = wrapped(text)
    assert "".join(folded.split()).replace(">", "") == "".join(text.split()).replace(">", "")
    assert all(len(line) <= 76 or " " not in line.strip(" >-") for line in folded.split("\n"))


# --- links --------------------------------------------------------------------------------------

PATHS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="<>\\`[](){}\"'"
    ),
    max_size=30,
)
HOSTS = st.sampled_from(["a.example", "été.example", "xn--t-9fab.example", "a.example:8080"])
URLS = st.builds(
    lambda host, path, query, fragment: f"https://{host}/{path}?q={query}&b=%C3%A9%20#{fragment}",
    HOSTS,
    PATHS,
    PATHS,
    PATHS,
)


@given(URLS)
@settings(max_examples=100, deadline=None)
@example("https://été.example/a&b;c=d?x=1&amp;y=2&copy=3#é%20%2F")
@example("https://a.example/%7B%7Bx%7D%7D?u=https%3A%2F%2Fb.example%2F%3Fa%3D1%26b%3D2")
def test_every_link_survives_rewriting(url: str) -> None:
    """The address stored is the address written, and comes out of both parts as it went in."""
    text = f"---\nsubject: a\n---\n## A\n\nb [c](<{url}>) d\n"
    campaign, findings = core.read(text, slug="x", path="x")
    if campaign is None:
        assert {f.rule for f in findings} <= {"17-links", "14-variables"}
        return
    (stored,) = letters.urls_in(campaign)
    assert stored.isascii()
    assert urlsplit(stored).fragment or not urlsplit(url).fragment
    letter = letters.compile_letter(
        campaign,
        language="fr",
        sender=Sender(),
        sources=BARE,
        links=(Link(id=LinkId(1), url=stored),),
    )
    plain = dataclasses.replace(RECIPIENT, opens=Tracking.NONE, clicks=Tracking.NONE)
    written, page = parts(message(plain, letter))
    assert [link.url for link in read_page(page).links] == [stored]
    assert stored in written.split()


BARE = {
    "lettre.html.j2": "<html><body>{{ points[0].html }}</body></html>",
    "lettre.txt.j2": "{{ points[0].links[0].url }}",
}


TINY = compiled("---\nsubject: a\n---\n## A\n\nb [c](https://a.example)\n", sources=BARE)[1]


# --- the message --------------------------------------------------------------------------------


def test_the_headers_are_those_of_a_bulk_letter() -> None:
    urls = urls_for(RECIPIENT)
    found = read(message(unsubscribe_mailto="out@parti.example", reply_to="desk@parti.example"))
    assert found["To"] == "Le blog de José <jose@blog.example>"
    assert found["From"] == "La Lettre du Buzz <lettre@parti.example>"
    assert found["Reply-To"] == "desk@parti.example"
    # On one line, where a no-break space has nothing to hold.
    assert found["Subject"].split() == CAMPAIGN.subject.split()
    assert found["Date"].datetime == NOW
    assert found["Message-ID"] == "<retraites.7@parti.example>"
    unsubscribe = f"<{urls.unsubscribe}>, <mailto:out@parti.example>"
    assert " ".join(found["List-Unsubscribe"].split()) == unsubscribe
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found["List-Id"] == "<lettre.parti.example>"
    assert found["List-Owner"] == "<mailto:desk@parti.example>"
    assert found["List-Archive"] == f"<{urls.online}>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["MIME-Version"] == "1.0"
    assert len(found["Feedback-ID"].split(":")) == 4
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    assert not found.defects
    assert len(found.keys()) == len(set(found.keys()))


def test_the_bytes_are_ascii_in_short_crlf_lines() -> None:
    octets = message(dataclasses.replace(RECIPIENT, needs_notice=True))
    assert octets.isascii()
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    head, _gap, body = octets.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76  # RFC 2045 §6.7, rule 5
    assert max(map(len, head.split(b"\r\n"))) <= 998  # RFC 5322 §2.1.1


def test_what_arrives_is_what_was_rendered() -> None:
    for needs_notice in (True, False):
        recipient = dataclasses.replace(RECIPIENT, needs_notice=needs_notice)
        urls = urls_for(recipient)
        text, html = parts(message(recipient))
        assert text.rstrip("\n") == letters.text_of(LETTER, recipient, urls).rstrip("\n")
        assert html.rstrip("\n") == letters.html_of(LETTER, recipient, urls).rstrip("\n")


def test_the_hash_of_a_message_leaves_its_date_aside_and_nothing_else() -> None:
    one = message()
    assert letters.message_hash(message(date=NOW + timedelta(days=1))) == letters.message_hash(one)
    assert one != message(date=NOW + timedelta(days=1))
    changed = [
        message(message_id="<retraites.8@parti.example>"),
        message(dataclasses.replace(RECIPIENT, name="Autre")),
        one.replace(b"Subject: ", b"Subject: X"),
        one[:-10] + b"x" + one[-9:],
    ]
    assert letters.message_hash(one) not in {letters.message_hash(other) for other in changed}


HOSTILE = [
    "a\r\nBcc: x@y.example",
    "a\nBcc: x@y.example",
    "a\rBcc: x@y.example",
    "=?utf-8?q?a=0ABcc:x@y.example?=",
    "=?utf-8?q?a=0D=0ABcc:_x@y.example?= b",
    "=?utf-8?b?CkJjYzp4QHk=?=",
    "a\u2028Bcc: x@y.example",
    "a\x85Bcc: x@y.example",
    "a\x0bBcc: x\x0c\x1c\x1d\x1e@y",
    '"<x@y.example>, "',
    "a <x@y.example>, b",
    "\\",
    '"',
    ".",
    ".\r\n.",
    "From me",
    "\u202egro.live\u202c",
    "é" * 200,
    "x" * 2000,
    "=" * 80,
    " ",
    "",
    "\ud83d\ude00" * 3,
    "😀" * 60,
    "<!--",
    "-->",
    "{{ name }}",
    "{% raw %}",
    "&lt;",
    "</td></table><script>",
]
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=150), st.text("=?utf-8qb_0AD\r\n ").map("=?".__add__)
)
EXPECTED = [name.lower() for name in read(message()).keys()]  # noqa: SIM118  (in order, repeated)


@given(name=NAMES, subject=NAMES, sender=NAMES, list_id=NAMES)
@settings(max_examples=300, deadline=None)
@example(name=HOSTILE[3], subject=HOSTILE[3], sender=HOSTILE[3], list_id=HOSTILE[0])
@example(name=HOSTILE[0], subject=HOSTILE[4], sender=HOSTILE[1], list_id=HOSTILE[4])
def test_no_value_adds_a_header(name: str, subject: str, sender: str, list_id: str) -> None:
    """The headers stay those of a harmless letter, by name and number, whoever reads them."""
    recipient = dataclasses.replace(RECIPIENT, name=name)
    letter = dataclasses.replace(TINY, subject=f"{subject} {TINY.slots['name']}")
    octets = message(recipient, letter, from_=f"{sender} <x@parti.example>", list_id=list_id)
    parser = BytesHeaderParser(policy=email.policy.default)
    found = parser.parsebytes(octets)
    assert [key.lower() for key in found.keys()] == EXPECTED  # noqa: SIM118  (repeated ones too)
    # Serialised again by the library, as some gateways do: the trick of CVE-2024-6923.
    again = BytesHeaderParser(policy=email.policy.compat32).parsebytes(found.as_bytes())
    assert [key.lower() for key in again.keys()] == EXPECTED  # noqa: SIM118  (as above)
    (to,) = found["To"].addresses
    assert to.addr_spec == "jose@blog.example"
    assert found["From"].addresses[0].addr_spec == "x@parti.example"
    # Python keeps the blank between two encoded words of a name, which RFC 2047 §6.2 drops.
    clean = one_line(told(name)[:120])
    assert "".join(to.display_name.split()) == "".join(clean.split())
    assert found["Subject"] == told(letters.subject_of(letter, recipient))


def test_ten_thousand_values_add_no_header() -> None:
    """Seeded noise of what injections are made of, raw and as encoded words."""
    noise = random.Random(5322)
    crumbs = ["=?", "?=", "utf-8?q?", "utf-8?b?", "=0A", "=0D=0A", "Cg==", "\r\n", "\n", "\r", "\t"]
    crumbs += [
        "Bcc:",
        " ",
        "x@y.example",
        "<",
        ">",
        '"',
        ",",
        "\\",
        "\u2028",
        "\x85",
        "\0",
        "é",
        "a",
    ]
    parser = BytesHeaderParser(policy=email.policy.compat32)
    urls = urls_for(RECIPIENT, TINY)
    for _round in range(5000):
        name, subject = ("".join(noise.choices(crumbs, k=noise.randint(1, 20))) for _ in "ns")
        octets = message(
            dataclasses.replace(RECIPIENT, name=name),
            dataclasses.replace(TINY, subject=f"{subject} {TINY.slots['name']}"),
            urls=urls,
        )
        found = parser.parsebytes(octets).keys()
        assert [key.lower() for key in found] == EXPECTED, (name, subject)


def test_no_kind_of_line_end_is_bare() -> None:
    """An entity in letter.md or an escape in a template would have stopped the send at the plan."""
    sources = {**SOURCES, "base.txt.j2": SOURCES["base.txt.j2"] + '{{ "a\\rb\\r\\nc" }}'}
    _campaign, letter = compiled(
        "---\nsubject: a\n---\nDe&#13;a&#8238;b\n\n## A&#13;B\n\nb&#13;&#10;c\n", sources=sources
    )
    octets = message(letter=letter)
    assert wire(octets)
    text, html = parts(octets)
    assert printable(text) == text
    assert printable(html) == html
    assert text.rstrip().endswith("a\nb\nc")


@given(name=NAMES, source=NAMES, federation=NAMES)
@example(name="a" * 76, source="é", federation="75")
@example(name="é" * 25 + "a", source="a" * 73 + "é", federation="a" * 76)
@settings(max_examples=150, deadline=None)
def test_no_value_changes_its_neighbours(name: str, source: str, federation: str) -> None:
    """Both parts arrive as rendered, in short lines, with no tag that was not there before."""
    recipient = dataclasses.replace(
        RECIPIENT, name=name, source=source, federation=federation, needs_notice=True
    )
    octets = message(recipient)
    text, html = parts(octets)
    urls = urls_for(recipient)
    assert html.rstrip() == told(letters.html_of(LETTER, recipient, urls)).rstrip()
    assert text.rstrip() == told(letters.text_of(LETTER, recipient, urls)).rstrip()
    assert max(map(len, octets.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    harmless = dataclasses.replace(RECIPIENT, needs_notice=True)
    expected = read_page(letters.html_of(LETTER, harmless, urls))
    assert [tag for tag, _ in read_page(html).elements] == [tag for tag, _ in expected.elements]
    assert printable(text) == text


def told(text: str) -> str:
    """Return the text as UTF-8 can carry it: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    "address",
    [
        "x@y.example\r\nBcc: z@y.example",
        '"x y"@y.example',
        "x@y.example, z@y.example",
        "<x@y.example>",
        "x@y@z.example",
        "@y.example",
        "x@",
        "",
        "é@y.example",
        "x@été.example",
        "x..y@z.example",
        "x@-y.example",
        "x @y.example",
        "x@y.example\0",
    ],
)
def test_an_address_that_needs_rewriting_is_refused(address: str) -> None:
    with pytest.raises(CheckRefused):
        message(dataclasses.replace(RECIPIENT, email=address))
