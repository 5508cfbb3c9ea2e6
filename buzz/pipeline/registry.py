"""The registry's day: ``blogs.csv`` is the source, the database is brought to what it says.

Every change is first a :class:`Plan`, which can be shown, and then carried out at once or not at
all: file and database change together, or neither does. A blog that the imported file does not
have leaves the registry (the plan says so), unless it is to be kept. Edits that were made to
``blogs.csv`` by hand and never imported are never overwritten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path

from buzz.config import Settings
from buzz.core import registry
from buzz.core.registry import Diff, Registry, Style
from buzz.core.text import slugify
from buzz.edges import files
from buzz.edges.store import Store, Transaction, audit, blogs, runs
from buzz.errors import CheckRefused, TemporaryFailure, UsageError
from buzz.locales import formats, ngettext, system
from buzz.locales import gettext as _
from buzz.model import Blog, Finding, Run

COMMAND = "blogs import"  # under which changes of the registry are recorded
MAX_BYTES = 50_000_000  # a registry of 1,500 blogs has 0.4 MB
_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the registry shall become, and what it was when that was decided."""

    blogs: tuple[Blog, ...]
    diff: Diff
    style: Style
    warnings: tuple[Finding, ...] = ()
    left_out: tuple[Finding, ...] = ()  # lines of somebody's list that could not be taken
    known: int = 0  # blogs of such a list that were there already
    before: tuple[Blog, ...]  # in the database
    written: bytes | None  # in blogs.csv; None: there is none

    @property
    def content(self) -> bytes:
        """Return what ``blogs.csv`` shall hold."""
        return registry.write(self.blogs, self.style)

    @property
    def is_done(self) -> bool:
        """Tell whether there is nothing left to do."""
        return not self.diff and self.content == self.written


# --- plans ------------------------------------------------------------------------------------


def plan_import(settings: Settings, store: Store, file: Path, *, keep: bool = False) -> Plan:
    """Return what importing a file would change.

    Args:
        settings: the workspace's.
        store: its database.
        file: a registry; ``blogs.csv`` itself, or another one that replaces its content.
        keep: blogs that the file does not have stay.

    Raises:
        UsageError: the file cannot be read.
        CheckRefused: something in it is wrong, or ``blogs.csv`` holds edits never imported.
    """
    found = _sound(settings, content_of(file), file)
    with store.read() as tx:
        before = blogs.all_blogs(tx)
    written = written_in(settings)
    style = found.style
    if file.resolve() != settings.registry_file.resolve():
        style = _agreed(settings, written, before)
    wanted = {blog.slug: blog for blog in before} if keep else {}
    wanted |= {blog.slug: blog for blog in found.blogs}
    return plan_of(wanted, before, written, style, found.findings)


def plan_add(settings: Settings, store: Store, cells: Mapping[str, str]) -> Plan:
    """Return what adding a blog of these cells would change.

    Raises:
        CheckRefused: a cell is wrong, the slug is taken, or ``blogs.csv`` holds edits never
            imported.
    """
    before, written, style = present(settings, store)
    blog, warnings = _described(settings, cells, _("new blog"))
    if any(known.slug == blog.slug for known in before):
        raise CheckRefused(
            _("the slug {slug} is taken").format(slug=blog.slug),
            remedy=_("give another one: --slug {slug}-2").format(slug=blog.slug),
        )
    wanted = {known.slug: known for known in (*before, blog)}
    return plan_of(wanted, before, written, style, warnings)


def plan_edit(settings: Settings, store: Store, slug: str, cells: Mapping[str, str]) -> Plan:
    """Return what replacing these cells of a blog would change.

    Raises:
        UsageError: no such blog.
        CheckRefused: a cell is wrong, or ``blogs.csv`` holds edits never imported.
    """
    before, written, style = present(settings, store)
    old = _find(before, slug)
    blog, warnings = _described(settings, {**registry.cells_of(old), **cells}, slug)
    wanted = {known.slug: known for known in before} | {slug: blog}
    return plan_of(wanted, before, written, style, warnings)


