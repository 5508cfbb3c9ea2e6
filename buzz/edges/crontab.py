"""The user's crontab, read and written through the system's own ``crontab`` program."""

import os
import shutil
import subprocess

from buzz.errors import BuzzError, ConfigurationError
from buzz.locales import gettext as _

PROGRAM = "crontab"
TIMEOUT_S = 30
_NONE_YET = "no crontab for"  # how all of them say it, with exit code 1


def is_there() -> bool:
    """Tell whether this machine has cron's program."""
    return shutil.which(PROGRAM) is not None


def read() -> str:
    """Return the crontab of the user; an empty string where there is none yet.

    Raises:
        ConfigurationError: this machine has no cron.
        BuzzError: it cannot be read. It must never be mistaken for an empty one.
    """
    done = _run("-l")
    if done.returncode == 0:
        return _text(done.stdout)
    if _NONE_YET in _text(done.stderr):
        return ""
    raise _failed(done)


def write(text: str) -> None:
    """Replace the crontab of the user.

    Raises:
        ConfigurationError: this machine has no cron.
        BuzzError: cron refused it; the old one stays.
    """
    done = _run("-", given=text)
    if done.returncode != 0:
        raise _failed(done)


def _run(argument: str, given: str = "") -> "subprocess.CompletedProcess[bytes]":
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigurationError(
            _("there is no cron on this machine"),
            place=PROGRAM,
            remedy=_("install it, or use systemd: buzz cron print --systemd"),
        )
    try:
        return subprocess.run(  # noqa: S603  (the system's program, an option of ours)
            [program, argument],
            input=given.encode("utf-8", "surrogateescape"),
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise BuzzError(_("cron does not answer: {why}").format(why=exc), place=program) from exc


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _failed(done: "subprocess.CompletedProcess[bytes]") -> BuzzError:
    words = done.stderr.decode("utf-8", "replace").strip()
    return BuzzError(
        _("cron refused: {why}").format(why=words or done.returncode),
        place=PROGRAM,
        remedy=_("nothing was changed; see: crontab -l"),
    )
