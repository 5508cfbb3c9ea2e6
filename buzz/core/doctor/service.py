"""The service that readers reach: HTTPS, our own domain, and unsubscribing works (RFC 8058)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from buzz.core.doctor import dmarc
from buzz.core.doctor.checks import Asking, Check, Health, fold, found_in
from buzz.core.urls import is_of_this_machine
from buzz.locales import gettext as _

_said = partial(found_in, "web")

OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """How one way of unsubscribing was answered."""

    status: int  # 0: not at all
    stopped: bool  # the address was suppressed
    cookies: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What became of a reader that was made up for the test."""

    status: int  # of GET; 0: no answer
    error: str = ""
    stopped_by_get: bool = False
    posted: Mapping[str, Posted] = field(default_factory=dict)  # by content type


def addresses(base_url: str, author_domain: str) -> Asking:
    """Judge the address of the service, and ask whether its domain is ours."""
    place = "[web] base_url"
    if is_of_this_machine(base_url):
        return [
            _said(
                "public",
                Health.ERROR,
                place,
                _("no reader can reach {url}").format(url=base_url),
                why=_("nobody could unsubscribe, and Gmail and Yahoo want that in one click"),
                remedy=_("write the public address under which `buzz serve` is reached"),
            )
        ]
    found = [
        _said("https", Health.OK, place, _("readers come by HTTPS"))
        if base_url.startswith("https://")
        else _said(
            "https",
            Health.ERROR,
            place,
            _("{url} is not encrypted").format(url=base_url),
            why=_("RFC 8058 wants https, and browsers warn of anything else"),
            remedy=_("put a certificate on the server and write https://"),
        )
    ]
    host = urlsplit(base_url).hostname or ""
    ours = yield from dmarc.walk(author_domain)
    if ours.trouble:
        found.append(_said("own-domain", Health.UNKNOWN, host, ours.trouble))
    elif f".{fold(host)}".endswith(f".{ours.organization}"):
        found.append(_said("own-domain", Health.OK, host, _("links lead to your own domain")))
    else:
        found.append(
            _said(
                "own-domain",
                Health.WARNING,
                host,
                _("links lead to another domain than that of the sender ({domain})").format(
                    domain=ours.start
                ),
                why=_("filters distrust letters whose links point elsewhere"),
                remedy=_("let a name under {domain} lead to the service").format(
                    domain=ours.organization
                ),
            )
        )
    return found


def unsubscribing(place: str, test: SelfTest) -> list[Check]:
    """Judge what became of the made-up reader."""
    why = _("Gmail, Yahoo and Orange want unsubscribing in one click (RFC 8058)")
    serve = _("is `buzz serve` running, with this database, behind this address?")
    if test.status != OK:
        what = _("the page to unsubscribe does not answer: {why}").format(
            why=test.error or test.status
        )
        return [_said("unsubscribe", Health.ERROR, place, what, why=why, remedy=serve)]
    found = []
    if test.stopped_by_get:
        what = _("looking at the page unsubscribes")
        found.append(
            _said(
                "unsubscribe-get",
                Health.ERROR,
                place,
                what,
                why=_("filters look at every link: they would unsubscribe everybody"),
                remedy=_("nothing before `buzz serve` may turn GET into POST"),
            )
        )
    for kind, posted in test.posted.items():
        if posted.status == OK and posted.stopped and not posted.cookies:
            what = _("POST as {kind} unsubscribes").format(kind=kind)
            found.append(_said("unsubscribe-post", Health.OK, place, what))
            continue
        what = _("POST as {kind} does not unsubscribe: {why}").format(
            kind=kind, why=posted.error or _answered(posted)
        )
        found.append(_said("unsubscribe-post", Health.ERROR, place, what, why=why, remedy=serve))
    return found


def _answered(posted: Posted) -> str:
    if posted.status != OK:
        return str(posted.status)
    return _("it sets a cookie") if posted.cookies else _("it answers 200 and does nothing")
