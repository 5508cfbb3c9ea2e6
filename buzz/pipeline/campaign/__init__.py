"""Campaigns: from a folder to recipients, a compiled letter, a check, a preview, a test.

``letter.md`` and the templates are read here; the core decides what they mean. What is sent later
is not read from here again, but from what the plan froze (:mod:`buzz.edges.store.campaigns`).
"""

from buzz.pipeline.campaign.approving import APPROVE, Approval, approve
from buzz.pipeline.campaign.checking import CheckReport, check
from buzz.pipeline.campaign.loading import compile_all, folder, load, recipients, sources
from buzz.pipeline.campaign.making import (
    DEFAULT_SEGMENT,
    DEFAULT_TEMPLATE,
    Made,
    copy,
    make,
    templates,
)
from buzz.pipeline.campaign.overview import Overview, campaigns, overview
from buzz.pipeline.campaign.pictures import with_local_pictures
from buzz.pipeline.campaign.trying import Preview, Trial, preview, send_test

__all__ = [
    "APPROVE",
    "DEFAULT_SEGMENT",
    "DEFAULT_TEMPLATE",
    "Approval",
    "CheckReport",
    "Made",
    "Overview",
    "Preview",
    "Trial",
    "approve",
    "campaigns",
    "check",
    "compile_all",
    "copy",
    "folder",
    "load",
    "make",
    "overview",
    "preview",
    "recipients",
    "send_test",
    "sources",
    "templates",
    "with_local_pictures",
]
