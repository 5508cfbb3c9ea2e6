"""A workspace: made without touching anything that exists, and looked over when asked."""

import os
import secrets
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path

from buzz import config
from buzz.config import Settings
from buzz.core import dkim, urls
from buzz.core import registry as core
from buzz.edges import files, keys
from buzz.edges.store import open_store
from buzz.errors import BuzzError, ConfigurationError, UsageError
from buzz.locales import gettext as _
from buzz.model import Finding, Level
from buzz.pipeline import registry

SECRET_BYTES = 32  # as many as the keyed hash of the tokens takes
IGNORED = "/data/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of a new workspace; names are relative to its folder."""

    folder: Path
    made: tuple[str, ...]
    kept: tuple[str, ...]  # existed already and were left as they are
    blogs: int = 0  # imported into the database
    is_data_ignored: bool = True  # an older .gitignore may not know of data/


def make(folder: Path, *, sample: bool, dry_run: bool, now: datetime) -> Made:
    """Make what a workspace needs and the folder does not have yet.

    Args:
        folder: made where it does not exist.
        sample: with the sample registry, imported, instead of an empty one.
        dry_run: only say what would be made.
        now: when the blogs enter the registry.

    Raises:
        UsageError: the folder is a file.
        ConfigurationError: it cannot be written.
    """
    folder = folder.expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise UsageError(_("this is a file"), place=str(folder), remedy=_("name a folder"))
    made, kept = [], []
    for name, write in _parts(folder, sample=sample):
        if (folder / name).exists():
            kept.append(name)
            continue
        made.append(name)
        if not dry_run:
            write(folder / name)
    blogs = 0
    if not dry_run and sample and "blogs.csv" in made:
        blogs = _import(config.load(folder), now)
    return Made(
        folder=folder,
        made=tuple(made),
        kept=tuple(kept),
        blogs=blogs,
        is_data_ignored=".gitignore" in made or _is_data_ignored(folder / ".gitignore"),
    )


def _parts(folder: Path, *, sample: bool) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield (name, what writes it) of each part of a workspace."""
    yield (
        "buzz.toml",
        lambda path: files.write(
            path, config.as_toml(Settings(workspace=folder)), mode=files.PUBLIC
        ),
    )
    content = files.shared("blogs.csv").read_bytes() if sample else core.write(())
    yield "blogs.csv", lambda path: files.write(path, content)
    for source in sorted(files.shared("campaigns").rglob("*")):
        if source.is_file() and not source.name.startswith("."):
            name = Path("campaigns") / source.relative_to(files.shared("campaigns"))
            yield name.as_posix(), _copy_of(source)
    yield "data/secret.key", _write_secret
    yield ".gitignore", lambda path: files.write(path, f"{IGNORED}\n", mode=files.PUBLIC)


def _copy_of(source: Path) -> Callable[[Path], None]:
    return lambda path: files.write(path, source.read_bytes(), mode=files.PUBLIC)


def _write_secret(path: Path) -> None:
    files.private_folder(path.parent)
    files.write(path, secrets.token_hex(SECRET_BYTES) + "\n")


def _is_data_ignored(path: Path) -> bool:
    """Tell whether a .gitignore keeps ``data/`` out, by the lines that people write for it."""
    lines = {line.strip().strip("/") for line in path.read_text(errors="replace").splitlines()}
    return IGNORED.strip("/") in lines


def _import(settings: Settings, now: datetime) -> int:
    store = open_store(settings.database_url)
    try:
        plan = registry.plan_import(settings, store, settings.registry_file)
        registry.apply(settings, store, plan, now)
    finally:
        store.close()
    return len(plan.diff.added)


# --- looking it over --------------------------------------------------------------------------


def secrets_from(settings: Settings) -> dict[str, str]:
    """Return where each secret comes from, never what it is; empty: there is none.

    Raises:
        ConfigurationError: the file of one can be read by others.
    """
    places = {
        "signing_secret": ("BUZZ_SECRET", "secret.key"),
        "smtp_password": ("BUZZ_SMTP_PASSWORD", "smtp.password"),
        "bounces_password": ("BUZZ_BOUNCES_PASSWORD", "bounces.password"),
    }
    return {name: _source(settings, *places) for name, places in places.items()}


def _source(settings: Settings, variable: str, file: str) -> str:
    if os.environ.get(variable):
        return variable
    path = settings.data / file
    return str(path.relative_to(settings.workspace)) if files.read_secret(path) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A new key for DKIM, and what to do with it."""

    path: str  # within the workspace
    record_name: str  # in the DNS
    record: str  # the TXT record to publish there; empty: a dry run
    settings: tuple[tuple[str, str], ...]  # of [dkim]: key and value


