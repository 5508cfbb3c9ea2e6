"""Evidence: the letter's passage and the post's passage side by side, words both have marked."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from buzz.core.relay.align import Chain
from buzz.core.relay.cues import Cue
from buzz.core.relay.message import Message
from buzz.core.relay.signals import COVERED, SURE, Voice
from buzz.core.relay.traces import Cover, Spot, Traces
from buzz.core.relay.words import Reading
from buzz.model import Evidence

MAX_PASSAGE = 400  # characters, cut between words
_ROOM = MAX_PASSAGE - 4  # without the ellipses at both ends
MAX_TEXTS = 6  # passages of text shown; the heaviest ones
MAX_CUES = 4  # cues of opposition shown
Pairs = tuple[tuple[int, int], ...]  # (word of the message, word of the post)
_SENTENCE_END = re.compile(r"[.!?…]+(?:\s*[»”\")])*\s+")


def evidence(message: Message, post: Reading, traces: Traces, voice: Voice) -> tuple[Evidence, ...]:
    """Return the evidence: links, text by weight, slogans, hashtags, names, then counter-cues."""
    return (
        *_links(message, post, traces, voice),
        *_texts(message, post, traces),
        *_phrases("slogan", traces.slogans, post),
        *_tags(post, traces),
        *_phrases("name", traces.names, post),
        *_stance(post, voice),
    )


def passage(text: str, start: int, end: int) -> str:
    """Return the sentences around ``text[start:end]``, at most ``MAX_PASSAGE`` characters.

    What is cut, is cut between words and shown by an ellipsis.
    """
    left = max(0, start - MAX_PASSAGE)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, left, start)]
    begin = ends[-1] if ends else left
    after = _SENTENCE_END.search(text, max(start, end - 1), min(len(text), end + MAX_PASSAGE))
    stop = after.end() if after else min(len(text), end + MAX_PASSAGE)
    is_whole = bool(ends) or not left, bool(after) or stop == len(text)
    if stop - begin > _ROOM:
        room = max(0, _ROOM - (end - start)) // 2
        fits = begin >= start - room, stop <= max(begin, start - room) + _ROOM
        begin = max(begin, start - room)
        stop = min(stop, begin + _ROOM)
        is_whole = is_whole[0] and fits[0], is_whole[1] and fits[1]
    return _between_words(text, begin, stop, is_whole)


def _between_words(text: str, begin: int, stop: int, is_whole: tuple[bool, bool]) -> str:
    """Return ``text[begin:stop]`` without words cut in two; ends that are cut get an ellipsis."""
    if begin and not text[begin - 1].isspace():
        begin = text.find(" ", begin, stop) + 1 or begin
    if stop < len(text) and not text[stop - 1].isspace() and not text[stop].isspace():
        space = text.rfind(" ", begin, stop)
        stop = space if space > begin else stop
    before, after = (
        "" if whole else mark for whole, mark in zip(is_whole, ("… ", " …"), strict=True)
    )
    return before + text[begin:stop].strip() + after


def _links(message: Message, post: Reading, traces: Traces, voice: Voice) -> Iterator[Evidence]:
    visible = {url: place for place, url in post.urls}
    calls = voice.near.get("call", ())
    for url in traces.links:
        if url in visible:
            around = passage(post.text, visible[url], visible[url] + len(url))
        elif calls:
            around = _around(post, calls[0].start, calls[0].end)
        else:
            around = ""
        ours = message.link(url)
        yield Evidence(kind="link", message=ours, post=around or url, shared=(url,))


def _texts(message: Message, post: Reading, traces: Traces) -> Iterator[Evidence]:
    """Give the heaviest run of each talking point, then windows without a run.

    What the post has of the letter's other text is shown where it is no chance.
    """
    runs = [run for chain in traces.chains for run in _runs(message, chain)]
    shown: set[int | None] = set()
    for mass, number, pairs in sorted(runs, key=lambda run: (-run[0], run[2])):
        if number in shown or len(shown) == MAX_TEXTS or (number is None and mass < SURE):
            continue
        shown.add(number)
        yield _text(message, post, pairs, number)
    for cover in traces.covers:
        if cover.share >= COVERED and cover.point.number not in shown and len(shown) < MAX_TEXTS:
            shown.add(cover.point.number)
            yield _window(post, cover)


def _runs(message: Message, chain: Chain) -> Iterator[tuple[float, int | None, Pairs]]:
    """Give (weight, talking point, pairs) of each stretch of a chain within one talking point."""
    for number, group in groupby(chain.pairs, key=lambda pair: message.point_at(pair[0])):
        pairs = tuple(group)
        mass = sum(message.weights[message.words[there].stem] for there, _here in pairs)
        if len(pairs) > 1:
            yield mass, number, pairs


def _text(message: Message, post: Reading, pairs: Pairs, number: int | None) -> Evidence:
    source, first, last = message.source(number)
    start = max(first, pairs[0][0])
    end = min(last, pairs[-1][0] + 1)
    theirs = _around(post, pairs[0][1], pairs[-1][1] + 1)
    return Evidence(
        kind="text",
        message=passage(source, message.words[start].start, message.words[end - 1].end),
        post=theirs,
        talking_point=number,
        shared=_written(post, (here for _there, here in pairs), theirs),
    )


def _window(post: Reading, cover: Cover) -> Evidence:
    places = (i for i in range(cover.start, cover.end) if post.words[i].stem in cover.point.stems)
    theirs = _around(post, cover.start, cover.end)
    return Evidence(
        kind="text",
        message=passage(cover.point.text, 0, 1),
        post=theirs,
        talking_point=cover.point.number,
        shared=_written(post, places, theirs),
    )


def _phrases(kind: str, spots: Sequence[Spot], post: Reading) -> Iterator[Evidence]:
    """Give the first place of each slogan or name."""
    shown: set[str] = set()
    for spot in sorted(spots, key=lambda spot: spot.start):
        if spot.phrase.text not in shown:
            shown.add(spot.phrase.text)
            yield Evidence(
                kind=kind,
                message=spot.phrase.text,
                post=_around(post, spot.start, spot.end),
                shared=(post.text[post.words[spot.start].start : post.words[spot.end - 1].end],),
            )


def _tags(post: Reading, traces: Traces) -> Iterator[Evidence]:
    shown: set[str] = set()
    for place, tag in traces.tags:
        if tag not in shown:
            shown.add(tag)
            written = post.text[place : place + len(tag) + 1]
            around = passage(post.text, place, place + len(tag))
            yield Evidence(kind="hashtag", message=f"#{tag}", post=around, shared=(written,))


def _stance(post: Reading, voice: Voice) -> Iterator[Evidence]:
    """Give what speaks against a relay, each sentence once."""
    cues: list[Cue] = [
        *voice.near.get("against", ()),
        *voice.near.get("addressed", ()),
        *voice.after,
    ]
    shown: dict[str, list[Cue]] = {}
    for cue in cues:
        shown.setdefault(_around(post, cue.start, cue.end), []).append(cue)
    for around, found in list(shown.items())[:MAX_CUES]:
        places = sorted({(cue.start, cue.end) for cue in found})
        yield Evidence(
            kind="stance",
            message="",
            post=around,
            shared=tuple(
                dict.fromkeys(
                    post.text[post.words[start].start : post.words[end - 1].end]
                    for start, end in places
                )
            ),
        )


def _around(post: Reading, start: int, end: int) -> str:
    return passage(post.text, post.words[start].start, post.words[end - 1].end)


def _written(post: Reading, places: Iterator[int], passage: str) -> tuple[str, ...]:
    """Return the words of a passage as the post writes them, each once, in its order."""
    written = (post.text[post.words[i].start : post.words[i].end] for i in places)
    return tuple(dict.fromkeys(word for word in written if word in passage))
