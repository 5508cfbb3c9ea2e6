"""The stage of the demo: the world's servers on loopback, in a thread of their own.

The story moves the stage's clock: the letter goes out three days ago, the reactions come in
between, the report is made today.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from buzz.demo import documents, mail
from buzz.demo.documents import Site

T = TypeVar("T")
START_TIMEOUT_S = 30


class Stage:
    """Servers of the small world, started and stopped around a ``with`` block."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.sites: dict[str, Site] = {}
        self.office = mail.PostOffice(mailboxes={})
        self.feed_port = 0
        self.smtp_port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._closing = ExitStack()

    def now(self) -> datetime:
        """Return the time that the world believes in."""
        return datetime.now(UTC) + self.offset

    def do(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run something in the stage's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def __enter__(self) -> Self:
        """Start the servers on free ports."""
        self._thread.start()
        web, self.feed_port = self.do(documents.serve(self.sites), START_TIMEOUT_S)
        smtp, self.smtp_port = self.do(mail.serve(self.office), START_TIMEOUT_S)
        self._closing.callback(self._stop)
        self._closing.callback(lambda: self.do(web.cleanup(), START_TIMEOUT_S))
        self._closing.callback(lambda: self._loop.call_soon_threadsafe(smtp.close))
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop the servers."""
        self._closing.close()

    def _stop(self) -> None:
        self.do(_cancel_the_rest(), START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()


async def _cancel_the_rest() -> None:
    """End what still waits: mute feeds and idle connections."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