def make_signing_key(
    settings: Settings, *, is_ed25519: bool = False, dry_run: bool = False
) -> SigningKey:
    """Make a key for DKIM in ``data/``, and return what to publish and to set.

    Raises:
        UsageError: there is one already: whoever replaces it unannounced breaks what is sent.
    """
    prefix, name = ("ed25519_", "dkim-ed25519.key") if is_ed25519 else ("", "dkim.key")
    path = settings.data / name
    if path.exists():
        raise UsageError(
            _("there is a key already"),
            place=str(path),
            remedy=_("to replace it, move it away first, and choose another selector"),
        )
    domain = settings.dkim.domain or parseaddr(settings.sender.from_)[1].rpartition("@")[2]
    selector = getattr(settings.dkim, f"{prefix}selector")
    record = ""
    if not dry_run:
        pem = keys.signing_key(is_ed25519=is_ed25519)
        files.private_folder(path.parent)
        files.write(path, pem)
        record = dkim.dns_record(dkim.read_key(pem, str(path)).public_key())
    relative = path.relative_to(settings.workspace).as_posix()
    return SigningKey(
        path=relative,
        record_name=f"{selector}._domainkey.{domain}",
        record=record,
        settings=(
            ("domain", domain),
            (f"{prefix}selector", selector),
            (f"{prefix}key_file", relative),
        ),
    )


def check(settings: Settings) -> tuple[Finding, ...]:
    """Return what is wrong or doubtful about a workspace whose settings could be read."""
    return (
        *_unsafe(settings),
        *_unopened(settings),
        *_unnamed_sender(settings),
        *_unreachable(settings),
        *(
            _warning(name, _("this variable means nothing here"), _("see: buzz config show"))
            for name in config.unknown_variables()
        ),
    )


def _unsafe(settings: Settings) -> Iterator[Finding]:
    """Yield what others can read, and secrets that are missing."""
    for secret in ("secret", "smtp_password", "bounces_password", "signers"):
        try:
            getattr(settings, secret)
        except ConfigurationError as exc:
            yield _error_of(exc)
    if settings.data.exists() and settings.data.stat().st_mode & 0o077:
        yield _warning(
            str(settings.data),
            _("others can enter this folder"),
            f"chmod 700 {shlex.quote(str(settings.data))}",
        )


def _unopened(settings: Settings) -> Iterator[Finding]:
    """Yield why the database or the registry cannot be used."""
    try:
        open_store(settings.database_url).close()
    except BuzzError as exc:
        yield _error_of(exc)
    if not settings.registry_file.exists():
        yield _warning(
            str(settings.registry_file), _("there is no registry"), _("run: buzz init, or copy it")
        )


def _unnamed_sender(settings: Settings) -> Iterator[Finding]:
    """Yield what the law or the reader wants to know of the sender and is not filled in."""
    for key in ("organisation", "postal_address", "controller"):
        if not getattr(settings.sender, key):
            yield _warning(
                f"{config.FILE} [sender] {key}",
                _("empty: the letter must say who writes"),
                _("fill it in"),
            )
    yield from sample_sender(settings.sender.from_)


def sample_sender(from_: str) -> Iterator[Finding]:
    """Yield that who writes is still the sender of the sample settings."""
    if from_ == config.Sender().from_:
        yield _warning(
            f"{config.FILE} [sender] from", _("still the example's address"), _("write yours")
        )


def _unreachable(settings: Settings) -> Iterator[Finding]:
    if urls.is_of_this_machine(settings.web.base_url):
        yield _warning(
            f"{config.FILE} [web] base_url",
            _("no reader can reach {url}: unsubscribing would fail").format(
                url=settings.web.base_url
            ),
            _("write the public address under which `buzz serve` is reached"),
        )


def _error_of(exc: BuzzError) -> Finding:
    return Finding(
        rule="config", level=Level.ERROR, place=exc.place, what=exc.what, remedy=exc.remedy
    )


def _warning(place: str, what: str, remedy: str) -> Finding:
    return Finding(rule="config", level=Level.WARNING, place=place, what=what, remedy=remedy)
