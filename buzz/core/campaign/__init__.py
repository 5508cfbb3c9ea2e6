"""A campaign: what ``letter.md`` says, who gets it, what is wrong with it, what to look for later.

From text to :class:`~buzz.model.Campaign` (``letterfile``, ``markdown``, ``typography``,
``images``), from a segment to recipients (``segment``), from a rendered letter to findings
(``rules``). Nothing here reads a file or renders a template.
"""

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.editing import edited, quoted
from buzz.core.campaign.images import MAX_IMAGE_BYTES, RECIPE, fitted, shown_size
from buzz.core.campaign.letterfile import parse, read, refused
from buzz.core.campaign.linkrules import RESERVED
from buzz.core.campaign.markdown import VARIABLES
from buzz.core.campaign.pack import message_pack
from buzz.core.campaign.rulebook import RULES, can_be_waived, judged, title_of, waivable
from buzz.core.campaign.rules import MIN_MASS, check
from buzz.core.campaign.segment import Candidate, Relayed, Segment, choose, parse_segment

__all__ = [
    "MAX_IMAGE_BYTES",
    "MIN_MASS",
    "RECIPE",
    "RESERVED",
    "RULES",
    "VARIABLES",
    "Candidate",
    "Context",
    "Relayed",
    "Rendered",
    "Segment",
    "can_be_waived",
    "check",
    "choose",
    "edited",
    "fitted",
    "judged",
    "message_pack",
    "parse",
    "parse_segment",
    "quoted",
    "read",
    "refused",
    "shown_size",
    "title_of",
    "waivable",
]
