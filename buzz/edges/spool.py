"""The tracker's spool: events in files that only grow, written before the answer goes out.

One file a process and a rotation, 0600, one line an event, one ``write()`` a line: what was
written survives the death of the process, and within 100 ms (fsync) that of the machine. A line
holds no address, no IP and no agent string, only the class the agent was put in. The writer
holds a lock on its file; a file that nobody locks and that is read to its end is removed.
"""

import fcntl
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from buzz.edges import files
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _
from buzz.locales import system
from buzz.model import Agent, DeliveryId, Event, EventKind, LinkId

SUFFIX = ".jsonl"
SYNC_EVERY_S = 0.1
MAX_BYTES = 256 * 1024 * 1024  # in all, 3 million events: nobody drains, so spare the disk
BATCH_BYTES = 512 * 1024  # about 4,000 events in one transaction


class Spool:
    """The file this process appends to.

    Attributes:
        lost: events that could not be written since the start (disk or spool full).
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Begin a new file in the folder, which is made if need be.

        Raises:
            ConfigurationError: the folder cannot be written.
        """
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._written = 0  # bytes in the present file
        self._waiting = waiting_bytes(folder)  # in all files, as of the last look
        self._unsynced = False
        self._torn = False
        self.lost = 0
        try:
            self._file = _create(files.private_folder(folder))
        except OSError as exc:
            raise ConfigurationError(
                _("cannot write: {why}").format(why=system.words(exc)), place=str(folder)
            ) from exc
        self._syncer = threading.Thread(target=self._sync_often, name="spool-sync", daemon=True)
        self._syncer.start()

    def __enter__(self) -> Self:
        """Return the spool, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the spool."""
        self.close()

    def append(self, event: Event) -> bool:
        """Write one event to the file, and tell whether it is there."""
        line = encode(event)
        with self._lock:
            if self._waiting + self._written + len(line) > self._max_bytes:
                self.lost += 1
                return False
            if self._torn:  # end the half line that a full disk left
                line = b"\n" + line
            try:
                written = os.write(self._file, line)
            except OSError:
                self.lost += 1
                return False
            self._written += written
            self._unsynced = True
            self._torn = written < len(line)
            self.lost += self._torn
            return not self._torn

    def rotate(self) -> None:
        """Go on in a new file, if there is anything in the present one; free it for removal."""
        with self._lock:
            if not self._written:
                self._waiting = waiting_bytes(self._folder)
                return
            old, self._file = self._file, _create(self._folder)
            self._waiting = waiting_bytes(self._folder)
            self._written = 0
            self._torn = False
        os.fsync(old)
        os.close(old)

    def close(self) -> None:
        """Write everything through and free the file."""
        self._stop.set()
        self._syncer.join()
        os.fsync(self._file)
        os.close(self._file)

    def _sync_often(self) -> None:
        while not self._stop.wait(SYNC_EVERY_S):
            with self._lock:
                if not self._unsynced:
                    continue
                self._unsynced = False
                handle = os.dup(self._file)  # a rotation may close the file meanwhile
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Whole lines from a spool file."""

    events: tuple[Event, ...]
    end: int  # offset behind the last line, in bytes
    unreadable: int  # lines that are no event: torn by a full disk


def waiting(folder: Path) -> tuple[Path, ...]:
    """Return the spool files, oldest first."""
    return tuple(sorted(folder.glob(f"*{SUFFIX}")))


def waiting_bytes(folder: Path) -> int:
    """Return how large all spool files are together."""
    total = 0
    for path in waiting(folder):
        with suppress(FileNotFoundError):  # drained and removed meanwhile
            total += path.stat().st_size
    return total


def read(path: Path, offset: int, *, max_bytes: int = BATCH_BYTES) -> Batch:
    """Return the whole lines from an offset on, as many as fit; none at the end or without file."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(max_bytes)
    except FileNotFoundError:
        return Batch(events=(), end=offset, unreadable=0)
    whole = chunk[: chunk.rfind(b"\n") + 1]
    lines = [line for line in whole.split(b"\n") if line]
    events = [event for line in lines if (event := decode(line))]
    return Batch(events=tuple(events), end=offset + len(whole), unreadable=len(lines) - len(events))


def retire(path: Path, offset: int) -> bool:
    """Remove a file that is drained up to this offset, unless somebody still writes to it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.lseek(handle, offset, os.SEEK_SET)
        if b"\n" in os.read(handle, BATCH_BYTES):  # more came; what has no end is torn
            return False
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def encode(event: Event) -> bytes:
    """Return an event as one line."""
    facts = [
        event.kind.value,
        event.campaign,
        round(event.at.timestamp() * 1_000_000),
        event.delivery or 0,
        event.link or 0,
        event.agent.value,
        event.rule,
    ]
    return json.dumps(facts, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Event | None:
    """Return the event of a line, or None where it is none."""
    try:
        kind, campaign, at, delivery, link, agent, rule = json.loads(line)
        return Event(
            kind=EventKind(kind),
            campaign=campaign,
            at=datetime.fromtimestamp(at / 1_000_000, UTC),
            delivery=DeliveryId(delivery) if delivery else None,
            link=LinkId(link) if link else None,
            agent=Agent(agent),
            rule=rule,
        )
    except (ValueError, TypeError):
        return None


def _create(folder: Path) -> int:
    """Return a new locked file that sorts after those before it."""
    while True:
        path = folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            handle = os.open(path, flags, files.PRIVATE)
        except FileExistsError:
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # taken for an abandoned one and removed before we locked it