def plan_remove(settings: Settings, store: Store, slugs: Sequence[str]) -> Plan:
    """Return what removing these blogs would change.

    Raises:
        UsageError: no such blog.
        CheckRefused: ``blogs.csv`` holds edits never imported.
    """
    before, written, style = present(settings, store)
    leaving = {_find(before, slug).slug for slug in slugs}
    wanted = {blog.slug: blog for blog in before if blog.slug not in leaving}
    return plan_of(wanted, before, written, style)


def apply(settings: Settings, store: Store, plan: Plan, now: datetime) -> None:
    """Carry a plan out, in ``blogs.csv`` and in the database together.

    Raises:
        TemporaryFailure: the registry is no more what it was when the plan was made.
        LockHeld: another command is changing it.
    """
    leaving = [blog.slug for blog in plan.diff.removed]
    changed = {change.slug for change in plan.diff.changed}
    arriving = [*plan.diff.added, *(blog for blog in plan.blogs if blog.slug in changed)]
    remedy = _("wait until it has finished, then try again; nothing was changed")
    with files.lock(settings.lock("registry"), remedy=remedy), store.write() as tx:
        if blogs.all_blogs(tx) != plan.before or written_in(settings) != plan.written:
            raise TemporaryFailure(
                _("the registry was changed by somebody else in the meantime"),
                remedy=_("run the command again; nothing was changed"),
            )
        blogs.remove(tx, leaving)
        blogs.save(tx, arriving, now)
        runs.add(tx, _run(plan, now))
        if leaving:  # by whichever command
            audit.add(tx, "blogs remove", now, detail=", ".join(leaving))
        if plan.content != plan.written:  # last, so that what fails leaves both as they were
            _write(settings.registry_file.resolve(), plan.content)


def is_imported(settings: Settings, last: Run | None) -> bool:
    """Tell whether ``blogs.csv`` is what the last change of the registry left, or is not there.

    Args:
        settings: the workspace's.
        last: the last run of :data:`COMMAND`; None: there was none.
    """
    written = written_in(settings)
    if written is None:
        return True
    if last is None:
        return b"\n" not in written.strip()  # nothing but the header
    return _digest(written) == last.summary.get("file")


def _run(plan: Plan, now: datetime) -> Run:
    return Run(
        command=COMMAND,
        started_at=now,
        ended_at=now,
        exit_code=0,
        summary={
            "added": len(plan.diff.added),
            "changed": len(plan.diff.changed),
            "removed": len(plan.diff.removed),
            "blogs": len(plan.blogs),
            "file": _digest(plan.content),
        },
    )


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def plan_of(
    wanted: Mapping[str, Blog],
    before: tuple[Blog, ...],
    written: bytes | None,
    style: Style,
    warnings: Sequence[Finding] = (),
) -> Plan:
    """Return the plan that leads from one registry to another.

    Args:
        wanted: what shall be, by slug.
        before: what the database holds.
        written: what ``blogs.csv`` holds.
        style: of the file.
        warnings: what is odd about it.
    """
    return Plan(
        blogs=tuple(wanted[slug] for slug in sorted(wanted)),
        diff=registry.diff(before, wanted.values()),
        style=style,
        warnings=tuple(warnings),
        before=before,
        written=written,
    )


def present(settings: Settings, store: Store) -> tuple[tuple[Blog, ...], bytes | None, Style]:
    """Return the registry in the database, the bytes of ``blogs.csv`` and its style.

    Raises:
        CheckRefused: the file holds edits that were never imported.
    """
    with store.read() as tx:
        before = blogs.all_blogs(tx)
    written = written_in(settings)
    return before, written, _agreed(settings, written, before)


def _agreed(settings: Settings, written: bytes | None, before: tuple[Blog, ...]) -> Style:
    """Return the style of ``blogs.csv``, which must hold what the database holds."""
    if written is None and not before:
        return Style()
    found = _sound(settings, written, settings.registry_file) if written else Registry()
    drift = registry.diff(before, found.blogs)
    if drift:
        raise CheckRefused(
            _("{changes} were made by hand and not imported").format(changes=counted(drift)),
            place=str(settings.registry_file),
            remedy=_(
                "import them: buzz blogs import {file}; or drop them: buzz blogs export {file}"
            ).format(file=settings.registry_file.name),
        )
    return found.style


