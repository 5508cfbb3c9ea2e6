"""Pictures: found beside the letter, fitted once, kept under the name that readers ask for.

A picture's address is made from its content, so it never shows anything else than what was
checked, is the same for every reader, and says nothing about who asks. What ``buzz serve`` hands
out lies in ``data/images`` and nowhere else: no address leads into a campaign's folder.
"""

import re
from hashlib import blake2b
from pathlib import Path

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.edges import files
from buzz.errors import CheckRefused
from buzz.locales import gettext as _
from buzz.model import Image

PATH = "/m/"  # below web.base_url
_PLAIN = re.compile(r"[^/\\\x00]{1,120}")  # a file beside the letter, not a way to elsewhere
_KEPT = re.compile(r"[0-9a-f]{32}\.(?:jpg|png)")
_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


def show(settings: Settings, slug: str, name: str, is_film: bool) -> Image:  # noqa: FBT001  (core's Show)
    """Return how letters show a picture of a campaign's folder; it is kept to be handed out.

    Raises:
        CheckRefused: there is none of this name, or it is none.
        ConfigurationError: ``data/images`` cannot be written.
    """
    path = settings.campaigns / slug / name
    if not _PLAIN.fullmatch(name) or name.startswith(".") or path.is_symlink():
        raise CheckRefused(
            _("{name} is no file beside the letter").format(name=name),
            remedy=_("put the image into the campaign's folder and write its bare name"),
        )
    content = _content(path, name)
    digest = blake2b(
        content, digest_size=16, person=f"{core.RECIPE}{'film' if is_film else ''}".encode()
    ).hexdigest()
    found = next((k for k in _TYPES if (folder(settings) / f"{digest}{k}").is_file()), "")
    if found:
        shown = (folder(settings) / f"{digest}{found}").read_bytes()
    else:
        found, shown = core.fitted(content, film=is_film)
        files.private_folder(folder(settings))
        files.write(folder(settings) / f"{digest}{found}", shown)
    width, height = core.shown_size(shown)
    base = settings.web.base_url.rstrip("/")
    return Image(url=f"{base}{PATH}{digest}{found}", width=width, height=height)


def kept(settings: Settings, name: str) -> tuple[str, bytes] | None:
    """Return media type and content of a picture in a letter, or None: no letter has it."""
    if not _KEPT.fullmatch(name):
        return None
    try:
        return _TYPES[name[-4:]], (folder(settings) / name).read_bytes()
    except FileNotFoundError:
        return None


def with_local_pictures(settings: Settings, html: str) -> str:
    """Return a letter that shows its pictures from the disk, where nobody serves them yet."""
    base = settings.web.base_url.rstrip("/")
    return html.replace(f"{base}{PATH}", f"{folder(settings).resolve().as_uri()}/")


def folder(settings: Settings) -> Path:
    """Return where the pictures of letters are kept."""
    return settings.data / "images"


def _content(path: Path, name: str) -> bytes:
    try:
        return files.read_bytes(path, name, most=core.MAX_IMAGE_BYTES)
    except FileNotFoundError:
        raise CheckRefused(
            _("there is no image {name} beside the letter").format(name=name),
            remedy=_("put it into the campaign's folder, or correct its name"),
        ) from None
