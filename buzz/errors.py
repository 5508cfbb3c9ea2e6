"""The tree of errors, each with the exit code it ends the command with.

::

    BuzzError               1    it failed
    +-- UsageError          2    the command was not understood or lacks something
    +-- PartialFailure      3    some items failed; the report says which
    +-- CheckRefused        5    a check refused it
    +-- LockHeld            6    another run holds the lock
    +-- ConfigurationError  7    settings, workspace, secrets, database version
    +-- CancelledByPerson   8    the person said no
    +-- UncertainRemain     9    deliveries whose fate cannot be known remain
    +-- TemporaryFailure    75   try later: nothing is lost
    +-- Interrupted         130  SIGINT (143 for SIGTERM)

Expected failures of one item (a dead feed, a refused recipient) are values, not errors: one
never stops a run. A foreign exception is translated at one place per edge, ``raise ... from exc``.
"""

from collections.abc import Sequence


class BuzzError(Exception):
    """Something that a person must be told: what, where, why and what to do.

    Attributes:
        what: one sentence without a full stop, in the language in force.
        place: file, file:line or command it is about; empty when there is none.
        remedy: what to do about it; empty when there is nothing to do.
        details: further lines, one per item that is wrong.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, place: str = "", remedy: str = "", details: Sequence[str] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.remedy = remedy
        self.details = tuple(details)

    def __str__(self) -> str:
        """Return ``place: what (remedy)`` and the details on lines of their own."""
        line = f"{self.place}: {self.what}" if self.place else self.what
        if self.remedy:
            line += f" ({self.remedy})"
        return "\n".join((line, *(f"  {detail}" for detail in self.details)))


class UsageError(BuzzError):
    """The command was not understood, or lacks something it needs."""

    exit_code = 2


class PartialFailure(BuzzError):
    """The work was done, but for some items, which are named."""

    exit_code = 3


class CheckRefused(BuzzError):
    """A check refused to go on: the letter, the segment or a file is not fit for it."""

    exit_code = 5


class LockHeld(BuzzError):
    """Another run is doing this very thing."""

    exit_code = 6


class ConfigurationError(BuzzError):
    """The workspace, a setting, a secret or the database is not what it must be."""

    exit_code = 7


class CancelledByPerson(BuzzError):
    """The person was asked and said no."""

    exit_code = 8


class UncertainRemain(BuzzError):
    """Deliveries remain of which nobody can know whether they arrived (RFC 1047)."""

    exit_code = 9


class TemporaryFailure(BuzzError):
    """Something outside is away for now; nothing is lost, and a later run goes on.

    Attributes:
        is_told: a run before has said so, and need not be repeated to who wants quiet.
    """

    exit_code = 75

    def __init__(
        self,
        what: str,
        *,
        place: str = "",
        remedy: str = "",
        details: Sequence[str] = (),
        is_told: bool = False,
    ) -> None:
        super().__init__(what, place=place, remedy=remedy, details=details)
        self.is_told = is_told


class Interrupted(BuzzError):
    """A signal ended the run at a safe point.

    Attributes:
        exit_code: 130 after SIGINT, 143 after SIGTERM.
    """

    exit_code = 130

    def __init__(self, what: str, *, exit_code: int = 130, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.exit_code = exit_code
