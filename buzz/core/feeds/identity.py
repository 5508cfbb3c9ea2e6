"""Which entries of a document are known already, though they may come under another id.

A guid is a promise that platforms break: of 115 ids in the history of one real feed 56 were old
posts after a change of permalinks, and one feed of ten posts went through forty ids in an hour. So
what has a new id is compared with the posts that the document no longer shows under theirs: by
link, text, title and date, each old post for one new entry at most. What is only called like an old
post is new: "Revue de presse" appears every week.

Decided from the document and the blog's stored posts alone; nothing here knows of a database.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import urlsplit

from buzz.core.text import folded
from buzz.core.urls import canonical
from buzz.model import Entry, LeftOut

MIN_TEXT = 80  # visible characters below which equal texts say nothing: two bare podcasts
MIN_SLUG = 5  # characters of a permalink's last part that can tell a post
SAME_DATE = timedelta(hours=36)  # a date that lost its time or its zone is still the same
RENAMED = timedelta(days=3)  # by so much a post that took another's place may differ in date
LATE = timedelta(days=7)  # a draft may lie so long before it appears under its first date
ALL_BUT = 0.8  # share of a document's titles that are old when the whole blog has moved


class Settled(NamedTuple):
    """A document's entries, each under the identity by which it is stored."""

    entries: tuple[Entry, ...]
    new: int  # how many of them are posts never seen before
    known: int
    had_posts: bool = False  # the blog had any before


@dataclass(frozen=True, slots=True)
class _Post:
    """An entry of the document or of the store, with what it is compared by."""

    entry: Entry
    page: str  # canonical link
    title: str  # folded
    text: str  # hash of a text long enough to tell; else empty
    slug: str
    at: datetime  # published, else first seen

    @classmethod
    def of(cls, entry: Entry) -> "_Post":
        page = canonical(entry.link)
        return cls(
            entry=entry,
            page=page,
            title=folded(entry.title),
            text=entry.content_hash if entry.length >= MIN_TEXT else "",
            slug=_slug(page),
            at=entry.published or entry.first_seen,
        )


class _Pair(NamedTuple):
    """An entry of the document that may be a stored post, and how much speaks for it."""

    weight: int
    apart: timedelta
    new: int  # index
    old: int  # index


def settle(entries: Sequence[Entry], stored: Iterable[Entry], since: datetime | None) -> Settled:
    """Return a document's entries under the identities by which the store knows them.

    Args:
        entries: of the document, in its order, identities distinct.
        stored: the blog's posts, without their texts, in any order.
        since: when the feed was last read before; None: never. What appears with a much
            earlier date was not there then: it is left out (``LeftOut.REDATED``, or ``BACKFILL``
            where it is older than all that is known).

    Returns:
        The entries in the same order, those of a known post once.
    """
    posts = {post.entry.identity: post for post in map(_Post.of, stored)}
    if not posts:  # a first poll: nothing to compare with
        fresh = entries if since is None else [replace(e, unseen_at=since) for e in entries]
        return Settled(tuple(fresh), new=len(fresh), known=0)
    document = [_Post.of(entry) for entry in entries]
    matched: dict[int, str] = {}
    for index, post in enumerate(document):
        known = posts.get(post.entry.identity)
        if known is not None and not _is_another(post, known):
            matched[index] = known.entry.identity
    loose = [index for index in range(len(document)) if index not in matched]
    if loose and posts:
        matched |= _second_keys(document, loose, matched, posts)
    return _settled(document, matched, posts, since)


