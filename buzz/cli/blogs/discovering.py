"""``buzz blogs discover``: a blog's feed and author; sites that listed blogs point to.

Everything is shown, nothing is stored without a yes: ``--yes`` or an answer on the terminal stores
the feed, and an e-mail address takes a yes of its own, ``--email ADDRESS`` or a second answer.
"""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from buzz.cli import console, work
from buzz.cli.blogs import changing
from buzz.cli.poll import reason_words
from buzz.errors import BuzzError, TemporaryFailure, UsageError
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _
from buzz.locales import mark as N_

if TYPE_CHECKING:
    from buzz.core.discovery import Neighbour
    from buzz.core.registry import Diff
    from buzz.pipeline.discover import Candidates, Suggestion

_EVIDENCE = 3  # links shown of one site; --json has one of each blog
_REFUSED = ("forbidden-url", "forbidden-address", "forbidden-port")


def plant(app: typer.Typer) -> None:
    """Plant this file's command among those of the registry."""
    work.command(app, "discover", example="buzz blogs discover le-blog-de-karim")(discover)


def discover(
    where: Annotated[
        str, typer.Argument(metavar="URL", help=N_("A blog's page, or a blog's slug."))
    ] = "",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all", help=N_("Which sites do the listed blogs point to?"))
    ] = False,
    least: Annotated[
        int, typer.Option(metavar="N", min=1, help=N_("With --all: at least N blogs point to it."))
    ] = 2,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help=N_("With --all: show N sites."))
    ] = 50,
    offline: Annotated[
        bool, typer.Option("--offline", help=N_("With --all: read stored posts, ask no page."))
    ] = False,
    name: Annotated[str, typer.Option(metavar="TEXT", help=N_("Name of a new blog."))] = "",
    email: Annotated[
        str, typer.Option(metavar="ADDRESS", help=N_("Store this address too, if it was found."))
    ] = "",
    yes: work.Yes = False,
    dry_run: work.DryRun = False,
    json: work.Json = False,
) -> int:
    """Find a blog's feed and its author, or blogs that are not in the registry yet.

    What is found is shown; it is stored only after a yes.
    """
    if bool(where) == everywhere:
        raise UsageError(
            _("what shall be discovered?"),
            remedy=_("give the address or the slug of a blog, or --all"),
        )
    if everywhere:
        _candidates(least, limit, offline=offline, json=json)
        return 0
    return _one(where, name=name, email=email, yes=yes, dry_run=dry_run, json=json)


# --- one blog ---------------------------------------------------------------------------------


def _one(where: str, *, name: str, email: str, yes: bool, dry_run: bool, json: bool) -> int:
    from buzz.core.registry import Diff
    from buzz.pipeline import discover

    at = work.current()
    found = discover.look(at.settings, at.store, where, at.now())
    if found.reason:
        raise _unread(found)
    if not json:
        _show(found)
    changes = None
    if found.feed_url or email:
        changes = _store(found, name=name, email=email, yes=yes, dry_run=dry_run, json=json)
        if not json:
            _say_what_became_of_it(found, stored=changes is not None, dry_run=dry_run)
    if json:
        written = bool(changes) and not dry_run
        console.emit({**asdict(found), **changing.names(changes or Diff()), "written": written})
    return 0 if found.feed_url else BuzzError.exit_code


def _unread(found: "Suggestion") -> BuzzError:
    what = _("{url} cannot be read: {why}").format(url=found.url, why=reason_words(found.reason))
    if found.reason in _REFUSED:
        return UsageError(what, remedy=_("give the public address of a page: https://…"))
    return TemporaryFailure(what, remedy=_("look at it in a browser, or try later"))


