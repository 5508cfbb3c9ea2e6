"""Making: a new campaign's folder, which passes the check but for what only a person can write.

From nothing it is a letter to be filled in; from an earlier campaign it is a copy of its letter in
all its languages and of its pictures, without its dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
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
DEFAULT_TEMPLATE = "lettre"
_PICTURES = {".jpg", ".jpeg", ".png", ".gif"}
_DATES = ("not_before", "not_after")  # of the letter that was copied, and past


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new campaign."""

    campaign: str
    path: Path  # of its letter
    files: tuple[str, ...]  # written into its folder, by name


def templates(settings: Settings) -> tuple[str, ...]:
    """Return the names a letter may give as its template: those with an HTML and a text part."""
    names = loading.sources(settings)
    return tuple(
        sorted(
            name.removesuffix(".html.j2")
            for name in names
            if name.endswith(".html.j2")
            and f"{name.removesuffix('.html.j2')}.txt.j2" in names
            and name not in loading.PARTS
        )
    )


def make(
    settings: Settings,
    slug: str,
    *,
    subject: str = "",
    preheader: str = "",
    segment: str = "",
    template: str = "",
    language: str = "",
    dry_run: bool = False,
) -> Made:
    """Write ``campaigns/SLUG/letter.md`` to be filled in.

    Args:
        subject: empty: left to be written, as is the preheader.
        template: empty: ``lettre``.
        language: of the letter; empty: the one in force.

    Raises:
        UsageError: the name is no slug, the campaign exists, or there is no such template.
        CheckRefused: the segment is none, or the folder is a link.
    """
    path = _free(settings, slug)
    core.parse_segment(segment or DEFAULT_SEGMENT)
    template = template or DEFAULT_TEMPLATE
    known = templates(settings)
    if template not in known:
        near = get_close_matches(template, known, n=1)
        raise UsageError(
            _("there is no template `{name}`").format(name=template),
            remedy=_("did you mean `{near}`?").format(near=near[0])
            if near
            else _("there are: {names}").format(names=", ".join(known)),
        )
    with locales.speaking(language or locales.language()):
        text = _starter(
            one_line(subject), one_line(preheader), segment or DEFAULT_SEGMENT, template
        )
    if not dry_run:
        files.write(path, text, mode=files.PUBLIC)
    return Made(campaign=slug, path=path, files=(path.name,))


def copy(
    settings: Settings,
    slug: str,
    new: str,
    *,
    subject: str = "",
    segment: str = "",
    dry_run: bool = False,
) -> Made:
    """Write a campaign that begins as another one was: its letter and pictures, not its dates.

    Args:
        subject, segment: instead of the earlier one's.

    Raises:
        UsageError: there is no such campaign, or the new one exists.
        CheckRefused: the segment is none, or a file of the earlier one cannot be read.
    """
    written = loading.written(settings, slug)
    folder = _free(settings, new).parent
    if segment:
        core.parse_segment(segment)
    changes: Mapping[str, str | None] = {
        **({"subject": one_line(subject)} if subject else {}),
        **({"segment": segment} if segment else {}),
        **dict.fromkeys(_DATES),
    }
    content: dict[str, str | bytes] = {
        file.place.rpartition("/")[2]: core.edited(
            file.text, changes if not number else dict.fromkeys(_DATES)
        )
        for number, file in enumerate(written)
    }
    for path in sorted(loading.folder(settings, slug).iterdir()):
        if path.suffix.lower() in _PICTURES and path.is_file() and not path.is_symlink():
            content[path.name] = files.read_bytes(
                path, loading.place(slug, path.name), most=core.MAX_IMAGE_BYTES
            )
    if not dry_run:
        for name, what in content.items():
            files.write(folder / name, what, mode=files.PUBLIC)
    return Made(campaign=new, path=folder / next(iter(content)), files=tuple(content))


def _free(settings: Settings, slug: str) -> Path:
    """Return where a new campaign's letter is to be written.

    Raises:
        UsageError: there is a campaign of this name, or it is none.
    """
    path = loading.letter_file(settings, slug)
    if path.exists() or loading.letter_files(settings, slug):
        raise UsageError(
            _("this campaign exists already"),
            place=loading.place(slug),
            remedy=_("edit it, or choose another name"),
        )
    return path


def _starter(subject: str, preheader: str, segment: str, template: str) -> str:
    """Return a letter to be filled in: what stands in double brackets stops the check."""
    subject = subject or _to_write(_("what the letter is about, in 60 characters"))
    preheader = preheader or _to_write(
        _("what a mail client shows behind the subject: 40 to 110 characters")
    )
    argument = _("a talking point, as a sentence one likes to repeat")
    story = _("the fact, figure or story behind it, in words that nobody else would choose")
    action = _("what readers can do: a link alone in its paragraph stands out")
    return f"""---
subject: {core.quoted(subject)}
preheader: {core.quoted(preheader)}
language: {locales.language()}
template: {template}
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
