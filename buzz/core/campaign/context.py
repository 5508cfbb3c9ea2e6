"""What the rules of ``campaign check`` look at, and how they tell of what they find."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from buzz.core.campaign.places import Templates
from buzz.model import Campaign, Finding, LetterUrls, Level, Probe, Recipient, Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What one recipient gets."""

    recipient: Recipient
    urls: LetterUrls
    clicks: Mapping[str, str]  # address -> what it has become in this letter
    subject: str
    html: str
    text: str
    has_notice: bool  # the words of GDPR art. 14 stand in both parts
    holes: tuple[str, ...] = ()  # variables that stand in it and have no value
    online: str = ""  # the HTML of its page online; empty: not looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the rules look at beside the letters."""

    campaign: Campaign
    path: str  # of letter.md, as messages name it
    source: str  # its text
    sender: Sender
    masses: Mapping[int, float]  # talking point -> summed idf
    now: datetime
    others: int = 0  # recipients who get the letter in another of its languages
    wordings: Mapping[int, str] = field(default_factory=dict)  # for talking points too general
    probes: Mapping[str, Probe] = field(default_factory=dict)  # links that were asked, by address
    sources: Mapping[str, str] = field(default_factory=dict)  # of the templates, by name

    def error(self, rule: str, what: str, remedy: str, place: str = "") -> Finding:
        """Return a finding that stops a send."""
        return Finding(
            rule=rule, level=Level.ERROR, place=place or self.path, what=what, remedy=remedy
        )

    def warning(self, rule: str, what: str, remedy: str, place: str = "") -> Finding:
        """Return a finding to think about."""
        return Finding(
            rule=rule, level=Level.WARNING, place=place or self.path, what=what, remedy=remedy
        )

    def line_of(self, wanted: str) -> str:
        """Return ``file:line`` of the first line that holds this text."""
        at = self.source.find(wanted)
        return f"{self.path}:{self.source.count(chr(10), 0, at) + 1}" if at >= 0 else self.path

    @property
    def templates(self) -> Templates:
        """Return where things stand in the templates."""
        return Templates(self.campaign.template, self.sources)
