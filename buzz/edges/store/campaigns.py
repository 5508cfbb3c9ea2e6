"""Campaigns: what passed the check, in which state each is, and what the plan froze.

A campaign's content lives in its folder; here stands what happened to it, and the snapshot it
is sent from: compiled letters by language, the message pack, and the addresses behind links.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.dialects import insert
from buzz.edges.store.schema import campaigns as table
from buzz.edges.store.schema import links as links_table
from buzz.model import (
    BEFORE_SENDING,
    ENDED,
    CampaignState,
    CampaignStatus,
    CompiledLetter,
    Kit,
    LetterSource,
    Link,
    LinkId,
    MessagePack,
    Passage,
)

_STATUS = [
    c
    for c in table.c
    if c.name not in {"letters", "pack", "kits"}  # large, and asked for by name
]


def get(tx: Transaction, slug: str) -> CampaignStatus | None:
    """Return what is known of a campaign, or None: it was never checked or planned."""
    return _get(tx, sa.select(*_STATUS).where(table.c.slug == slug))


def get_for_update(tx: Transaction, slug: str) -> CampaignStatus | None:
    """Return the same, and keep others from changing it until this transaction ends.

    For whoever decides by what they read: PostgreSQL lets others write meanwhile, SQLite does not.
    """
    return _get(tx, sa.select(*_STATUS).where(table.c.slug == slug).with_for_update())


def all_campaigns(tx: Transaction) -> tuple[CampaignStatus, ...]:
    """Return every campaign the database knows, by slug."""
    return tuple(map(_status, tx.execute(sa.select(*_STATUS).order_by(table.c.slug))))


def record_check(
    tx: Transaction,
    slug: str,
    *,
    subject: str,
    content_hash: str,
    not_after: datetime | None,
    now: datetime,
) -> None:
    """Record that this content passed the check: the campaign is checked.

    An approval stands as long as the content is the one that was approved. Once the sending has
    begun, what the files say is of no account to it any more, and nothing is recorded.
    """
    know(tx, slug)
    is_approved = sa.and_(
        table.c.state == CampaignState.APPROVED.value, table.c.checked_hash == content_hash
    )
    tx.execute(
        sa.update(table)
        .where(table.c.slug == slug, table.c.state.in_(BEFORE_SENDING))
        .values(
            subject=subject,
            checked_at=now,
            checked_hash=content_hash,
            not_after=not_after,
            state=sa.case((is_approved, table.c.state), else_=CampaignState.CHECKED.value),
        )
    )


def set_state(tx: Transaction, slug: str, state: CampaignState, now: datetime) -> None:
    """Put a campaign into a state; the first start and the end are dated."""
    know(tx, slug)
    values: dict[str, Any] = {"state": state.value}
    if state is CampaignState.SENDING:
        values["started_at"] = sa.func.coalesce(table.c.started_at, _time(now))
    if state in ENDED:
        values["finished_at"] = now
    tx.execute(sa.update(table).where(table.c.slug == slug).values(values))


def freeze(
    tx: Transaction,
    slug: str,
    letters: Mapping[str, CompiledLetter],
    pack: MessagePack,
    now: datetime,
    *,
    kits: Mapping[str, Kit] | None = None,
) -> None:
    """Keep what will be sent, passed on and looked for: from here on the files decide nothing."""
    know(tx, slug)
    tx.execute(
        sa.update(table)
        .where(table.c.slug == slug)
        .values(
            letters={language: asdict(letter) for language, letter in letters.items()},
            pack=_pack_facts(pack),
            kits={language: asdict(kit) for language, kit in (kits or {}).items()},
            planned_at=now,
        )
    )


def letters(tx: Transaction, slug: str) -> dict[str, CompiledLetter]:
    """Return the frozen letters by language; empty before the plan."""
    stored = tx.execute(sa.select(table.c.letters).where(table.c.slug == slug)).scalar()
    return {language: _letter(facts) for language, facts in (stored or {}).items()}


def pack(tx: Transaction, slug: str) -> MessagePack | None:
    """Return the frozen message pack, or None before the plan."""
    stored = tx.execute(sa.select(table.c.pack).where(table.c.slug == slug)).scalar()
    if not stored:
        return None
    return _pack(stored)


def kits(tx: Transaction, slug: str) -> dict[str, Kit]:
    """Return the frozen relay kits by language, the campaign's own first; empty before the plan."""
    stored = tx.execute(sa.select(table.c.kits).where(table.c.slug == slug)).scalar()
    return {language: _kit(facts) for language, facts in (stored or {}).items()}


