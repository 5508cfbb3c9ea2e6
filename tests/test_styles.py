"""Styles: what holds for an element is what a browser says holds."""

from pathlib import Path

import hypothesis
import pytest
from chromium import CHROMIUM, browsing
from hypothesis import given
from hypothesis import strategies as st
from test_rules import TEMPLATES, page_of

from buzz.core.campaign.looks import SCREENS, looks
from buzz.core.campaign.places import Templates
from buzz.core.campaign.styles import Screen, contrast, faults, written

LIGHT, DARK = Screen(600, dark=False), Screen(600, dark=True)
NARROW = Screen(320, dark=False)


def seen(css: str, body: str, screen: Screen = LIGHT) -> dict[str, object]:
    """Return how the first words of a page look."""
    (look,) = looks(f"<html><head><style>{css}</style></head><body>{body}</body></html>", (screen,))
    words = look.words[0]
    return {
        "color": written(words.style.color),
        "behind": written(words.style.background),
        "px": words.style.font_px,
    }


@pytest.mark.parametrize(
    ("css", "body", "color"),
    [
        ("p { color: red }", "<p>x</p>", "#ff0000"),
        ("p { color: red } p { color: blue }", "<p>x</p>", "#0000ff"),
        (".a { color: red } p { color: blue }", "<p class=a>x</p>", "#ff0000"),
        ("p { color: red !important } .a { color: blue }", "<p class=a>x</p>", "#ff0000"),
        ("p { color: red }", '<p style="color: blue">x</p>', "#0000ff"),
        ("p { color: red !important }", '<p style="color: blue">x</p>', "#ff0000"),
        ("td { color: red }", "<table><tr><td><p><b>x</b></p></td></tr></table>", "#ff0000"),
        ("td > p { color: red } b { color: inherit }", "<table><tr><td><p><b>x</b></p>", "#ff0000"),
        ("p { color: nonsense; }", "<p>x</p>", "#000000"),
        ("p, p:unheard-of { color: red }", "<p>x</p>", "#000000"),
        ("p::before { color: red }", "<p>x</p>", "#000000"),
        ("p { color: rgb(255 0 0 / 50%); background: #fff }", "<p>x</p>", "#ff8080"),
        ("@media screen and (max-width: 700px) { p { color: red } }", "<p>x</p>", "#ff0000"),
        ("@media (max-width: 500px) { p { color: red } }", "<p>x</p>", "#000000"),
        ("@media not screen { p { color: red } }", "<p>x</p>", "#000000"),
        ("@media print { p { color: red } }", "<p>x</p>", "#000000"),
        ("@media (unheard-of: 3) { p { color: red } }", "<p>x</p>", "#000000"),
        ("@supports (x: y) { p { color: red } }", "<p>x</p>", "#000000"),
        ("", '<a href="x">x</a>', "#0000ed"),
    ],
)
def test_the_cascade(css: str, body: str, color: str) -> None:
    assert seen(css, body)["color"] == color


def test_the_dark_screen_is_another() -> None:
    css = "p { color: #111; background: #eee } @media (prefers-color-scheme: dark) { p { %s } }"
    dark = css % "color: #eee !important; background-color: #111 !important"
    found = seen(dark, '<p style="color: #111; background: #eee">x</p>', DARK)
    assert (found["color"], found["behind"]) == ("#eeeeee", "#111111")
    assert seen(dark, "<p>x</p>")["color"] == "#111111"
    assert seen("", "<p>x</p>", DARK) == {"color": "#ffffff", "behind": "#121212", "px": 16.0}


@pytest.mark.parametrize(
    ("css", "body", "px"),
    [
        ("p { font-size: 20px }", "<p>x</p>", 20),
        ("div { font-size: 20px } p { font-size: 1.5em }", "<div><p>x</p></div>", 30),
        ("div { font-size: 20px } p { font-size: 150% }", "<div><p>x</p></div>", 30),
        ("div { font-size: 20px } p { font-size: 1.5rem }", "<div><p>x</p></div>", 24),
        ("p { font-size: 12pt }", "<p>x</p>", 16),
        ("p { font: bold 18px/24px Georgia, serif }", "<p>x</p>", 18),
        ("", "<h1>x</h1>", 32),
        ("", "<p>x</p>", 16),
    ],
)
def test_sizes(css: str, body: str, px: float) -> None:
    assert seen(css, body)["px"] == pytest.approx(px)


