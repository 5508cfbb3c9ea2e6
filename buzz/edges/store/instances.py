"""Which workspace may send with a database: one, and never with a copy that lags behind.

A restored backup believes that letters are still to be sent which have long arrived; so does a
copy of the workspace on a second machine. The database therefore names a *seat*, a random word
that only one workspace's ``data/instance`` knows, and counts an *epoch* up while letters leave; the
file remembers the machine, itself (its inode: a copied file has another) and the last epoch. What
does not fit may not send until a person says so: :func:`adopt` makes a new seat, and whoever held
the old one is out.

What cannot be noticed is a whole machine set back to a former state together with its disk.
"""

import json
import os
import secrets
from pathlib import Path

import sqlalchemy as sa

from buzz.edges import files
from buzz.edges.store import Transaction
from buzz.edges.store.prepared import Prepared
from buzz.edges.store.schema import instance
from buzz.errors import CheckRefused, TemporaryFailure
from buzz.locales import gettext as _
from buzz.locales import system

_MACHINE = Path("/etc/machine-id")  # machine-id(5)
_OWN = "own inode"  # not what the file says, but what it is
_ADVANCE = Prepared(sa.update(instance).values(epoch=instance.c.epoch + 1))
_EPOCH = Prepared(sa.select(instance.c.epoch))


def may_send(tx: Transaction, file: Path) -> None:
    """Make sure that this workspace is the one that sends with this database.

    Args:
        tx: a transaction that writes: a database nobody has sent with yet is taken over.
        file: the workspace's ``data/instance``.

    Raises:
        CheckRefused: the database or the workspace is a copy, or another one has taken over.
    """
    seat, epoch = tx.execute(sa.select(instance.c.seat, instance.c.epoch)).one()
    known = _read(file)
    # A first send whose commit failed leaves the file, of an epoch in which nothing was sent.
    if not seat and (not file.exists() or known.get("epoch") == epoch):
        adopt(tx, file)
        return
    why = _misfit(known, seat, epoch)
    if why:
        raise CheckRefused(
            _("this is not the workspace that sends with this database: {why}").format(why=why),
            place=str(file),
            remedy=_(
                "letters may have left that it knows nothing of; if you are sure: buzz send adopt"
            ),
        )


def adopt(tx: Transaction, file: Path) -> None:
    """Make this workspace the one that sends with this database; no other may any more."""
    seat = secrets.token_hex(8)
    tx.execute(sa.update(instance).values(seat=seat))
    epoch = tx.execute(sa.select(instance.c.epoch)).scalar_one()
    files.private_folder(file.parent)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, files.PRIVATE), "w") as new:
        facts = {"seat": seat, "machine": _machine(), "inode": os.fstat(new.fileno()).st_ino}
        new.write(json.dumps({**facts, "epoch": epoch}))


def advance(tx: Transaction) -> int:
    """Count the epoch up, and return it: to be noted when it is committed."""
    _ADVANCE.many(tx, [{}])
    row = _EPOCH.first(tx, {})
    assert row is not None, "every database has its one row"
    return int(row[0])


def note(file: Path, epoch: int) -> None:
    """Remember the epoch that the database has come to.

    Only after its commit: a database that is ahead of the file is no copy of former days.

    Raises:
        TemporaryFailure: it cannot be written; descriptors may have run out, or the disk is full.
    """
    try:
        known = _read(file)
        known.pop(_OWN, None)
        with file.open("r+", encoding="utf-8") as old:  # in place: the inode is what the file is
            old.write(json.dumps({**known, "epoch": epoch}).ljust(200))
    except OSError as exc:
        raise TemporaryFailure(
            _("cannot write: {why}").format(why=system.words(exc)),
            place=str(file),
            remedy=_("mend that, or lower [smtp] connections, and go on with: buzz send resume"),
        ) from exc


def _misfit(known: dict[str, object], seat: str, epoch: int) -> str:
    """Return what does not fit, in words, or an empty string."""
    if not known:
        return _("it was sent from elsewhere before")
    if known.get("seat") != seat:
        return _("another workspace has taken over, or it is another database")
    if known.get("machine") != _machine() or known.get("inode") != known.get(_OWN):
        return _("the workspace was copied or restored")
    if epoch < int(str(known.get("epoch", 0))):
        return _("the database is older than what was sent last; was a backup restored?")
    return ""


def _read(file: Path) -> dict[str, object]:
    """Return what the file says, with its own inode; an empty one where there is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        inode = file.stat().st_ino
    except (FileNotFoundError, ValueError):
        return {}
    return {**found, _OWN: inode} if isinstance(found, dict) else {}


def _machine() -> str:
    try:
        return _MACHINE.read_text(encoding="ascii").strip()
    except OSError:
        return ""
