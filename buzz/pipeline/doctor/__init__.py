"""The doctor's round: what stands in the way of a letter, looked up where it really is.

Each area stands alone: what cannot be found out is said to be unknown, and the round goes on.
"""

import asyncio
import email.message
import email.policy
import platform
import re
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from email.errors import HeaderParseError, MessageError
from email.utils import parseaddr
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, TemplateSyntaxError, meta

from buzz.config import Settings
from buzz.core import doctor as core
from buzz.core.doctor import Answer, Check, Health, Key, Question
from buzz.core.urls import is_of_this_machine
from buzz.edges import keys, smtp
from buzz.edges.dns import Resolver
from buzz.edges.smtp.looking import look
from buzz.edges.store import Store, blogs
from buzz.errors import ConfigurationError, UsageError
from buzz.locales import gettext as _
from buzz.pipeline import mail
from buzz.pipeline.campaign import loading
from buzz.pipeline.doctor import selftest

T = TypeVar("T")
Ask = Callable[[Question], Answer]
AREAS = ("dns", "smtp", "web", "legal")
# A call of the macro of mots.txt.j2 by which a template tells a new reader.
_NOTICE = re.compile(r"(?<!macro )notice_what\(")
_TEMPLATES = ("lettre.html.j2", "lettre.txt.j2")


def examine(
    settings: Settings, store: Store, now: datetime, area: str = "", *, ask: Ask | None = None
) -> tuple[Check, ...]:
    """Return what was found in one area, or in all.

    Args:
        settings: the workspace's.
        store: its database.
        now: aware UTC.
        area: one of :data:`AREAS`; empty: all of them.
        ask: who answers for the DNS; the system's name servers where nobody is given.

    Raises:
        UsageError: there is no such area.
    """
    if area and area not in AREAS:
        raise UsageError(_("there is no area `{area}`").format(area=area), remedy=" | ".join(AREAS))
    ask = ask or Resolver().ask
    rounds: dict[str, Callable[[], Sequence[Check]]] = {
        "dns": lambda: _dns(settings, ask),
        "smtp": lambda: _smtp(settings, store, now),
        "web": lambda: _web(settings, store, now, ask),
        "legal": lambda: _legal(settings, store),
    }
    return tuple(check for name in AREAS if area in {"", name} for check in rounds[name]())


def answered(asking: Generator[Question, Answer, T], ask: Ask) -> T:
    """Return what a generator of questions comes to, each of them answered."""
    try:
        question = next(asking)
        while True:
            question = asking.send(ask(question))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration is not generic


def _dns(settings: Settings, ask: Ask) -> Sequence[Check]:
    try:
        signing = _keys(settings)
    except ConfigurationError as exc:
        return (_unusable("dns", "dkim-key", exc),)
    is_direct = is_of_this_machine(f"http://{settings.smtp.host}/")
    return answered(
        core.dns(
            author_domain=_domain(settings.sender.from_),
            return_domain=_domain(settings.bounces.address or settings.sender.from_),
            keys=signing,
            own_host=socket.getfqdn() if is_direct else "",
        ),
        ask,
    )


def _keys(settings: Settings) -> tuple[Key, ...]:
    """Return the keys of ``[dkim]``, as far as everybody may know them.

    Raises:
        ConfigurationError: one of them cannot be read.
    """
    section = settings.dkim
    domain = section.domain or _domain(settings.sender.from_)
    return published(
        domain,
        (
            (section.selector, section.key_file),
            (section.ed25519_selector, section.ed25519_key_file),
        ),
        settings.workspace,
    )


def published(domain: str, pairs: Sequence[tuple[str, str]], workspace: Path) -> tuple[Key, ...]:
    """Return the public halves of keys, given by selector and file; pairs that are not set aside.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    found = []
    for selector, file in pairs:
        if selector and file:
            half = keys.public_key(workspace / Path(file).expanduser())
            found.append(
                Key(
                    domain=domain,
                    selector=selector,
                    algorithm=half.algorithm,
                    public_key=half.text,
                    bits=half.bits,
                )
            )
    return tuple(found)


def _smtp(settings: Settings, store: Store, now: datetime) -> Sequence[Check]:
    python = core.nexthop.interpreter(platform.python_version(), injects=writes_injected_headers())
    try:
        server = mail.next_hop(settings)
    except ConfigurationError as exc:  # the password can be read by others
        return (_unusable("smtp", "smtp", exc), python)
    offer = asyncio.run(look(server))
    if isinstance(offer, smtp.NoConnection):
        found = [core.nexthop.refused(server.name, offer.error.what, offer.error.remedy)]
    else:
        with store.read() as tx:
            addresses = [blog.email for blog in blogs.all_blogs(tx)]
        beyond = sum(not address.isascii() for address in addresses)
        found = core.nexthop.check(server.name, offer, now=now, utf8_addresses=beyond)
    return (*found, python)


def _web(settings: Settings, store: Store, now: datetime, ask: Ask) -> Sequence[Check]:
    base_url = settings.web.base_url
    domain = _domain(settings.sender.from_)
    found = answered(core.service.addresses(base_url, domain), ask)
    try:
        tried = selftest.run(settings, store, now)
    except ConfigurationError as exc:
        return (*found, _unusable("web", "unsubscribe", exc))
    return (*found, *core.service.unsubscribing(base_url, tried))


def _legal(settings: Settings, store: Store) -> Sequence[Check]:
    with store.read() as tx:
        everyone = blogs.all_blogs(tx)
    sender = settings.sender
    sources = loading.sources(settings)
    return core.law.check(
        core.Sender(
            organisation=sender.organisation,
            postal_address=sender.postal_address,
            controller=sender.controller,
        ),
        silent_templates=tuple(
            str(_path(settings, name)) for name in _TEMPLATES if not _tells(name, sources)
        ),
        without_source=sum(bool(blog.email) and not blog.source for blog in everyone),
    )


def _path(settings: Settings, name: str) -> Path:
    paths = [folder / name for folder in settings.templates]
    return next((path for path in paths if path.is_file()), paths[-1])


def _tells(name: str, sources: Mapping[str, str]) -> bool:
    """Tell whether a template, or one that it is made of, tells a new reader what is held."""
    reached, waiting = set[str](), [name]
    while waiting:
        at = waiting.pop()
        source = sources.get(at, "")
        if _NOTICE.search(source):
            return True
        reached.add(at)
        try:
            named = meta.find_referenced_templates(Environment().parse(source))  # noqa: S701  (only read, never rendered)
        except TemplateSyntaxError:  # campaign check says where
            continue
        waiting += [other for other in named if other is not None and other not in reached]
    return False


def writes_injected_headers() -> bool:
    """Tell whether a line break in an encoded word becomes one on the wire (CVE-2024-6923)."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    try:
        message["Subject"] = "=?utf-8?q?a=0ABcc:x@parti.example?="
        lines = message.as_bytes().splitlines()
    except (HeaderParseError, MessageError, ValueError):  # HeaderWriteError is a MessageError
        return False
    return any(line.startswith(b"Bcc:") for line in lines)


def _domain(address: str) -> str:
    return parseaddr(address)[1].rpartition("@")[2]


def _unusable(area: str, rule: str, exc: ConfigurationError) -> Check:
    return Check(
        area=area,
        rule=rule,
        health=Health.ERROR,
        place=exc.place,
        what=exc.what,
        why=_("without it nothing can leave, or nobody can unsubscribe"),
        remedy=exc.remedy,
    )
