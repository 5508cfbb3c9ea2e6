"""Scanning: read new entries against a frozen message, keep what was found.

A scan reads each entry once per campaign; an edited entry, or a new version of the reader, is
read again. It may be broken off and repeated at any time. What a person said of a relay
(``confirm``, ``reject``) is never overwritten and wins wherever relays are shown or counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from buzz.config import Settings
from buzz.core import relay, tracking
from buzz.edges import files
from buzz.edges.store import Store, audit, campaigns, relays, runs
from buzz.errors import BuzzError, UsageError
from buzz.locales import gettext as _
from buzz.model import (
    CampaignState,
    Entry,
    EntryId,
    MessagePack,
    Purpose,
    Relay,
    RelayId,
    Run,
    Verdict,
)

BATCH = 500  # entries read and stored at once; a scan that is broken off loses no more
_SHARED_LINKS = (Purpose.RELAY, Purpose.CLICK, Purpose.ONLINE)  # what a blog may pass on


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What one scan did: only what it read itself."""

    campaign: str
    entries: int = 0  # read
    candidates: int = 0  # that had anything of the message
    relayed: int = 0
    to_check: int = 0
    mentioned: int = 0
    seconds: float = 0.0


def scan(
    settings: Settings,
    store: Store,
    slug: str,
    now: datetime,
    *,
    dry_run: bool = False,
    advance: Callable[[int], None] = lambda _n: None,
) -> ScanReport:
    """Read the entries that were not yet read for a campaign, and keep what they do with it.

    Args:
        settings: the workspace's.
        store: its database.
        slug: campaign.
        now: the present.
        dry_run: find, but keep nothing.
        advance: told after each batch how many entries were read.

    Raises:
        UsageError: there is no such campaign.
        BuzzError: it has not been sent.
        LockHeld: another scan of this campaign goes on.
    """
    pack = sent_pack(store, slug)
    index = relay.index_of([pack, *pack.translations])
    short_links = _resolver(settings, pack)
    counts: Counter[Verdict] = Counter()
    started = perf_counter()
    read = candidates = 0
    with files.lock(settings.lock(f"scan-{slug}")):
        for batch in _unread(store, pack):
            found = [r for entry in batch for r in _surest(relay.judge(index, entry, short_links))]
            if not dry_run:
                _keep(store, slug, batch, found)
            read += len(batch)
            candidates += len(found)
            counts.update(r.verdict for r in found)
            advance(len(batch))
        ended_at = settings.now()
        report = ScanReport(
            campaign=slug,
            entries=read,
            candidates=candidates,
            relayed=counts[Verdict.RELAYED],
            to_check=counts[Verdict.TO_CHECK],
            mentioned=counts[Verdict.MENTIONED],
            seconds=round(perf_counter() - started, 3),
        )
        if not dry_run:
            with store.write() as tx:
                runs.add(tx, _run(report, now, ended_at))
    return report


def sent_pack(store: Store, slug: str) -> MessagePack:
    """Return what is looked for: the frozen message, dated when its sending began.

    Raises:
        UsageError: there is no such campaign.
        BuzzError: it has not been sent.
    """
    with store.read() as tx:
        status = campaigns.get(tx, slug)
        pack = campaigns.pack(tx, slug)
    if status is None:
        raise UsageError(
            _("no letter was sent under this name: {slug}").format(slug=slug),
            remedy=_("see: buzz campaign list"),
        )
    if pack is None or status.started_at is None or status.state is CampaignState.DRAFT:
        raise BuzzError(
            _("{slug} has not been sent: nobody can have relayed it yet").format(slug=slug),
            remedy=_("run: buzz send start {slug}").format(slug=slug),
        )
    # Feeds date their entries to the second: one published in the very second came after.
    began = status.started_at.replace(microsecond=0)
    others = tuple(replace(other, sent_at=began) for other in pack.translations)
    return replace(pack, sent_at=began, translations=others)


def _surest(found: Sequence[Relay]) -> Sequence[Relay]:
    """Return what an entry does with a campaign, read against the language it fits best."""
    return sorted(found, key=lambda relayed: relayed.score)[-1:]


