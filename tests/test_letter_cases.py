"""Splicing against what it stands for: rendering, with styles put inline, for each recipient.

The naive rendering here is Jinja and premailer once per recipient, with plain values: what a
template says, taken at its word.
"""

import dataclasses
import html as markup
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import lxml.html
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from test_letter import (
    CAMPAIGN,
    LETTER,
    NOW,
    RECIPIENT,
    SAMPLE,
    SOURCES,
    Sender,
    compiled,
    parts,
    told,
    urls_for,
)

from buzz import locales
from buzz.core import letter as letters
from buzz.core.letter import compiling, filling, folding, rendering
from buzz.core.letter.sandbox import Sandbox
from buzz.model import Campaign, CompiledLetter, LetterUrls, Recipient

ENGLISH = compiled(language="en")[1]


# --- the naive rendering ------------------------------------------------------------------------


def naive(
    campaign: Campaign,
    letter: CompiledLetter,
    sources: Mapping[str, str],
    recipient: Recipient,
    urls: LetterUrls,
) -> tuple[str, str]:
    """Return text and HTML as the templates say for this recipient."""
    said = filling.said(letter.language, recipient, letter.links, urls)
    by_word = {letter.slots[name]: value for name, value in said.items()}
    ids = {link.url: link.id for link in letter.links}
    values = compiling._values(campaign, letter.language, Sender(), letter.slots, ids)
    environment = Sandbox(sources)
    environment.filters["wrapped"] = folding.wrapped
    with locales.speaking(letter.language):
        page, text = (
            environment.get_template(f"{campaign.template}.{kind}.j2").render(
                personal(values, by_word)
            )
            for kind in ("html", "txt")
        )
    page = rendering.inlined(page)
    kept = {"mail": True, "pixel": urls.pixel, "notice": recipient.needs_notice}
    for name, stands in kept.items():
        mark = rf"(?:<!--)?{letter.slots[name]}(?:-->)?\n?"
        page, text = (
            re.sub(f"{mark}(.*?){mark}", r"\1" if stands else "", part, flags=re.DOTALL)
            for part in (page, folding.tidy(text))
        )
    return text, page


def personal(value: Any, by_word: Mapping[str, Any]) -> Any:
    """Return values with a recipient's own in place of slots."""
    match value:
        case dict():
            return {key: personal(item, by_word) for key, item in value.items()}
        case list():
            return [personal(item, by_word) for item in value]
        case str() if value in by_word:
            return by_word[value]
        case str():
            for word, said in by_word.items():
                shown = "" if said is None else str(said)
                shown = markup.escape(shown) if isinstance(value, Markup) else shown
                value = type(value)(str(value).replace(word, shown))
    return value


def tree(page: str) -> list[tuple[Any, ...]]:
    """Return a page's elements with their attributes and texts, however they are written."""
    return [
        (element.tag, sorted(element.attrib.items()), element.text or "", element.tail or "")
        for element in lxml.html.document_fromstring(page).iter()
    ]


def assert_same(
    campaign: Campaign,
    letter: CompiledLetter,
    sources: Mapping[str, str],
    recipient: Recipient,
) -> None:
    """Compare; a line with a value in it is folded whether its template says so or not."""
    urls = urls_for(recipient, letter)
    octets = letters.message_bytes(
        letter,
        recipient,
        urls,
        from_=Sender().from_,
        reply_to="",
        message_id="<a.1@parti.example>",
        date=NOW,
        list_id="lettre.parti.example",
    )
    text, page = parts(octets)
    naive_text, naive_page = naive(campaign, letter, sources, recipient, urls)
    if sources is SOURCES:
        assert text.rstrip("\n") == told(naive_text).rstrip("\n")
    assert text.split() == told(naive_text).split()
    assert tree(page) == tree(told(naive_page))
    head, _gap, body = octets.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert b"\r\n." not in octets
    assert b"  " not in body


NAMES = st.one_of(
    st.text(max_size=200),
    st.text("abcé. =-", max_size=130),
    st.text("\u0627\u0644\u202e\u200f\U0001f600\U0010ffff. ", max_size=60),
    st.sampled_from(
        ["", ".", "..", "=", "a" * 300, "From me", "- a " * 20, "1. " * 30, "> b " * 9]
    ),
)


