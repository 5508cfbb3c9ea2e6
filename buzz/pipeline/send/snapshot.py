"""What is sent: the snapshot that the plan froze, and the bytes made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from buzz.core import bounce, tracking
from buzz.core import letter as letters
from buzz.edges.store import Transaction, campaigns, deliveries
from buzz.edges.store.deliveries import Envelope
from buzz.errors import BuzzError, CheckRefused
from buzz.locales import gettext as _
from buzz.model import CompiledLetter, Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A campaign as it was planned. The files it was made from no longer matter."""

    slug: str
    letters: Mapping[str, CompiledLetter]  # by language
    envelope: Envelope
    secret: bytes = field(repr=False)

    def unchecked_message(self, delivery: Delivery, date: datetime) -> bytes:
        """Return the bytes of one recipient's letter."""
        recipient = delivery.recipient
        letter = self.letters.get(recipient.language) or next(iter(self.letters.values()))
        urls = tracking.letter_urls(
            self.secret,
            self.envelope.base_url,
            campaign=self.slug,
            delivery=delivery.id,
            recipient=recipient,
            links=letter.links,
        )
        return letters.message_bytes(
            letter,
            recipient,
            urls,
            from_=self.envelope.from_,
            reply_to=self.envelope.reply_to,
            message_id=delivery.message_id,
            date=date,
            list_id=self.envelope.list_id,
        )

    def message(self, delivery: Delivery, date: datetime) -> bytes:
        """Return the bytes of one recipient's letter: those that were checked, Date aside.

        Raises:
            CheckRefused: they are others; the secret or the program has changed since the plan.
        """
        message = self.unchecked_message(delivery, date)
        if letters.message_hash(message) != delivery.message_hash:
            raise CheckRefused(
                _("the letter is no longer the one that was checked"),
                place=f"{self.slug}: {delivery.email}",
                remedy=_("was the secret or buzz changed since `buzz send plan`?"),
            )
        return message

    def mail_from(self, delivery: Delivery) -> str:
        """Return the return path of one letter, by which a bounce tells which one it is about."""
        return bounce.return_path(
            self.secret, self.envelope.mail_from, campaign=self.slug, delivery=delivery.id
        )


def load(tx: Transaction, slug: str, secret: bytes) -> Snapshot:
    """Return the snapshot of a planned campaign.

    Raises:
        BuzzError: it was not planned.
    """
    envelope = deliveries.envelope(tx, slug)
    if envelope is None:
        raise BuzzError(
            _("this campaign has not been planned"),
            place=slug,
            remedy=f"buzz send plan {slug}",
        )
    return Snapshot(
        slug=slug, letters=campaigns.letters(tx, slug), envelope=envelope, secret=secret
    )
