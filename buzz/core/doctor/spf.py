"""SPF of the return path's domain (RFC 7208): one record, at most ten look-ups, nobody let in."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field

from buzz.core.doctor.checks import Answer, Asking, Check, Health, Question, fold, txt
from buzz.locales import gettext as _

LOOKUPS = 10  # RFC 7208 §4.6.4
VOIDS = 2  # look-ups that find nothing
NEAR = 8  # of the ten: a provider's next change may be one too many
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_KNOWN = _ASKING | {"all", "ip4", "ip6"}
_TERM = re.compile(r"([+?~-]?)([A-Za-z0-9]+)(?:([:=/])(\S*))?")
_MODIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*=\S*")


@dataclass
class _Count:
    """What one evaluation, included records and all, costs the receiver."""

    lookups: int = 0
    voids: int = 0
    faults: list[str] = field(default_factory=list)
    uses_ptr: bool = False
    trouble: str = ""
    seen: set[str] = field(default_factory=set)


def check(domain: str, own_host: str) -> Asking:
    """Ask for and judge a domain's SPF record."""
    domain = fold(domain)
    answer = yield Question(domain, "TXT")
    if answer.trouble:
        return [_said("spf", Health.UNKNOWN, domain, answer.trouble)]
    records = [record for record in answer.records if _is_spf(record)]
    if not records:
        return [_missing(domain, own_host)]
    if len(records) > 1:
        return [
            _said(
                "spf-one",
                Health.ERROR,
                domain,
                _("{n} SPF records, and only one is allowed").format(n=len(records)),
                remedy=_("merge them into one and delete the others"),
            )
        ]
    count = _Count()
    everyone = yield from _count(domain, records[0], count)
    return [*_costs(domain, count), _lets_in(domain, everyone, records[0])]


def _is_spf(record: str) -> bool:
    return record.lower() == "v=spf1" or record.lower().startswith("v=spf1 ")


def _missing(domain: str, own_host: str) -> Check:
    is_public = "." in own_host  # a machine that only knows itself as localhost has no record
    allowed = f"a:{own_host}" if is_public else "include:" + _("SPF.OF.YOUR.PROVIDER")
    return _said(
        "spf",
        Health.ERROR,
        domain,
        _("there is no SPF record"),
        remedy=_("publish one that names the server that sends; its provider says which"),
        record=txt(domain, f"v=spf1 {allowed} -all"),
    )


def _count(domain: str, record: str, count: _Count) -> Generator[Question, Answer, str]:
    """Walk a record and all that it includes; return the qualifier of ``all``, or nothing."""
    count.seen.add(domain)
    redirect, everyone = "", ""
    for term in record.split()[1:]:
        found = _TERM.fullmatch(term)
        name = found[2].lower() if found else ""
        if found is None or (name not in _KNOWN and not _MODIFIER.fullmatch(term)):
            count.faults.append(term)
        elif name == "all":
            everyone = found[1] or "+"
        elif name == "redirect":
            redirect = found[4] or ""
        elif name in _ASKING:
            yield from _ask(domain, name, found[4] if found[3] == ":" else "", count)
    if redirect and not everyone:
        everyone = yield from _follow("redirect", redirect, count)
    return everyone


def _ask(domain: str, name: str, target: str, count: _Count) -> Generator[Question, Answer, None]:
    """Ask what one mechanism makes a receiver ask."""
    if name == "ptr":
        count.lookups += 1
        count.uses_ptr = True
    elif name == "include":
        yield from _follow("include", target, count)
    elif "%" in target or count.lookups > LOOKUPS:  # a macro depends on the message
        count.lookups += 1
    else:
        count.lookups += 1
        answer = yield Question(fold(target.partition("/")[0] or domain), _KIND[name])
        count.voids += not answer.records and not answer.trouble


_KIND = {"a": "A", "mx": "MX", "exists": "A"}


def _follow(name: str, target: str, count: _Count) -> Generator[Question, Answer, str]:
    """Walk the record of another domain; return the qualifier of its ``all``."""
    count.lookups += 1
    domain = fold(target)
    if not domain or domain in count.seen:
        count.faults.append(f"{name}:{target}")
        return ""
    if "%" in target or count.lookups > LOOKUPS:
        return ""
    answer = yield Question(domain, "TXT")
    records = [record for record in answer.records if _is_spf(record)]
    if answer.trouble:
        count.trouble = f"{domain}: {answer.trouble}"
    elif len(records) != 1:  # RFC 7208 §5.2: a permanent error for the whole
        count.faults.append(f"{name}:{target}")
    else:
        return (yield from _count(domain, records[0], count))
    return ""


def _costs(domain: str, count: _Count) -> list[Check]:
    found = []
    if count.trouble:
        found.append(_said("spf-lookups", Health.UNKNOWN, domain, count.trouble))
    if count.faults:
        found.append(
            _said(
                "spf-syntax",
                Health.ERROR,
                domain,
                _("receivers cannot make sense of: {terms}").format(terms=" ".join(count.faults)),
                remedy=_("correct or remove it; included domains must have one SPF record"),
            )
        )
    health = (
        Health.ERROR
        if count.lookups > LOOKUPS
        else Health.WARNING
        if count.lookups > NEAR
        else Health.OK
    )
    found.append(
        _said(
            "spf-lookups",
            health,
            domain,
            _("{n} DNS look-ups of {most} allowed").format(n=count.lookups, most=LOOKUPS),
            remedy=_("remove includes that send nothing any more, or name networks with ip4:"),
        )
    )
    if count.voids > VOIDS:
        found.append(
            _said(
                "spf-voids",
                Health.ERROR,
                domain,
                _("{n} look-ups find nothing, and {most} are allowed").format(
                    n=count.voids, most=VOIDS
                ),
                remedy=_("remove the names that do not exist"),
            )
        )
    if count.uses_ptr:
        found.append(
            _said(
                "spf-ptr",
                Health.WARNING,
                domain,
                _("uses ptr, which many receivers do not evaluate (RFC 7208 §5.5)"),
                remedy=_("name the networks with ip4: and ip6:"),
            )
        )
    return found


def _lets_in(domain: str, everyone: str, record: str) -> Check:
    """Judge what the record says of servers that it does not name."""
    strict = re.sub(r"\s[+?]?all\b", "", record, flags=re.IGNORECASE) + " ~all"
    if everyone == "+":
        return _said(
            "spf-all",
            Health.ERROR,
            domain,
            _("+all lets the whole world write in your name"),
            remedy=_("end the record with ~all or -all"),
            record=txt(domain, strict),
        )
    if everyone in {"", "?"}:
        return _said(
            "spf-all",
            Health.WARNING,
            domain,
            _("says nothing of servers that it does not name"),
            remedy=_("end the record with ~all or -all"),
            record=txt(domain, strict),
        )
    return _said("spf-all", Health.OK, domain, _("one SPF record, ending with {all}").format(
        all=f"{everyone}all"
    ))  # fmt: skip


def _said(
    rule: str, health: Health, domain: str, what: str, *, remedy: str = "", record: str = ""
) -> Check:
    is_bad = health in {Health.WARNING, Health.ERROR}
    return Check(
        area="dns",
        rule=rule,
        health=health,
        place=domain,
        what=what,
        why=_(
            "Gmail (550 5.7.26), Outlook, Yahoo, Orange and laposte.net refuse or hide mail that"
            " passes neither SPF nor DKIM"
        )
        if is_bad
        else "",
        remedy=remedy if is_bad else "",
        record=record,
    )
