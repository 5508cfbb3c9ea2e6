"""Owners: whose feed an address is, where two blogs of the registry lead to one.

A blog that is registered twice, or whose address leads to the feed of another blog, would have its
posts counted twice and its server asked twice as often. The address is of the blog that the
registry has had for longest; the other is told so and is not asked.
"""

from collections.abc import Iterable

from buzz.core.urls import canonical


class Owners:
    """Whose the addresses of a registry are."""

    def __init__(self, registered: Iterable[tuple[str, str]]) -> None:
        """Read the registry.

        Args:
            registered: slug and feed's address of each blog that is asked; the one registered
                first comes first.
        """
        self._slugs: dict[str, str] = {}
        for slug, url in registered:
            self._slugs.setdefault(canonical(url), slug)

    def other(self, blog: str, url: str) -> str:
        """Return the slug of another blog whose feed is at an address; empty: there is none.

        Args:
            blog: slug of who asks there.
            url: under https, with ``www.`` or without, it is the same.
        """
        owner = self._slugs.get(canonical(url), blog)
        return "" if owner == blog else owner
