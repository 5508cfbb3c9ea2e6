"""A campaign that is ready to be sent, for the tests of sending."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from buzz import config
from buzz.config import Settings
from buzz.edges import files
from buzz.edges.store import Store, blogs, deliveries
from buzz.model import Account, Blog, Delivery, DeliveryState

SLUG = "retraites"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def people(count: int) -> list[str]:
    """Return so many addresses at which everything is taken."""
    return [f"blog{n:04d}@blogs.example" for n in range(count)]


def campaign(
    settings: Settings, store: Store, addresses: Sequence[str], *, front: str = ""
) -> None:
    """Make a registry of these addresses, and a campaign to all of them.

    Args:
        settings: of the workspace.
        store: its database.
        addresses: in the order in which they are written to.
        front: further lines for the front matter of ``letter.md``.
    """
    found = [
        Blog(
            slug=f"b{n:04d}",
            name=f"Blog {n}",
            url=f"https://b{n}.example",
            email=address,
            source="annuaire",
        )
        for n, address in enumerate(addresses)
    ]
    with store.write() as tx:
        blogs.save(tx, found, NOW)
    folder = settings.campaigns / SLUG
    shutil.copytree(files.shared("campaigns") / SLUG, folder)
    letter = folder / "letter.md"
    head, gap, rest = letter.read_text(encoding="utf-8").removeprefix("---\n").partition("---\n")
    lines = [line for line in head.splitlines() if not line.startswith(("segment", "not_"))]
    head = "\n".join((*lines, "segment: all", *filter(None, [front])))
    letter.write_text(f"---\n{head}\n{gap}{rest}", encoding="utf-8")


def toward(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, port: int, **smtp: object
) -> Settings:
    """Return the workspace's settings with this port of loopback as the next hop."""
    monkeypatch.setenv("BUZZ_SMTP_PORT", str(port))
    for name, value in smtp.items():
        monkeypatch.setenv(f"BUZZ_SMTP_{name}".upper(), str(value))
    return config.load(workspace)


def states(store: Store) -> dict[str, DeliveryState]:
    """Return each recipient's state, by address."""
    return {delivery.email: delivery.state for delivery in rows(store)}


def rows(store: Store) -> tuple[Delivery, ...]:
    """Return all deliveries of the campaign."""
    with store.read() as tx:
        return deliveries.of_campaign(tx, SLUG)


def account(store: Store) -> Account:
    """Return the campaign's account."""
    with store.read() as tx:
        return deliveries.account(tx, SLUG)
