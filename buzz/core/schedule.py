"""What runs by itself, and when: as lines of a crontab, or as units of systemd.

In a crontab only what stands between our own two markers is ours; everything else is kept as it
is, byte for byte. Two workspaces have markers of their own.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from buzz.errors import CheckRefused
from buzz.locales import gettext as _

POLL_EVERY_MIN = 15  # only what is due is asked, so this costs nothing
_RANK_HOUR = 3
_BEGIN = "# >>> buzz {workspace} (written by: buzz cron install)"
_END = "# <<< buzz {workspace}"
# How Debian's ``crontab -l`` shows a carriage return; written back, it would be another character.
_SHOWN_RETURN = re.compile(r"(?<!\\)\\r\n?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command that runs by itself."""

    name: str  # of the systemd unit, after "buzz-"
    arguments: tuple[str, ...]  # after ``buzz``
    when: str  # the five fields of crontab(5)
    calendar: str  # OnCalendar= of systemd.timer(5)
    what: str  # for who reads the unit, in English


def jobs(seed: int) -> tuple[Job, ...]:
    """Return what runs by itself.

    Args:
        seed: spreads the minutes, so that not every desk asks the same platforms at the full hour.
    """
    first, hourly, nightly = seed % POLL_EVERY_MIN, (seed + 7) % 60, (seed + 23) % 60
    rows = (
        (
            ("poll", ("poll",), "ask the feeds that are due"),
            (f"{first}-59/{POLL_EVERY_MIN} * * * *", f"*:{first:02}/{POLL_EVERY_MIN}"),
        ),
        (
            ("rank", ("rank", "run"), "renew the ranking"),
            (f"{nightly} {_RANK_HOUR} * * *", f"*-*-* {_RANK_HOUR:02}:{nightly:02}"),
        ),
        (
            ("campaigns", ("cron", "run"), "go on with letters put off, look for relays"),
            (f"{hourly} * * * *", f"*:{hourly:02}"),
        ),
    )
    return tuple(
        Job(name=name, arguments=arguments, when=when, calendar=calendar, what=what)
        for (name, arguments, what), (when, calendar) in rows
    )


# --- a crontab --------------------------------------------------------------------------------


def block(workspace: str, found: Sequence[Job], command: Sequence[str]) -> str:
    r"""Return the lines of a workspace, markers included.

    A percent sign would end the command (crontab(5)), so it gets a backslash.

    Args:
        workspace: absolute path, on one line.
        found: what runs.
        command: the words that start ``buzz`` in this workspace.

    >>> job = Job(name="a", arguments=("poll",), when="* * * * *", calendar="", what="")
    >>> print(block("/srv/100 % vert", [job], ["buzz", "--workspace", "/srv/100 % vert"]))
    # >>> buzz /srv/100 % vert (written by: buzz cron install)
    * * * * * buzz --workspace '/srv/100 \% vert' poll
    # <<< buzz /srv/100 % vert
    <BLANKLINE>
    """
    lines = (
        f"{job.when} {shlex.join((*command, *job.arguments)).replace('%', chr(92) + '%')}"
        for job in found
    )
    begin, end = _markers(workspace)
    return "".join(f"{line}\n" for line in (begin, *lines, end))


def with_block(crontab: str, workspace: str, new: str) -> str:
    """Return a crontab with a workspace's block, in place of the one that it had, or at its end.

    Raises:
        CheckRefused: the markers are damaged, or the rest cannot be written as it was.
    """
    lines = crontab.splitlines(keepends=True)
    place = _place(lines, workspace)
    if place is None:
        return crontab + ("" if not crontab or crontab.endswith("\n") else "\n") + new
    return "".join((*lines[: place.start], new, *lines[place.stop :]))


def without_block(crontab: str, workspace: str) -> tuple[str, str]:
    """Return a crontab without a workspace's block, and the block; empty where it had none.

    Raises:
        CheckRefused: the markers are damaged, or the rest cannot be written as it was.
    """
    lines = crontab.splitlines(keepends=True)
    place = _place(lines, workspace) or range(0)
    rest = (*lines[: place.start], *lines[place.stop :])
    return "".join(rest), "".join(lines[place.start : place.stop])


def _markers(workspace: str) -> tuple[str, str]:
    if not workspace.isprintable():
        raise CheckRefused(
            _("a path with a line break or another control character cannot stand in a crontab"),
            place=repr(workspace),
        )
    return _BEGIN.format(workspace=workspace), _END.format(workspace=workspace)


def _place(lines: Sequence[str], workspace: str) -> range | None:
    """Return the lines of a workspace's block, markers included, or None where it has none."""
    begin, end = _markers(workspace)
    for number, line in enumerate(lines, 1):
        if _SHOWN_RETURN.search(line):
            raise CheckRefused(
                _("this line ends as on Windows, and cron does not hand it out as it is"),
                place=f"crontab:{number}",
                remedy=_("run: crontab -e, and take the end of the line away; nothing was changed"),
            )
    begins = [n for n, line in enumerate(lines) if line.rstrip() == begin.rstrip()]
    ends = [n for n, line in enumerate(lines) if line.rstrip() == end.rstrip()]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise CheckRefused(
            _("the markers around our lines are damaged; nothing was changed"),
            place="crontab",
            remedy=_("run: crontab -e, and delete every line from `{begin}` to `{end}`").format(
                begin=begin, end=end
            ),
        )
    return range(begins[0], ends[0] + 1)


# --- systemd ----------------------------------------------------------------------------------


def units(found: Sequence[Job], command: Sequence[str]) -> dict[str, str]:
    """Return unit files by name: a service and a timer for each job.

    Args:
        found: what runs.
        command: the words that start ``buzz`` in this workspace.
    """
    files: dict[str, str] = {}
    for job in found:
        words = " ".join(map(_quoted, (*command, *job.arguments)))
        files[f"buzz-{job.name}.service"] = (
            "[Unit]\n"
            f"Description=La Lettre du Buzz: {job.what}\n"
            "After=network-online.target\n\n"
            "[Service]\n"
            "Type=oneshot\n"
            f"ExecStart={words}\n"
            "SuccessExitStatus=75\n"  # try later: the next run does
        )
        files[f"buzz-{job.name}.timer"] = (
            "[Unit]\n"
            f"Description=La Lettre du Buzz: {job.what}\n\n"
            "[Timer]\n"
            f"OnCalendar={job.calendar}\n"
            "Persistent=true\n\n"
            "[Install]\n"
            "WantedBy=timers.target\n"
        )
    return files


def _quoted(word: str) -> str:
    """Return a word as ExecStart= wants it (systemd.service(5)): % and $ doubled, in quotes."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain if plain and not set(plain) & set(" \t'\";") else f'"{plain}"'
