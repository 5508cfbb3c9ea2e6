"""The lease on a campaign: one sender at a time, and a number that fences off a frozen one.

Whoever takes the lease raises the campaign's ``fence``. Every write of a sender names the number
it was given; once another has taken over, it fails, and the old sender stops.
"""

import os
import socket
from datetime import datetime, timedelta

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.prepared import Prepared
from buzz.edges.store.schema import campaigns
from buzz.errors import BuzzError, LockHeld
from buzz.locales import formats
from buzz.locales import gettext as _
from buzz.model import CampaignState

LEASE = timedelta(seconds=60)  # renewed every quarter; a frozen sender is out after it

_HOLD = Prepared(
    sa.select(campaigns.c.state, campaigns.c.fence)
    .where(campaigns.c.slug == sa.bindparam("b_slug"))
    .with_for_update()  # PostgreSQL; SQLite has locked the database with BEGIN IMMEDIATE
)


class Fenced(LockHeld):
    """Another sender has taken over; this one must stop and write nothing more."""


def own_holder() -> str:
    """Return how this process is named in a lease: ``pid@host``."""
    return f"{os.getpid()}@{socket.gethostname()}"


def take_lease(tx: Transaction, slug: str, holder: str, now: datetime) -> int:
    """Take the campaign's lease and return the fence of this holder.

    Allowed when nobody holds it, when it ran out, or when the holder is a process of this very
    host that is no more.

    Raises:
        LockHeld: another sender is at work; names its process, host and since when.
    """
    row = tx.execute(_row(slug)).one_or_none()
    if row is None:
        raise BuzzError(_("the database knows no such campaign"), place=slug)
    if row.holder and row.held_until > now and not is_gone(row.holder):
        pid, _at, host = row.holder.partition("@")
        raise LockHeld(
            _("another process is sending this letter: {pid} on {host}, since {since}").format(
                pid=pid, host=host, since=formats.moment(row.held_since)
            ),
            place=slug,
            remedy=_("see how far it is: buzz send status {slug}").format(slug=slug),
        )
    fence: int = row.fence + 1
    tx.execute(
        sa.update(campaigns)
        .where(campaigns.c.slug == slug)
        .values(fence=fence, holder=holder, held_since=now, held_until=now + LEASE)
    )
    return fence


def hold(tx: Transaction, slug: str, fence: int) -> CampaignState:
    """Make sure the lease is still ours for this transaction, and return the campaign's state.

    Raises:
        Fenced: another sender has taken over.
    """
    row = _HOLD.first(tx, {"b_slug": slug})
    if row is None or row[1] != fence:
        raise Fenced(
            _("another process has taken over this letter; this one stopped"),
            place=slug,
            remedy=_("see how far it is: buzz send status {slug}").format(slug=slug),
        )
    return CampaignState(row[0])


def renew_lease(tx: Transaction, slug: str, fence: int, now: datetime) -> CampaignState:
    """Hold the lease for longer, and return the campaign's state.

    Raises:
        Fenced: another sender has taken over.
    """
    state = hold(tx, slug, fence)
    tx.execute(sa.update(campaigns).where(campaigns.c.slug == slug).values(held_until=now + LEASE))
    return state


def release_lease(tx: Transaction, slug: str, fence: int) -> None:
    """Give the lease back, if it is still ours."""
    tx.execute(
        sa.update(campaigns)
        .where(campaigns.c.slug == slug, campaigns.c.fence == fence)
        .values(holder="", held_since=None, held_until=None)
    )


def is_gone(holder: str) -> bool:
    """Tell whether the holder is a process of this host that has ended."""
    pid, _at, host = holder.partition("@")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False


def _row(slug: str) -> "sa.Select[tuple[object, ...]]":
    table = campaigns.c
    return (
        sa.select(table.state, table.fence, table.holder, table.held_since, table.held_until)
        .where(table.slug == slug)
        .with_for_update()  # PostgreSQL; SQLite has locked the database with BEGIN IMMEDIATE
    )