def _settled(
    document: Sequence[_Post],
    matched: Mapping[int, str],
    posts: Mapping[str, _Post],
    since: datetime | None,
) -> Settled:
    oldest = min((post.at for post in posts.values()), default=None)
    settled: dict[str, Entry] = {}
    for index, post in enumerate(document):
        entry = post.entry
        identity = matched.get(index)
        if identity is not None:
            settled.setdefault(identity, replace(entry, identity=identity))
            continue
        if entry.identity in posts:  # a guid that was given to another post
            entry = replace(entry, identity=_own_identity(post))
        late = _late(entry, since, oldest)
        settled.setdefault(
            entry.identity, replace(entry, left_out=late or entry.left_out, unseen_at=since)
        )
    known = len(set(matched.values()))
    return Settled(tuple(settled.values()), len(settled) - known, known, bool(posts))


def _is_another(post: _Post, known: _Post) -> bool:
    """Tell whether an id was given to another post: nothing else is the same, and it is later.

    Templates number their posts from the top, so that "1" is always the newest.
    """
    return (
        _differ(post.title, known.title)
        and _differ(post.page, known.page)
        and post.entry.content_hash != known.entry.content_hash
        and abs(post.at - known.at) > SAME_DATE
    )


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _own_identity(post: _Post) -> str:
    words = f"{post.entry.identity}\n{post.page}\n{post.title}\n{post.entry.day}"
    return "hash:" + blake2b(words.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _late(entry: Entry, since: datetime | None, oldest: datetime | None) -> LeftOut | None:
    """Return why a new entry counts for nothing whose date says that it should have been seen."""
    if since is None or oldest is None or entry.published is None:
        return None
    if entry.published >= since - LATE:
        return None
    return LeftOut.BACKFILL if entry.published < oldest else LeftOut.REDATED


# --- second keys ------------------------------------------------------------------------------


def _second_keys(
    document: Sequence[_Post],
    loose: Sequence[int],
    matched: Mapping[int, str],
    posts: Mapping[str, _Post],
) -> dict[int, str]:
    """Return which stored post each loose entry is, where it is one; no post for two entries."""
    shown = set(matched.values())
    absent = [post for identity, post in posts.items() if identity not in shown]
    fresh = [document[index] for index in loose]
    if not absent:
        return {}
    scene = _Scene.of(document, fresh, absent, [posts[identity] for identity in shown])
    found: dict[int, str] = {}
    taken: set[int] = set()
    for pair in sorted(scene.pairs()):
        index = loose[pair.new]
        if index not in found and pair.old not in taken:
            found[index] = absent[pair.old].entry.identity
            taken.add(pair.old)
    return found


@dataclass(frozen=True, slots=True)
class _Scene:
    """The loose entries of a document, and the stored posts that it does not show."""

    fresh: Sequence[_Post]
    absent: Sequence[_Post]
    links: frozenset[str]  # that stand for one post each
    titles: frozenset[str]  # that stand for one post each
    is_whole: bool  # no entry has kept its id: all of the document may have changed
    border: datetime | None  # what is older has left the document at its end

    @classmethod
    def of(
        cls,
        document: Sequence[_Post],
        fresh: Sequence[_Post],
        absent: Sequence[_Post],
        shown: Sequence[_Post],
    ) -> "_Scene":
        newest = sorted((post.at for post in shown or absent), reverse=True)[: len(document)]
        return cls(
            fresh=fresh,
            absent=absent,
            links=_single(fresh, lambda p: p.page) & _single((*absent, *shown), lambda p: p.page),
            titles=_single(document, lambda p: p.title)
            & _single((*absent, *shown), lambda p: p.title),
            is_whole=not shown,
            border=newest[-1] if newest else None,
        )

    def pairs(self) -> Iterator[_Pair]:
        """Yield the pairs that may be one post, unsorted; the heaviest sorts first."""
        weak: list[_Pair] = []
        kept: set[int] = set()  # entries that are old posts, with their old title and date
        redated: set[int] = set()  # with their old title only
        for new, old in set(self._candidates()):
            post, known = self.fresh[new], self.absent[old]
            apart = abs(post.at - known.at)
            weight = self._weight(post, known, apart)
            if weight:
                yield _Pair(-weight, apart, new, old)
            if post.title and post.title == known.title:
                if weight:
                    (kept if apart <= SAME_DATE else redated).add(new)
                elif self._may_be_here(known):
                    weak.append(_Pair(0, apart, new, old))
        if self.is_whole and self._costs_dates(kept, redated - kept, weak):
            yield from weak

    def _costs_dates(self, kept: set[int], redated: set[int], weak: Sequence[_Pair]) -> bool:
        """Tell whether the whole blog has moved, and the move has cost the posts their dates.

        Then, and only then, a title is enough: most of the others are old by their texts, or
        nearly all titles of the document are old ones that no two posts share.
        """
        if len(redated) >= max(2, len(kept) + 1, len(weak) / 2):
            return True
        titled = kept | redated | {pair.new for pair in weak}
        single = {new for new in titled if self.fresh[new].title in self.titles}
        return len(single) >= max(3, ALL_BUT * len(self.fresh)) and len(kept) <= len(single) / 2

    def _candidates(self) -> Iterator[tuple[int, int]]:
        keys: tuple[Callable[[_Post], Hashable], ...] = (
            lambda post: post.page if post.page in self.links else "",
            lambda post: post.title,
            lambda post: post.text,
            lambda post: post.slug,
        )
        for key in keys:
            where: defaultdict[Hashable, list[int]] = defaultdict(list)
            for old, post in enumerate(self.absent):
                if value := key(post):
                    where[value].append(old)
            for new, post in enumerate(self.fresh):
                for old in where.get(key(post), ()):
                    yield new, old

    def _weight(self, post: _Post, known: _Post, apart: timedelta) -> int:
        """Return how sure it is that an entry is a stored post; 0: it is another one."""
        title = bool(post.title) and post.title == known.title
        text = bool(post.text) and post.text == known.text
        words = post.entry.content_hash
        same_words = bool(words) and words == known.entry.content_hash
        link = post.page in self.links and post.page == known.page
        slug = bool(post.slug) and post.slug == known.slug
        dated = bool(post.entry.published and known.entry.published)
        moment = dated and apart == timedelta()
        rules = (
            (6, link and (title or text)),
            (5, title and text and moment),
            (4, link and not _is_later_other(post, known, apart)),
            (4, title and moment),
            (3, title and (text or (same_words and self._may_be_here(known)))),
            (3, text and (slug or moment)),
            (2, slug and moment),
            (2, title and self._may_be_here(known) and self._is_same_day(post, known, apart)),
        )
        return max(weight for weight, holds in (*rules, (0, True)) if holds)

    def _is_same_day(self, post: _Post, known: _Post, apart: timedelta) -> bool:
        """Tell whether two posts with one title have one date, as far as they have dates."""
        dated = bool(post.entry.published and known.entry.published)
        near = apart <= (SAME_DATE if self.is_whole else RENAMED)
        return post.title in self.titles and (near or not dated)

    def _may_be_here(self, known: _Post) -> bool:
        """Tell whether a stored post should still be in the document, if under another id.

        One that is older than all that the document shows has left it at its end.
        """
        return self.border is None or known.at >= self.border


def _is_later_other(post: _Post, known: _Post, apart: timedelta) -> bool:
    """Tell whether an address was given to another post: a page that is written anew each day."""
    return (
        _differ(post.title, known.title)
        and post.entry.content_hash != known.entry.content_hash
        and apart > SAME_DATE
    )


def _single(posts: Iterable[_Post], key: Callable[[_Post], str]) -> frozenset[str]:
    """Return the keys that one post each has."""
    counts = Counter(map(key, posts))
    return frozenset(value for value, times in counts.items() if value and times == 1)


def _slug(page: str) -> str:
    """Return the last part of a permalink without its ending, or nothing where it tells little."""
    last = urlsplit(page).path.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    return last if len(last) >= MIN_SLUG and not last.isdigit() else ""