def _described(
    settings: Settings, cells: Mapping[str, str], place: str
) -> tuple[Blog, tuple[Finding, ...]]:
    blog, findings = registry.read_blog(cells, place=place, allowed=settings.poll.allow_networks)
    if blog is None:
        raise CheckRefused(
            _("this cannot be put into the registry"), details=list(map(line_of, findings))
        )
    return blog, findings


# --- files ------------------------------------------------------------------------------------


def content_of(file: Path) -> bytes:
    """Return a file's bytes, at most :data:`MAX_BYTES`.

    Raises:
        UsageError: it cannot be read.
        CheckRefused: it is larger.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as exc:
        raise UsageError(
            _("cannot read this file: {why}").format(why=system.words(exc)), place=str(file)
        ) from exc
    if len(content) > MAX_BYTES:
        raise too_large(file, MAX_BYTES)
    return content


def too_large(file: Path, most: int) -> CheckRefused:
    """Return the error of a file with more bytes than that."""
    return CheckRefused(
        _("larger than {most} MB").format(most=most // 1_000_000),
        place=str(file),
        remedy=_("is this a registry?"),
    )


def written_in(settings: Settings) -> bytes | None:
    """Return the bytes of ``blogs.csv``, or None where there is none."""
    path = settings.registry_file
    return content_of(path) if path.exists() else None


def _write(path: Path, content: bytes) -> None:
    """Replace the registry; it keeps the mode that people gave it."""
    mode = path.stat().st_mode & 0o777 if path.exists() else files.PRIVATE
    files.write(path, content, mode=mode)


def _sound(settings: Settings, content: bytes, file: Path) -> Registry:
    found = registry.read(content, file=str(file), allowed=settings.poll.allow_networks)
    if found.errors:
        raise CheckRefused(
            ngettext(
                "{n} error; nothing was changed",
                "{n} errors; nothing was changed",
                len(found.errors),
            ).format(n=len(found.errors)),
            place=str(file),
            details=list(map(line_of, found.errors)),
        )
    return found


def line_of(finding: Finding) -> str:
    """Return a finding as one line: ``place: what (remedy)``."""
    return f"{finding.place}: {finding.what} ({finding.remedy})"


def counted(difference: Diff) -> str:
    """Return how many blogs a difference adds, changes and removes, in words."""
    return _("{added} added, {changed} changed, {removed} removed").format(
        added=formats.number(len(difference.added)),
        changed=formats.number(len(difference.changed)),
        removed=formats.number(len(difference.removed)),
    )


# --- looking ----------------------------------------------------------------------------------


def listing(
    store: Store, *, tag: str = "", federation: str = "", language: str = "", status: str = ""
) -> tuple[Blog, ...]:
    """Return the blogs, by slug, that have all that is asked for; empty asks for nothing."""
    with store.read() as tx:
        everything = blogs.all_blogs(tx)
    return tuple(
        blog
        for blog in everything
        if (not tag or slugify(tag) in blog.tags)
        and federation.casefold() in {"", blog.federation.casefold()}
        and language.casefold() in {"", blog.language.casefold()}
        and status in {"", blog.status}
    )


def find(tx: Transaction, slug: str) -> Blog:
    """Return the blog with this slug.

    Raises:
        UsageError: there is none; the message names those that are spelled nearly so.
    """
    return blogs.get(tx, slug) or _find(blogs.all_blogs(tx), slug)


def show(store: Store, slug: str) -> Blog:
    """Return the blog with this slug, as :func:`find` does."""
    with store.read() as tx:
        return find(tx, slug)


def export(store: Store, *, spreadsheet: bool = False) -> bytes:
    """Return the registry as the database has it, as CSV."""
    with store.read() as tx:
        everything = blogs.all_blogs(tx)
    return registry.write(everything, registry.SPREADSHEET if spreadsheet else Style())


def _find(known: Sequence[Blog], slug: str) -> Blog:
    by_slug = {blog.slug: blog for blog in known}
    if slug in by_slug:
        return by_slug[slug]
    near = get_close_matches(slugify(slug), by_slug, n=_SUGGESTIONS)
    raise UsageError(
        _("no blog {slug}").format(slug=slug),
        remedy=_("did you mean {near}?").format(near=", ".join(near))
        if near
        else _("see: buzz blogs list"),
    )