@given(
    name=NAMES,
    source=NAMES,
    federation=NAMES,
    rank=st.none() | st.integers(1, 1500),
    needs_notice=st.booleans(),
    local=st.text("abc.-", min_size=1, max_size=60).filter(
        lambda text: not text.startswith(".") and not text.endswith(".") and ".." not in text
    ),
    letter=st.sampled_from([LETTER, ENGLISH]),
)
@example("Le blog d'Inès", "a" * 74 + "=", "75", 3, True, "ines", LETTER)
@example(". .", ".", "", None, True, "a" * 60, ENGLISH)
@settings(max_examples=30, deadline=None)
def test_splicing_is_rendering(  # noqa: PLR0917  (drawn)
    name: str,
    source: str,
    federation: str,
    rank: int | None,
    needs_notice: bool,  # noqa: FBT001  (drawn)
    local: str,
    letter: CompiledLetter,
) -> None:
    """What arrives is what the templates say for this recipient, and nothing needs stuffing."""
    recipient = dataclasses.replace(
        RECIPIENT,
        name=name,
        source=source,
        federation=federation,
        rank=rank,
        needs_notice=needs_notice,
        email=f"{local}@blog.example",
    )
    assert_same(CAMPAIGN, letter, SOURCES, recipient)


# --- templates that look into their recipient ---------------------------------------------------

LOOKING = {
    "equal": '{% if recipient.federation == "75" %}<b>a</b>{% else %}<i>{{ recipient.name }}</i>'
    "{% endif %}",
    "elif": "{% if recipient.rank is none %}a{% elif recipient.rank <= 10 %}b{% else %}c"
    "{% endif %}",
    "truth": "{% if recipient.federation %}{{ recipient.federation }}{% endif %}",
    "not": "{% if not recipient.federation %}a{% endif %}",
    "and": "{% if recipient.rank and recipient.rank < 100 and recipient.federation %}a{% endif %}",
    "or": '{{ recipient.federation or recipient.name or "x" }}',
    "chain": "{{ 1 < (recipient.rank or 0) < 5 }}",
    "in": '{{ "a" if recipient.federation in ["75", "13"] else "b" }}',
    "inline": '{{ "a" if recipient.rank else "b" }}',
    "pixel": "{% if urls.pixel %}a{% else %}b{% endif %}",
    "filter": "{{ recipient.name | upper }} {{ recipient.name | length }}",
    "filters": '{{ (recipient.name ~ "!") | replace("a", "b") | truncate(20) | title }}',
    "block": "{% filter upper %}{{ recipient.name }}{% endfilter %}",
    "method": '{{ recipient.name.split(" ")[0] }}{{ recipient.name.startswith("L") }}',
    "slice": "{{ recipient.name[0:3] }}{{ recipient.name[-1:] }}",
    "loop": '{% for word in recipient.name.split(" ") %}<b>{{ word }}</b>{% endfor %}',
    "letters": "{% for letter in recipient.federation %}{{ letter }},{% endfor %}",
    "range": "{% for n in range((recipient.rank or 0) % 4) %}{{ n }}{% endfor %}",
    "only": "{% for n in [1, 2] if recipient.rank == n %}{{ n }}{% endfor %}",
    "arithmetic": "{{ (recipient.rank or 0) + 1 }} {{ -(recipient.rank or 0) // 7 }}",
    "percent": '{{ "%s (%5s)" % (recipient.name, recipient.federation) }}',
    "width": '{{ "{:>20}".format(recipient.name) }}',
    "lookup": '{{ {"75": "Paris"}.get(recipient.federation, "ailleurs") }}',
    "subscript": '{% if recipient.federation in ("", "75") %}'
    '{{ {"75": "Paris", "": "?"}[recipient.federation] }}{% endif %}',
    "address": "https://share.example/?u={{ urls.online | urlencode }}",
    "set": "{% set who = recipient.name | lower %}"
    '{% if who.startswith("le ") %}{{ who }}{% endif %}',
    "chosen": '{% set a = "x" %}{% if recipient.rank %}{% set a = "y" %}{% endif %}{{ a }}',
    "macro": "{% macro hi(n) %}{% if n | length > 3 %}<b>{{ n }}</b>{% endif %}{% endmacro %}"
    "{{ hi(recipient.name) }}",
    "subject": "{{ letter.subject | upper }}",
    "styled": '<p class="f{{ recipient.federation }}">a</p>',
    "included": '{% include "is" ~ recipient.federation ~ ".html.j2" ignore missing %}',
    "test": "{{ recipient.rank is number }}{{ (recipient.rank or 0) is odd }}",
    "printed": "{{ [recipient.name, recipient.rank] }}",
    "unescaped": "{{ intro.html | striptags | upper }}",
    "listed": '{{ [recipient.name, "z"] | sort | join(", ") }}',
}
PRINTING = {
    "dictionary": "{{ recipient | length }}{% for key in recipient %}{{ key }}{% endfor %}",
    "plain": "{{ recipient.name }}",
    "joined": '{{ recipient.name ~ " et " ~ recipient.federation }}{{ "a" + recipient.name }}',
    "formatted": '{{ "{a}, {}".format(recipient.name, a=recipient.source) }}',
    "escaped": "{{ recipient.name | e }}",
    "defined": "{% if recipient.name is defined %}{{ recipient.name }}{% endif %}",
    "address": '{% if urls.online %}<a href="{{ urls.online }}">a</a>{% endif %}',
    "text": "{% if intro.text and letter.subject %}{{ intro.text }}{% endif %}",
    "points": '{{ points | map(attribute="title") | join(", ") }}{{ points | length }}',
    "macro": "{% macro hi(n) %}<b>{{ n }}</b>{% endmacro %}{{ hi(recipient.name) }}",
    "set": "{% set who %}<b>{{ recipient.name }}</b>{% endset %}{{ who }}",
    "list": '{{ [recipient.name, "b"] | join(", ") }}',
}
STYLE = "<style>b { color: red } .f75 { color: blue } i { margin: 0 }</style>"
LETTER_MD = SAMPLE.replace("trois arguments", "{{ name }}, trois arguments")


