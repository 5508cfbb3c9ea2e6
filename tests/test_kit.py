"""The relay kit: pasted anywhere, text and links come out as they were written."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit_renderers import read, seen, words
from PIL import Image

from buzz.core import campaign as campaigns
from buzz.core.kit import alt_text, kit_of, mastodon, shares, text_to_paste
from buzz.core.kit import document as d
from buzz.core.kit.card import HEIGHT, WIDTH, badge, card
from buzz.core.kit.making import MEDIUM_CHARS, WRITERS
from buzz.core.kit.sharing import BLUESKY_CHARS, X_CHARS, X_LINK_CHARS, instance_host
from buzz.core.kit.writing import portable
from buzz.core.letter import urls_in
from buzz.model import Kit, Length, Link, LinkId, Markup
from buzz.model.kit import SHORT_CHARS

PETITION = "https://www.parti.example/retraites/petition?a=1&b=(2)"
VIDEO = "https://video.parti.example/deux_minutes"
LETTER = f"""---
subject: "Retraites : deux arguments à faire circuler"
links: ["{PETITION}"]
slogans: ["Nos deux ans sont à nous !"]
hashtags: ["#NosDeuxAns"]
---

À l'attention de **{{{{ name }}}}**, voici deux arguments.

## La caisse n'est pas *vide*, elle est percée

Chaque prime sans cotisation est un trou de plus, {{{{ name }}}}. Rebouchez **le seau** d'abord.

> On ne soigne pas une fuite.

- un
  1. deux
- trois

[Regarder la vidéo]({VIDEO})

## La pension, c'est du salaire

Une paie mise de côté.

---

