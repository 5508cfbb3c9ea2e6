"""What comes back to the sender: who it is about, what it says, and what follows from it.

``address`` makes and proves the return path of each letter (VERP); ``reading`` tells what a
message is, in the order of trust: feedback report, delivery status notification, plain text,
automatic reply; ``judging`` says what a status and a server's words mean. Nothing here reads a
mailbox or a database; a message that is not understood is said to be so.
"""

from buzz.core.bounce.address import (
    MAX_WORDS,
    STAR,
    claims,
    is_proven,
    return_path,
)
from buzz.core.bounce.judging import SOFT_DAYS, SOFT_LIMIT, is_worn_out, meaning
from buzz.core.bounce.reading import Reading, digest, read

__all__ = [
    "MAX_WORDS",
    "SOFT_DAYS",
    "SOFT_LIMIT",
    "STAR",
    "Reading",
    "claims",
    "digest",
    "is_proven",
    "is_worn_out",
    "meaning",
    "read",
    "return_path",
]
