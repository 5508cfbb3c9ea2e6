"""Who is not written to any more: looked up, added to and taken back by a person.

Only keyed hashes are kept, so the addresses are those that the registry knows anyway; of others
it can only be said that there is one.
"""

from dataclasses import dataclass
from datetime import datetime

from buzz.config import Settings
from buzz.core.delivery import address_hash
from buzz.edges.store import Store, audit, blogs, suppressions
from buzz.edges.store.suppressions import Suppression
from buzz.errors import UsageError
from buzz.locales import gettext as _

BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One suppression, and whose it is as far as the registry knows."""

    suppression: Suppression
    address: str = ""
    blog: str = ""


def listed(settings: Settings, store: Store) -> tuple[Known, ...]:
    """Return all suppressions, oldest first."""
    with store.read() as tx:
        everyone = {
            address_hash(settings.secret, blog.email): blog
            for blog in blogs.all_blogs(tx)
            if blog.email
        }
        found = suppressions.all_suppressions(tx)
    return tuple(
        Known(suppression=one, address=blog.email, blog=blog.slug)
        if (blog := everyone.get(one.address_hash))
        else Known(suppression=one)
        for one in found
    )


def add(
    settings: Settings, store: Store, address: str, now: datetime, *, dry_run: bool = False
) -> bool:
    """Suppress an address; tell whether it is new.

    Raises:
        UsageError: this is no address.
    """
    hash_ = _hash(settings, address)
    with store.write() as tx:
        if dry_run:
            return not suppressions.contains(tx, (hash_,))
        is_new = suppressions.add(tx, hash_, BY_HAND, "", now)
        if is_new:
            audit.add(tx, "suppress add", now, detail=hash_)
    return is_new


def find(settings: Settings, store: Store, address: str) -> Suppression | None:
    """Return the suppression of an address, or None: it may be written to.

    Raises:
        UsageError: this is no address.
    """
    hash_ = _hash(settings, address)
    with store.read() as tx:
        found = suppressions.all_suppressions(tx)
    return next((one for one in found if one.address_hash == hash_), None)


def remove(settings: Settings, store: Store, address: str, now: datetime) -> bool:
    """Let an address be written to again; tell whether it was suppressed.

    Raises:
        UsageError: this is no address.
    """
    hash_ = _hash(settings, address)
    with store.write() as tx:
        was_there = suppressions.remove(tx, hash_)
        if was_there:
            audit.add(tx, "suppress remove", now, detail=hash_)
    return was_there


def _hash(settings: Settings, address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    if not (local and at and domain) or any(c.isspace() for c in address.strip()):
        raise UsageError(
            _("`{address}` is no e-mail address").format(address=address),
            remedy=_("write: name@domain"),
        )
    return address_hash(settings.secret, address)
