"""The picture of a passage: a card of 1200 x 630 pixels (Open Graph), and a badge for a sidebar.

Drawn from the passage alone, so the same passage always gives the same bytes. Letters are
Gelasio's, which is as wide as the Georgia of the letter and the pages; what it has no glyph for
(emoji, scripts other than Latin) is left out of the picture, never of the text beside it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape
from importlib.resources import files
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from buzz.core.text import first_sentences, printable
from buzz.model import Kit, Passage

WIDTH, HEIGHT = 1200, 630  # pixels: what Facebook, X, LinkedIn, Mastodon and Telegram show whole
MAX_CARDS = 64  # kept in memory, of some 40 KB each

_PAPER, _INK, _SOFT, _ACCENT, _GOLD = "#fffdf8", "#1d1b18", "#5a544b", "#a3122a", "#d9a441"
_MARGIN = 84
_BAR = 22  # at the left edge
_COLUMN = WIDTH - 2 * _MARGIN
_FOOT = 96  # of the sender's line, from the bottom
_TITLE_SIZES = range(88, 43, -4)
_TITLE_LINES = 4  # of the larger sizes
_TITLE_LEADING = 1.16  # times the size
_TEXT_SIZE, _TEXT_LINES, _TEXT_LEADING = 36, 3, 1.38
_GAP = 26
_SIGN_SIZE = 32
_TITLED = 240  # characters of a title; more are not read on a card
_QUOTED = 200  # of the text under it
_MISSING = "\U0010ffff"  # a noncharacter, which no font has
_NARROW = str.maketrans({"\u202f": "\u00a0"})


def card(kit: Kit, passage: Passage) -> bytes:
    """Return the card of a passage as PNG."""
    return _card(passage.title, passage.short, kit.sender, kit.hashtags[:2])


def badge(kit: Kit, words: str) -> str:
    """Return a badge as SVG: who is relayed, and that one does.

    Args:
        kit: of the campaign.
        words: what the badge says above the title, in the campaign's language.
    """
    title = printable(kit.passages[0].title)
    shown = _cut(title, _font("Bold", 17), 330)
    above = _cut(printable(words), _font("Regular", 13), 330)
    width = 44 + max(
        round(_font("Bold", 17).getlength(shown)), round(_font("Regular", 13).getlength(above))
    )

    def line(text: str, y: int, size: int, weight: int, color: str) -> str:
        font = _font("Bold" if weight > 400 else "Regular", size)  # noqa: PLR2004  (CSS: regular)
        return (
            f'<text x="26" y="{y}" font-size="{size}" font-weight="{weight}" fill="{color}" '
            f'textLength="{round(font.getlength(text))}">'
            f"{escape(text)}</text>"
        )

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="60" '
        f'viewBox="0 0 {width} 60" role="img" aria-label="{escape(f"{words} {title}")}" '
        "font-family=\"Georgia, Gelasio, 'Times New Roman', serif\">"
        f"<title>{escape(f'{words} {title}')}</title>"
        f'<rect x=".5" y=".5" width="{width - 1}" height="59" rx="8" fill="{_PAPER}" '
        f'stroke="#ddd5c5"/><path d="M8.5 1a7.5 7.5 0 0 0-7.5 7.5v43A7.5 7.5 0 0 0 8.5 59H11V1z" '
        f'fill="{_ACCENT}"/>'
        f"{line(above, 23, 13, 400, _SOFT)}{line(shown, 45, 17, 700, _INK)}</svg>\n"
    )


@dataclass(frozen=True, slots=True)
class _Style:
    """How lines are set."""

    font: ImageFont.FreeTypeFont
    color: str
    leading: float  # times the size

    @property
    def step(self) -> int:
        return round(self.font.size * self.leading)


@lru_cache(maxsize=MAX_CARDS)
def _card(title: str, text: str, sender: str, hashtags: tuple[str, ...]) -> bytes:
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _BAR, HEIGHT), fill=_ACCENT)
    draw.rectangle((_MARGIN, _MARGIN, _MARGIN + 64, _MARGIN + 5), fill=_GOLD)
    top, bottom = _MARGIN + 5 + _GAP, HEIGHT - _FOOT - _GAP - 18
    large, lines = _title(_drawable(first_sentences(title, _TITLED), "Bold"), bottom - top)
    small = _Style(_font("Regular", _TEXT_SIZE), _SOFT, _TEXT_LEADING)
    height = len(lines) * large.step
    quoted = _quoted(text.removeprefix(title).strip(), small, bottom - top - height - _GAP)
    if quoted:
        height += _GAP + len(quoted) * small.step
    top += max(0, (bottom - top - height) // 2)  # what room is left stands above and below
    top = _draw(draw, lines, large, top)
    _draw(draw, quoted, small, top + _GAP)
    _sign(draw, sender, hashtags)
    out = BytesIO()
    # Few colours: a quarter of the bytes, which a phone pays for.
    image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _title(text: str, height: int) -> tuple[_Style, list[str]]:
    """Return the largest letters in which the title fits, and its lines."""
    for size in _TITLE_SIZES:
        style = _Style(_font("Bold", size), _INK, _TITLE_LEADING)
        lines = _wrapped(text, style.font, _COLUMN)
        is_large = size > _TITLE_SIZES[len(_TITLE_SIZES) // 2]
        if len(lines) * style.step <= height and not (is_large and len(lines) > _TITLE_LINES):
            return style, _balanced(text, lines, style.font)
    lines = lines[: height // style.step]
    return style, [*lines[:-1], _cut(f"{lines[-1]}…", style.font, _COLUMN)]


def _quoted(text: str, style: _Style, height: int) -> list[str]:
    """Return the lines of as much of a text as fits, or none."""
    for chars in range(_QUOTED, _QUOTED // 4, -20):
        words = _drawable(first_sentences(text, chars), "Regular")
        lines = _wrapped(words, style.font, _COLUMN)
        if len(lines) <= _TEXT_LINES and len(lines) * style.step <= height:
            return lines
    return []


def _balanced(text: str, lines: list[str], font: ImageFont.FreeTypeFont) -> list[str]:
    """Return as many lines of a title, none much shorter than the others."""
    width = _COLUMN
    while len(lines) > 1:
        width -= 24
        narrower = _wrapped(text, font, width)
        if len(narrower) > len(lines) or max(map(font.getlength, narrower)) > width:
            break
        lines = narrower
    return lines


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Return the lines of a text, broken at ordinary spaces; a longer word is cut."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        elif word:
            lines.append(_cut(word, font, width))
    return lines


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Return as much of the text as is not wider, with an ellipsis where some is missing."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip(' …')}…"


def _draw(draw: ImageDraw.ImageDraw, lines: Sequence[str], style: _Style, top: int) -> int:
    """Draw lines, and return where the next one would stand."""
    for line in lines:
        draw.text((_MARGIN, top), line, font=style.font, fill=style.color)
        top += style.step
    return top


def _sign(draw: ImageDraw.ImageDraw, sender: str, hashtags: Sequence[str]) -> None:
    """Draw the last line: who says it, and under which hashtags."""
    bold, regular = _font("Bold", _SIGN_SIZE), _font("Regular", _SIGN_SIZE)
    top = HEIGHT - _FOOT
    draw.rectangle((_MARGIN, top - 18, WIDTH - _MARGIN, top - 17), fill="#ddd5c5")
    name = _cut(_drawable(sender, "Bold"), bold, _COLUMN)
    draw.text((_MARGIN, top), name, font=bold, fill=_INK)
    left = _COLUMN - bold.getlength(name) - 48
    tags = [_drawable(tag, "Regular") for tag in hashtags]
    while tags and regular.getlength(" ".join(tags)) > left:
        tags.pop()
    words = " ".join(tags)
    draw.text((WIDTH - _MARGIN - regular.getlength(words), top), words, font=regular, fill=_ACCENT)


# --- letters ------------------------------------------------------------------------------------


@cache
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    data = files(__package__).joinpath(f"fonts/Gelasio-{weight}.ttf").read_bytes()
    # Without HarfBuzz, which not every build of Pillow has: the same bytes everywhere.
    return ImageFont.truetype(BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


def _drawable(text: str, weight: str) -> str:
    """Return the text on one line, without what the font has no glyph for."""
    kept = "".join(_known(printable(text).translate(_NARROW), weight))
    return re.sub(" +", " ", kept).strip(" ")


def _known(text: str, weight: str) -> Iterator[str]:
    yield from (char for char in text if char.isspace() or _has_glyph(char, weight))


@lru_cache(maxsize=4096)
def _has_glyph(char: str, weight: str) -> bool:
    font = _font(weight, 24)
    return bytes(font.getmask(char)) != bytes(font.getmask(_MISSING))
