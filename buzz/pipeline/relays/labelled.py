"""Labelled sets: how well the detection agrees with what people said of posts.

The labels are those of a folder (``campaigns.jsonl``, ``posts.jsonl``; docs/relay.md has the form)
or the team's own, given by ``relays confirm`` and ``reject``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from buzz.core import relay
from buzz.core.relay import Figures, Judged
from buzz.edges.store import Store, relays
from buzz.errors import BuzzError, UsageError
from buzz.locales import gettext as _
from buzz.model import MessagePack, Stance, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalReport:
    """How well the detection agrees with labels."""

    figures: Figures
    seconds: float


def evaluate(folder: Path) -> EvalReport:
    """Judge the posts of a labelled set, each against its own campaign.

    A post older than its campaign scores 0.

    Args:
        folder: holds ``campaigns.jsonl`` and ``posts.jsonl``.

    Raises:
        UsageError: a file is missing or a line is not what it must be; names file and line.
    """
    started = perf_counter()
    packs = {pack.campaign: pack for pack in map(pack_of, lines(folder / "campaigns.jsonl"))}
    messages = {slug: relay.prepare(pack) for slug, pack in packs.items()}
    judged: list[Judged] = []
    for line in lines(folder / "posts.jsonl"):
        message = messages.get(str(line.facts.get("campaign")))
        if message is None:
            raise line.error(_("no such campaign in campaigns.jsonl"))
        judged.append(_judged(line, message))
    took = round(perf_counter() - started, 3)
    return EvalReport(figures=relay.figures(judged), seconds=took)


def evaluate_labels(store: Store) -> EvalReport:
    """Return how well the stored scores agree with what people said of them.

    Raises:
        BuzzError: nobody has confirmed or rejected anything yet.
    """
    started = perf_counter()
    with store.read() as tx:
        labelled = [found for found in relays.all_relays(tx) if found.label]
    if not labelled:
        raise BuzzError(
            _("no relay has been confirmed or rejected yet"),
            remedy=_("run: buzz relays confirm ID or reject ID, or name a set with --data DIR"),
        )
    judged = [
        Judged(
            label=found.settled,
            mode=found.mode.value if found.mode else "",
            stance=found.stance,
            score=found.score,
            verdict=found.verdict,
        )
        for found in labelled
    ]
    took = round(perf_counter() - started, 3)
    return EvalReport(figures=relay.figures(judged), seconds=took)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a labelled set."""

    path: Path
    number: int
    facts: Mapping[str, Any]

    def error(self, what: str) -> UsageError:
        """Return the error that names this line."""
        return UsageError(
            what,
            place=f"{self.path}:{self.number}",
            remedy=_("see docs/relay.md for the form of a labelled set"),
        )


def lines(path: Path) -> Iterator[Line]:
    """Give the lines of a labelled set's file.

    Raises:
        UsageError: it cannot be read, or a line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            _("cannot read: {why}").format(why=exc),
            place=str(path),
            remedy=_("a labelled set is a folder with campaigns.jsonl and posts.jsonl"),
        ) from exc
    for number, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            try:
                facts = json.loads(row)
            except json.JSONDecodeError as exc:
                raise Line(path, number, {}).error(str(exc)) from exc
            line = Line(path, number, facts if isinstance(facts, dict) else {})
            if not isinstance(facts, dict):
                raise line.error(_("not a JSON object"))
            yield line


def pack_of(line: Line) -> MessagePack:
    """Return a labelled set's campaign as a message.

    Raises:
        UsageError: it lacks what is needed.
    """
    facts = line.facts
    slug, title = str(facts.get("id", "")), facts.get("title") or ""
    if not slug or not facts.get("text"):
        raise line.error(_("a campaign needs id and text"))
    return MessagePack(
        campaign=slug,
        sent_at=_date(line) or datetime.min.replace(tzinfo=UTC),
        language=facts.get("language") or "fr",
        title="" if title == slug else title,
        organisation=facts.get("organisation") or "",
        text=facts["text"],
        talking_points=tuple(facts.get("talking_points") or ()),
        slogans=tuple(facts.get("slogans") or ()),
        hashtags=tuple(facts.get("hashtags") or ()),
        names=tuple(facts.get("names") or ()),
        links=tuple(facts.get("urls") or ()),
    )


def _judged(line: Line, message: relay.Message) -> Judged:
    facts = line.facts
    try:
        label = Verdict(str(facts.get("label")))
        stance = Stance(facts.get("stance") or Stance.NEUTRAL)
    except ValueError as exc:
        raise line.error(str(exc)) from exc
    published = _date(line)
    earlier = published is not None and published < message.pack.sent_at
    post = relay.read(str(facts.get("text") or ""), message.pack.language)
    said = relay.weigh(message, post, relay.links_of(post))
    return Judged(
        label=label,
        mode=str(facts.get("mode") or ""),
        stance=stance,
        score=0.0 if earlier else said.score,
        verdict=Verdict.NOT if earlier else said.verdict,
    )


def _date(line: Line) -> datetime | None:
    value = line.facts.get("date")
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as exc:
        raise line.error(str(exc)) from exc
    return found if found.tzinfo else found.replace(tzinfo=UTC)
