"""Where the workspace is: the folder with ``buzz.toml``."""

import os
import shlex
from pathlib import Path

from buzz.config.reading import FILE
from buzz.errors import ConfigurationError
from buzz.locales import gettext as _


def find_workspace(start: Path, chosen: str = "") -> Path:
    """Return the workspace: the chosen folder, ``BUZZ_WORKSPACE``, or upwards from ``start``.

    Raises:
        ConfigurationError: no folder with ``buzz.toml`` there.
    """
    wanted = chosen or os.environ.get("BUZZ_WORKSPACE", "")
    if wanted:
        folder = Path(wanted).expanduser().resolve()
        if (folder / FILE).is_file():
            return folder
        raise ConfigurationError(
            _("no buzz.toml in this folder"),
            place=str(folder),
            remedy=_("run: buzz init {folder}").format(folder=shlex.quote(str(folder))),
        )
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigurationError(
        _("no buzz.toml here or in a folder above"),
        place=str(start),
        remedy=_("run: buzz init, or name a workspace with --workspace DIR"),
    )
