"""The envelope: who writes to whom, and the commands that say so (RFC 5321 §4.1.1.2, §4.1.1.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from buzz.core.delivery import Exchange
from buzz.model import Phase

# No white space, no angle brackets, no controls: refused rather than rewritten (`"b\r\n"@y`).
_SAFE_ADDRESS = re.compile(r"[^\s<>\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One recipient of one message, and what a server must know of the message beforehand."""

    mail_from: str  # empty for the null sender
    rcpt_to: str
    size: int  # bytes of the message
    is_ascii: bool = True

    @classmethod
    def of(cls, mail_from: str, rcpt_to: str, message: bytes) -> Self:
        """Return the envelope of a message."""
        return cls(
            mail_from=mail_from, rcpt_to=rcpt_to, size=len(message), is_ascii=message.isascii()
        )

    def problem(self, extensions: Mapping[str, str]) -> Exchange | None:
        """Return why this is not even offered, as the server would say it, or None.

        Args:
            extensions: of the server, keyword in lower case to parameters (RFC 5321 §4.1.1.1).
        """
        if _SAFE_ADDRESS.fullmatch(self.rcpt_to) is None:
            return _own(Phase.RCPT, 553, "5.1.3 not a safe address (not offered)")
        if not self.rcpt_to.isascii() and "smtputf8" not in extensions:
            return _own(Phase.RCPT, 553, "5.6.7 the server has no SMTPUTF8 (not offered)")
        limit = extensions.get("size", "").strip()
        if limit.isdigit() and 0 < int(limit) < self.size:
            said = f"5.3.4 the server takes {limit} bytes, the letter has {self.size}"
            return _own(Phase.MAIL, 552, said)
        return None

    def mail(self, extensions: Mapping[str, str]) -> str:
        """Return the MAIL command, with the parameters that this server understands."""
        command = f"MAIL FROM:<{self.mail_from}>"
        if not self.rcpt_to.isascii():
            command += " SMTPUTF8"
        if "size" in extensions:
            command += f" SIZE={self.size}"
        if not self.is_ascii and "8bitmime" in extensions:
            command += " BODY=8BITMIME"
        return command

    def rcpt(self) -> str:
        """Return the RCPT command."""
        return f"RCPT TO:<{self.rcpt_to}>"


def _own(phase: Phase, code: int, words: str) -> Exchange:
    """Return the answer a server would give, where it need not be asked."""
    return Exchange(phase=phase, reply_code=code, text=words)
