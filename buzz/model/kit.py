"""The relay kit: what a blog may paste, in which length and in which language of markup."""

from dataclasses import dataclass
from enum import StrEnum

from buzz.model.campaign import Link, LinkId

SHORT_CHARS = 220  # of a short text: with a link it fits every network


class Markup(StrEnum):
    """What a text to paste is written in."""

    HTML = "html"
    MARKDOWN = "markdown"
    BBCODE = "bbcode"
    SPIP = "spip"
    DOTCLEAR = "dotclear"
    TEXT = "text"


class Length(StrEnum):
    """How much of it there is."""

    SHORT = "short"  # fits every network
    MEDIUM = "medium"  # a paragraph or two
    LONG = "long"  # all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One thing to pass on: a talking point, or the letter as a whole."""

    number: int  # of the talking point, from 1; 0: the letter as a whole
    title: str
    short: str  # plain text on one line
    medium: str  # clean HTML, whose addresses are those of the campaign
    long: str  # likewise
    link: LinkId | None  # where a reader is sent; None: the campaign wants nothing to be linked
    label: str  # of that link


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a campaign's readers may pass on, frozen with the letter; the same for every blog."""

    language: str  # of the campaign's own text
    sender: str  # by name, as it signs
    passages: tuple[Passage, ...]  # the letter as a whole, then its talking points in order
    hashtags: tuple[str, ...]
    links: tuple[Link, ...]  # every address in it, each with its id
