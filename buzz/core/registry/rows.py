"""What a list of others holds, before anything of it is believed."""

from collections.abc import Mapping
from dataclasses import dataclass

from buzz.model import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One blog as a list describes it: columns of ours, cells as they stand there."""

    line: int  # from 1
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What was read of a list."""

    rows: tuple[Row, ...] = ()  # in the order of the list
    findings: tuple[Finding, ...] = ()  # what could not be read, by line
