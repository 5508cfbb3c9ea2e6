"""``buzz relays``: who passed the message on, with the proof beside it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buzz.cli import console, work
from buzz.core.names import MODES, STANCES, VERDICTS
from buzz.errors import LockHeld
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from buzz.model import Evidence, Relay
    from buzz.pipeline.relays import EvalReport, ScanReport

_SIDE_BY_SIDE = 80  # columns from which both passages stand beside each other
_WIDE = 120  # columns from which the list is a table; else two lines a relay
_SHARED = ("[", "]")  # around shared words: bold alone would be lost in a pipe or on paper

KINDS = {
    "link": N_("Link"),
    "text": N_("Text"),
    "slogan": N_("Slogan"),
    "hashtag": N_("Hashtag"),
    "name": N_("Name"),
    "stance": N_("Counter-evidence"),
}
SIGNALS = {
    "link": N_("links to the campaign"),
    "short_link": N_("one of the letter's own short links"),
    "site": N_("links to the campaign's site"),
    "tag": N_("hashtag of the campaign"),
    "slogan": N_("slogan, in its own voice"),
    "chain": N_("words of the letter in its order"),
    "chain_sure": N_("too many of them for chance"),
    "chain_second": N_("a second passage in order"),
    "copied": N_("how much is copied in all"),
    "own": N_("copied outside quotation marks"),
    "cover": N_("how much of one talking point"),
    "focus": N_("a passage about one talking point"),
    "pairs": N_("pairs of words of a talking point"),
    "pairs_inside": N_("share of its pairs of words that are the letter's"),
    "call": N_("calls to act"),
    "quoted": N_("stands in quotation marks"),
    "pieces": N_("quotes piece by piece, answering"),
    "against": N_("words of opposition nearby"),
    "answered": N_("answers after a quotation"),
    "addressed": N_("speaks to the authors or of what they claim"),
    "reported": N_("reports from outside"),
}

app = typer.Typer(no_args_is_help=True, help=N_("Who passed the message on, with the proof."))

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help=N_("As `buzz relays list` shows."))]


def plant(root: typer.Typer) -> None:
    """Plant this file's commands."""
    root.add_typer(app, name="relays")


@work.command(app, "scan", example="buzz relays scan retraites")
def scan(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help=N_("The campaign's slug."))],
    *,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> None:
    """Read the posts since the letter was sent and keep who relayed it; cron runs this."""
    from dataclasses import asdict

    from buzz.pipeline import relays

    now = work.current()
    try:
        report = relays.scan(now.settings, now.store, slug, now.now(), dry_run=dry_run)
    except LockHeld as exc:  # cron: the other run does this work
        console.say(str(exc))
        report = relays.ScanReport(campaign=slug)
    else:
        if not json:
            _say_scan(report, dry_run=dry_run)
    if json:
        console.emit(asdict(report))


@work.command(app, "list", example="buzz relays list --verdict relayed")
def list_(
    slug: Annotated[
        str, typer.Argument(metavar="SLUG", help=N_("A campaign; else all of them."))
    ] = "",
    *,
    verdict: Annotated[
        Verdict | None, typer.Option("--verdict", help=N_("Only these; what a person said counts."))
    ] = None,
    blog: Annotated[str, typer.Option("--blog", metavar="SLUG", help=N_("Only this blog's."))] = "",
    json: work.Json = False,
) -> None:
    """List what was found, the surest first."""
    from buzz.pipeline import relays

    found = relays.listing(work.current().store, slug, verdict=verdict, blog=blog)
    if json:
        console.emit({"relays": [_facts(relay) for relay in found]})
    elif found:
        (_table if console.width() >= _WIDE else _lines)(found)
        if any(relay.label for relay in found):
            console.say(_("✓ a person confirmed or rejected it"))
    else:
        console.say(_("Nothing was found. Run: buzz relays scan SLUG after the next poll"))


@work.command(app, "show", example="buzz relays show 1")
def show(relay_id: Id, *, json: work.Json = False) -> None:
    """Show one relay: both passages side by side, what they share, and what speaks against it."""
    from buzz.pipeline import relays

    relay = relays.show(work.current().store, relay_id)
    if json:
        console.emit({**_facts(relay), "signals": dict(relay.signals)})
    else:
        _show(relay)


@work.command(app, "confirm", example="buzz relays confirm 1")
def confirm(relay_id: Id, *, dry_run: work.DryRun = False) -> None:
    """Say that this post did relay the message; no scan will change that."""
    _label(relay_id, Verdict.RELAYED, dry_run=dry_run)