@pytest.mark.parametrize(
    "style",
    [
        "display: none",
        "visibility: hidden",
        "opacity: 0",
        "max-height: 0; overflow: hidden",
        "font-size: 1px",
    ],
)
def test_what_is_hidden_is_not_seen(style: str) -> None:
    (look,) = looks(f'<p style="{style}">x <a href="y">z</a></p><p>w</p>', (LIGHT,))
    assert [words.text for words in look.words] == ["w"]
    assert look.targets == ()


@pytest.mark.parametrize(
    ("css", "what"),
    [
        ("p { color: red }", []),
        ("p { -x-y: z; mso-hide: all; *zoom: 1 }", ["p"]),
        ("p { color red }", ["1"]),
        ("p {\n color: red;;\n margin 0 }", ["3"]),
        ("@media x {\n p { color: #12345 } }", ["2"]),
        ("p { color: var(--x) }", ["1"]),
        (".a > { margin: 0 }", ["1"]),
        ("p { margin: 0", ["1"]),
        ("p { margin: 0 }\n}", ["2"]),
        ("<!-- p { color: inherit } -->", []),
        ("@font-face { font-family: x }", []),
    ],
)
def test_faults_of_css(css: str, what: list[str]) -> None:
    found = list(faults(css))
    assert bool(found) == bool(what), found
    assert what in ([], ["p"]) or str(found[0].line) == what[0]


@hypothesis.settings(max_examples=40)
@given(st.text(max_size=200))
def test_any_css_is_read(css: str) -> None:
    list(faults(css))
    looks(f"<style>{css}</style><p style='{css}'>x</p>", SCREENS[:1])


RGB = st.tuples(*[st.floats(0, 1)] * 3)


@given(RGB, RGB)
def test_contrast_is_the_same_both_ways_and_within_bounds(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> None:
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21.0001
    assert contrast(one, one) == 1


def test_a_place_is_looked_for_in_the_templates_that_are_used() -> None:
    sources = {
        "a.html.j2": '{% extends "b.html.j2" %}\n{% block x %}<i class="late">{% endblock %}',
        "b.html.j2": '{% include "c.html.j2" %}\n<p class="late">',
        "c.html.j2": "<style>\n.a { }\n@media (prefers-color-scheme: dark) {\n.a { }\n}</style>",
        "unused.html.j2": ".late .other",
    }
    found = Templates("a", sources)
    assert found.line_of(".a") == "templates/c.html.j2:2"
    assert found.line_of(".a", dark=True) == "templates/c.html.j2:4"
    assert found.line_of("late") == "templates/a.html.j2:2"
    assert found.line_of(".other") == "templates/a.html.j2"
    assert found.line_of(".other", "<p ") == "templates/b.html.j2:2"
    assert Templates("gone", {}).line_of("x") == "templates/gone.html.j2"


WORDS = r"""
(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.data.replace(/\s+/g, " ").trim();
    const around = walk.currentNode.parentElement, style = getComputedStyle(around);
    if (!/[\p{L}\p{N}_]/u.test(text) || parseFloat(style.fontSize) <= 1) continue;
    if (!around.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    let behind = "", box = around;
    for (; box && !behind; box = box.parentElement) {
      const color = getComputedStyle(box).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") behind = color;
    }
    found.push([style.color, behind, parseFloat(style.fontSize)]);
  }
  return found;
})()
"""


def as_hex(color: str) -> str:
    """Return ``rgb(1, 2, 3)`` as people write it."""
    red, green, blue = (int(part) / 255 for part in color[4:-1].split(","))
    return written((red, green, blue))


if CHROMIUM:

    @pytest.mark.parametrize("template", [*TEMPLATES, "petit"])
    def test_colours_and_sizes_are_those_of_a_browser(template: str, tmp_path: Path) -> None:
        page = page_of(template)
        with browsing(tmp_path) as browser:
            browser.write(page)
            for look in looks(page):
                browser.look(width=look.screen.width, dark=look.screen.dark)
                ours = [
                    (written(w.style.color), written(w.style.background), w.style.font_px)
                    for w in look.words
                ]
                theirs = [(as_hex(c), as_hex(b), px) for c, b, px in browser.ask(WORDS)]
                assert len(ours) > 8
                assert sorted(ours) == sorted(theirs)
