"""What is sent: the snapshot that the plan froze, and the bytes made from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from buzz.core import bounce, dkim, tracking
from buzz.core import letter as letters
from buzz.core.letter import FormLetter
from buzz.edges.store import Transaction, campaigns, deliveries
from buzz.edges.store.deliveries import Envelope
from buzz.errors import BuzzError, CheckRefused
from buzz.locales import gettext as _
from buzz.model import CompiledLetter, Delivery, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A campaign as it was planned. The files it was made from no longer matter."""

    slug: str
    letters: Mapping[str, CompiledLetter]  # by language
    envelope: Envelope
    secret: bytes = field(repr=False)
    forms: Mapping[str, FormLetter] = field(repr=False)  # by language
    signers: Sequence[dkim.Signer] = ()

    def unchecked_message(self, delivery: Delivery, date: datetime) -> bytes:
        """Return the bytes of one recipient's letter."""
        recipient = delivery.recipient
        language = self.language_for(recipient)
        letter = self.letters[language]
        urls = tracking.letter_urls(
            self.secret,
            self.envelope.base_url,
            campaign=self.slug,
            delivery=delivery.id,
            recipient=recipient,
            links=letter.links,
        )
        form = self.forms[language]
        return form.message(recipient, urls, message_id=delivery.message_id, date=date)

    def language_for(self, recipient: Recipient) -> str:
        """Return the recipient's language, or the first there is a letter in."""
        return recipient.language if recipient.language in self.letters else next(iter(self.forms))

    def message(self, delivery: Delivery, date: datetime) -> bytes:
        """Return the bytes of one recipient's letter: those that were checked, Date aside, signed.

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
        return dkim.sign(message, self.signers, date)

    def mail_from(self, delivery: Delivery) -> str:
        """Return the return path of one letter, by which a bounce tells which one it is about."""
        return bounce.return_path(
            self.secret, self.envelope.mail_from, campaign=self.slug, delivery=delivery.id
        )


def load(
    tx: Transaction, slug: str, secret: bytes, signers: Sequence[dkim.Signer] = ()
) -> Snapshot:
    """Return the snapshot of a planned campaign.

    Args:
        tx: a transaction.
        slug: the campaign's.
        secret: with which the tokens in its addresses are signed.
        signers: who sign its messages.

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
    compiled = campaigns.letters(tx, slug)
    forms = {
        language: FormLetter(
            letter, from_=envelope.from_, reply_to=envelope.reply_to, list_id=envelope.list_id
        )
        for language, letter in compiled.items()
    }
    return Snapshot(
        slug=slug,
        letters=compiled,
        envelope=envelope,
        secret=secret,
        forms=forms,
        signers=signers,
    )
