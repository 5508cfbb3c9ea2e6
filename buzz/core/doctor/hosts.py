"""Whether our domains take mail, and whether our own host has a name that leads back to it."""

from functools import partial

from buzz.core.doctor.checks import Asking, Check, Health, Question, fold, found_in
from buzz.locales import gettext as _

_said = partial(found_in, "dns")

_RESERVED = (".example", ".invalid", ".test", ".localhost")  # RFC 2606, RFC 6761
_NULL_MX = "."


def is_reserved(domain: str) -> bool:
    """Tell whether a domain is kept for examples, so that nobody can publish anything there."""
    return f".{fold(domain)}".endswith(_RESERVED)


def example_domain(domain: str) -> Check:
    """Return what there is to say of the example's sender."""
    return Check(
        area="dns",
        rule="sender",
        health=Health.ERROR,
        place="[sender] from",
        what=_("{domain} is kept for examples: nothing can be published there").format(
            domain=domain
        ),
        why=_("no receiver takes mail from it"),
        remedy=_("write your own address into buzz.toml"),
    )


def mail_exchangers(author_domain: str, return_domain: str) -> Asking:
    """Ask whether answers and bounces can arrive."""
    reasons = {
        fold(author_domain): _("answers cannot arrive, and many receivers check that they can"),
        fold(return_domain): _("bounces cannot arrive: you would write to the dead for ever"),
    }
    found = []
    for domain, why in reasons.items():
        answer = yield Question(domain, "MX")
        hosts = [record.partition(" ")[2] for record in answer.records]
        if not hosts and not answer.trouble:  # RFC 5321 §5.1: then the domain itself
            answer = yield Question(domain, "A")
            hosts = [domain] if answer.records else []
        if answer.trouble:
            found.append(_said("mx", Health.UNKNOWN, domain, answer.trouble))
        elif hosts == [_NULL_MX]:
            what = _("the domain says that it takes no mail (null MX)")
            found.append(_said("mx", Health.ERROR, domain, what, why=why, remedy=_remedy(domain)))
        elif not hosts:
            what = _("no server takes mail for this domain")
            found.append(_said("mx", Health.ERROR, domain, what, why=why, remedy=_remedy(domain)))
        else:
            what = _("mail is taken by {hosts}").format(
                hosts=", ".join(host.rstrip(".") for host in hosts)
            )
            found.append(_said("mx", Health.OK, domain, what))
    return found


def reverse(host: str) -> Asking:
    """Ask whether a host's address has a name, and whether that leads back to the address."""
    addresses = []
    for kind in ("A", "AAAA"):
        answer = yield Question(fold(host), kind)
        if answer.trouble:
            return [_said("ptr", Health.UNKNOWN, host, answer.trouble)]
        addresses += [(kind, address) for address in answer.records]
    why = _("Gmail, Orange, Free and laposte.net refuse servers without one")
    if not addresses:
        what = _("this host has no address in the DNS")
        remedy = _("give the host that sends a public name, or send through a provider")
        return [_said("ptr", Health.ERROR, host, what, why=why, remedy=remedy)]
    found = []
    for kind, address in addresses:
        answer = yield Question(address, "PTR")
        names = [fold(name) for name in answer.records]
        leads_back = False
        for name in names:
            back = yield Question(name, kind)
            leads_back = leads_back or address in back.records
        if answer.trouble:
            found.append(_said("ptr", Health.UNKNOWN, address, answer.trouble))
        elif leads_back:
            what = _("{address} is {name}, and that is {address}")
            words = what.format(address=address, name=names[0])
            found.append(_said("ptr", Health.OK, address, words))
        else:
            what = (
                _("its name {name} does not lead back to it").format(name=names[0])
                if names
                else _("this address has no name (PTR)")
            )
            remedy = _("have whoever gave you the address set its PTR to {host}").format(host=host)
            found.append(_said("ptr", Health.ERROR, address, what, why=why, remedy=remedy))
    return found


def _remedy(domain: str) -> str:
    return _("publish an MX record for {domain}").format(domain=domain)
