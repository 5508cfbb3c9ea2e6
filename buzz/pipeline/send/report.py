"""What a command about sending has to say: the account, the state, and what comes next."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from buzz.edges.store import Transaction, campaigns, deliveries, leases
from buzz.edges.store.deliveries import SENDER_ENDED
from buzz.errors import (
    BuzzError,
    PartialFailure,
    TemporaryFailure,
    UncertainRemain,
)
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.model import Account, CampaignState, Delivery

# What stands in place of a reply where there was none.
WITHOUT_REPLY = {
    "lost": N_("the connection was lost"),
    "timeout": N_("no answer in time"),
    "malformed": N_("the answer made no sense"),
    "unsolicited": N_("the server spoke out of turn"),
    SENDER_ENDED: N_("the sending process ended before the answer was written down"),
}

_STATE_NAMES = {
    CampaignState.DRAFT: N_("draft"),
    CampaignState.CHECKED: N_("checked"),
    CampaignState.APPROVED: N_("approved"),
    CampaignState.SENDING: N_("sending"),
    CampaignState.PAUSED: N_("paused"),
    CampaignState.FINISHED: N_("finished"),
    CampaignState.CANCELLED: N_("cancelled"),
    CampaignState.EXPIRED: N_("expired"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """Where a campaign stands. ``trouble`` is what ended a run before its time."""

    campaign: str
    state: CampaignState
    account: Account
    holder: str = ""  # "pid@host" of the process that sends; empty: none
    held_since: datetime | None = None
    next_at: datetime | None = None  # when the first deferred one is tried again
    not_after: datetime | None = None
    subject: str = ""
    changed: bool = False  # the letter's files differ from what is sent
    trouble: BuzzError | None = None

    @property
    def exit_code(self) -> int:
        """Return how a run that ends with this leaves: the worst first, but for trouble."""
        if self.trouble is not None:
            return self.trouble.exit_code
        if self.account.uncertain:
            return UncertainRemain.exit_code
        if self.account.refused:
            return PartialFailure.exit_code
        if self.account.deferred:
            return TemporaryFailure.exit_code
        return 0

    @property
    def state_name(self) -> str:
        """Return the state in the language in force."""
        return state_name(self.state)

    def facts(self) -> Mapping[str, object]:
        """Return the JSON that others rely on; ``targeted`` is the sum of all the counts."""
        return {
            "campaign": self.campaign,
            "state": self.state.value,
            **asdict(self.account),
            "targeted": self.account.targeted,
        }


def report(
    tx: Transaction, slug: str, *, changed: bool = False, trouble: BuzzError | None = None
) -> SendReport:
    """Return where a campaign stands.

    Raises:
        BuzzError: nobody has checked or planned it yet.
    """
    status = campaigns.get(tx, slug)
    if status is None:
        raise BuzzError(
            _("nothing is known of this campaign yet"), place=slug, remedy=f"buzz send plan {slug}"
        )
    holder = "" if leases.is_gone(status.holder) else status.holder  # killed: nobody is at work
    return SendReport(
        campaign=slug,
        state=status.state,
        account=deliveries.account(tx, slug),
        holder=holder,
        held_since=status.held_since if holder else None,
        next_at=deliveries.next_due(tx, slug),
        not_after=status.not_after,
        subject=status.subject,
        changed=changed,
        trouble=trouble,
    )


def state_name(state: CampaignState) -> str:
    """Return a campaign's state in the language in force."""
    return _(_STATE_NAMES[state])


def last_words(delivery: Delivery) -> str:
    """Return what the server said last of a delivery, or why it said nothing."""
    if delivery.reply_code is not None:
        return f"{delivery.reply_code} {delivery.reply_text}".strip()
    return _(WITHOUT_REPLY.get(delivery.reply_text, delivery.reply_text))


def has_begun(account: Account) -> bool:
    """Tell whether anything was tried already, so that the plan must stay as it is."""
    return bool(
        account.accepted
        + account.refused
        + account.uncertain
        + account.deferred
        + account.claimed
        + account.cancelled
    )
