"""Judging: one post against the messages it could relay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from buzz.core.relay import cues, score, signals, traces
from buzz.core.relay.evidence import evidence
from buzz.core.relay.index import Index, build
from buzz.core.relay.message import Message, prepare
from buzz.core.relay.score import Model, shipped
from buzz.core.relay.words import Reading, read
from buzz.core.urls import host, is_web
from buzz.model import Entry, Evidence, MessagePack, Relay, RelayMode, Stance, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one text does with one message, whoever published it and when."""

    verdict: Verdict
    mode: RelayMode | None
    stance: Stance
    score: float
    talking_points: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    shares: Mapping[str, float]


def index_of(packs: Sequence[MessagePack]) -> Index:
    """Return the index of these message packs."""
    return build([prepare(pack) for pack in packs])


def moment(entry: Entry) -> datetime:
    """Return when an entry appeared: as its feed says, unless that is after we saw it."""
    return min(entry.published or entry.first_seen, entry.first_seen)


def judge(
    index: Index, entry: Entry, campaign_of: Callable[[str], str], model: Model | None = None
) -> tuple[Relay, ...]:
    """Return what a stored entry does with each message it is a candidate for; empty: none.

    Entries older than a letter and pages of the campaign's own site are no candidates. Verdicts
    may be ``not``: what was looked at and found to be nothing.

    Args:
        index: the messages.
        entry: title, text, links and times of a post; stored, so it has an id.
        campaign_of: gives the slug behind one of our own short links, empty for other addresses.
        model: other weights than those shipped.
    """
    assert entry.id is not None, "only stored entries are judged"
    when = moment(entry)
    found: list[Relay] = []
    for language in index.languages():
        post = read(f"{entry.title}. {entry.text}" if entry.title else entry.text, language)
        links = _addresses(entry.links, post)
        short = {url: slug for url in links if (slug := campaign_of(url))}
        for number in sorted(index.candidates(post, links, short.values())):
            message = index.messages[number]
            pack = message.pack
            if pack.language != language or when < pack.sent_at:
                continue
            if host(entry.link) in message.hosts:
                continue
            own = [url for url, slug in short.items() if slug == pack.campaign]
            said = weigh(message, post, links, own, model)
            found.append(
                Relay(
                    campaign=pack.campaign,
                    entry=entry.id,
                    blog=entry.blog,
                    url=entry.link,
                    title=entry.title,
                    published=when,
                    verdict=said.verdict,
                    mode=said.mode,
                    stance=said.stance,
                    score=said.score,
                    lag_s=round((when - pack.sent_at).total_seconds()),
                    talking_points=said.talking_points,
                    evidence=said.evidence,
                    signals=said.shares,
                )
            )
    return tuple(found)


def weigh(
    message: Message,
    post: Reading,
    links: Sequence[str],
    own: Sequence[str] = (),
    model: Model | None = None,
) -> Judgement:
    """Return what a text does with a message.

    Args:
        message: what is looked for.
        post: title and text, read in the message's language.
        links: addresses in the post's markup and text.
        own: those among them that are this campaign's own short links.
        model: other weights than those shipped.
    """
    found = traces.find(message, post, links, own)
    voice = signals.voice(found, post, cues.find(post))
    values = signals.signals(found, post, voice)
    shares = score.shares(model or shipped(), values)
    probability = score.probability(shares)
    stance = score.stance(found, voice, probability)
    probability = score.guarded(probability, stance, voice)
    verdict = score.verdict(found, probability)
    return Judgement(
        verdict=verdict,
        mode=score.mode(found, values, voice) if verdict is not Verdict.NOT else None,
        stance=stance,
        score=round(probability, 4),
        talking_points=tuple(
            sorted(c.point.number for c in found.covers if c.share >= signals.COVERED)
        ),
        evidence=evidence(message, post, found, voice),
        shares=shares,
    )


def links_of(post: Reading) -> tuple[str, ...]:
    """Return the web addresses that stand in a text."""
    return _addresses((), post)


def _addresses(links: Sequence[str], post: Reading) -> tuple[str, ...]:
    """Return links of the markup and addresses in the text, each once, with a scheme."""
    seen = [url if "://" in url else f"https://{url}" for _place, url in post.urls]
    return tuple(dict.fromkeys(url for url in (*links, *seen) if is_web(url)))
