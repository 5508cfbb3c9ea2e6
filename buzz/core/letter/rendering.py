"""Rendering: from templates and values to a page with its styles inline, and the text part."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from premailer import Premailer

from buzz.core.letter import folding
from buzz.core.letter.gates import AskingSandbox
from buzz.core.letter.sandbox import rendered
from buzz.errors import CheckRefused
from buzz.locales import gettext as _

_HAS_TAG = re.compile(r"<[a-zA-Z]")
_CHOOSES_STYLES = re.compile(r'\b(?:class|id|style)="[^"]*"')


def both_parts(
    environment: AskingSandbox, template: str, values: Mapping[str, Any], language: str
) -> tuple[str, str]:
    """Return the page and the text of ``TEMPLATE.html.j2`` and ``TEMPLATE.txt.j2``.

    Raises:
        CheckRefused: a template is missing, broken, or oversteps.
    """
    page = rendered(environment, f"{template}.html.j2", values, language)
    page = _CHOOSES_STYLES.sub(lambda m: environment.questions.named(Markup(m[0])), page)  # noqa: S704  (as it was escaped)
    text = rendered(environment, f"{template}.txt.j2", values, language)
    if not _HAS_TAG.search(page):
        raise CheckRefused(
            _("the template makes an empty page"),
            place=f"templates/{template}.html.j2",
            remedy=_("begin with the shipped one"),
        )
    return inlined(page), folding.tidy(text)


def inlined(page: str) -> str:
    """Return the page with its first style block put inline.

    premailer's defaults fetch style sheets over the network, take ``!important`` away (which
    breaks dark mode) and validate CSS by a standard from 2004; all that is off.
    """
    return str(
        Premailer(
            page,
            strip_important=False,
            disable_validation=True,
            remove_classes=False,
            allow_network=False,
            disable_leftover_css=False,
            # A fluid image's `width: 100%; height: auto` would replace the pixels that Outlook
            # and a client without images go by.
            disable_basic_attributes=["width", "height"],
            cssutils_logging_level=logging.CRITICAL,
        ).transform(pretty_print=False)
    )
