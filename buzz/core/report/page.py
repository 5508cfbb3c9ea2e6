"""The report as one self-contained HTML file: no script, no picture, nothing fetched.

A policy in the file itself (CSP) lets nothing run or load but its own style, by hash. Whatever
comes from outside is escaped by Jinja; an address becomes a link only when it is one of the web.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from buzz import locales
from buzz.core import names
from buzz.core.report import charts, tables, words
from buzz.core.report.export import as_json
from buzz.core.report.model import Report, Step
from buzz.core.report.passages import Piece, pieces
from buzz.core.text import one_line
from buzz.core.urls import is_web
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.model import Evidence, Relay, Stance, Verdict

# Cards with both passages; so many keep the file below 1 MB even where all is escaped in them.
RELAYED_SHOWN = 40
TO_CHECK_SHOWN = 15
OPPOSED_SHOWN = 15
UNFOLDED = 8  # of each kind; the others show when asked for, and on paper
PROOFS_SHOWN = 2  # pairs of passages of one post
TITLE_CHARS = 140
SHORT_REMARK = 28
MAX_URL = 2000  # a longer address is no link: browsers and the size of the file
CUE = "stance"  # kind of evidence: words that speak against the message


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A large figure at the top, with its denominator."""

    label: str
    value: str
    of: str
    measured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One pair of passages, marked."""

    message_from: str
    message: tuple[Piece, ...]  # empty: the evidence is of the post alone
    post_from: str
    post: tuple[Piece, ...]
    cue: bool  # a cue of stance rather than a shared passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One post with its proof."""

    url: str  # empty: no address of the web, hence no link
    title: str
    language: str
    meta: tuple[str, ...]
    proofs: tuple[Proof, ...]
    rest: str  # evidence that is not shown, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Posts of one kind."""

    id: str
    title: str
    says: str
    relays: tuple[Card, ...]
    folded: tuple[Card, ...]  # shown when the reader asks for more
    unfold: str
    rest: str  # what is not in the file, counted


