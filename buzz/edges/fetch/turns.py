"""Turns: who may ask a host now.

Two connections at a time, a pause between two starts, and none at all while the host wants to be
left alone. A host is a name, or a platform of many blogs (``feeds.courtesy_host``): what many blogs
share is asked gently; what merely shares an address with others is not held up.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from buzz.core import feeds
from buzz.model import FetchResult

PER_HOST = 2  # connections


class Held(Exception):
    """The host wants to be left alone.

    Attributes:
        wait: for how long from now.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


class Turn:
    """The turns at one host: hold its gate, await ``come``, ask."""

    def __init__(self, pause_s: float) -> None:
        self.gate = asyncio.Semaphore(PER_HOST)
        self._pause_s = pause_s
        self._next_start = 0.0  # on the loop's clock
        self._held_until = 0.0

    async def come(self) -> None:
        """Return when a request may start.

        Raises:
            Held: none may.
        """
        clock = asyncio.get_running_loop().time
        self._check(clock())
        start = max(clock(), self._next_start)
        self._next_start = start + self._pause_s
        if start > clock():
            await asyncio.sleep(start - clock())
            self._check(clock())

    def _check(self, at: float) -> None:
        if self._held_until > at:
            raise Held(timedelta(seconds=self._held_until - at))

    def hold(self, wait: timedelta) -> None:
        """Let no further request start for so long."""
        until = asyncio.get_running_loop().time() + wait.total_seconds()
        self._held_until = max(self._held_until, until)


class Turns:
    """The turns at all hosts."""

    def __init__(self, pause_s: float, holds: Mapping[str, timedelta]) -> None:
        self._pause_s = pause_s
        self._holds = holds
        self._turns: dict[str, Turn] = {}

    def at(self, url: str) -> Turn:
        """Return the turns at the host of an address."""
        name = feeds.courtesy_host(url)
        if name not in self._turns:
            turn = self._turns[name] = Turn(self._pause_s)
            if wait := self._holds.get(name):
                turn.hold(wait)
        return self._turns[name]

    def heed(self, result: FetchResult) -> None:
        """Leave a host alone that has asked for it."""
        if wait := feeds.hold(result):
            self.at(result.final_url).hold(wait)
