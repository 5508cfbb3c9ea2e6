"""Runs of the commands that cron starts: when, how long, how they ended."""

from typing import Any

import sqlalchemy as sa

from buzz.edges.store import Transaction
from buzz.edges.store.schema import runs as table
from buzz.model import Run


def add(tx: Transaction, run: Run) -> None:
    """Record a run that has ended."""
    tx.execute(
        sa.insert(table).values(
            command=run.command,
            started_at=run.started_at,
            ended_at=run.ended_at,
            exit_code=run.exit_code,
            summary=dict(run.summary),
        )
    )


def last(tx: Transaction, command: str | None = None, limit: int = 10) -> tuple[Run, ...]:
    """Return the latest runs, newest first; of all commands where none is named."""
    query = sa.select(table).order_by(table.c.started_at.desc(), table.c.id.desc()).limit(limit)
    if command is not None:
        query = query.where(table.c.command == command)
    return tuple(map(_run, tx.execute(query)))


def _run(row: sa.Row[Any]) -> Run:
    return Run(
        command=row.command,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        summary=row.summary,
    )
