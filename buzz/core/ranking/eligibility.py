"""What counts: each fraud that a feed can try is one reason here, each honest habit is none.

A post's time is believed only as far back as its feed was not looked at (:class:`Post`), so that
who wrote a text first cannot be changed by dating a copy back.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from buzz.core.ranking import likeness
from buzz.core.ranking.posts import Post
from buzz.model import LeftOut

REPEAT_DAYS = 7  # one post of a title, and of a link, counts in so many days
OWN_COPY_DAYS = 60
COPY_MIN_LENGTH = 80  # visible characters: below, equal texts say nothing (two bare podcasts)
NOTICE_LENGTH = 240  # below, two blogs may announce one meeting in the same words,
NOTICE_DAYS = 30  # which is no fraud once in so many days
POST_TITLES = 2  # a link that more titles share is the address of a site, not of a post
_CROWD = 16  # texts with one key: it is a phrase of a template, and tells nothing


def eligible(posts: Sequence[Post]) -> tuple[LeftOut | None, ...]:
    """Return for each post why it does not count, or None where it does, in the given order.

    What the poll left out stays out. A text that another blog had before, or the blog itself in
    the last 60 days, give or take a sentence, is a near-copy. Of a blog's posts with one title or
    one link, one in 7 days counts.
    """
    marks = [post.left_out for post in posts]
    for index in _copies(posts):
        marks[index] = marks[index] or LeftOut.NEAR_COPY
    for group in _alike(posts, lambda post: post.title and (post.blog, folded(post.title))):
        _one_a_week(posts, group, marks, LeftOut.REPEATED_TITLE)
    for group in _alike(posts, lambda post: post.link and (post.blog, post.link)):
        if len({folded(posts[index].title) for index in group}) <= POST_TITLES:
            _one_a_week(posts, group, marks, LeftOut.REPEATED_LINK)
    return tuple(marks)


def folded(title: str) -> str:
    """Return a title as titles are compared."""
    return " ".join(title.casefold().split())


def _alike(posts: Sequence[Post], key: Callable[[Post], Hashable]) -> Iterator[list[int]]:
    """Yield the indices of posts that share a key, earliest first; a false key is no key."""
    keys = [key(post) for post in posts]
    shared = {key for key, times in Counter(keys).items() if key and times > 1}
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, own in enumerate(keys):
        if own in shared:
            groups[own].append(index)
    for group in groups.values():
        yield sorted(group, key=lambda i: _moment(posts[i]))


def _moment(post: Post) -> tuple[datetime, str, int]:
    return post.at, post.blog, post.id


def _one_a_week(
    posts: Sequence[Post], group: Sequence[int], marks: list[LeftOut | None], reason: LeftOut
) -> None:
    """Mark those of a group, earliest first, that repeat one that counts."""
    counted: date | None = None
    for index in group:
        if marks[index]:
            continue
        if counted and (posts[index].day - counted).days < REPEAT_DAYS:
            marks[index] = reason
        else:
            counted = posts[index].day


# --- copies -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Work:
    """A text that somebody wrote, in all the variants that were seen of it."""

    author: str  # slug of who had it first
    last: date  # on which the author last had it
    sketch: bytes


def _copies(posts: Sequence[Post]) -> Iterator[int]:
    """Yield the indices of the posts that are copies."""
    works = _Works()
    forgiven: dict[str, date] = {}  # by blog, the last notice that another had first
    for index in sorted(_suspects(posts), key=lambda n: _moment(posts[n])):
        post = posts[index]
        work = works.find(post)
        if work is None:
            works.add(post)
        elif work.author == post.blog:
            if (post.day - work.last).days <= OWN_COPY_DAYS:
                yield index
            work.last = post.day
        elif post.length >= NOTICE_LENGTH or _is_habit(forgiven.get(post.blog), post.day):
            yield index
        else:
            forgiven[post.blog] = post.day


def _suspects(posts: Sequence[Post]) -> list[int]:
    """Return the indices of the posts that share enough with another one to be looked at."""
    texts = [
        index
        for index, post in enumerate(posts)
        if post.length >= COPY_MIN_LENGTH and post.content_hash
    ]
    hashes = Counter(posts[index].content_hash for index in texts)
    keys = Counter(chain.from_iterable(likeness.keys(posts[index].sketch) for index in texts))
    return [
        index
        for index in texts
        if hashes[posts[index].content_hash] > 1
        or sum(keys[key] > 1 for key in likeness.keys(posts[index].sketch)) >= likeness.SHARED_KEYS
    ]


def _is_habit(before: date | None, day: date) -> bool:
    return before is not None and (day - before).days < NOTICE_DAYS


class _Works:
    """The texts seen so far, found again by their hash, or by what is left of them."""

    def __init__(self) -> None:
        self._by_hash: dict[str, _Work] = {}
        self._by_key: defaultdict[int, list[_Work]] = defaultdict(list)

    def find(self, post: Post) -> _Work | None:
        """Return the text that a post has, give or take a sentence, if it was seen before."""
        work = self._by_hash.get(post.content_hash)
        if work is None and post.sketch:
            work = self._near(post.sketch)
            if work is not None:
                self._by_hash[post.content_hash] = work
        return work

    def add(self, post: Post) -> None:
        """Remember a text that nobody had before."""
        work = _Work(post.blog, post.day, post.sketch)
        self._by_hash[post.content_hash] = work
        for key in likeness.keys(post.sketch):
            crowd = self._by_key[key]
            if len(crowd) < _CROWD:
                crowd.append(work)

    def _near(self, sketch: bytes) -> _Work | None:
        shared: Counter[int] = Counter()
        found: dict[int, _Work] = {}
        for key in likeness.keys(sketch):
            crowd = self._by_key.get(key, ())
            if len(crowd) < _CROWD:
                for work in crowd:
                    shared[id(work)] += 1
                    found[id(work)] = work
        for number, times in shared.items():
            if times >= likeness.SHARED_KEYS and likeness.alike(sketch, found[number].sketch):
                return found[number]
        return None
