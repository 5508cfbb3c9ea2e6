"""What ran, and what people did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command that cron may start; ``buzz status`` shows the last ones."""

    command: str
    started_at: datetime
    ended_at: datetime
    exit_code: int
    summary: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person decided through a command, to be answered for later."""

    at: datetime
    who: str  # user of the operating system
    command: str  # without ``buzz``: "send cancel"
    campaign: str = ""  # slug; empty: it concerns none
    detail: str = ""  # whom or what
