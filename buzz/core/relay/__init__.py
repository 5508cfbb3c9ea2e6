"""Relays: which posts carried a message on, in what manner, for or against, with the proof.

``index_of`` message packs (frozen when the letters go out), then ``judge`` each entry: the index
finds the messages it is a candidate for, their traces are gathered, the traces weighed as
signals, the signals scored, and both passages kept side by side. The same entry and the same
pack always give the same relay: nothing depends on the database, the clock or chance.

What it cannot do: hear irony, and know a free paraphrase by its sense. docs/relay.md has the
measurements, weights.json the weights, lexicon.json the cues, background-LL.json how common
words are.
"""

from buzz.core.relay.figures import Figures, Judged, ModeFigures, figures
from buzz.core.relay.index import Index
from buzz.core.relay.judging import (
    Judgement,
    index_of,
    judge,
    links_of,
    moment,
    weigh,
)
from buzz.core.relay.marks import Piece, marked
from buzz.core.relay.message import Message, prepare
from buzz.core.relay.score import RELAYED, TO_CHECK, Model, shipped, version
from buzz.core.relay.telling import weight, wording
from buzz.core.relay.words import Reading, read

__all__ = [
    "RELAYED",
    "TO_CHECK",
    "Figures",
    "Index",
    "Judged",
    "Judgement",
    "Message",
    "ModeFigures",
    "Model",
    "Piece",
    "Reading",
    "figures",
    "index_of",
    "judge",
    "links_of",
    "marked",
    "moment",
    "prepare",
    "read",
    "shipped",
    "version",
    "weigh",
    "weight",
    "wording",
]
