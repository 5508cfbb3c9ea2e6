"""DMARC by the tree walk of RFC 9989, and whether what we send is aligned with it.

From a domain upwards, at most eight questions. The *organizational domain* is where the walk says
that an organisation ends; the return path and the signature must belong to the same one as From
(relaxed), or be the same domain (strict).
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from buzz.core.doctor.checks import Answer, Asking, Check, Health, Question, fold, tags, txt
from buzz.locales import gettext as _

MAX_QUESTIONS = 8  # RFC 9989 §4.10
_VERSION = "DMARC1"
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Walk:
    """The DMARC records from a domain upwards, the longest name first."""

    start: str
    records: tuple[tuple[str, Mapping[str, str]], ...] = ()
    doubled: tuple[str, ...] = ()  # names with more than one record: none of them counts
    trouble: str = ""

    @property
    def organization(self) -> str:
        """Return the organizational domain (RFC 9989 §4.10.2)."""
        for name, record in self.records:
            if record.get("psd") == "n":
                return name
            if record.get("psd") == "y" and name != self.start:
                labels = self.start.split(".")
                return ".".join(labels[-(name.count(".") + 2) :])
        return self.records[-1][0] if self.records else self.start

    @property
    def policy(self) -> tuple[str, Mapping[str, str]] | None:
        """Return where the policy stands, and the record (RFC 9989 §4.10.1); None: nowhere."""
        known = dict(self.records)
        public_suffix = next((n for n, r in self.records if r.get("psd") == "y"), "")
        for name in (self.start, self.organization, public_suffix):
            if name in known:
                return name, known[name]
        return None


def names(domain: str) -> list[str]:
    """Return the names that a tree walk asks, in its order.

    >>> names("a.b.c.d.e.f.g.mail.parti.example")[:2]
    ['a.b.c.d.e.f.g.mail.parti.example', 'd.e.f.g.mail.parti.example']
    >>> names("mail.parti.example")
    ['mail.parti.example', 'parti.example', 'example']
    """
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < MAX_QUESTIONS else labels[-(MAX_QUESTIONS - 1) :]
    return [domain, *(".".join(rest[at:]) for at in range(len(rest)))]


def walk(domain: str) -> Generator[Question, Answer, Walk]:
    """Ask upwards from a domain."""
    start = fold(domain)
    found: list[tuple[str, Mapping[str, str]]] = []
    doubled: list[str] = []
    for name in names(start):
        answer = yield Question(f"_dmarc.{name}", "TXT")
        if answer.trouble:
            return Walk(start, tuple(found), tuple(doubled), answer.trouble)
        records = [record for record in map(_read, answer.records) if record is not None]
        if len(records) > 1:
            doubled.append(name)
        elif records:
            found.append((name, records[0]))
            if records[0].get("psd") == "n" or (records[0].get("psd") == "y" and name != start):
                break
    return Walk(start, tuple(found), tuple(doubled))


def _read(record: str) -> Mapping[str, str] | None:
    """Return a record's tags; None: it is no DMARC record. The version comes first, and exactly."""
    name, _equals, rest = record.partition("=")
    is_ours = name.strip() == "v" and rest.partition(";")[0].strip() == _VERSION
    return tags(record) if is_ours else None


def check(author_domain: str, return_domain: str, signing_domains: tuple[str, ...]) -> Asking:
    """Ask for and judge the policy of the author's domain, and the alignment with it."""
    author = yield from walk(author_domain)
    if author.trouble:
        return [_said("dmarc", Health.UNKNOWN, author.start, author.trouble)]
    found = [_doubled(name) for name in author.doubled]
    where = author.policy
    if where is None:
        return [*found, _missing(author)]
    found += _policy(author, *where)
    found += yield from _alignment(author, where[1], return_domain, signing_domains)
    return found


