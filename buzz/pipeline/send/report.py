"""What a command about sending has to say: the account, the state, and what comes next."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from buzz.core import names
from buzz.edges.store import Transaction, campaigns, deliveries, leases
from buzz.errors import (
    BuzzError,
    PartialFailure,
    TemporaryFailure,
    UncertainRemain,
)
from buzz.locales import gettext as _
from buzz.model import Account, CampaignState


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
        return _(names.CAMPAIGN_STATES[self.state])

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
