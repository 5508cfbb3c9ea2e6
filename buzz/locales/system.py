"""What the operating system says of an error, in the language in force.

Its own words follow the locale of the machine, which need not be the language of the person; those
that occur here are in our catalogue, in the wording of the system, and the rest is passed on.
"""

import os
import socket

from buzz.locales import gettext as _
from buzz.locales import mark as N_

WORDS = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("File name too long"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("Read-only file system"),
    N_("Input/output error"),
    N_("Too many open files"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("No route to host"),
    N_("Network is unreachable"),
    N_("Address already in use"),
    N_("Cannot assign requested address"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
)


def words(exc: OSError) -> str:
    """Return what went wrong, without the file or address: the caller names those.

    >>> words(FileNotFoundError(2, "No such file or directory", "blogs.csv"))
    'No such file or directory'
    """
    if exc.errno and not isinstance(exc, socket.gaierror):  # libraries add to strerror
        return _(os.strerror(exc.errno))
    return _(exc.strerror or str(exc))
