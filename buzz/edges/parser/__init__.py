"""Parsing in processes of their own, started when the first body has changed and not before.

``async with Parsers() as parsers: await parsers.parse(document)``. The smallest documents go first.
Each process takes a batch, and answers document by document: when one dies, the first that is
unanswered is the culprit and fails alone, the rest of its batch goes to the next process. What a
document may cost stands in :mod:`buzz.edges.parser.protocol`.
"""

import asyncio
import heapq
import itertools
import os
import pickle
import struct
import sys
from collections import deque
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from buzz.edges.parser.protocol import ANSWER, HEADER, READY, Document, Limits
from buzz.errors import BuzzError, TemporaryFailure
from buzz.locales import gettext as _
from buzz.locales import system
from buzz.model import ParsedFeed

__all__ = ["Document", "Limits", "Parsers"]

BATCH = 16  # documents on the way to one process
BATCH_BYTES = 1 << 20
START_S = 60.0  # for a process to import feedparser, on a machine that is busy
ANSWER_S = 60.0  # wall time of one document; its CPU time is bounded by the process itself

Job = tuple[Document, "asyncio.Future[ParsedFeed]"]


class Parsers:
    """A pool of parsing processes, as many as processors."""

    def __init__(self, processes: int = 0, limits: Limits = Limits()) -> None:  # noqa: B008  (a constant)
        self._limits = limits
        self._size = processes or len(os.sched_getaffinity(0))
        self._waiting: list[tuple[int, int, Job]] = []  # a heap: the smallest first
        self._count = itertools.count()
        self._lanes: list[asyncio.Task[None]] = []
        self._wake = asyncio.Condition()

    async def __aenter__(self) -> Self:
        """Start nothing yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the processes, at once where documents are still waiting."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    async def parse(self, document: Document) -> ParsedFeed:
        """Return what is in the document; what is wrong with it is a value.

        Raises:
            BuzzError: the parsing process cannot be started at all.
            TemporaryFailure: not now: the machine has no room for another process.
        """
        answer: asyncio.Future[ParsedFeed] = asyncio.get_running_loop().create_future()
        async with self._wake:
            job = (document, answer)
            heapq.heappush(self._waiting, (document.size, next(self._count), job))
            if len(self._lanes) < self._size:
                self._lanes.append(asyncio.create_task(self._lane()))
            self._wake.notify()
        return await answer

    async def _lane(self) -> None:
        """Keep one process at work, and replace it when it dies."""
        process: _Process | None = None
        try:
            while True:
                jobs = await self._take()
                while jobs:
                    try:
                        process = process or await _Process.start(self._limits)
                        is_alive = await process.work(jobs)
                    except (BuzzError, OSError) as exc:  # nobody may wait for ever
                        _fail(jobs, exc)
                        is_alive = False
                    if not is_alive and process is not None:
                        await process.end()
                        process = None
        finally:
            if process is not None:
                await process.end()

    async def _take(self) -> deque[Job]:
        """Return the next batch, as soon as anything waits."""
        jobs: deque[Job] = deque()
        size = 0
        async with self._wake:
            await self._wake.wait_for(lambda: bool(self._waiting))
            # Leave something for the other lanes: a batch saves little, an idle core costs half.
            most = min(BATCH, 1 + len(self._waiting) // self._size)
            while self._waiting and len(jobs) < most:
                size += self._waiting[0][0]
                if jobs and size > BATCH_BYTES:
                    break
                jobs.append(heapq.heappop(self._waiting)[-1])
        return jobs


def _fail(jobs: deque[Job], exc: BuzzError | OSError) -> None:
    """Answer the jobs with a failure that is ours."""
    if isinstance(exc, OSError):
        exc = TemporaryFailure(
            _("no process can parse: {why}").format(why=system.words(exc)),
            remedy=_("this machine has too many processes or open files, or too little memory"),
        )
    while jobs:
        answer = jobs.popleft()[1]
        if not answer.done():
            answer.set_exception(exc)


class _Process:
    """One parsing process and its two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls, limits: Limits) -> Self:
        """Return a process that is ready.

        Raises:
            BuzzError: it does not start.
        """
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109  (as sys.path means it)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # No folder of the workspace may stand in for a module (-P), and no secret of the
            # environment is of use to a parser.
            *("-P", "-m", "buzz.edges.parser.worker", *map(str, limits)),
            env={"PYTHONPATH": path, "LC_ALL": "C.UTF-8"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        started = cls(process)
        if await started._answer(START_S) != READY:
            await started.end()
            raise BuzzError(
                _("the parsing process does not start"),
                place=f"{sys.executable} -m buzz.edges.parser.worker 5 400000000",
                remedy=_("run this command by hand: it says why"),
            )
        return started

    async def work(self, jobs: deque[Job]) -> bool:
        """Answer the jobs, taking each away; return False if the process died on the way.

        The job at which it died has been answered with an error, the later ones are left.
        """
        for document, _answer in jobs:
            await self._hand_over(document, is_alone=len(jobs) == 1)
        while jobs:
            parsed = await self._answer(ANSWER_S)
            answer = jobs.popleft()[1]
            died = not isinstance(parsed, ParsedFeed)
            if not answer.done():  # else its poll was cancelled
                answer.set_result(
                    parsed if isinstance(parsed, ParsedFeed) else ParsedFeed(error="parser-died")
                )
            if died:
                return False
        return True

    async def _hand_over(self, document: Document, *, is_alone: bool) -> None:
        """Write a document to the process; one that is alone, and may be large, bit by bit.

        With several we must not wait in between: the process may wait for us to read its answers.
        """
        head = pickle.dumps(replace(document, body=b"", large=None), pickle.HIGHEST_PROTOCOL)
        self._requests.write(struct.pack(HEADER, len(head), document.size) + head)
        for piece in document.pieces():
            self._requests.write(piece)
            if is_alone:
                with suppress(ConnectionError):  # it has died: no answer will say so
                    await self._requests.drain()

    async def end(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.returncode is None:
            self._process.kill()
        self._requests.close()
        await self._process.wait()
        await self._answers.read()  # up to the end of the pipe, so that nothing stays open

    async def _answer(self, timeout_s: float) -> object:
        """Return the next answer, or None: the process is dead or as good as dead."""
        try:
            async with asyncio.timeout(timeout_s):
                header = await self._answers.readexactly(struct.calcsize(ANSWER))
                frame = await self._answers.readexactly(struct.unpack(ANSWER, header)[0])
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            return None
        return pickle.loads(frame)  # noqa: S301  (written by our own code in the other process)
