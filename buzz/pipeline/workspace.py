"""A new workspace: settings, registry, sample campaign, secret. Nothing that exists is touched."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from buzz import config
from buzz.config import Settings
from buzz.core import registry as core
from buzz.edges import files
from buzz.edges.store import open_store
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.pipeline import registry

SECRET_BYTES = 32  # as many as the keyed hash of the tokens takes
IGNORED = "/data/"

__all__ = ["Made", "make"]


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