def ensure_links(tx: Transaction, slug: str, urls: Iterable[str]) -> tuple[Link, ...]:
    """Return a link for each address, in the same order; one that is known keeps its id."""
    wanted = tuple(urls)
    if not wanted:
        return ()
    know(tx, slug)
    tx.execute(
        insert(tx, links_table).on_conflict_do_nothing(index_elements=["campaign", "url"]),
        [{"campaign": slug, "url": url} for url in dict.fromkeys(wanted)],
    )
    known = {
        row.url: Link(id=LinkId(row.id), url=row.url)
        for row in tx.execute(
            sa.select(links_table.c.id, links_table.c.url).where(links_table.c.campaign == slug)
        )
    }
    return tuple(known[url] for url in wanted)


def link(tx: Transaction, link_id: LinkId) -> Link | None:
    """Return one link, or None: nobody stored such an id."""
    row = tx.execute(
        sa.select(links_table.c.id, links_table.c.url).where(links_table.c.id == link_id)
    ).one_or_none()
    return None if row is None else Link(id=LinkId(row.id), url=row.url)


def know(tx: Transaction, slug: str) -> None:
    """See to it that the campaign has a row."""
    tx.execute(
        insert(tx, table)
        .values(slug=slug, state=CampaignState.DRAFT.value)
        .on_conflict_do_nothing(index_elements=["slug"])
    )


def _pack_facts(pack: MessagePack) -> dict[str, Any]:
    """Return a pack as JSON holds it."""
    return {
        **asdict(pack),
        "sent_at": pack.sent_at.isoformat(),
        "translations": [_pack_facts(other) for other in pack.translations],
    }


def _pack(stored: Mapping[str, Any]) -> MessagePack:
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    facts["sent_at"] = datetime.fromisoformat(stored["sent_at"])
    facts["translations"] = tuple(map(_pack, stored.get("translations", ())))
    return MessagePack(**facts)


def _get(tx: Transaction, query: "sa.Select[Any]") -> CampaignStatus | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else _status(row)


def _time(now: datetime) -> Any:
    return sa.bindparam("now", now, type_=table.c.started_at.type)


def _status(row: sa.Row[Any]) -> CampaignStatus:
    return CampaignStatus(
        slug=row.slug,
        state=CampaignState(row.state),
        subject=row.subject,
        checked_at=row.checked_at,
        checked_hash=row.checked_hash,
        planned_at=row.planned_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        not_after=row.not_after,
        fence=row.fence,
        holder=row.holder,
        held_since=row.held_since,
        held_until=row.held_until,
    )


def _kit(facts: Mapping[str, Any]) -> Kit:
    return Kit(
        language=facts["language"],
        sender=facts["sender"],
        passages=tuple(Passage(**passage) for passage in facts["passages"]),
        hashtags=tuple(facts["hashtags"]),
        links=_links(facts),
    )


def _links(facts: Mapping[str, Any]) -> tuple[Link, ...]:
    return tuple(Link(id=LinkId(link["id"]), url=link["url"]) for link in facts["links"])


def _letter(facts: Mapping[str, Any]) -> CompiledLetter:
    source = facts.get("source")
    if source:
        templates = tuple((name, text) for name, text in source["templates"])
        source = LetterSource(**{**source, "templates": templates})
    return CompiledLetter(**{**facts, "links": _links(facts), "source": source})