Fraternellement.
"""
RELAY = "https://lettre.parti.example/r/{}_-AB--c__d"


def made(letter: str = LETTER) -> Kit:
    campaign = campaigns.parse(letter, slug="retraites", path="letter.md")
    links = [Link(id=LinkId(n), url=url) for n, url in enumerate(urls_in(campaign), 1)]
    return kit_of(campaign, sender="La Lettre du Buzz", links=links)


def relays(kit: Kit) -> dict[LinkId, str]:
    return {link.id: RELAY.format(link.id) for link in kit.links}


# --- what is in a kit ------------------------------------------------------------------------


def test_a_kit_has_the_whole_letter_and_each_talking_point() -> None:
    kit = made()
    assert [(p.number, words(p.title)) for p in kit.passages] == [
        (0, "Nos deux ans sont à nous !"),
        (1, "La caisse n'est pas vide, elle est percée"),
        (2, "La pension, c'est du salaire"),
    ]


def test_a_talking_point_leads_where_it_says_and_else_where_the_campaign_wants() -> None:
    kit = made()
    addresses = {link.id: link.url for link in kit.links}
    assert [(addresses[p.link], words(p.label)) for p in kit.passages if p.link] == [
        (PETITION, "Nos deux ans sont à nous !"),
        (VIDEO, "Regarder la vidéo"),
        (PETITION, "La pension, c'est du salaire"),
    ]


def test_nothing_of_one_recipient_or_of_the_readers_of_the_letter_is_passed_on() -> None:
    everything = repr(made())
    for private in ("{{", "name", "attention", "Fraternellement", "faire circuler"):
        assert private not in everything


def test_a_campaign_without_links_and_slogans_has_a_kit_all_the_same() -> None:
    kit = made("---\nsubject: Un titre\n---\n\n## Un argument\n\nSes mots.\n")
    assert kit.passages[0].title == "Un titre"
    assert all(p.link is None for p in kit.passages)
    for passage in kit.passages:
        for markup in Markup:
            for length in Length:
                assert text_to_paste(kit, passage, markup, length, {})


def test_lengths_grow_and_hold() -> None:
    long = " ".join(f"La phrase numéro {n} tient son rang dans l'argument." for n in range(40))
    kit = made(f"---\nsubject: Un titre\n---\n\n## Un argument\n\n{long}\n")
    short, medium, whole = (
        text_to_paste(kit, kit.passages[1], Markup.TEXT, length, {}) for length in Length
    )
    assert len(short) <= SHORT_CHARS < len(medium) <= MEDIUM_CHARS < len(whole)
    assert medium.startswith(short)
    assert medium in whole


@pytest.mark.parametrize("markup", Markup)
@pytest.mark.parametrize("length", Length)
def test_every_text_carries_the_blogs_own_link_and_no_other(markup: Markup, length: Length) -> None:
    kit = made()
    for passage in kit.passages:
        pasted = text_to_paste(kit, passage, markup, length, relays(kit))
        assert "parti.example/retraites" not in pasted
        assert "video.parti.example" not in pasted
        assert passage.link is not None
        if markup is not Markup.TEXT:
            links = seen(markup, pasted).links
            assert relays(kit)[passage.link] in [url for url, _label in links]
            assert {url for url, _label in links} <= set(relays(kit).values())
        else:
            assert relays(kit)[passage.link] in pasted.split()


@pytest.mark.parametrize("length", Length)
def test_all_markups_say_the_same(length: Length) -> None:
    kit = made()
    for passage in kit.passages:
        said = [
            seen(markup, text_to_paste(kit, passage, markup, length, relays(kit)))
            for markup in Markup
            if markup is not Markup.TEXT
        ]
        assert all(other == said[0] for other in said)


def test_the_short_text_is_the_one_in_the_letter() -> None:
    kit = made()
    pasted = text_to_paste(kit, kit.passages[2], Markup.TEXT, Length.SHORT, relays(kit))
    assert pasted == f"Une paie mise de côté. #NosDeuxAns\n{RELAY.format(1)}"


# --- hostile texts ---------------------------------------------------------------------------

TOKENS = [
    *"[]{}()<>_*~`#+-=!|\\/&;:'\"^$%@§£,.?01aé «»\u2019\u00a0",
    *("__", "**", "{{", "}}", "{{{", "->", "[a->b]", "[[", "]]", "''", "%%%", "§§", "---", "----"),
    *("<b>", "</p>", "<!--", "<quote>", "&amp;", "&#91;", "1.", "12)", "!!!", "///", "///html"),
    *("[b]", "[/b]", "[/url]", "[url=x]", "[*]", "[quote]", "[gallery]", "[?x]", "<img1|left>"),
    *("```", "~~~", "![", "](", "](x)", "| a |", "\\[", "\\\\", "øøø", ";:", ";;", "£££", "$$"),
    *("http://x.example/a_b", "www.x.example", "a@b.example", "# ", "- ", "> ", "  ", "\u2028"),
]  # fmt: skip
texts = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=7).map("".join)
urls = st.builds(
    "https://p.example/{}{}".format,
    st.text("aZ09-_", max_size=30),
    st.sampled_from(["", "?x=(1)&copy=2", "#a;b", "/[x]|y", "/é*_~'\"", "?a=1;;b", "\\"]),
)
pieces = st.one_of(
    st.builds(d.Piece, texts),
    st.builds(d.Piece, texts, st.sampled_from([d.Kind.STRONG, d.Kind.EM])),
    st.builds(d.Piece, texts, st.just(d.Kind.LINK), urls),
    st.just(d.BREAK),
)
lines = st.lists(pieces, min_size=1, max_size=5).map(d.line_of).filter(bool)
items = st.builds(d.Item, lines, st.integers(0, 3), st.integers(0, 1))
blocks = st.lists(
    st.one_of(
        st.builds(d.Paragraph, lines),
        st.builds(d.Heading, lines.map(d.text_of).filter(lambda text: text == text.strip())),
        st.builds(d.Quote, st.lists(lines, min_size=1, max_size=3).map(tuple)),
        st.builds(
            lambda items: d.Items(tuple(d._stepwise(items))),
            st.lists(items, min_size=1, max_size=4),
        ),
    ),
    min_size=1,
    max_size=3,
).map(tuple)


def expected(written: tuple[d.Block, ...]) -> tuple[str, list[tuple[str, str]]]:
    every = list(d.lines_of(written))
    return words(" ".join(map(d.text_of, every))), [
        (piece.url, words(piece.text))
        for line in every
        for piece in line
        if piece.kind is d.Kind.LINK
    ]


def same_address(one: str, other: str) -> bool:
    return portable(one) == portable(other)


@pytest.mark.parametrize("markup", [m for m in Markup if m is not Markup.TEXT])
@settings(max_examples=40)
@given(blocks)
@example((d.Paragraph((d.Piece("50 %"), d.BREAK, d.Piece("%%%"))),))
@example((d.Paragraph((d.Piece("l'"), d.Piece("'a'", d.Kind.EM), d.Piece("'"))),))
def test_hostile_text_and_links_come_out_as_they_went_in(
    markup: Markup, written: tuple[d.Block, ...]
) -> None:
    pasted = WRITERS[markup].write(written)
    found = seen(markup, pasted)
    text, links = expected(written)
    assert found.words == text, pasted
    assert [label for _url, label in found.links] == [label for _url, label in links], pasted
    for (one, _), (other, _) in zip(found.links, links, strict=True):
        assert same_address(one, other), pasted


@settings(max_examples=40)
@given(blocks)
def test_plain_text_has_every_word_and_every_address(written: tuple[d.Block, ...]) -> None:
    pasted = WRITERS[Markup.TEXT].write(written)
    for line in d.lines_of(written):
        for piece in line:
            assert piece.text in pasted
            if piece.kind is d.Kind.LINK:
                assert any(same_address(piece.url, word) for word in pasted.split())


@settings(max_examples=40)
@given(blocks)
def test_html_is_read_again_as_it_was(written: tuple[d.Block, ...]) -> None:
    html = WRITERS[Markup.HTML].write(written)
    assert expected(d.read(html))[0] == expected(written)[0]
    assert WRITERS[Markup.HTML].write(d.read(html)) == WRITERS[Markup.HTML].write(
        d.read(WRITERS[Markup.HTML].write(d.read(html)))
    )


def test_a_film_behind_its_picture_stays_a_link() -> None:
    html = '<p><a href="https://v.example"><img src="x" alt="Le film"></a><img alt="Foule"></p>'
    (paragraph,) = d.read(html)
    assert paragraph == d.Paragraph((d.Piece("Le film", d.Kind.LINK, "https://v.example"),))


@given(st.text("<>/pulioabcqkteh =\"'&;\n", max_size=80))
def test_broken_html_loses_no_word(html: str) -> None:
    assert "".join(expected(d.read(html))[0].split()) == "".join(read(html).words.split())


# --- share links -----------------------------------------------------------------------------


def test_each_network_gets_the_blogs_own_link() -> None:
    kit = made()
    relay = RELAY.format(2)
    found = {share.name: share.url for share in shares(kit, kit.passages[1], relay)}
    assert list(found) == [
        "Facebook",
        "X",
        "Bluesky",
        "Threads",
        "LinkedIn",
        "WhatsApp",
        "Telegram",
        "E-mail",
    ]
    for url in found.values():
        values = [value for many in parse_qs(urlsplit(url).query).values() for value in many]
        assert any(relay in value.split() for value in values), url


@pytest.mark.parametrize("text", ["mot " * 300, "x" * 900, "é👍" * 200, "Oui. " * 100])
def test_a_post_fits_its_network_with_the_link(text: str) -> None:
    kit = made()
    passage = replace(kit.passages[1], short=text.strip())
    found = {share.name: share.url for share in shares(kit, passage, RELAY.format(2))}

    def said(name: str) -> str:
        return parse_qs(urlsplit(found[name]).query)["text"][0]

    assert len(said("X")) + 1 + X_LINK_CHARS <= X_CHARS
    assert len(said("Bluesky")) <= BLUESKY_CHARS


def test_hostile_words_stay_inside_their_field() -> None:
    kit = made()
    passage = replace(
        kit.passages[1], short="a&url=https://evil.example#x\r\nBcc: y", title="a\r\nb"
    )
    for share in shares(kit, passage, RELAY.format(2)):
        assert "evil.example#" not in share.url
        assert not set('\r\n <>"#') & set(share.url)


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        pytest.param("piaille.fr", "piaille.fr", id="host"),
        pytest.param(" https://Piaille.fr/ ", "piaille.fr", id="address"),
        pytest.param("@lea@piaille.fr", "piaille.fr", id="handle"),
        pytest.param("https://lea:x@piaille.fr/@lea?a#b", "piaille.fr", id="credentials"),
        pytest.param("café.example", "xn--caf-dma.example", id="idn"),
        pytest.param("piaille.fr.", "piaille.fr", id="root"),
        *(
            pytest.param(wrong, "", id=f"none-{number}")
            for number, wrong in enumerate(
                [
                    *("", "piaille", "localhost", "a.localhost", "127.0.0.1", "127.1", "[::1]"),
                    *("0x7f.1", "piaille.fr:8443", "javascript:alert(1)", "//evil.example"),
                    *("http://piaille.fr", "a b.example", "-a.example", "a..example", "é" * 300),
                    *(
                        "evil.example\\@piaille.fr\\",
                        "evil.example?.fr",
                        "evil.example#.fr",
                        "%00.fr",
                    ),
                ]
            )
        ),
    ],
)
def test_an_instance_is_a_host_on_the_internet_or_nothing(typed: str, host: str) -> None:
    kit = made()
    assert instance_host(typed) == host
    share = mastodon(kit, kit.passages[1], RELAY.format(2), typed)
    assert (share is None) == (host == "")
    if share:
        parts = urlsplit(share.url)
        assert (parts.scheme, parts.netloc, parts.path) == ("https", host, "/share")


@given(st.text(max_size=60))
def test_whatever_is_typed_leads_to_a_host_of_letters_or_nowhere(typed: str) -> None:
    host = instance_host(typed)
    assert host == "" or set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


# --- pictures --------------------------------------------------------------------------------


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_card_is_a_picture_of_the_size_that_networks_want() -> None:
    kit = made()
    png = card(kit, kit.passages[1])
    assert opened(png).size == (WIDTH, HEIGHT) == (1200, 630)
    assert png == card(kit, kit.passages[1])
    assert png != card(kit, kit.passages[2])
    assert len(png) < 60_000


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("Anticonstitutionnellement " * 30, id="long"),
        pytest.param("x" * 500, id="one-word"),
        pytest.param("Été à l'Œuvre : « ÇA » …", id="french"),
        pytest.param("😀 العربية 日本", id="no-glyph"),
        pytest.param("", id="empty"),
    ],
)
def test_no_title_leaves_the_card(title: str) -> None:
    kit = made()
    image = opened(card(kit, replace(kit.passages[1], title=title)))
    edges = [image.crop(box) for box in ((1120, 0, 1200, 630), (0, 600, 1200, 630))]
    for edge in edges:
        pixels = edge.tobytes()
        colours = set(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))
        assert all(min(colour) > 200 or colour[0] > 2 * colour[1] for colour in colours)


def test_what_the_card_says_is_said_in_words_too() -> None:
    kit = made()
    assert (
        words(alt_text(kit.passages[2])) == "La pension, c'est du salaire. Une paie mise de côté."
    )


@pytest.mark.parametrize("words", ["Je relaie :", "<script>&\"'", ""])
def test_a_badge_is_well_formed_and_says_what_it_is(words: str) -> None:
    kit = made()
    hostile = replace(kit.passages[0], title='<img onerror="x">&' + "a" * 200)
    for passage in (kit.passages[0], hostile):
        svg = badge(replace(kit, passages=(passage,)), words)
        root = ET.fromstring(svg)  # noqa: S314  (our own)
        assert root.get("role") == "img"
        assert passage.title in (root.get("aria-label") or "")
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
            "svg",
            "title",
            "rect",
            "path",
            "text",
        }
        assert int(root.get("width") or 0) <= 400
