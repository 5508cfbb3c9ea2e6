"""Relays: find who carried a frozen message on, hear what people say of it, measure the finding."""

from buzz.pipeline.relays.labelled import EvalReport, evaluate, evaluate_labels, lines, pack_of
from buzz.pipeline.relays.scanning import ScanReport, listing, say, scan, sent_pack, show

__all__ = [
    "EvalReport",
    "ScanReport",
    "evaluate",
    "evaluate_labels",
    "lines",
    "listing",
    "pack_of",
    "say",
    "scan",
    "sent_pack",
    "show",
]
