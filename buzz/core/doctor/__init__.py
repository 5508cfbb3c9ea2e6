"""What stands in the way of a letter, and the remedy: DNS, the next hop, the service, the law.

Rules over values. What must be asked of the DNS is *yielded* as a :class:`Question` and answered by
whoever runs the generator, so that this package knows no network and tests have recorded answers.
Each finding says what is so, why it matters, and what to do or to publish.
"""

from collections.abc import Generator

from buzz.core.doctor import dkim, dmarc, hosts, law, nexthop, service, spf
from buzz.core.doctor.checks import Answer, Asking, Check, Health, Question
from buzz.core.doctor.dkim import Key
from buzz.core.doctor.law import Sender
from buzz.core.doctor.nexthop import Offer
from buzz.core.doctor.service import SelfTest

__all__ = [
    "Answer",
    "Asking",
    "Check",
    "Health",
    "Key",
    "Offer",
    "Question",
    "SelfTest",
    "Sender",
    "dns",
    "law",
    "nexthop",
    "service",
]


def dns(
    *,
    author_domain: str,
    return_domain: str,
    keys: tuple[Key, ...],
    own_host: str,
) -> Generator[Question, Answer, tuple[Check, ...]]:
    """Ask for and judge everything about our domains.

    Args:
        author_domain: of From.
        return_domain: of the return path, to which bounces go.
        keys: with which we sign; none: the next hop signs.
        own_host: this machine's name, where the next hop is on it and speaks to receivers
            itself; empty: it is somebody else's.
    """
    if hosts.is_reserved(author_domain):
        return (hosts.example_domain(author_domain),)
    found: list[Check] = []
    found += yield from spf.check(return_domain, own_host)
    found += yield from dkim.check(keys)
    found += yield from dmarc.check(
        author_domain, return_domain, tuple(dict.fromkeys(key.domain for key in keys))
    )
    found += yield from hosts.mail_exchangers(author_domain, return_domain)
    if own_host:
        found += yield from hosts.reverse(own_host)
    return tuple(found)