def html(report: Report) -> str:
    """Return the whole document in the language in force."""
    css = _source("report.css")
    proofs = _proofs(report)
    return (
        _environment()
        .get_template("report.html")
        .render(
            language=locales.language(),
            css=Markup(css),  # noqa: S704  (our own file, nothing from outside in it)
            policy=_policy(css),
            title=one_line(report.facts.campaign.subject) or report.facts.campaign.slug,
            slug=report.facts.campaign.slug,
            state=_(names.CAMPAIGN_STATES[report.facts.campaign.state]),
            sent=formats.moment(report.sent_at) if report.sent_at else "",
            recap=words.recap(report),
            figures=_figures(report),
            contents=_contents(report, proofs),
            charts={
                "account": charts.account(report),
                "funnel": charts.funnel(report),
                "time": charts.over_time(report),
                "modes": charts.modes(report),
                "points": charts.points(report),
                "leaderboard": charts.leaderboard(report),
            },
            tables=tables.all_tables(report),
            targeted=words.targeted(report),
            states=words.states(report),
            stripes_shown=any(step.machine for step in report.funnel),
            aggregate=_aggregate(report),
            found_sum=words.found_sum(report) if report.facts.relays else "",
            opposed=_opposed(report),
            pace=_pace(report),
            no_relay=words.recap(report)[-1],
            proofs=proofs,
            letter_language=report.facts.language,
            afterwards=_afterwards(report),
            method=_method(report),
            colophon=_colophon(report),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals = {"_": _}  # and none of Jinja's own: range, lipsum, …
    return environment


@cache
def _source(name: str) -> str:
    """Return one of the templates that lie beside this file as package data."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _figures(report: Report) -> tuple[Figure, ...]:
    steps = {step.step: step for step in report.funnel}
    shown = (Step.ACCEPTED, Step.OPENED, Step.CLICKED, Step.RELAYED)
    return tuple(
        Figure(
            label=_(words.STEPS[step]),
            value=formats.number(steps[step].count) if steps[step].of else _("not measured"),
            of=_figure_of(report, step),
            measured=bool(steps[step].of),
        )
        for step in shown
    )


def _figure_of(report: Report, step: Step) -> str:
    found = next(one for one in report.funnel if one.step is step)
    if not found.of:
        return _("nobody could be measured")
    whole = {
        Step.ACCEPTED: _("{share} of {of} targeted"),
        Step.OPENED: _("{share} of the {of} who agreed to be measured"),
        Step.CLICKED: _("{share} of the {of} who agreed to be measured"),
        Step.RELAYED: _("{share} of the {of} blogs that got the letter"),
    }[step]
    return whole.format(share=words.share(found.share), of=formats.number(found.of))


def _contents(report: Report, proofs: Iterable[Group]) -> Sequence[tuple[str, str]]:
    return [
        ("everybody", _("Recipients")),
        ("funnel", _("Funnel")),
        ("relays", _("Relays")),
        *([("points", _("Talking points"))] if report.blogs and report.points else []),
        *([("blogs", _("Blogs"))] if report.blogs else []),
        *((group.id, group.title) for group in proofs),
        ("deliverability", _("Deliverability")),
        *([("links", _("Links"))] if report.facts.links else []),
        ("method", _("Method and limits")),
    ]


def _aggregate(report: Report) -> str:
    opened, clicked = report.facts.opened, report.facts.clicked
    opens, clicks = opened.aggregate_person, clicked.aggregate_person
    if not any((opens, clicks, opened.aggregate_machine, clicked.aggregate_machine)):
        return ""
    return _(
        "Counted apart, with nobody in them: {opens} opens and {clicks} clicks of people, "
        "{machine} of machines. These are hits, not readers."
    ).format(
        opens=formats.number(opens),
        clicks=formats.number(clicks),
        machine=formats.number(opened.aggregate_machine + clicked.aggregate_machine),
    )


def _opposed(report: Report) -> str:
    count = len(report.found.opposed)
    if not count:
        return ""
    return ngettext(
        "{n} of them speaks against the message and is listed apart.",
        "{n} of them speak against the message and are listed apart.",
        count,
    ).format(n=formats.number(count))


def _pace(report: Report) -> Sequence[tuple[str, str]]:
    lags = report.lags_s
    return [
        (_("first relay"), words.span(report.first_lag_s)),
        (_("half of the relays"), words.span(report.median_lag_s)),
        (_("last relay"), words.span(lags[-1] if lags else None)),
    ]


# --- the proof --------------------------------------------------------------------------------


def _proofs(report: Report) -> tuple[Group, ...]:
    found = report.found
    doubtful = tuple(relay for relay in found.to_check if relay not in found.opposed)
    groups = (
        _group(
            report,
            "proof",
            _("The proof"),
            _("The letter and the post side by side; the words they share are marked."),
            relays=found.relayed,
            shown=RELAYED_SHOWN,
        ),
        _group(
            report,
            "to-check",
            _("To check"),
            _("The evidence is not enough to decide: a person should look. None is counted."),
            relays=doubtful,
            shown=TO_CHECK_SHOWN,
        ),
        _group(
            report,
            "oppositions",
            _("Oppositions"),
            _(
                "Posts that carry or name the message in order to criticise it, with the words "
                "that say so. None is counted as a relay."
            ),
            relays=found.opposed,
            shown=OPPOSED_SHOWN,
        ),
    )
    return tuple(group for group in groups if group.relays)


def _group(
    report: Report, id_: str, title: str, says: str, *, relays: Sequence[Relay], shown: int
) -> Group:
    hidden = len(relays) - shown
    cards = tuple(_card(report, relay) for relay in relays[:shown])
    folded = cards[UNFOLDED:]
    unfold = ngettext("{n} more post", "{n} more posts", len(folded))
    rest = ngettext(
        "{n} more post is not shown here; all are in: buzz relays list",
        "{n} more posts are not shown here; all are in: buzz relays list",
        hidden,
    ).format(n=formats.number(hidden))
    return Group(
        id=id_,
        title=title,
        says=says,
        relays=cards[:UNFOLDED],
        folded=folded,
        unfold=unfold.format(n=formats.number(len(folded))),
        rest=rest if hidden > 0 else "",
    )


def _card(report: Report, relay: Relay) -> Card:
    blog = report.facts.blog(relay.blog)
    name = words.clipped(blog.name, TITLE_CHARS)
    shown = _chosen(relay)
    title = words.clipped(relay.title, TITLE_CHARS) or words.clipped(relay.url, TITLE_CHARS)
    return Card(
        url=relay.url if len(relay.url) <= MAX_URL and is_web(relay.url) else "",
        title=title or relay.blog,
        language=blog.language,
        meta=tuple(map(_kept_together, filter(None, _meta(relay, name)))),
        proofs=tuple(_proof(report, evidence) for evidence in shown),
        rest=_more_evidence(relay, len(relay.evidence) - len(shown)),
    )


def _chosen(relay: Relay) -> Sequence[Evidence]:
    """Return the evidence that is shown: of an opposition first what makes it one."""
    cues = [evidence for evidence in relay.evidence if evidence.kind == CUE]
    passages = [evidence for evidence in relay.evidence if evidence.kind != CUE]
    first = cues[:1] if relay.stance is Stance.AGAINST else []
    return [*first, *passages][:PROOFS_SHOWN]


def _more_evidence(relay: Relay, hidden: int) -> str:
    if hidden <= 0:
        return ""
    return ngettext(
        "{n} more piece of evidence: buzz relays show {id}",
        "{n} more pieces of evidence: buzz relays show {id}",
        hidden,
    ).format(n=formats.number(hidden), id=relay.id)


def _kept_together(text: str) -> str:
    """Return a short remark in a form that no line end parts."""
    return text.replace(" ", words.NBSP) if len(text) <= SHORT_REMARK else text


def _meta(relay: Relay, name: str) -> Sequence[str]:
    """Return what is said of a post below its title."""
    numbers = relay.talking_points
    points = ngettext("point {numbers}", "points {numbers}", len(numbers))
    score = _("score {score}").format(score=formats.number(relay.score, digits=2))
    return [
        name,
        formats.moment(relay.published),
        _("{span} after the letter").format(span=words.span(max(0, relay.lag_s))),
        _(names.MODES[relay.mode]) if relay.mode else "",
        _(names.STANCES[relay.stance]) if relay.stance is not Stance.NEUTRAL else "",
        points.format(numbers=", ".join(map(str, numbers))) if numbers else "",
        _("confirmed by a person") if relay.label is Verdict.RELAYED else score,
    ]


def _proof(report: Report, evidence: Evidence) -> Proof:
    point = evidence.talking_point
    language = report.facts.language
    return Proof(
        message_from=_("The letter, point {n}").format(n=point) if point else _("The letter"),
        message=pieces(evidence.message, evidence.shared, language),
        post_from=_("The post: words against") if evidence.kind == CUE else _("The post"),
        post=pieces(evidence.post, evidence.shared, language),
        cue=evidence.kind == CUE,
    )


# --- the small print --------------------------------------------------------------------------


def _afterwards(report: Report) -> str:
    facts = report.facts
    return _(
        "After the send: {unsubscribed} unsubscribed, {bounced} bounced, {complained} complained, "
        "out of {accepted} letters accepted."
    ).format(
        unsubscribed=formats.number(facts.unsubscribed),
        bounced=formats.number(facts.bounced),
        complained=formats.number(facts.complained),
        accepted=formats.number(facts.account.accepted),
    )


def _method(report: Report) -> Sequence[tuple[str, str]]:
    terms = [(_(words.STEPS[step.step]), _(words.MEANINGS[step.step])) for step in report.funnel]
    return [
        *((term, meaning[:1].upper() + meaning[1:] + ".") for term, meaning in terms),
        (
            _("Who is measured"),
            _(
                "Opens and clicks of one person are recorded only where that person agreed to it; "
                "what was allowed is frozen with each letter. Rates use those readers alone."
            ),
        ),
        (
            _("What a relay is"),
            _(
                "A post published after the letter that links to it, copies, quotes or "
                "paraphrases it, or takes up its slogan, without opposing it. A weighted model "
                "scores the evidence; a person's decision overrides it. Irony and free "
                "paraphrase escape it most often."
            ),
        ),
        (
            _("Reach"),
            _("Unknown. The audiences of blogs are not known and are never added up."),
        ),
        *((_("Waived at the check"), text) for text in words.waived(report)),
    ]


def _colophon(report: Report) -> str:
    facts = {key: value for key, value in as_json(report).items() if key != "made_at"}
    data = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    fingerprint = hashlib.blake2b(data.encode(), digest_size=8).hexdigest()
    return _("Made {when} by buzz {version}. Fingerprint of the figures: {fingerprint}.").format(
        when=formats.moment(report.made_at), version=report.version, fingerprint=fingerprint
    )
