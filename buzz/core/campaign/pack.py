"""The message pack: what will be looked for in posts once the letter is out."""

from datetime import datetime

from buzz.core.campaign.markdown import VARIABLE
from buzz.core.text import one_line
from buzz.model import Campaign, MessagePack


def message_pack(
    campaign: Campaign, *, organisation: str, sent_at: datetime, base_url: str
) -> MessagePack:
    """Return the campaign's message as relay detection reads it.

    Args:
        organisation: who sends, by name.
        sent_at: aware UTC; an older post is no relay.
        base_url: of our own links: an address under ``/r/`` or ``/c/`` there is a relay's.
    """
    points = tuple(_said(point.text) for point in campaign.talking_points)
    titles = tuple(_said(point.title) for point in campaign.talking_points)
    passages = [_said(campaign.intro_text)]
    for title, point in zip(titles, points, strict=True):
        passages += [title, point]
    passages.append(_said(campaign.closing_text))
    base = base_url.rstrip("/")
    return MessagePack(
        campaign=campaign.slug,
        sent_at=sent_at,
        language=campaign.language,
        title=one_line(_said(campaign.subject)),
        organisation=organisation,
        text="\n\n".join(filter(None, passages)),
        talking_points=points,
        slogans=campaign.slogans,
        hashtags=campaign.hashtags,
        names=campaign.names,
        links=campaign.links,
        tracking_prefixes=(f"{base}/r/", f"{base}/c/"),
        third_party_quotes=campaign.third_party_quotes,
        titles=titles,
        translations=tuple(
            message_pack(other, organisation=organisation, sent_at=sent_at, base_url=base_url)
            for other in campaign.translations
        ),
    )


def _said(text: str) -> str:
    """Return the text as everybody got it, without what stood there for one recipient."""
    return VARIABLE.sub("", text).strip()
