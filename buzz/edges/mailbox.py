"""Mailboxes that bounces come to: Maildir, mbox, IMAP over TLS, or a message on standard input.

Nothing is ever deleted. What was read is marked where the mailbox has a mark for it (Maildir's
``S``, IMAP's ``Seen``), after the caller has written down what it said; an mbox has none, and is
read from its beginning each time. A message longer than :data:`MAX_BYTES` is cut off there.
"""

import fcntl
import imaplib
import mailbox
import re
import ssl
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from buzz.core.text import one_line, printable
from buzz.errors import ConfigurationError, TemporaryFailure, UsageError
from buzz.locales import gettext as _
from buzz.locales import system

MAX_BYTES = 1_000_000  # of one message; a returned letter has some 100,000
TIMEOUT_S = 60.0
STDIN = "-"
_IMAP, _IMAPS = 143, 993  # RFC 8314 §3.2
_SEEN = ":2,S"  # https://cr.yp.to/proto/maildir.html
_FROM = b"From "  # RFC 4155: each message of an mbox begins with such a line


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, and by what its mailbox knows it."""

    key: str
    raw: bytes


class Mailbox(Protocol):
    """A mailbox that is open."""

    def unread(self) -> Iterator[Mail]:
        """Yield the messages not marked as read, in the order in which they came."""

    def mark(self, keys: Iterable[str]) -> None:
        """Mark messages as read."""


@contextmanager
def opened(place: str, password: str = "") -> Iterator[Mailbox]:
    """Open a mailbox for a block.

    Args:
        place: folder of a Maildir, file of an mbox, ``imaps://user@host/FOLDER``, or ``-``.
        password: for IMAP.

    Raises:
        UsageError: there is nothing of the kind at this place.
        ConfigurationError: it cannot be read, or the server refuses us.
        TemporaryFailure: the server is away.
    """
    try:
        if place == STDIN:
            yield _Given(sys.stdin.buffer.read())
        elif "://" in place:
            with _imap(place, password) as opened_:
                yield opened_
        else:
            yield _on_disk(Path(place).expanduser())
    except (imaplib.IMAP4.abort, TimeoutError, ConnectionError) as exc:
        raise _away(place, str(exc)) from exc
    except imaplib.IMAP4.error as exc:
        raise _refused(place, str(exc)) from exc
    except ssl.SSLError as exc:
        raise _refused(place, exc.reason or str(exc)) from exc
    except OSError as exc:
        raise (
            _away(place, system.words(exc))
            if "://" in place
            else ConfigurationError(
                _("this mailbox cannot be read: {why}").format(why=system.words(exc)),
                place=place,
                remedy=_("check its owner and mode"),
            )
        ) from exc


def _on_disk(path: Path) -> Mailbox:
    if (path / "new").is_dir() and (path / "cur").is_dir():
        return _Maildir(path)
    if path.is_file():
        return _Mbox(path)
    raise UsageError(
        _("there is neither a Maildir nor an mbox"),
        place=str(path),
        remedy=_("name a folder with new and cur, a file, imaps://user@host/FOLDER, or -"),
    )


class _Maildir:
    """A folder with ``new`` and ``cur``; a message is a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def unread(self) -> Iterator[Mail]:
        new = [f"new/{path.name}" for path in _files(self._path / "new")]
        old = [f"cur/{path.name}" for path in _files(self._path / "cur") if not _is_seen(path.name)]
        for key in (*old, *new):
            with suppress(FileNotFoundError):  # another program has moved it meanwhile
                with (self._path / key).open("rb") as file:
                    raw = file.read(MAX_BYTES)
                yield Mail(key, raw)

    def mark(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._path / key
            name, _colon, flags = path.name.partition(":2,")
            seen = f"{name}:2,{''.join(sorted({*flags, 'S'}))}" if flags else f"{name}{_SEEN}"
            with suppress(FileNotFoundError):
                path.rename(self._path / "cur" / seen)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_seen(name: str) -> bool:
    return "S" in name.partition(":2,")[2]


class _Mbox:
    """A file to which others append; it is only read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def unread(self) -> Iterator[Mail]:
        with self._path.open("rb") as file:
            with suppress(OSError):  # a read-only file system has no locks
                fcntl.lockf(file, fcntl.LOCK_SH)  # whoever appends to it has the other kind
            box = mailbox.mbox(self._path, create=False)
            try:
                for key in box.iterkeys():
                    yield Mail(str(key), box.get_bytes(key)[:MAX_BYTES])
            finally:
                box.close()

    def mark(self, keys: Iterable[str]) -> None:
        del keys


class _Given:
    """What was given on standard input: one message, or an mbox."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def unread(self) -> Iterator[Mail]:
        if not self._content.startswith(_FROM):
            yield Mail("0", self._content[:MAX_BYTES])
            return
        for number, part in enumerate(re.split(rb"(?:\A|\r?\n\r?\n)From [^\n]*\n", self._content)):
            if part.strip():
                yield Mail(str(number), part[:MAX_BYTES])

    def mark(self, keys: Iterable[str]) -> None:
        del keys


class _Imap:
    """A folder on a server (RFC 9051; RFC 3501)."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client = client

    def unread(self) -> Iterator[Mail]:
        for uid in b" ".join(_answer(self._client.uid("SEARCH", "UNSEEN"))).split():
            found = self._client.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{MAX_BYTES}>)")
            for part in _answer(found):
                if isinstance(part, tuple):
                    yield Mail(uid.decode(), part[1])

    def mark(self, keys: Iterable[str]) -> None:
        uids = ",".join(keys)
        if uids:
            _answer(self._client.uid("STORE", uids, "+FLAGS.SILENT", r"(\Seen)"))


@contextmanager
def _imap(place: str, password: str) -> Iterator[_Imap]:
    parts = urlsplit(place)
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname or parts.password:
        raise UsageError(
            _("this is no mailbox on a server"),
            place=f"{parts.scheme}://{parts.hostname or ''}",
            remedy=_("write imaps://user@host/FOLDER, the password in data/bounces.password"),
        )
    context = ssl.create_default_context()
    client: imaplib.IMAP4
    if parts.scheme == "imaps":
        port = parts.port or _IMAPS
        client = imaplib.IMAP4_SSL(parts.hostname, port, ssl_context=context, timeout=TIMEOUT_S)
    else:
        client = imaplib.IMAP4(parts.hostname, parts.port or _IMAP, TIMEOUT_S)
    try:
        if parts.scheme == "imap" and not _is_loopback(parts.hostname):
            client.starttls(context)  # fails where the server has none: nothing goes in the clear
        client.login(unquote(parts.username or ""), password)
        folder = printable(unquote(parts.path.strip("/"))).replace('"', "") or "INBOX"
        _answer(client.select(f'"{folder}"'))
        yield _Imap(client)
    finally:  # imaplib's own way out leaves the socket open where the server has gone
        with suppress(OSError, imaplib.IMAP4.error):
            client.logout()
        with suppress(OSError):
            client.shutdown()


def _answer(result: tuple[str, list[Any]]) -> list[Any]:
    """Return what a command brought.

    Raises:
        imaplib.IMAP4.error: the server said no.
    """
    said, found = result
    if said != "OK":
        raise imaplib.IMAP4.error(str(found[0] if found else said))
    return [part if part is not None else b"" for part in found]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _away(place: str, why: str) -> TemporaryFailure:
    return TemporaryFailure(
        _("the mailbox cannot be reached: {why}").format(why=one_line(why)),
        place=place,
        remedy=_("check [bounces] mailbox, or try again later; nothing was lost"),
    )


def _refused(place: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        _("the mail server does not give out this mailbox: {why}").format(why=one_line(why)),
        place=place,
        remedy=_("check [bounces] mailbox and BUZZ_BOUNCES_PASSWORD"),
    )