@work.command(app, "reject", example="buzz relays reject 1")
def reject(relay_id: Id, *, dry_run: work.DryRun = False) -> None:
    """Say that this post did not relay the message; no scan will change that."""
    _label(relay_id, Verdict.NOT, dry_run=dry_run)


@work.command(app, "eval", example="buzz relays eval")
def eval_(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help=N_("A labelled set (campaigns.jsonl, posts.jsonl); else the team's own labels."),
        ),
    ] = None,
    *,
    json: work.Json = False,
) -> None:
    """Measure how well the detection agrees with labels."""
    from buzz.pipeline import relays

    now = work.current()
    # A set can be measured anywhere: the workspace is opened for the team's own labels only.
    report = relays.evaluate(data) if data else relays.evaluate_labels(now.store)
    if json:
        console.emit(_figures(report))
    else:
        _say_figures(report)


def _say_scan(report: "ScanReport", *, dry_run: bool) -> None:
    from buzz.locales import formats

    console.say(
        ngettext(
            "{n} post read: {relayed} relayed, {to_check} to check, {mentioned} mentioned.",
            "{n} posts read: {relayed} relayed, {to_check} to check, {mentioned} mentioned.",
            report.entries,
        ).format(
            n=formats.number(report.entries),
            relayed=report.relayed,
            to_check=report.to_check,
            mentioned=report.mentioned,
        )
    )
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))
    elif report.relayed or report.to_check:
        console.say(_("See: buzz relays list {slug}").format(slug=report.campaign))


def _label(relay_id: int, verdict: Verdict, *, dry_run: bool) -> None:
    from buzz.pipeline import relays

    at = work.current()
    relay = relays.say(at.store, relay_id, verdict, at.now(), dry_run=dry_run)
    console.say(
        _("{title} on {blog}: {verdict}.").format(
            title=relay.title or relay.url, blog=relay.blog, verdict=_(VERDICTS[verdict])
        )
    )
    if dry_run:
        console.say(_("Nothing was changed (--dry-run)."))


# --- facts for programs -----------------------------------------------------------------------


def _facts(relay: "Relay") -> dict[str, Any]:

    return {
        "id": relay.id,
        "campaign": relay.campaign,
        "blog": relay.blog,
        "url": relay.url,
        "title": relay.title,
        "published": relay.published.isoformat(),
        "verdict": relay.settled.value,
        "label": relay.label.value if relay.label else None,
        "mode": relay.mode.value if relay.mode else None,
        "stance": relay.stance.value,
        "score": relay.score,
        "lag_s": relay.lag_s,
        "talking_points": list(relay.talking_points),
        "evidence": [
            {
                "message": evidence.message,
                "post": evidence.post,
                "kind": evidence.kind,
                "talking_point": evidence.talking_point,
                "shared": list(evidence.shared),
            }
            for evidence in relay.evidence
        ],
    }


def _figures(report: "EvalReport") -> dict[str, Any]:
    from dataclasses import asdict

    facts = asdict(report.figures)
    return {**facts, "seconds": report.seconds}


# --- words for people -------------------------------------------------------------------------


def _table(found: "Sequence[Relay]") -> None:
    from buzz.locales import formats

    rows = [
        (
            relay.id,
            _verdict(relay),
            formats.number(relay.score, digits=2),
            relay.blog,
            _mode(relay),
            _(STANCES[relay.stance]),
            _delay(relay),
            ", ".join(map(str, relay.talking_points)),
            relay.title or relay.url,
        )
        for relay in found
    ]
    console.table(
        [_("id"), _("verdict"), _("score"), _("blog"), _("mode"), _("stance"), _("delay"),
         _("talking points"), _("title")],
        rows,
        right="rwrwwww",
    )  # fmt: skip


def _lines(found: "Sequence[Relay]") -> None:
    """Print two lines a relay, for terminals that are too narrow for a table."""
    from buzz.locales import formats

    number = max(len(str(relay.id)) for relay in found)
    longest = max(len(_verdict(relay)) for relay in found)
    indent = " " * (number + 2)
    for relay in found:
        score = formats.number(relay.score, digits=2)
        head = f"{_verdict(relay):<{longest}}  {score}  {relay.blog}, {_delay(relay)}"
        console.paragraph(head, first=f"{relay.id:>{number}}  ", indent=indent)
        manner = ", ".join(filter(None, (_mode(relay), _(STANCES[relay.stance]))))
        console.paragraph(f"{relay.title or relay.url} ({manner})", first=indent, indent=indent)


