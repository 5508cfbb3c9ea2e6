"""What is different between two registries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from buzz.core.registry.cells import COLUMNS, cells_of
from buzz.model import Blog


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is different in one blog: ``fields`` maps a column to its cell before and after."""

    slug: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What one registry has and another has not, each by slug."""

    added: tuple[Blog, ...] = ()
    changed: tuple[Change, ...] = ()
    removed: tuple[Blog, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.added or self.changed or self.removed)


def diff(old: Iterable[Blog], new: Iterable[Blog]) -> Diff:
    """Return what must be done to get from one registry to another."""
    before = {blog.slug: blog for blog in old}
    after = {blog.slug: blog for blog in new}
    return Diff(
        added=tuple(after[slug] for slug in sorted(after.keys() - before.keys())),
        changed=tuple(
            _change(before[slug], after[slug])
            for slug in sorted(after.keys() & before.keys())
            if before[slug] != after[slug]
        ),
        removed=tuple(before[slug] for slug in sorted(before.keys() - after.keys())),
    )


def _change(old: Blog, new: Blog) -> Change:
    before, after = cells_of(old), cells_of(new)
    return Change(
        slug=new.slug,
        fields={
            column: (before[column], after[column])
            for column in COLUMNS
            if before[column] != after[column]
        },
    )
