"""The report: one model of one campaign, shown in a terminal, as HTML, as JSON and as CSV.

:class:`Facts` is what the store counted; :func:`build` makes the :class:`Report` that follows
from it; :func:`html`, :func:`lines`, :func:`as_json` and :func:`sheet` only show it. Each figure
keeps its denominator; what nobody agreed to have measured is "not measured", never 0 %; a
machine's open is not a person's; opposition is listed, and never counted as a relay.
"""

from buzz.core.report.export import as_json, sheet
from buzz.core.report.facts import (
    BlogFacts,
    Facts,
    LinkUse,
    Receiver,
    Refusal,
    Seen,
    UncertainDelivery,
)
from buzz.core.report.model import Report, build
from buzz.core.report.page import html
from buzz.core.report.terminal import lines

__all__ = [
    "BlogFacts",
    "Facts",
    "LinkUse",
    "Receiver",
    "Refusal",
    "Report",
    "Seen",
    "UncertainDelivery",
    "as_json",
    "build",
    "html",
    "lines",
    "sheet",
]
