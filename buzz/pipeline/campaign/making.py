"""Making: a new campaign's folder, which passes the check but for what only a person can write."""

import json
from dataclasses import dataclass
from pathlib import Path

from buzz import locales
from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core.text import one_line
from buzz.edges import files
from buzz.errors import UsageError
from buzz.locales import gettext as _
from buzz.pipeline.campaign import loading

DEFAULT_SEGMENT = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new campaign."""

    campaign: str
    path: Path  # of its letter.md


def make(
    settings: Settings,
    slug: str,
    *,
    subject: str = "",
    preheader: str = "",
    segment: str = "",
    language: str = "",
    dry_run: bool = False,
) -> Made:
    """Write ``campaigns/SLUG/letter.md`` to be filled in.

    Args:
        subject: empty: left to be written, as are the others.
        language: of the letter; empty: the one in force.

    Raises:
        UsageError: the name is no slug, or the campaign exists.
        CheckRefused: the segment is none, or the folder is a link.
    """
    path = loading.letter_file(settings, slug)
    if path.exists():
        raise UsageError(
            _("this campaign exists already"),
            place=loading.place(slug),
            remedy=_("edit it, or choose another name"),
        )
    core.parse_segment(segment or DEFAULT_SEGMENT)
    with locales.speaking(language or locales.language()):
        text = _starter(one_line(subject), one_line(preheader), segment or DEFAULT_SEGMENT)
    if not dry_run:
        files.write(path, text, mode=files.PUBLIC)
    return Made(campaign=slug, path=path)


def _starter(subject: str, preheader: str, segment: str) -> str:
    """Return a letter to be filled in: what stands in double brackets stops the check."""
    subject = subject or _to_write(_("what the letter is about, in 60 characters"))
    preheader = preheader or _to_write(
        _("what a mail client shows behind the subject: 40 to 110 characters")
    )
    argument = _("a talking point, as a sentence one likes to repeat")
    story = _("the fact, figure or story behind it, in words that nobody else would choose")
    action = _("what readers can do: a link alone in its paragraph becomes a button")
    return f"""---
subject: {_quoted(subject)}
preheader: {_quoted(preheader)}
language: {locales.language()}
segment: {segment}  # all · top:200 · tag:… · federation:75 · lang:fr, and / or / not ( )
# {_("the addresses that posts shall link to; the first is the one in the texts to paste")}
links: []
# {_("short sentences that may be repeated as they are")}
slogans: []
hashtags: []  # ["#…"]
# {_("under which names the campaign and its sender are spoken of")}
names: []
---

{_("To {name},").format(name="**{{ name }}**")}

{_to_write(_("why this letter, and why now, in two sentences"))}

## {_to_write(argument)}

{_to_write(story)}

{_to_write(action)}

---

{_to_write(_("who greets"))}
"""


def _to_write(hint: str) -> str:
    return f"[[{hint}]]"


def _quoted(text: str) -> str:
    """Return the text as a YAML scalar in double quotes (JSON's are YAML's)."""
    return json.dumps(text, ensure_ascii=False)
