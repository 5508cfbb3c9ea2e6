"""Discovery's day: a blog's feed and author, and the sites that listed blogs point to.

Nothing found here is stored by itself: ``look`` and ``candidates`` return suggestions, ``plan`` is
what a person's yes makes of one. An e-mail address is stored only where the person names it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from buzz.config import Settings
from buzz.core import discovery, feeds
from buzz.core.discovery import Neighbour, Outlink, Page
from buzz.core.text import is_slug, one_line
from buzz.core.urls import canonical, host
from buzz.edges.fetch import Fetcher
from buzz.edges.parser import Document, Parsers
from buzz.edges.store import Store, blogs, holds, outlinks, rankings
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.model import Blog, BlogStatus, FetchOutcome, FetchResult
from buzz.pipeline import registry
from buzz.pipeline.registry import Plan

MEMORY = timedelta(days=365)  # links of older posts tell of another time
_CONTACT_PAGES = 1  # asked where the home page names no address

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One address where a feed was looked for."""

    url: str
    reason: str  # why it is none: a code; empty: it is the feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An e-mail address, and the page on which it stands for everybody."""

    address: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What was found of one blog. Nothing of it is stored."""

    url: str  # the page that was asked, after redirects
    blog: str = ""  # slug, where the registry has it
    name: str = ""
    language: str = ""
    feed_url: str = ""  # empty: none found
    feed_title: str = ""
    tried: tuple[Tried, ...] = ()  # in the order of asking
    emails: tuple[Mail, ...] = ()
    contacts: tuple[str, ...] = ()  # pages that may name the author
    reason: str = ""  # why the page could not be read: a code; empty: it could


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The sites that listed blogs point to, and what this rests on."""

    blogs: int  # whose links were read
    pages: int  # home pages read
    failed: int  # home pages that could not be read
    links: int
    neighbours: tuple[Neighbour, ...]


