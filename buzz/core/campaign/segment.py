"""Who gets the letter: a small language of segments, over blogs with their places in the list.

::

    segment = either
    either  = both { "or" both }
    both    = one { "and" one }
    one     = "not" one | "(" either ")" | word
    word    = "all" | "listed" | "top:N" | "tag:T" | "federation:F" | "lang:L" | "blog:SLUG"
            | "relayed:CAMPAIGN"

Capitals make no difference. ``listed and (federation:75 or tag:climat) and not lang:en``;
``relayed:retraites and not relayed:logement``.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from buzz.core.text import slugify
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import Blog, BlogStatus

_TOKEN = re.compile(r"[()]|[^\s()]+")
_MAX_DEPTH = 50  # of parentheses and "not": nobody reads more, and Python's stack ends
_MAX_DIGITS = 9
_EXAMPLES = (
    "all · listed · top:200 · tag:climat · federation:75 · lang:fr · blog:SLUG · relayed:CAMPAIGN"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A blog and its place in the latest ranking."""

    blog: Blog
    rank: int | None = None  # None: never ranked
    listed: bool = False


Segment = Callable[[Candidate], bool]
Relayed = Mapping[str, Collection[str]]  # campaign -> slugs of the blogs that carried it on

_PLAIN: dict[str, Segment] = {
    "all": lambda _c: True,
    "listed": lambda c: c.listed,
}
_WITH_VALUE: dict[str, Callable[[str, Candidate], bool]] = {
    "top": lambda size, c: c.rank is not None and c.rank <= int(size),
    "tag": lambda tag, c: slugify(tag) in c.blog.tags,
    "federation": lambda number, c: c.blog.federation.lower() == number,
    "lang": lambda tag, c: c.blog.language.lower() == tag,
    "blog": lambda slug, c: c.blog.slug == slug,
}
_RELAYED = "relayed"


def parse_segment(text: str, relayed: Relayed | None = None) -> Segment:
    """Return what decides whether a candidate belongs to the segment.

    Args:
        text: the segment.
        relayed: who carried which campaign on, every campaign with an entry of its own; None:
            only the form is of interest, and nobody has relayed anything.

    Raises:
        CheckRefused: the text is no segment; the message says at which column and why.

    >>> wanted = parse_segment("lang:fr and not tag:satire")
    >>> wanted(Candidate(blog=Blog(slug="a", name="A", tags=("satire",))))
    False
    """
    return _Parser(text, relayed).segment()


def choose(segment: Segment, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return who is written to: in the segment, active, with an address, one per address.

    Two blogs of one address get one letter, that of the better rank. Best ranks come first, the
    unranked last, by slug.
    """
    chosen: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=_place):
        blog = candidate.blog
        if blog.status is BlogStatus.ACTIVE and blog.email and segment(candidate):
            chosen.setdefault(blog.email.casefold(), candidate)
    return tuple(chosen.values())


def _place(candidate: Candidate) -> tuple[float, str]:
    rank = float("inf") if candidate.rank is None else candidate.rank
    return rank, candidate.blog.slug


class _Parser:
    """A recursive descent over the words; one method a line of the grammar."""

    def __init__(self, text: str, relayed: Relayed | None) -> None:
        self._relayed = relayed
        self._tokens = [(m.group(), m.start() + 1) for m in _TOKEN.finditer(text)]
        self._next = 0
        self._depth = 0

    def segment(self) -> Segment:
        found = self._either()
        if self._next < len(self._tokens):
            raise self._unexpected()
        return found

    def _either(self) -> Segment:
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda c: any(part(c) for part in parts)

    def _both(self) -> Segment:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda c: all(part(c) for part in parts)

    def _one(self) -> Segment:
        if self._takes("not"):
            refused = self._inside(self._one)
            return lambda c: not refused(c)
        if self._takes("("):
            inside = self._inside(self._either)
            if not self._takes(")"):
                raise self._unexpected(_("a closing parenthesis"))
            return inside
        word, column = self._peek()
        if word.lower() in {"", "and", "or", ")"}:
            raise self._unexpected()
        self._next += 1
        name, colon, value = word.lower().partition(":")
        if name == _RELAYED and value:
            return _relayed(value, column, self._relayed)
        return _word(word, name + colon, value, column)

    def _inside(self, part: Callable[[], Segment]) -> Segment:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CheckRefused(
                _("the segment nests too deep"),
                remedy=_("wanted: {wanted}").format(wanted=_EXAMPLES),
            )
        found = part()
        self._depth -= 1
        return found

    def _peek(self) -> tuple[str, int]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", 0)

    def _takes(self, word: str) -> bool:
        taken = self._peek()[0].lower() == word
        self._next += taken
        return taken

    def _unexpected(self, wanted: str = "") -> CheckRefused:
        word, column = self._peek()
        found = (
            _("segment, column {column}: unexpected `{word}`").format(column=column, word=word)
            if word
            else _("the segment ends too early")
        )
        hint = _("wanted: {wanted}").format(wanted=wanted or _EXAMPLES)
        return CheckRefused(found, remedy=hint)


def _relayed(campaign: str, column: int, relayed: Relayed | None) -> Segment:
    """Return the decision of ``relayed:CAMPAIGN``."""
    if relayed is not None and campaign not in relayed:
        near = get_close_matches(campaign, relayed, n=1)
        raise CheckRefused(
            _("segment, column {column}: no campaign `{slug}` was checked or sent yet").format(
                column=column, slug=campaign
            ),
            remedy=_("did you mean `{near}`?").format(near=f"{_RELAYED}:{near[0]}")
            if near
            else _("see: buzz campaign list"),
        )
    carriers = frozenset((relayed or {}).get(campaign, ()))
    return lambda c: c.blog.slug in carriers


def _word(word: str, name: str, value: str, column: int) -> Segment:
    """Return the decision of one word, whose name has a colon where the word has one."""
    if name in _PLAIN:
        return _PLAIN[name]
    name = name.removesuffix(":")
    if name in _WITH_VALUE and value and (name != "top" or _is_size(value)):
        return partial(_WITH_VALUE[name], value)
    near = get_close_matches(name, (*_PLAIN, *_WITH_VALUE, _RELAYED), n=1)
    raise CheckRefused(
        _("segment, column {column}: `{word}` is no segment").format(column=column, word=word),
        remedy=_("did you mean `{near}`?").format(near=_usage(near[0]))
        if near
        else _("wanted: {wanted}").format(wanted=_EXAMPLES),
    )


def _is_size(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS


def _usage(name: str) -> str:
    return next(use for use in _EXAMPLES.split(" · ") if use.split(":")[0] == name)
