"""Probing: the links of a letter are asked whether they answer, once a day, before it goes out.

The letter's own addresses are asked, never the tracked ones that stand in for them: a check must
not count as a reader. An address that answered is left alone for a day; one that did not is asked
at each check, since somebody may have mended it. What the product serves itself is not asked.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core import letter, urls
from buzz.edges.fetch import Fetcher, is_reserved_name
from buzz.edges.store import Store, checks
from buzz.model import Campaign, FetchOutcome, FetchResult, Probe

REMEMBERED = timedelta(days=1)
CONCURRENCY = 20
TIMEOUT_S = 10.0  # for one address, redirects included
ALL_S = 45.0  # for all of them: a check is waited for
PAUSE_S = 0.2  # between two starts at one host
MOST = 200  # links; more is no letter

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@contextmanager
def silent(_total: int) -> Iterator[Callable[[int], None]]:
    """Show no progress."""
    yield lambda _n: None


def known(settings: Settings, store: Store, campaign: Campaign, now: datetime) -> tuple[Probe, ...]:
    """Return what is known of the campaign's links without asking anybody."""
    wanted = _links(settings, campaign)
    with store.read() as tx:
        found = checks.probes(tx, campaign.slug, now - REMEMBERED)
    examples = (Probe(url=u, at=now, error=core.RESERVED) for u in wanted if _is_example(u))
    return (*examples, *(probe for probe in found if probe.url in wanted))


def ask(
    settings: Settings,
    store: Store,
    campaign: Campaign,
    now: datetime,
    progress: Progress = silent,
) -> tuple[Probe, ...]:
    """Ask the links that are not known to answer, keep what they say, and return what is known.

    Args:
        settings: the workspace's.
        store: its database; the campaign's links are in it.
        campaign: whose letter it is.
        now: aware UTC.
        progress: called with the number of links that are asked; gives what to call for each.
    """
    before = {probe.url: probe for probe in known(settings, store, campaign, now)}
    due = [
        url
        for url in _links(settings, campaign)
        if url not in before or before[url].error not in {"", core.RESERVED}
    ]
    if not due:
        return tuple(before.values())
    with progress(len(due)) as advance:
        results = asyncio.run(_ask(settings, due, advance))
    fresh = [_probe(result, now) for result in results]
    with store.write() as tx:
        checks.record_probes(tx, campaign.slug, fresh)
    return tuple({**before, **{probe.url: probe for probe in fresh}}.values())


async def _ask(
    settings: Settings, due: Sequence[str], advance: Callable[[int], None]
) -> list[FetchResult]:
    """Return what came back in time; of the others nothing is known."""
    found: list[FetchResult] = []

    async def one(fetcher: Fetcher, url: str) -> None:
        found.append(await fetcher.probe(url))
        advance(1)

    async with Fetcher(
        user_agent=settings.user_agent,
        concurrency=CONCURRENCY,
        timeout_s=TIMEOUT_S,
        allow_networks=settings.poll.allow_networks,
        pause_s=PAUSE_S,
    ) as fetcher:
        with suppress(TimeoutError):
            async with asyncio.timeout(ALL_S):
                await asyncio.gather(*(one(fetcher, url) for url in due))
    return found


def _links(settings: Settings, campaign: Campaign) -> tuple[str, ...]:
    """Return the addresses of all versions of the letter, each once, our own left out."""
    own = settings.web.base_url.rstrip("/") + "/"
    found = (
        url for version in (campaign, *campaign.translations) for url in letter.urls_in(version)
    )
    return tuple(dict.fromkeys(url for url in found if not url.startswith(own)))[:MOST]


def _is_example(url: str) -> bool:
    return is_reserved_name(urls.host(url))


def _probe(result: FetchResult, now: datetime) -> Probe:
    answered = result.outcome is FetchOutcome.FETCHED
    return Probe(
        url=result.url,
        at=now,
        status=result.status,
        error="" if answered else result.error or result.outcome.value,
    )