def _missing(author: Walk) -> Check:
    domain = author.start
    return _said(
        "dmarc",
        Health.ERROR,
        domain,
        _("there is no DMARC policy for this domain"),
        remedy=_("begin with a policy that only asks for reports"),
        record=txt(f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
    )


def _doubled(name: str) -> Check:
    return _said(
        "dmarc-one",
        Health.ERROR,
        f"_dmarc.{name}",
        _("more than one DMARC record: receivers ignore all of them"),
        remedy=_("keep one and delete the others"),
    )


def _policy(author: Walk, name: str, record: Mapping[str, str]) -> list[Check]:
    place, found = f"_dmarc.{name}", []
    key = "p" if name == author.start else "sp"
    policy = (record.get(key) or record.get("p") or "none").lower()
    if policy not in _POLICIES:
        found.append(
            _said(
                "dmarc-policy",
                Health.ERROR,
                place,
                _("`{policy}` is no policy").format(policy=policy),
                remedy=_("write p=none, p=quarantine or p=reject"),
            )
        )
    elif policy == "none":
        found.append(
            _said(
                "dmarc-policy",
                Health.WARNING,
                place,
                _("the policy is none: anybody can write in your name"),
                why=_("receivers deliver forged letters, and they cost your reputation"),
                remedy=_("when the reports show only your own servers: p=quarantine, then reject"),
            )
        )
    else:
        what = _("the policy is {policy}").format(policy=policy)
        found.append(_said("dmarc-policy", Health.OK, place, what))
    if record.get("t") == "y":
        found.append(
            _said(
                "dmarc-test",
                Health.WARNING,
                place,
                _("t=y asks receivers not to apply the policy"),
                remedy=_("remove t=y when you are done testing"),
            )
        )
    old = [tag for tag in ("pct", "rf", "ri") if tag in record]
    if old:
        found.append(
            _said(
                "dmarc-old",
                Health.WARNING,
                place,
                _("{tags}: gone since RFC 9989, receivers ignore it").format(tags=", ".join(old)),
                why=_("what you wish for with it does not happen"),
                remedy=_("remove it; to test a policy, write t=y"),
            )
        )
    if "rua" not in record:
        found.append(
            _said(
                "dmarc-reports",
                Health.WARNING,
                place,
                _("nobody receives the reports: there is no rua"),
                why=_("you do not see who writes in your name, nor what fails"),
                remedy=_("add rua=mailto: and an address"),
            )
        )
    return found


def _alignment(
    author: Walk, record: Mapping[str, str], return_domain: str, signing_domains: tuple[str, ...]
) -> Asking:
    by_spf = yield from _is_aligned(author, return_domain, record.get("aspf", "r"))
    by_dkim = False
    for domain in signing_domains:
        by_dkim = by_dkim or (yield from _is_aligned(author, domain, record.get("adkim", "r")))
    place = author.start
    if not by_spf and not by_dkim and signing_domains:
        return [
            _said(
                "alignment",
                Health.ERROR,
                place,
                _(
                    "neither the return path ({path}) nor the signature ({signed}) is of From"
                ).format(path=fold(return_domain), signed=", ".join(map(fold, signing_domains))),
                remedy=_("sign with d={domain}, and let bounces go to an address there").format(
                    domain=author.organization
                ),
            )
        ]
    found = []
    for is_aligned, rule, what in (
        (by_spf, "alignment-spf", _("the return path ({name})").format(name=fold(return_domain))),
        (
            by_dkim,
            "alignment-dkim",
            _("the signature ({name})").format(name=", ".join(map(fold, signing_domains))),
        ),
    ):
        if rule == "alignment-dkim" and not signing_domains:
            continue  # whoever signs is not known here
        words = _("{what} is aligned with From") if is_aligned else _("{what} is not of From")
        found.append(
            _said(
                rule,
                Health.OK if is_aligned else Health.WARNING,
                place,
                words.format(what=what),
                remedy=_("use an address or a domain under {domain}").format(
                    domain=author.organization
                ),
            )
        )
    return found


def _is_aligned(author: Walk, domain: str, mode: str) -> Generator[Question, Answer, bool]:
    other = fold(domain)
    if other == author.start:
        return True
    if mode == "s":
        return False
    theirs = yield from walk(other)
    return not theirs.trouble and theirs.organization == author.organization


def _said(
    rule: str,
    health: Health,
    place: str,
    what: str,
    *,
    why: str = "",
    remedy: str = "",
    record: str = "",
) -> Check:
    is_bad = health in {Health.WARNING, Health.ERROR}
    default = _(
        "Gmail and Yahoo want a DMARC policy and an aligned domain of whoever writes to many"
        " (550 5.7.26); Orange and laposte.net count it"
    )
    return Check(
        area="dns",
        rule=rule,
        health=health,
        place=place,
        what=what,
        why=(why or default) if is_bad else "",
        remedy=remedy if is_bad else "",
        record=record,
    )
