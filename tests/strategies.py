"""Hypothesis strategies: values as the registry, feeds and letters hold them."""

import string
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from buzz.core.text import slugify
from buzz.model import Blog, BlogStatus, Consent, Ground

_FIRST = datetime(2005, 1, 1, tzinfo=UTC)
_TYPED = " abcXYZ0189éàçœŒßñ€«»\u2019\u00a0\u200b'\"`;,.:=+-@#&<>{}|\\/%日本\u0627😀\u0301"
_LETTERS = string.ascii_lowercase + string.digits


def texts(max_size: int = 60) -> st.SearchStrategy[str]:
    """One line as a person may type it, stripped: accents, quotes, separators, formulas."""
    return st.text(_TYPED, max_size=max_size).map(str.strip)


def slugs() -> st.SearchStrategy[str]:
    """What :func:`buzz.core.text.is_slug` accepts."""
    first = st.sampled_from(_LETTERS)
    return st.builds(str.__add__, first, st.text(_LETTERS + "-", max_size=63))


def hosts() -> st.SearchStrategy[str]:
    """Reserved host names (RFC 2606)."""
    return st.text(_LETTERS, min_size=1, max_size=20).map(lambda label: f"{label}.example")


def urls() -> st.SearchStrategy[str]:
    """Web addresses."""
    paths = st.sampled_from(["", "feed/", "rss", "spip.php?page=backend", "?feed=rss2", "é/à"])
    schemes = st.sampled_from(["http", "https"])
    return st.builds(
        lambda scheme, host, path: f"{scheme}://{host}/{path}", schemes, hosts(), paths
    )


def emails() -> st.SearchStrategy[str]:
    """Addresses on reserved names."""
    local = st.text(_LETTERS + "ABC_+-", min_size=1, max_size=20)
    return st.builds(lambda name, host: f"{name}@{host}", local, hosts())


def moments() -> st.SearchStrategy[datetime]:
    """Aware UTC times from 2005 to 2035, to the microsecond."""
    return st.timedeltas(timedelta(), timedelta(days=30 * 365)).map(_FIRST.__add__)


@st.composite
def blogs(draw: st.DrawFn) -> Blog:
    """One blog, as valid as a registry holds it."""
    url, feed_url = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    tags = draw(st.lists(texts(12).map(slugify).filter(bool), max_size=4))
    lines = st.lists(texts(20), max_size=3).map(lambda parts: "\n".join(parts).strip())
    return Blog(
        slug=draw(slugs()),
        name=draw(texts().filter(bool)),
        url=draw(urls()) if url else "",
        feed_url=draw(urls()) if feed_url else "",
        email=draw(st.just("") | emails()),
        language=draw(st.sampled_from(["fr", "br", "oc", "eu", "en", "gcf", "fr-CA"])),
        federation=draw(st.sampled_from(["", "75", "2A", "974", "loire-nord"])),
        tags=tuple(sorted(set(tags))),
        status=draw(st.sampled_from(BlogStatus)),
        consent_open=draw(st.sampled_from(Consent)),
        consent_click=draw(st.sampled_from(Consent)),
        notice_at=draw(st.none() | st.dates(date(2000, 1, 1), date(2040, 1, 1))),
        source=draw(texts()),
        note=draw(lines),
        ground=draw(st.none() | st.sampled_from(Ground)),
        evidence=draw(texts()),
    )


def registries(max_size: int = 12) -> st.SearchStrategy[tuple[Blog, ...]]:
    """Some blogs with distinct slugs, by slug."""
    return st.lists(blogs(), max_size=max_size, unique_by=lambda blog: blog.slug).map(
        lambda found: tuple(sorted(found, key=lambda blog: blog.slug))
    )