def listing(
    store: Store, slug: str = "", *, verdict: Verdict | None = None, blog: str = ""
) -> tuple[Relay, ...]:
    """Return relays, the surest first; of all campaigns where none is named.

    Raises:
        UsageError: there is no such campaign.
    """
    with store.read() as tx:
        if slug and campaigns.get(tx, slug) is None:
            raise UsageError(
                _("no letter was sent under this name: {slug}").format(slug=slug),
                remedy=_("see: buzz campaign list"),
            )
        found = relays.of_campaign(tx, slug) if slug else relays.all_relays(tx)
    return tuple(r for r in found if (not blog or r.blog == blog) and verdict in {None, r.settled})


def show(store: Store, number: int) -> Relay:
    """Return one relay.

    Raises:
        UsageError: there is none with this id.
    """
    with store.read() as tx:
        found = relays.get(tx, RelayId(number))
    if found is None:
        raise UsageError(
            _("no relay has the id {id}").format(id=number), remedy=_("see: buzz relays list")
        )
    return found


def say(
    store: Store, number: int, verdict: Verdict, now: datetime, *, dry_run: bool = False
) -> Relay:
    """Keep what a person says of a relay (relayed or not), and return it so labelled.

    Raises:
        UsageError: there is none with this id.
    """
    found = show(store, number)
    if not dry_run:
        with store.write() as tx:
            relays.label(tx, RelayId(number), verdict)
            command = "relays confirm" if verdict is Verdict.RELAYED else "relays reject"
            audit.add(tx, command, now, campaign=found.campaign, detail=str(number))
    return replace(found, label=verdict)


def _unread(store: Store, pack: MessagePack) -> Iterator[tuple[Entry, ...]]:
    """Give the unread entries in batches; no transaction is held while they are judged."""
    after: EntryId | None = None
    while True:
        with store.read() as tx:
            batch = relays.unread(
                tx,
                pack.campaign,
                since=pack.sent_at,
                version=relay.version(),
                after=after,
                limit=BATCH,
            )
        if not batch:
            return
        yield batch
        after = batch[-1].id


def _keep(store: Store, slug: str, batch: Sequence[Entry], found: Sequence[Relay]) -> None:
    """Store what a batch is, and that it was read, at once."""
    kept = [r for r in found if r.verdict is not Verdict.NOT]
    nothing = {entry.id for entry in batch if entry.id is not None} - {r.entry for r in kept}
    with store.write() as tx:
        relays.drop(tx, slug, sorted(nothing))
        relays.save(tx, kept)
        relays.mark_read(tx, slug, batch, relay.version())


def _resolver(settings: Settings, pack: MessagePack) -> Callable[[str], str]:
    """Return what tells the campaign of one of our short links; empty: it is none of ours."""
    base = settings.web.base_url.rstrip("/")
    prefixes = {f"{base}{tracking.PATHS[purpose]}": purpose for purpose in _SHARED_LINKS}
    for prefix in pack.tracking_prefixes:  # frozen: the base address may have moved since
        for purpose in _SHARED_LINKS:
            if prefix.endswith(tracking.PATHS[purpose]):
                prefixes[prefix] = purpose

    def campaign_of(url: str) -> str:
        for prefix, purpose in prefixes.items():
            if url.startswith(prefix):
                token = url.removeprefix(prefix).split("?")[0].split("#")[0].rstrip("/")
                payload = tracking.read_token(settings.secret, purpose, token)
                return payload.campaign if payload else ""
        return ""

    return campaign_of


def _run(report: ScanReport, started_at: datetime, ended_at: datetime) -> Run:
    return Run(
        command="relays scan",
        started_at=started_at,
        ended_at=max(started_at, ended_at),
        exit_code=0,
        summary={
            "campaign": report.campaign,
            "entries": report.entries,
            "candidates": report.candidates,
            "relayed": report.relayed,
            "to_check": report.to_check,
            "mentioned": report.mentioned,
        },
    )
