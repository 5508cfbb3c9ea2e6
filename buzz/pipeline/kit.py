"""The relay kit: made with the plan, and shown to each blog with its own links."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr

from buzz.config import Settings
from buzz.core import kit as core
from buzz.core.tracking import TokenPayload, letter_urls
from buzz.edges.store import Store, Transaction, campaigns
from buzz.model import Campaign, CompiledLetter, DeliveryId, Kit, LinkId
from buzz.pipeline import privacy
from buzz.pipeline.campaign.loading import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogKit:
    """A campaign's kit as one blog has it; nothing in it says which blog that is."""

    campaign: str
    delivery: DeliveryId
    language: str  # of the words around it
    kit: Kit
    relays: Mapping[LinkId, str]  # the blog's own address for each link


def made(
    settings: Settings, campaign: Campaign, letters: Mapping[str, CompiledLetter]
) -> dict[str, Kit]:
    """Return the campaign's kits by language, its own first.

    Args:
        settings: the workspace.
        campaign: with its translations.
        letters: compiled from it, by language; they know the links.
    """
    name = parseaddr(campaign.from_ or settings.sender.from_)[0]
    sender = name or settings.sender.organisation
    return {
        language: core.kit_of(version, sender=sender, links=letters[language].links)
        for language, version in versions(campaign).items()
    }


def of_blog(settings: Settings, store: Store, token: TokenPayload) -> BlogKit | None:
    """Return the kit of the blog whose letter a token was in.

    None: nothing is held on the blog any more, or the campaign was planned before there were kits.
    """
    with store.read() as tx:
        delivery = privacy.delivery_of(tx, token)
        if delivery is None:
            return None
        kit = frozen(tx, delivery.campaign, delivery.recipient.language)
    if kit is None:
        return None
    urls = letter_urls(
        settings.secret,
        settings.web.base_url,
        campaign=delivery.campaign,
        delivery=delivery.id,
        recipient=delivery.recipient,
        links=kit.links,
    )
    return BlogKit(
        campaign=delivery.campaign,
        delivery=delivery.id,
        language=delivery.recipient.language,
        kit=kit,
        relays=urls.relays,
    )


def of_relay(store: Store, token: TokenPayload) -> Kit | None:
    """Return the kit that a relay link was taken from, whether its blog is still known or not."""
    with store.read() as tx:
        delivery = privacy.delivery_of(tx, token)
        return frozen(tx, token.campaign, delivery.recipient.language if delivery else "")


def of_campaign(store: Store, slug: str, language: str) -> Kit | None:
    """Return a campaign's kit in a language, or None: there is none in just this one."""
    with store.read() as tx:
        return campaigns.kits(tx, slug).get(language)


def frozen(tx: Transaction, slug: str, language: str) -> Kit | None:
    """Return a campaign's kit in a language, else in its own; None: it was not planned."""
    kits = campaigns.kits(tx, slug)
    return kits.get(language) or next(iter(kits.values()), None)
