"""A campaign that is ready to be sent, for the tests of sending."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Result

from buzz import config
from buzz.config import Settings
from buzz.edges import files
from buzz.edges.store import Store, blogs, deliveries, open_store
from buzz.model import Account, Blog, Delivery, DeliveryState
from buzz.pipeline import send

SLUG = "retraites"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def people(count: int) -> list[str]:
    """Return so many addresses at which everything is taken."""
    return [f"blog{n:04d}@blogs.example" for n in range(count)]


@dataclass(kw_only=True)
class Desk:
    """A workspace with a campaign, and what a person at it can do."""

    settings: Settings
    store: Store
    run: Callable[..., Result]
    monkeypatch: pytest.MonkeyPatch

    def campaign(self, addresses: Sequence[str], *, front: str = "") -> None:
        """Make a registry of these addresses, and a campaign to all of them.

        Args:
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
        with self.store.write() as tx:
            blogs.save(tx, found, NOW)
        folder = self.settings.campaigns / SLUG
        shutil.copytree(files.shared("campaigns") / SLUG, folder)
        letter = folder / "letter.md"
        text = letter.read_text(encoding="utf-8").removeprefix("---\n")
        head, gap, rest = text.partition("---\n")
        kept = [line for line in head.splitlines() if not line.startswith(("segment", "not_"))]
        head = "\n".join((*kept, "segment: all", *filter(None, [front])))
        letter.write_text(f"---\n{head}\n{gap}{rest}", encoding="utf-8")

    def set(self, **values: object) -> None:
        """Set settings: ``smtp_port=25``, ``send_rate_per_s=1``."""
        for name, value in values.items():
            said = str(value).lower() if isinstance(value, bool) else str(value)
            self.monkeypatch.setenv(f"BUZZ_{name}".upper(), said)
        self.settings = config.load(self.settings.workspace)

    def plan(self) -> send.SendReport:
        """Plan the campaign."""
        return send.plan(self.settings, self.store, SLUG, self.settings.now())

    def start(self) -> send.SendReport:
        """Send the campaign, without patience for a server that is away."""
        now = self.settings.now()
        return send.start(self.settings, self.store, SLUG, now, backoff_s=(0, 0))

    @property
    def rows(self) -> tuple[Delivery, ...]:
        """All deliveries of the campaign."""
        with self.store.read() as tx:
            return deliveries.of_campaign(tx, SLUG)

    @property
    def states(self) -> dict[str, DeliveryState]:
        """Each recipient's state, by address."""
        return {delivery.email: delivery.state for delivery in self.rows}

    @property
    def account(self) -> Account:
        """The campaign's account."""
        with self.store.read() as tx:
            return deliveries.account(tx, SLUG)


_PLANNED: dict[tuple[str, ...], Path] = {}  # workspaces by whom they are about to write to


def planned(
    settings: Settings,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    folders: pytest.TempPathFactory,
    addresses: Sequence[str],
) -> Desk:
    """Return a desk at which a campaign to these is planned; its store is the caller's to close.

    Checking and planning takes longer than to send to a few: it is done once, then copied.
    """
    known = _PLANNED.get(tuple(addresses))
    if known is not None:
        shutil.copytree(known, settings.workspace, dirs_exist_ok=True)
    store = open_store(settings.database_url)
    desk = Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)
    if known is None:
        desk.campaign(addresses)
        desk.plan()
        store.close()  # nothing is left beside the file
        copied = folders.mktemp("planned") / "workspace"
        _PLANNED[tuple(addresses)] = shutil.copytree(settings.workspace, copied)
        desk.store = open_store(settings.database_url)
    return desk
