"""The rules on the links of a letter: they come out as they went in, and lead somewhere."""

import re
from collections.abc import Iterable, Iterator

from buzz.core.campaign.context import Context, Rendered
from buzz.core.campaign.markdown import address
from buzz.core.campaign.page import Page, read_page
from buzz.locales import gettext as _
from buzz.locales import mark as N_
from buzz.locales import ngettext
from buzz.model import Finding, Probe

RESERVED = "reserved"  # of a probe: the name is kept for examples, nobody was asked
_NO_ANSWER = {
    "dns": N_("there is no such host"),
    "refused": N_("nobody answers there"),
    "timeout": N_("no answer in time"),
    "tls": N_("its certificate does not hold"),
    "forbidden-address": N_("it leads into a private network"),
    "forbidden-port": N_("it leads to a port that is none of the web's"),
    "redirects": N_("it redirects without end"),
}
_AWAY = frozenset({"dns", "refused", "timeout", "dropped"})  # also what one's own outage looks like
_WALLS = frozenset({401, 403, 407, 429, 451, 503})
_RAW_ADDRESS = re.compile(r"https?://[^\s<>\"'\])]+(?:\([^\s<>\"'()]*\)[^\s<>\"'\])]*)*")


def rewriting(context: Context, letter: Rendered, page: Page) -> Iterator[Finding]:
    """Each address in the letter's own text must come out of the HTML as it went in."""
    campaign = context.campaign
    points = (point.html for point in campaign.talking_points)
    own = read_page("\n".join((campaign.intro_html, *points, campaign.closing_html)))
    linked = {link.url for link in page.links}
    for url in dict.fromkeys(link.url for link in own.links):
        if letter.clicks.get(url, url) not in linked:
            yield context.error(
                "17-links",
                _("this link does not survive: {url}").format(url=url),
                _("write the address in its percent-encoded form"),
                line_of_url(context, url),
            )


def dead(context: Context) -> Iterator[Finding]:
    """Tell of links that did not answer when they were asked."""
    probes = context.probes.values()
    examples = [probe for probe in probes if probe.error == RESERVED]
    asked = [probe for probe in probes if probe.error != RESERVED]
    silent = [probe for probe in asked if not probe.status and probe.error]
    if examples:
        yield context.warning(
            "15-links",
            ngettext(
                "{n} link leads to a name that is kept for examples: {url}",
                "{n} links lead to names that are kept for examples: {url}",
                len(examples),
            ).format(n=len(examples), url=examples[0].url),
            _("nobody can follow it: write the address that you mean"),
            line_of_url(context, examples[0].url),
        )
    if len(asked) > 1 and len(silent) == len(asked) and _is_outage(asked):
        yield context.warning(
            "15-links",
            _("none of the {n} links could be reached").format(n=len(asked)),
            _("is this machine online? check again, or leave it out with --offline"),
        )
        return
    for probe in asked:
        if probe.error:
            yield context.warning(
                "15-links",
                f"{_said(probe)}: {probe.url}",
                _("open it in a browser, and correct the address"),
                line_of_url(context, probe.url),
            )


def _is_outage(probes: Iterable[Probe]) -> bool:
    return all(probe.error in _AWAY for probe in probes)


def _said(probe: Probe) -> str:
    if probe.status in _WALLS:
        return _("it lets no program in ({status}), and perhaps no reader").format(
            status=probe.status
        )
    if probe.status:
        return _("it answers {status}").format(status=probe.status)
    return _(_NO_ANSWER.get(probe.error, N_("no answer that is the web's")))


def line_of_url(context: Context, url: str) -> str:
    """Return ``file:line`` of an address, however it is written there."""
    raw = (match.group() for match in _RAW_ADDRESS.finditer(context.source))
    return context.line_of(next((text for text in raw if address(text) == url), url))
