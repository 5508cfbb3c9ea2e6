"""Who sits at this machine: the name under which a decision is recorded."""

import getpass


def login() -> str:
    """Return the login name of who runs this process, or ``?`` where there is none.

    ``LOGNAME`` and ``USER`` come first: one account on a server may serve several people.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's process without an entry in passwd
        return "?"