@contextmanager
def _silent(_total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _n: None


# --- one blog ---------------------------------------------------------------------------------


def look(settings: Settings, store: Store, what: str, now: datetime) -> Suggestion:
    """Return what can be found of one blog: few requests, the first feed ends the search.

    Args:
        settings: the workspace's.
        store: its database.
        what: a blog's slug, or the address of a page; without scheme, https.
        now: aware UTC.

    Raises:
        UsageError: no such blog, or it has no address.
    """
    with store.read() as tx:
        everything = blogs.all_blogs(tx)
        if is_slug(what):
            blog: Blog | None = (own := registry.find(tx, what))
            address = own.url or own.feed_url
        else:
            address = what if "://" in what else f"https://{what}"
            known = {canonical(b.url or b.feed_url): b for b in reversed(everything)}
            by_feed = {canonical(b.feed_url): b for b in everything if b.feed_url}
            blog = known.get(canonical(address)) or by_feed.get(canonical(address))
        held = holds.at(tx, now)
    search = _Search(settings, now, {name: until - now for name, until in held.items()})
    return asyncio.run(search.run(address, blog))


def plan(
    settings: Settings, store: Store, found: Suggestion, *, name: str = "", email: str = ""
) -> Plan:
    """Return what storing a suggestion would change: a blog's feed, or a new blog.

    Args:
        settings: the workspace's.
        store: its database.
        found: the suggestion.
        name: of a new blog; else what its pages say.
        email: one of the addresses that were found; only this one is stored.

    Raises:
        UsageError: that address was not found.
        CheckRefused: the registry cannot take it.
    """
    cells = {"feed_url": found.feed_url} if found.feed_url else {}
    if email:
        cells |= _mail_cells(found, email)
    if found.blog:
        return registry.plan_edit(settings, store, found.blog, cells)
    own = {"name": name or found.name or host(found.url), "url": found.url}
    if found.language:
        own["language"] = found.language
    return registry.plan_add(settings, store, own | cells)


def _mail_cells(found: Suggestion, email: str) -> dict[str, str]:
    for mail in found.emails:
        if mail.address.casefold() == email.casefold():
            return {"email": mail.address, "source": mail.page}
    raise UsageError(
        _("{email} does not stand on the pages that were read").format(email=email),
        remedy=_("give it by hand: buzz blogs edit SLUG --email {email}").format(email=email),
    )


class _Search:
    """One search for a feed, on one set of connections."""

    def __init__(self, settings: Settings, now: datetime, held: dict[str, timedelta]) -> None:
        self._settings = settings
        self._now = now
        self._held = held
        self._tried: list[Tried] = []

    async def run(self, address: str, blog: Blog | None) -> Suggestion:
        """Return what is found, starting from an address."""
        async with (
            _fetcher(self._settings, self._held) as self._fetcher,
            Parsers(processes=1) as self._parsers,
        ):
            result = await self._fetcher.fetch(address)
            if not result.status:
                reason = feeds.failure(result, None) or "held"
                return Suggestion(url=address, blog=blog.slug if blog else "", reason=reason)
            title = await self._feed_title(result)
            if title is not None:
                return self._found(_bare(result), blog, result.final_url, title)
            page = discovery.read_page(result.body, result.final_url, result.content_type)
            feed, title = await self._feed(page)
            mails = await self._mails(page)
            return self._found(page, blog, feed, title, mails)

    def _found(
        self,
        page: Page,
        blog: Blog | None,
        feed: str,
        feed_title: str,
        mails: Sequence[Mail] = (),
    ) -> Suggestion:
        return Suggestion(
            url=page.url,
            blog=blog.slug if blog else "",
            name=blog.name if blog else one_line(feed_title or page.title),
            language=page.language,
            feed_url=feed,
            feed_title=feed_title,
            tried=tuple(self._tried),
            emails=tuple(mails),
            contacts=page.contacts,
        )

    async def _feed(self, page: Page) -> tuple[str, str]:
        """Return the first address at which there is a feed, and its title."""
        for address in discovery.feed_addresses(page):
            result = await self._fetcher.fetch(address)
            title = await self._feed_title(result)
            if title is not None:
                return result.final_url, title
            if result.outcome is FetchOutcome.HELD:
                break
        return "", ""

    async def _feed_title(self, result: FetchResult) -> str | None:
        """Return the title of the feed that came, or None: it is none."""
        reason = feeds.failure(result, None)
        title = None
        if result.outcome is FetchOutcome.HELD:
            reason = "held"
        elif not reason:
            parsed = await self._parsers.parse(
                Document(
                    blog="",
                    url=result.final_url,
                    content_type=result.content_type,
                    body=result.body,
                    now=self._now,
                    first=True,
                )
            )
            reason, title = parsed.error, None if parsed.error else parsed.title
        self._tried.append(Tried(url=result.url, reason=reason))
        return title

    async def _mails(self, page: Page) -> list[Mail]:
        """Return the addresses of a page, or else of the page it names for contact."""
        found = [Mail(address=address, page=page.url) for address in page.emails]
        for contact in page.contacts[:_CONTACT_PAGES] if not found else ():
            result = await self._fetcher.fetch(contact)
            there = discovery.read_page(result.body, result.final_url, result.content_type)
            found += [Mail(address=address, page=there.url) for address in there.emails]
        return found


def _bare(feed: FetchResult) -> Page:
    """Return the page of a feed whose page nobody has seen: the root of its host."""
    scheme, _colon, rest = feed.final_url.partition("://")
    return Page(url=f"{scheme}://{rest.partition('/')[0]}/")


def _fetcher(settings: Settings, held: dict[str, timedelta]) -> Fetcher:
    poll = settings.poll
    return Fetcher(
        user_agent=settings.user_agent,
        concurrency=poll.concurrency,
        timeout_s=poll.timeout_s,
        max_bytes=poll.max_bytes,
        allow_networks=poll.allow_networks,
        pause_s=poll.host_pause_s,
        holds=held,
    )


# --- neighbours -------------------------------------------------------------------------------


def candidates(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    offline: bool = False,
    least: int = 2,
    progress: Progress = _silent,
) -> Candidates:
    """Return the sites outside the registry that at least so many listed blogs point to.

    Where nothing was ranked yet, all active blogs count as listed.

    Args:
        settings: the workspace's.
        store: its database.
        now: aware UTC; posts of the last year are read.
        offline: only stored posts are read; no home page is asked.
        least: of blogs.
        progress: called with the number of pages; gives what to call with each step.
    """
    with store.read() as tx:
        everything = blogs.all_blogs(tx)
        ranking = rankings.latest(tx)
        listed = {ranked.slug for ranked in ranking.blogs if ranked.listed} if ranking else None
        chosen = {
            blog.slug: blog
            for blog in everything
            if blog.status is BlogStatus.ACTIVE and (listed is None or blog.slug in listed)
        }
        rows = outlinks.since(tx, (now - MEMORY).date(), chosen)
        links = [Outlink(blog=blog, page=page, target=target) for blog, page, target in rows]
        held = holds.at(tx, now)
    homes = {} if offline else {blog.url: blog.slug for blog in chosen.values() if blog.url}
    waits = {name: until - now for name, until in held.items()}
    with progress(len(homes)) as advance:
        rolls, failed = asyncio.run(_rolls(settings, homes, waits, advance))
    links += rolls
    return Candidates(
        blogs=len(chosen),
        pages=len(homes) - failed,
        failed=failed,
        links=len(links),
        neighbours=discovery.neighbours(
            links,
            known=[address for blog in everything for address in (blog.url, blog.feed_url)],
            own=_own_hosts(settings),
            least=least,
        ),
    )


async def _rolls(
    settings: Settings,
    homes: dict[str, str],
    held: dict[str, timedelta],
    advance: Callable[[int], None],
) -> tuple[list[Outlink], int]:
    """Return the links of home pages, and how many pages could not be read."""
    async with _fetcher(settings, held) as fetcher:

        async def read(url: str, slug: str) -> list[Outlink] | None:
            result = await fetcher.fetch(url)
            advance(1)
            if result.outcome is not FetchOutcome.FETCHED:
                return None
            page = discovery.read_page(result.body, result.final_url, result.content_type)
            return [Outlink(blog=slug, page=page.url, target=t, in_roll=True) for t in page.links]

        pages = await asyncio.gather(*(read(url, slug) for url, slug in homes.items()))
    read_pages = [page for page in pages if page is not None]
    return [link for page in read_pages for link in page], len(pages) - len(read_pages)


def _own_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the desk's own domains: the sender's, and the one its letters link to."""
    sender = parseaddr(settings.sender.from_)[1].rpartition("@")[2].lower()
    return tuple(filter(None, (sender, host(settings.web.base_url))))