def sources(body: str) -> dict[str, str]:
    """Return a template whose page and text say the same."""
    return {
        "lettre.html.j2": f"<html><head>{STYLE}</head><body>{body}<hr></body></html>",
        "lettre.txt.j2": re.sub(r"<[^>]+>", "", body).replace(" | e ", ""),
        "is75.html.j2": "<b>{{ recipient.name }}</b>",
    }


PEOPLE = [
    dataclasses.replace(RECIPIENT, name=name, federation=federation, rank=rank)
    for name, federation, rank in (
        ("Le blog de José", "75", 3),
        ("<b>Omar</b> & fils", "13", 1200),
        ("L'écho", "", None),
        ("Ana", "75", 2),
        ("le Blog", "", 7),
    )
]


@pytest.mark.parametrize("body", LOOKING.values(), ids=LOOKING)
def test_a_template_that_looks_into_its_recipient_says_what_it_would_have_said(body: str) -> None:
    campaign, letter = compiled(LETTER_MD, sources=sources(body))
    assert letter.source is not None
    assert letter.source.place.startswith("templates")
    for recipient in PEOPLE:
        assert_same(campaign, letter, sources(body), recipient)


@cache
def looking(kind: str) -> tuple[Campaign, CompiledLetter, dict[str, str]]:
    templates = sources(LOOKING[kind])
    return *compiled(LETTER_MD, sources=templates), templates


@given(
    kind=st.sampled_from(sorted(LOOKING)),
    name=NAMES,
    federation=st.sampled_from(["", "75", "13", "<b>", ".", "=", "é" * 80]),
    rank=st.none() | st.integers(1, 1500),
)
@settings(max_examples=50, deadline=None)
def test_whatever_it_finds_there(kind: str, name: str, federation: str, rank: int | None) -> None:
    campaign, letter, templates = looking(kind)
    recipient = dataclasses.replace(RECIPIENT, name=name, federation=federation, rank=rank)
    assert_same(campaign, letter, templates, recipient)


@pytest.mark.parametrize("body", PRINTING.values(), ids=PRINTING)
def test_a_template_that_only_prints_is_rendered_once(body: str) -> None:
    campaign, letter = compiled(LETTER_MD, sources=sources(body))
    assert letter.source is None
    for recipient in PEOPLE:
        assert_same(campaign, letter, sources(body), recipient)


def test_what_the_settings_say_is_no_markup() -> None:
    letter = compiled(sources=SOURCES, sender=Sender(organisation="A & B <i>C</i>"))[1]
    assert "A &amp; B &lt;i&gt;C&lt;/i&gt;" in letter.html
    assert "A & B <i>C</i>" in letter.text


def test_the_products_own_templates_are_rendered_once() -> None:
    for template in ("lettre", "flash"):
        text = SAMPLE.replace("language: fr", f"language: fr\ntemplate: {template}")
        assert compiled(text)[1].source is None