def _verdict(relay: "Relay") -> str:
    return ("✓ " if relay.label else "") + _(VERDICTS[relay.settled])


def _delay(relay: "Relay") -> str:
    """Return how long after the letter."""
    from datetime import timedelta

    from buzz.locales import formats

    return formats.span(timedelta(seconds=relay.lag_s))


def _mode(relay: "Relay") -> str:
    return _(MODES[relay.mode]) if relay.mode else ""


def _show(relay: "Relay") -> None:
    """Print what it is, why, then each piece of evidence."""
    from buzz.locales import formats

    console.data(relay.title or relay.url)
    console.data(relay.url)
    facts = [
        (_("Blog"), relay.blog),
        (_("Campaign"), relay.campaign),
        (
            _("Published"),
            _("{moment}, {span} after the letter").format(
                moment=formats.moment(relay.published), span=_delay(relay)
            ),
        ),
        (_("Verdict"), _(VERDICTS[relay.settled])),
        (_("Machine"), f"{_(VERDICTS[relay.verdict])} ({formats.number(relay.score, digits=2)})"),
        (_("Mode"), _mode(relay)),
        (_("Stance"), _(STANCES[relay.stance])),
        (_("Talking points"), ", ".join(map(str, relay.talking_points))),
    ]
    for name, value in facts:
        if value:
            console.data(_("{name}: {value}").format(name=name, value=value))
    console.data("")
    console.data(_("Why this score (shares add up; above 0 speaks for a relay):"))
    for name, share in sorted(relay.signals.items(), key=lambda item: -abs(item[1])):
        said = _(SIGNALS[name]) if name in SIGNALS else _("before anything is known")
        sign = "+" if share >= 0 else "-"
        console.data(f"  {sign}{formats.number(abs(share), digits=2)}  {said}")
    for evidence in relay.evidence:
        console.data("")
        console.data(_heading(evidence))
        console.show(_passages(evidence))


def _heading(evidence: "Evidence") -> str:
    kind = _(KINDS.get(evidence.kind, evidence.kind))
    if evidence.talking_point is None:
        return f"■ {kind}"
    return f"■ {kind} · " + _("talking point {n}").format(n=evidence.talking_point)


def _passages(evidence: "Evidence") -> "RenderableType":
    """Return both passages: beside each other where there is room, else below each other."""
    from rich.box import MINIMAL
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    post = _marked(evidence.post, evidence.shared)
    if not evidence.message:
        return post
    letter = _marked(evidence.message, evidence.shared)
    ours, theirs = Text(_("The letter"), style="dim"), Text(_("The post"), style="dim")
    if console.width() < _SIDE_BY_SIDE:
        return Group(ours, letter, theirs, post)
    grid = Table(box=MINIMAL, pad_edge=False, expand=True)
    grid.add_column(ours, ratio=1, overflow="fold")
    grid.add_column(theirs, ratio=1, overflow="fold")
    grid.add_row(letter, post)
    return grid


def _marked(passage: str, shared: "Sequence[str]") -> "Text":
    """Return a passage whose shared words are bold and bracketed."""
    from rich.text import Text

    from buzz.core.relay import marked
    from buzz.core.text import printable

    text = Text(overflow="fold")
    for piece in marked(printable(passage), shared):
        if piece.shared:
            text.append(f"{_SHARED[0]}{piece.text}{_SHARED[1]}", style="bold")
        else:
            text.append(piece.text)
    return text


def _say_figures(report: "EvalReport") -> None:
    from buzz.locales import formats

    found = report.figures
    rows = [
        (_("posts"), formats.number(found.n)),
        (_("precision (score at least .5)"), formats.percent(found.precision, digits=1)),
        (_("recall (score at least .5)"), formats.percent(found.recall, digits=1)),
        ("F1", formats.number(found.f1, digits=3)),
        (_("average precision"), formats.number(found.ap, digits=3)),
        (_("calibration error"), formats.number(found.ece, digits=3)),
        (_("precision among those shown as relayed"), formats.percent(found.precision_relayed)),
        (_("relays shown as relayed or to check"), formats.percent(found.recall_to_check)),
        (_("relayed, mentioned or not: right"), formats.percent(found.three_way_accuracy)),
        (_("critics shown as relayed"), formats.percent(found.critics_as_relays)),
    ]
    console.table([_("figure"), _("value")], rows, right="lr")
    modes = [
        (name, formats.number(mode.n), formats.percent(mode.share))
        for name, mode in found.by_mode.items()
    ]
    console.table([_("kind of post"), _("posts"), _("score at least .5")], modes, right="lrr")
