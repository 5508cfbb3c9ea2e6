"""Sending: plan, start, pause, resume, cancel; every recipient is accounted for, always.

``planning`` freezes letters and recipients; ``running`` takes the lease and lets ``lanes`` hand
over one letter after the other, each recorded by the ``ledger``; ``standing`` answers questions
and carries out what a person decides. Everything is sent from the snapshot in the database.
"""

from buzz.pipeline.send.planning import plan
from buzz.pipeline.send.report import SendReport
from buzz.pipeline.send.running import outlook, ready, resume_due, start
from buzz.pipeline.send.standing import (
    Doubt,
    adopt,
    cancel,
    pause,
    resolve,
    resumable,
    retry,
    status,
    uncertain,
)

__all__ = [
    "Doubt",
    "SendReport",
    "adopt",
    "cancel",
    "outlook",
    "pause",
    "plan",
    "ready",
    "resolve",
    "resumable",
    "resume_due",
    "retry",
    "start",
    "status",
    "uncertain",
]
