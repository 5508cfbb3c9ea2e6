"""Bounds on what this very process does with what others wrote: computing time and memory.

For work that is too short to be worth a process of its own (see ``edges.parser`` for the other
kind). Both bounds hold for the main thread, in which commands run.
"""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buzz.errors import CheckRefused
from buzz.locales import gettext as _


class _OutOfTime(BaseException):
    """The time is up. Not an Exception: what runs may catch many."""


@contextmanager
def bounded(*, cpu_s: float, memory: int, place: str, remedy: str) -> Iterator[None]:
    """Run the block, but not for ever and not with all memory there is.

    Args:
        cpu_s: seconds of computing time.
        memory: bytes beyond what the process has.
        place: what messages call the thing that is worked on.
        remedy: what to do about it.

    Raises:
        CheckRefused: the block took more.
    """
    try:
        with _memory(memory), _time(cpu_s):
            yield
    except _OutOfTime as exc:
        raise CheckRefused(
            _("this takes more than {seconds} s of computing").format(seconds=f"{cpu_s:g}"),
            place=place,
            remedy=remedy,
        ) from exc
    except MemoryError as exc:
        raise CheckRefused(
            _("this takes more than {most} MB of memory").format(most=memory // 1_000_000),
            place=place,
            remedy=remedy,
        ) from exc


@contextmanager
def _time(cpu_s: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals are the main one's
        yield
        return
    before = signal.signal(signal.SIGPROF, _out_of_time)
    signal.setitimer(signal.ITIMER_PROF, cpu_s, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


# What is raised within a destructor is swallowed by Python: so it is raised again.
_AGAIN_S = 0.25


def _out_of_time(_signal: int, _frame: object) -> None:
    raise _OutOfTime


@contextmanager
def _memory(memory: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = taken() + memory
    if soft != resource.RLIM_INFINITY and soft <= limit:  # somebody else's bound is narrower
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def taken() -> int:
    """Return how many bytes of address space this process has."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()
