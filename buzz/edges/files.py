"""Files: read with a limit, written at once or not at all, private unless a person edits them.

What the tool writes under ``data/`` is 0600 in a 0700 folder. A secret that others can read is
refused. Replacement is atomic: a crash leaves the old file or the new one.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buzz.errors import CheckRefused, ConfigurationError, LockHeld
from buzz.locales import gettext as _
from buzz.locales import system

PRIVATE = 0o600
PUBLIC = 0o644
PRIVATE_FOLDER = 0o700
MAX_TEXT_BYTES = 1_000_000  # of a letter or a template; the longest real one has 20,000


def shared(name: str) -> Path:
    """Return where ``templates``, ``campaigns`` or ``blogs.csv`` of the product itself lie.

    In an installed wheel they are package data; in a checkout they are the top level.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "share" / name
    return installed if installed.exists() else package.parent / name


def read_secret(path: Path) -> str:
    """Return the one line of a secret file, or an empty string where there is none.

    Raises:
        ConfigurationError: others may read it.
    """
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return ""
    if mode & 0o077:
        raise ConfigurationError(
            _("this secret can be read by others (mode {mode:04o})").format(mode=mode),
            place=str(path),
            remedy=f"chmod 600 {path}",
        )
    return path.read_text(encoding="utf-8").strip()


def read_text(path: Path, place: str) -> str:
    """Return a text that a person wrote.

    Args:
        place: what messages call the file.

    Raises:
        FileNotFoundError: there is no such file.
        CheckRefused: it is no plain file, too large, or not UTF-8.
    """
    content = read_bytes(path, place, most=MAX_TEXT_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise CheckRefused(
            _("this file is not UTF-8"),
            place=f"{place}:{line}",
            remedy=_("save it as UTF-8"),
        ) from exc


def read_bytes(path: Path, place: str, *, most: int) -> bytes:
    """Return the content of a file that a person made.

    Args:
        place: what messages call the file.
        most: bytes; a larger one is refused.

    Raises:
        FileNotFoundError: there is no such file.
        CheckRefused: it is no plain file, too large, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise CheckRefused(
                _("this is no file"), place=place, remedy=_("put a file in its place")
            )
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise CheckRefused(
            _("cannot read this file: {why}").format(why=system.words(exc)),
            place=place,
            remedy=_("check its owner and mode"),
        ) from exc
    if len(content) > most:
        raise CheckRefused(
            _("larger than {most} MB").format(most=most // 1_000_000),
            place=place,
            remedy=_("make it smaller"),
        )
    return content


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner enters, and return it."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def write(path: Path, content: str | bytes, *, mode: int = PRIVATE) -> None:
    """Replace a file atomically: a crash leaves the old content or the new one.

    Raises:
        ConfigurationError: the place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as exc:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigurationError(
            _("cannot write: {why}").format(why=system.words(exc)),
            place=str(path),
            remedy=_("choose another place, or check its owner and mode"),
        ) from exc


@contextmanager
def lock(path: Path, *, remedy: str = "") -> Iterator[None]:
    """Hold a lock that the system releases when the process ends, however it ends.

    Args:
        remedy: what messages say to do about another run; a cron job need do nothing.

    Raises:
        LockHeld: another process holds it; the message names its process id.
        ConfigurationError: the place cannot be written.
    """
    try:
        private_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as exc:
        raise ConfigurationError(
            _("cannot write: {why}").format(why=system.words(exc)),
            place=str(path),
            remedy=_("check its owner and mode"),
        ) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            raise LockHeld(
                _("another run is at work (process {pid})").format(pid=holder or "…"),
                place=path.stem,
                remedy=remedy,
            ) from exc
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
