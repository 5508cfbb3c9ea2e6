"""Pictures: fitted to a letter, without what the camera wrote into them.

A photograph comes as the telephone made it: too large, lying on its side, with the place where
it was taken. What readers load is scaled to twice a letter's column (screens have two points for
one), upright, and holds nothing but pixels. The thumbnail of a film gets a mark that says so.
"""

import io
import warnings
from typing import Any

from PIL import Image as Pictures
from PIL import ImageCms, ImageDraw, ImageOps

from buzz.errors import CheckRefused
from buzz.locales import gettext as _

COLUMN_PX = 520  # of a letter: 600 px less its margins
MAX_IMAGE_BYTES = 10_000_000  # of the file; a telephone's photograph has 2 to 8 MB
MAX_PIXELS = 50_000_000  # 48-megapixel cameras; a bomb of 179 million would take 700 MB
RECIPE = "1"  # changes with whatever changes the result of :func:`fitted`
KINDS = {"JPEG": ".jpg", "PNG": ".png"}  # shown by every client; GIF stands still as PNG
_READ = ("JPEG", "PNG", "GIF")
_PNG_MODES = frozenset({"L", "LA", "P", "RGB", "RGBA"})
_SHARPNESS = 2  # points of a screen for one pixel
_QUALITY = 82  # JPEG; the difference to 95 is not seen at twice the size, and costs half as much
_MARK = 0.22  # height of the play mark, of the picture's
_MARK_COLOUR = (20, 18, 16, 200)


def fitted(content: bytes, *, film: bool) -> tuple[str, bytes]:
    """Return the file's ending (``.jpg`` or ``.png``) and the picture that readers get.

    Args:
        content: of a JPEG, PNG or GIF.
        film: draw a play mark in the middle.

    Raises:
        CheckRefused: it has too many pixels, or is no picture that mail clients show.
    """
    with _opened(content) as found:
        picture = _in_srgb(ImageOps.exif_transpose(found))
        picture.thumbnail((COLUMN_PX * _SHARPNESS, COLUMN_PX * _SHARPNESS * 4))
        kind = "JPEG" if found.format == "JPEG" else "PNG"
        if film:
            picture = _with_mark(picture)
        # Comments, profiles and text chunks would be written again; transparency is a pixel's.
        kept: dict[str | tuple[int, int], Any] = {
            key: value for key, value in picture.info.items() if key == "transparency"
        }
        out = io.BytesIO()
        if kind == "JPEG":
            clean = picture.convert("RGB")
            clean.info = {}
            clean.save(out, kind, quality=_QUALITY, progressive=True)
        else:
            clean = picture.convert(picture.mode if picture.mode in _PNG_MODES else "RGBA")
            clean.info = kept
            clean.save(out, kind, optimize=True)
    return KINDS[kind], out.getvalue()


def shown_size(content: bytes) -> tuple[int, int]:
    """Return width and height in which a fitted picture is shown, in CSS pixels."""
    with Pictures.open(io.BytesIO(content), formats=_READ) as picture:
        width, height = picture.size
    if width <= COLUMN_PX:
        return width, height
    return COLUMN_PX, max(1, round(height * COLUMN_PX / width))


def _opened(content: bytes) -> "Pictures.Image":
    """Return the picture, its header read and its size known to be one of a picture.

    Raises:
        CheckRefused: it is too large or cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit; ours is below
            found = Pictures.open(io.BytesIO(content), formats=_READ)
        if found.width * found.height <= MAX_PIXELS:
            found.load()
            return found
    except (OSError, SyntaxError, ValueError, Pictures.DecompressionBombError) as exc:
        raise CheckRefused(
            _("this is no image that mail clients show"), remedy=_("save it as JPEG or PNG")
        ) from exc
    raise CheckRefused(
        _("the image has more than {most} million pixels").format(most=MAX_PIXELS // 1_000_000),
        remedy=_("save it smaller, e.g. 1040 pixels wide"),
    )


def _in_srgb(picture: "Pictures.Image") -> "Pictures.Image":
    """Return the picture in the colours that a picture without a profile is read in.

    Telephones photograph in Display P3; without its profile such a picture would look dull.
    """
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in {"RGB", "CMYK"}:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, target, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError):  # a broken profile says nothing about colours
        return picture


def _with_mark(picture: "Pictures.Image") -> "Pictures.Image":
    """Return the picture with a disc and a triangle in its middle, drawn four times too large."""
    size = max(24, round(min(picture.size) * _MARK))
    drawn = Pictures.new("RGBA", (4 * size, 4 * size))
    pen = ImageDraw.Draw(drawn)
    pen.ellipse((0, 0, 4 * size - 1, 4 * size - 1), fill=_MARK_COLOUR)
    pen.polygon(
        [(1.55 * size, 1.1 * size), (1.55 * size, 2.9 * size), (3.05 * size, 2 * size)],
        fill=(255, 255, 255, 255),
    )
    mark = drawn.resize((size, size), Pictures.Resampling.LANCZOS)
    marked = picture.convert("RGBA")
    marked.alpha_composite(mark, ((picture.width - size) // 2, (picture.height - size) // 2))
    return marked
