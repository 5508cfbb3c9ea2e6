"""What the law wants a reader to be told: who writes, from where, why, and who answers for it."""

from dataclasses import dataclass
from functools import partial

from buzz.core.doctor.checks import Check, Health, found_in
from buzz.locales import formats, ngettext
from buzz.locales import gettext as _

_said = partial(found_in, "legal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes, as the settings have it."""

    organisation: str
    postal_address: str
    controller: str


def check(sender: Sender, *, silent_templates: tuple[str, ...], without_source: int) -> list[Check]:
    """Judge what readers are told.

    Args:
        sender: as the settings have it.
        silent_templates: names of the letter's templates that never say what is held on a reader.
        without_source: how many blogs we do not know the address's source of.
    """
    why_sender = _("the law wants it in the letter (LCEN art. 1-1 and 20, GDPR art. 13 and 14)")
    found = [
        _said(
            key.replace("_", "-"),
            Health.OK if value else Health.ERROR,
            f"[sender] {key}",
            value or _("is empty"),
            why="" if value else why_sender,
            remedy="" if value else _("fill it in"),
        )
        for key, value in (
            ("organisation", sender.organisation),
            ("postal_address", sender.postal_address),
            ("controller", sender.controller),
        )
    ]
    found += [
        _said(
            "notice",
            Health.ERROR,
            name,
            _("never tells a new reader what is held on them"),
            why=_("whoever did not give you their address must be told (GDPR art. 14)"),
            remedy=_("call words.notice_what(), notice_why() and notice_rights() in it"),
        )
        for name in silent_templates
    ] or [_said("notice", Health.OK, "templates", _("tell a new reader what is held on them"))]
    if without_source:
        found.append(
            _said(
                "source",
                Health.WARNING,
                "blogs.csv",
                ngettext(
                    "{n} blog of which it is not known where the address comes from",
                    "{n} blogs of which it is not known where the address comes from",
                    without_source,
                ).format(n=formats.number(without_source)),
                why=_("the reader must be told the source (GDPR art. 14.2 f)"),
                remedy=_("fill in the column source"),
            )
        )
    return found