def _store(
    found: "Suggestion", *, name: str, email: str, yes: bool, dry_run: bool, json: bool
) -> "Diff | None":
    """Store what the person says yes to; return what that changes. None: there was no yes."""
    from buzz.pipeline import discover, registry

    at = work.current()
    if not yes and not dry_run:
        if json or not console.is_interactive():
            return None
        question = (
            _("Store this feed for {blog}?").format(blog=found.blog)
            if found.blog
            else _("Add this blog to the registry?")
        )
        if not console.confirmed(question, yes=False, remedy=""):
            return None
        email = email or _asked_email(found)
    plan = discover.plan(at.settings, at.store, found, name=name, email=email)
    changing.show(plan, json=json)
    if not dry_run:
        registry.apply(at.settings, at.store, plan, at.now())
    return plan.diff


def _asked_email(found: "Suggestion") -> str:
    """Return the address that the person agrees to store, if any."""
    for mail in found.emails[:1]:
        question = _("Store the address {email} too?").format(email=mail.address)
        if console.confirmed(question, yes=False, remedy=""):
            return mail.address
    return ""


def _say_what_became_of_it(found: "Suggestion", *, stored: bool, dry_run: bool) -> None:
    if dry_run:
        console.say(_("nothing was changed (--dry-run)"))
    elif not stored:
        command = f"buzz blogs discover {found.blog or found.url} --yes"
        console.say(_("nothing was stored; to store it: {command}").format(command=command))
        for mail in found.emails[:1]:
            console.say(
                _("with the e-mail address: {command}").format(
                    command=f"{command} --email {mail.address}"
                )
            )


def _show(found: "Suggestion") -> None:
    console.data(found.name or found.url)
    _line(found.url)
    if found.feed_url:
        _line(_("feed: {url}").format(url=found.feed_url))
    else:
        _line(_("no feed found; asked in vain:"))
        for tried in found.tried:
            _line(f"  {tried.url}: {reason_words(tried.reason)}")
    for mail in found.emails:
        _line(
            _("e-mail, a suggestion: {address}, on {page}").format(
                address=mail.address, page=mail.page
            )
        )
    for contact in found.contacts:
        _line(_("contact page: {url}").format(url=contact))


def _line(text: str, indent: str = "  ") -> None:
    console.paragraph(text, first=indent, indent=f"{indent}  ")


# --- neighbours -------------------------------------------------------------------------------


def _candidates(least: int, limit: int, *, offline: bool, json: bool) -> None:
    from buzz.pipeline import discover

    at = work.current()
    found = discover.candidates(
        at.settings,
        at.store,
        at.now(),
        offline=offline,
        least=least,
        progress=partial(console.progress, _("Home pages")),
    )
    shown = found.neighbours[:limit]
    if json:
        facts = asdict(found)
        del facts["neighbours"]
        console.emit(
            {**facts, "found": len(found.neighbours), "candidates": list(map(asdict, shown))}
        )
        return
    for neighbour in shown:
        _show_neighbour(neighbour)
    _say_basis(found, len(shown))


def _show_neighbour(neighbour: "Neighbour") -> None:
    n = len(neighbour.blogs)
    count = ngettext("{n} listed blog", "{n} listed blogs", n).format(n=n)
    rolls = _(", {n} of them on the home page").format(n=neighbour.rolls) if neighbour.rolls else ""
    console.data(f"{neighbour.url}  {count}{rolls}")
    for link in neighbour.evidence[:_EVIDENCE]:
        _line(f"{link.blog}: {link.page} → {link.target}", indent="    ")
    if (more := n - _EVIDENCE) > 0:
        console.data("    " + _("… and {n} more (all of them: --json)").format(n=more))


def _say_basis(found: "Candidates", shown: int) -> None:
    console.say(
        _(
            "{shown} of {found} sites; read: {links} links of {blogs} blogs, {pages} home pages"
        ).format(
            shown=shown,
            found=len(found.neighbours),
            links=formats.number(found.links),
            blogs=formats.number(found.blogs),
            pages=formats.number(found.pages),
        )
    )
    if found.failed:
        console.say(
            ngettext(
                "{n} home page could not be read", "{n} home pages could not be read", found.failed
            ).format(n=found.failed)
        )
    if found.neighbours:
        console.say(_("nothing enters the registry by itself: buzz blogs discover ADDRESS"))
