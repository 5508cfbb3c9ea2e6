"""Ground that the core's modules share: what people call what we have codes for.

One name for one thing on every screen and in every report. Look up with ``_(NAMES[code])``.
"""

from collections.abc import Callable, Mapping

from buzz.core.text import one_line
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import CampaignState, DeliveryState, FeedState, RelayMode, Stance, Verdict

FEED_STATES: Mapping[FeedState, str] = {
    FeedState.NEW: N_("never polled"),
    FeedState.OK: N_("well"),
    FeedState.SOFT: N_("failing for now"),
    FeedState.BLOCKED: N_("behind a wall for robots"),
    FeedState.GONE: N_("given up"),
    FeedState.MOVED: N_("moved"),
    FeedState.PARKED: N_("on a parking page"),
    FeedState.QUARANTINED: N_("in quarantine"),
}
CAMPAIGN_STATES: Mapping[CampaignState, str] = {
    CampaignState.DRAFT: N_("draft"),
    CampaignState.CHECKED: N_("checked"),
    CampaignState.APPROVED: N_("approved"),
    CampaignState.SENDING: N_("being sent"),
    CampaignState.PAUSED: N_("paused"),
    CampaignState.FINISHED: N_("finished"),
    CampaignState.CANCELLED: N_("cancelled"),
    CampaignState.EXPIRED: N_("expired"),
}
# In the order in which they are shown; "claimed" and "dot" are both in flight.
DELIVERY_STATES: Mapping[DeliveryState, str] = {
    DeliveryState.ACCEPTED: N_("accepted"),
    DeliveryState.PLANNED: N_("planned"),
    DeliveryState.CLAIMED: N_("in flight"),
    DeliveryState.DEFERRED: N_("deferred"),
    DeliveryState.REFUSED: N_("refused"),
    DeliveryState.UNCERTAIN: N_("uncertain"),
    DeliveryState.SUPPRESSED: N_("suppressed"),
    DeliveryState.CANCELLED: N_("cancelled"),
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.RELAYED: N_("relayed"),
    Verdict.TO_CHECK: N_("to check"),
    Verdict.MENTIONED: N_("mentioned"),
    Verdict.NOT: N_("not a relay"),
}
# How many there are of each, with the word in the right number.
IN_STATE: Mapping[DeliveryState, Callable[[int], str]] = {
    DeliveryState.ACCEPTED: lambda n: ngettext("{n} accepted", "{n} accepted", n),
    DeliveryState.PLANNED: lambda n: ngettext("{n} planned", "{n} planned", n),
    DeliveryState.CLAIMED: lambda n: ngettext("{n} in flight", "{n} in flight", n),
    DeliveryState.DEFERRED: lambda n: ngettext("{n} deferred", "{n} deferred", n),
    DeliveryState.REFUSED: lambda n: ngettext("{n} refused", "{n} refused", n),
    DeliveryState.UNCERTAIN: lambda n: ngettext("{n} uncertain", "{n} uncertain", n),
    DeliveryState.SUPPRESSED: lambda n: ngettext("{n} suppressed", "{n} suppressed", n),
    DeliveryState.CANCELLED: lambda n: ngettext("{n} cancelled", "{n} cancelled", n),
}
WITH_VERDICT: Mapping[Verdict, Callable[[int], str]] = {
    Verdict.RELAYED: lambda n: ngettext("{n} relayed", "{n} relayed", n),
    Verdict.TO_CHECK: lambda n: ngettext("{n} to check", "{n} to check", n),
    Verdict.MENTIONED: lambda n: ngettext("{n} mentioned", "{n} mentioned", n),
    Verdict.NOT: lambda n: ngettext("{n} dismissed", "{n} dismissed", n),
}
MODES: Mapping[RelayMode, str] = {
    RelayMode.LINK: N_("link"),
    RelayMode.COPY: N_("copy"),
    RelayMode.QUOTE: N_("quotation"),
    RelayMode.PARAPHRASE: N_("paraphrase"),
    RelayMode.SLOGAN: N_("slogan"),
}
STANCES: Mapping[Stance, str] = {
    Stance.FOR: N_("for"),
    Stance.NEUTRAL: N_("neutral"),
    Stance.AGAINST: N_("against"),
}

SENDER_ENDED = "sender-ended"  # the "reply" of a delivery whose sender died after the dot commit
_WITHOUT_REPLY = {  # codes in place of a reply, where there was none
    "lost": N_("the connection was lost"),
    "timeout": N_("no answer in time"),
    "malformed": N_("the answer made no sense"),
    "unsolicited": N_("the server spoke out of turn"),
    SENDER_ENDED: N_("the sending process ended before the answer was written down"),
}


def last_words(reply_code: int | None, reply_text: str) -> str:
    """Return what a server said last, or why it said nothing; empty: it was never asked.

    >>> last_words(550, "5.1.1 unknown"), last_words(None, "timeout")
    ('550 5.1.1 unknown', 'no answer in time')
    """
    if reply_code is not None:
        return f"{reply_code} {one_line(reply_text)}".strip()
    known = _WITHOUT_REPLY.get(reply_text)
    return _(known) if known else one_line(reply_text)
