"""What may be passed on of a campaign: each talking point, and the letter as a whole.

Three lengths are chosen here once and frozen with the letter. The whole is made of what a
campaign says to everybody (its first slogan, its talking points), not of what it says to those
who get the letter (introduction, preheader).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from buzz.core.kit import document
from buzz.core.kit.document import (
    Block,
    Heading,
    Item,
    Items,
    Kind,
    Paragraph,
    Piece,
    line_of,
    read,
)
from buzz.core.kit.wikis import Dotclear, Markdown, Spip
from buzz.core.kit.writing import BBCode, Html, Writer, portable
from buzz.core.text import first_sentences
from buzz.model import Campaign, Kit, Length, Link, LinkId, Markup, Passage, TalkingPoint
from buzz.model.kit import SHORT_CHARS

_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")  # what stands there for one recipient
MEDIUM_CHARS = 600  # of a medium text: what is read without scrolling on a phone

WRITERS: Mapping[Markup, Writer] = {
    Markup.HTML: Html(),
    Markup.MARKDOWN: Markdown(),
    Markup.BBCODE: BBCode(),
    Markup.SPIP: Spip(),
    Markup.DOTCLEAR: Dotclear(),
    Markup.TEXT: Writer(),
}


@dataclass(frozen=True, slots=True)
class _Call:
    """Where the reader of a passage is sent, and in which words."""

    url: str
    label: str

    @property
    def block(self) -> Paragraph:
        return Paragraph((Piece(self.label, Kind.LINK, self.url),))


def kit_of(campaign: Campaign, *, sender: str, links: Sequence[Link]) -> Kit:
    """Return the campaign's kit.

    Args:
        campaign: in one language.
        sender: by name, as it signs.
        links: one for each address of the campaign, its own first: their order decides where a
            talking point without a link of its own leads.
    """
    ids = {link.url: link.id for link in links}
    points = [(point, read(_said(point.html))) for point in campaign.talking_points]
    labels = dict(reversed([label for _point, blocks in points for label in _labels(blocks)]))

    def call(blocks: Sequence[Block], title: str) -> _Call | None:
        url = next((url for url in (*document.urls_of(blocks), *ids) if url in ids), "")
        return _Call(url, labels.get(url, title)) if url else None

    def passage(
        number: int, title: str, texts: tuple[str, list[Block], list[Block]], to: _Call | None
    ) -> Passage:
        short, medium, long = texts
        return Passage(
            number=number,
            title=title,
            short=short,
            medium=_html(medium, to),
            long=_html([Heading(title), *long], to),
            link=ids[to.url] if to else None,
            label=to.label if to else "",
        )

    titles = [_plain(point.title) for point, _blocks in points]
    title = next(filter(None, map(_plain, (*campaign.slogans, campaign.subject))), "")
    return Kit(
        language=campaign.language,
        sender=sender,
        passages=(
            passage(0, title, _whole(title, titles, points), call((), title)),
            *(
                passage(point.number, name, _of_point(point, blocks), call(blocks, name))
                for name, (point, blocks) in zip(titles, points, strict=True)
            ),
        ),
        hashtags=campaign.hashtags,
        links=tuple(links),
    )


def text_to_paste(
    kit: Kit,
    passage: Passage,
    markup: Markup,
    length: Length,
    relays: Mapping[LinkId, str],
) -> str:
    """Return a text of the kit, ready to paste.

    Args:
        kit: of the campaign.
        passage: one of its passages.
        markup: what the text is to be written in.
        length: how much of it.
        relays: a blog's own address for each link.
    """
    writer = WRITERS[markup]
    relay = "" if passage.link is None else relays[passage.link]
    tags = " ".join(kit.hashtags)
    if length is Length.SHORT:
        words = line_of([Piece(" ".join(filter(None, (passage.short, tags))))])
        if markup is Markup.TEXT:  # networks show the address itself, and a card of it
            return "\n".join(filter(None, (document.text_of(words), relay)))
        call = [_Call(relay, passage.label).block] if relay else []
        return writer.write([Paragraph(words), *call])
    own = {portable(link.url): relays[link.id] for link in kit.links}
    blocks = read(passage.medium if length is Length.MEDIUM else passage.long)
    return writer.write(document.mapped(blocks, lambda url: own.get(portable(url), url)))


def alt_text(passage: Passage) -> str:
    """Return what a passage's card says, for those who do not see it."""
    return f"{_sentence(passage.title)} {passage.short.removeprefix(passage.title).strip()}".strip()


# --- the three lengths --------------------------------------------------------------------------


def _whole(
    title: str, titles: Sequence[str], points: Sequence[tuple[TalkingPoint, Sequence[Block]]]
) -> tuple[str, list[Block], list[Block]]:
    sentences = map(_sentence, (title, *titles))
    items = Items(tuple(Item((Piece(text),)) for text in titles))
    long: list[Block] = []
    for name, (_point, blocks) in zip(titles, points, strict=True):
        long += [Heading(name), *blocks]
    return (
        first_sentences(" ".join(sentences), SHORT_CHARS),
        [Paragraph((Piece(title),)), items],
        long,
    )


def _of_point(point: TalkingPoint, blocks: Sequence[Block]) -> tuple[str, list[Block], list[Block]]:
    return first_sentences(_plain(point.text), SHORT_CHARS), list(_beginning(blocks)), list(blocks)


def _beginning(blocks: Sequence[Block]) -> Iterator[Block]:
    """Return the first blocks, as many as fit, without those that are but a link."""
    left = MEDIUM_CHARS
    for block in blocks:
        lines = tuple(document.lines_of((block,)))
        if all(piece.kind is Kind.LINK for line in lines for piece in line):
            continue
        text = "\n".join(map(document.text_of, lines))
        if len(text) > left:
            if left == MEDIUM_CHARS:
                yield Paragraph(line_of([Piece(first_sentences(text, MEDIUM_CHARS))]))
            return
        left -= len(text)
        yield block


def _html(blocks: Sequence[Block], call: _Call | None) -> str:
    """Return blocks as HTML, the call at their end where they do not link there themselves."""
    if call and call.url not in document.urls_of(blocks):
        blocks = [*blocks, call.block]
    return WRITERS[Markup.HTML].write(blocks)


def _labels(blocks: Sequence[Block]) -> Iterator[tuple[str, str]]:
    for line in document.lines_of(blocks):
        yield from ((piece.url, piece.text) for piece in line if piece.kind is Kind.LINK)


def _plain(text: str) -> str:
    return document.text_of(line_of([Piece(_said(text))]))


def _sentence(text: str) -> str:
    return text if text[-1:] in ".!?…»" else f"{text}."


def _said(text: str) -> str:
    """Return the text as it is said to everybody."""
    return _VARIABLE.sub("", text)
