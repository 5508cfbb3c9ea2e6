"""Who decided what: the deeds of people that a campaign or a blog was changed by."""

import os
import pwd
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import audit as table
from buzz.model import Deed


def own_name() -> str:
    """Return the user of the operating system who runs this process; not what ``USER`` says."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container need not have the user in its list
        return str(uid)


def add(
    tx: Transaction,
    command: str,
    now: datetime,
    *,
    campaign: str = "",
    detail: str = "",
    who: str = "",
) -> None:
    """Record what was decided, in the transaction that carries it out; ``who``: else oneself."""
    tx.execute(
        sa.insert(table).values(
            at=now, who=who or own_name(), command=command, campaign=campaign, detail=detail
        )
    )


def last(tx: Transaction, command: str, campaign: str = "") -> Deed | None:
    """Return the last deed by this command, on this campaign or on none; None: there was none."""
    query = sa.select(table).where(table.c.command == command, table.c.campaign == campaign)
    row = tx.execute(query.order_by(table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _deed(row)


def _deed(row: sa.Row[Any]) -> Deed:
    return Deed(
        at=row.at, who=row.who, command=row.command, campaign=row.campaign, detail=row.detail
    )
