"""Write docs/commands.md from the tree of commands: usage, options, example, codes, JSON keys.

``python tools/commands.py`` writes the page; ``tests/test_docs.py`` fails where it is stale, and
runs every example to compare the keys of its JSON. What the tree does not know, keys and special
exit codes, stands in two tables here.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from buzz import errors, locales
from buzz.cli import root

PAGE = Path(__file__).parents[1] / "docs/commands.md"

_ACCOUNT = (
    "campaign state planned claimed accepted deferred refused suppressed cancelled uncertain"
    " targeted"
)
_BLOG = (
    "slug name url feed_url email language federation tags status consent_open consent_click"
    " notice_at source note ground evidence"
)
_PLACE = "rank slug score listed held active_days_30 entries_30 last_published status"
_HOLD = "blog since rank day posts usual released_at released_by"
_MOVED = "slug rank former_rank"
_CAMPAIGN = (
    "slug state subject readable checked checked_at planned_at started_at finished_at recipients"
    " segment talking_points links"
)
_RELAY = (
    "id campaign blog url title published verdict label mode stance score lag_s talking_points"
    " evidence"
)
_FINDING = "rule level place what remedy"
_HEALTH = "blog url state since days reason detail gap_at last_success failures remedy"
_DIFF = "added changed[slug fields] removed blogs written"
# Keys beside ``v``, the version of the keys; in brackets those of the objects in a list.
JSON = {
    "init": "folder made kept blogs",
    "status": "workspace blogs feeds entries newest ranking"
    " runs[command started_at ended_at exit_code summary seconds failed_recently]"
    f" campaigns[{_ACCOUNT} relays subject] next[why command]",
    "doctor": "errors checks[area rule health place what why remedy record]",
    "poll": "feeds due fetched not_modified failed held entries_seen entries_new entries_changed"
    " seconds states",
    "blogs import": f"{_DIFF} known left_out[{_FINDING}]",
    "blogs list": f"blogs[{_BLOG}]",
    "blogs show": _BLOG,
    "blogs add": _DIFF,
    "blogs edit": _DIFF,
    "blogs remove": _DIFF,
    "blogs check": f"problems[{_FINDING}] drift states ill[{_HEALTH}] lost[{_HEALTH}] "
    f"well[{_HEALTH}]",
    "blogs discover": "url blog name language feed_url feed_title tried[url reason]"
    " emails[address page] contacts[] reason added changed[slug fields] removed written",
    "rank run": "as_of ranked listed entered left held",
    "rank show": f"as_of blogs[{_PLACE}]",
    "rank explain": f"as_of {_PLACE} scored_on former_rank size half_life_days"
    " days[day age_days entries value weight points] left_out[entry day title reason]"
    f" enters_at stays_to silence_days gap_at is_lower_bound holds[{_HOLD}]",
    "rank diff": f"as_of since entered[{_MOVED}] left[{_MOVED}] moved[{_MOVED} gain]",
    "rank rising": f"as_of blogs[{_PLACE} rising_score]",
    "rank hold list": f"holds[{_HOLD}]",
    "rank hold release": "blog released by",
    "rank backtest": "methods rising k days first_day last_day blogs",
    "campaign check": "campaign passed recipients largest_bytes errors warnings"
    " findings[rule level place what remedy] waived[rule level place what remedy]"
    " waivers[rule reason who at] links[url status error at]",
    "campaign list": f"campaigns[{_CAMPAIGN}]",
    "campaign show": _CAMPAIGN,
    "send plan": _ACCOUNT,
    "send start": _ACCOUNT,
    "send resume": _ACCOUNT,
    "send pause": _ACCOUNT,
    "send cancel": _ACCOUNT,
    "send status": _ACCOUNT,
    "send retry": _ACCOUNT,
    "send uncertain": "campaign uncertain[address blog at message_id why reply_code last_words]",
    "send resolve": _ACCOUNT,
    "send adopt": "paused[]",
    "bounces collect": "read hard soft policy delayed complaint automatic delivered unknown"
    " unproven repeated suppressed kept",
    "bounces list": "bounces[kind at campaign blog delivery status words reporter address]",
    "suppress list": "suppressions[address_hash reason campaign at address blog]",
    "relays scan": "campaign entries candidates relayed to_check mentioned seconds",
    "relays list": f"relays[{_RELAY}]",
    "relays show": f"{_RELAY}[message post kind talking_point shared] signals",
    "relays eval": "n precision recall f1 ap ece precision_relayed recall_to_check"
    " three_way_accuracy by_mode critics_as_relays seconds",
    "report show": f"{_ACCOUNT} subject sent_at made_at opened clicked aggregate visited"
    " unsubscribed bounced complained funnel[step count of share]"
    " waivers[rule reason who at] relays"
    " talking_points[n text relays blogs]"
    " blogs[rank slug name written_to relays share median_lag_s received carried rate]"
    " oppositions[] uncertain_deliveries[] refusals[]"
    " receivers[domain targeted accepted refused uncertain others]"
    " links[id url clicked aggregate visits]",
    "cron print": "jobs[name arguments when calendar what] units",
    "cron run": "done[step campaign exit_code trouble]",
    "config show": (
        "workspace sender smtp dkim database web tracking poll rank send bounces secrets"
    ),
    "config dkim-key": "path record_name record settings",
    "config check": "problems[rule level place what remedy]",
}
# Of those that print other keys with an option: the option, and these keys.
JSON_WITH = {
    "blogs discover": (
        "--all",
        "blogs pages failed links found candidates[site url blogs rolls samples]",
    ),
    "send resume": ("--due", f"resumed[{_ACCOUNT}]"),
}

_REGISTRY = {
    5: "something in it is wrong, or blogs.csv was edited by hand and not imported",
    6: "another command changes the registry",
    8: "the person said no",
    75: "the registry was changed meanwhile",
}
_SENDING = {
    3: "some recipients were refused",
    5: "the check has found errors, an approval is missing, the campaign has ended, or this is a"
    " copy of the workspace or of its database (send adopt)",
    6: "another process is sending it",
    8: "the person said no",
    9: "uncertain deliveries remain",
    75: "it is too early, quiet hours, or some wait for another try",
    130: "stopped by Ctrl-C at a safe point (143: by SIGTERM); resume goes on",
}
_CRONTAB = {5: "our markers in the crontab are damaged, or the path cannot stand in it"}
_LETTER = {5: "letter.md or a template has mistakes"}
# Beyond 0, 1, 2 and 7, with which every command may end.
EXITS: dict[str, dict[int, str]] = {
    "poll": {
        75: "no feed answered: the network is away",
        130: "stopped by Ctrl-C (143: by SIGTERM); what was polled is kept",
    },
    "doctor": {5: "it found errors"},
    "cron print": {5: "the path cannot stand in a crontab"},
    "cron install": _CRONTAB,
    "cron remove": _CRONTAB,
    "cron run": {
        3: "some recipients were refused",
        5: "a campaign's check has found errors, or it has ended",
        9: "uncertain deliveries remain",
        130: "stopped by Ctrl-C at a safe point (143: by SIGTERM)",
    },
    "blogs import": {3: "some lines of a list were left out", **_REGISTRY},
    "blogs add": _REGISTRY,
    "blogs edit": _REGISTRY,
    "blogs remove": _REGISTRY,
    "blogs check": {5: "the registry is not sound"},
    "blogs discover": {
        5: "the registry cannot take it, or blogs.csv was edited by hand and not imported",
        6: "another command changes the registry",
        75: "the page cannot be read, or the registry was changed meanwhile",
    },
    "campaign check": {5: "it found errors"},
    "campaign preview": _LETTER,
    "campaign test": _LETTER,
    "campaign approve": {5: "it was not checked as it stands, or its sending has begun"},
    "campaign show": _LETTER,
    "send plan": {5: "the check has found errors, or sending has begun"},
    "send start": _SENDING,
    "send resume": _SENDING,
    "send retry": {5: "it was cancelled or has expired"},
    "send pause": {5: "it is not being sent"},
    "send cancel": {5: "it has ended already", 8: "the person said no"},
    "send resolve": {5: "it was cancelled or has expired"},
    "bounces collect": {
        6: "another run reads the mailbox",
        75: "the mailbox cannot be reached, or the database is locked",
    },
    "suppress remove": {8: "the person said no"},
    "send adopt": {8: "the person said no"},
}

INTRODUCTION = """\
# Commands

<!-- Written by tools/commands.py from the tree of commands; do not edit. -->

Data is printed on stdout, talk on stderr. Options that may stand anywhere on the line:

| option | |
|---|---|
| `--workspace DIR` | else `BUZZ_WORKSPACE`, else the first folder upwards with a `buzz.toml` |
| `--lang fr`, `--lang en` | language; else `BUZZ_LANG`, else the locale |
| `--quiet` | nothing is said on success |
| `--debug` | an error shows its traceback |

`--json` prints one object with `"v": 1`, the version of its keys; an empty list is `[]` and exit
code 0. `--dry-run` says what would be done and changes nothing. JSON keys, CSV headers and codes
are never translated.

## Exit codes

| code | |
|---|---|
| 0 | done |
"""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command that can be run and its path below ``buzz``, in the order of the help."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from leaves(child, (*path, name))


def page() -> str:
    """Return the page."""
    with locales.speaking("en"):
        tree = root.tree()
        parts = [INTRODUCTION + "\n".join(exit_rows())]
        for name, command in tree.commands.items():
            children = list(leaves(command, (name,)))
            if len(children) > 1:
                parts.append(f"## buzz {name}\n\n{command.help}")
            depth = "###" if len(children) > 1 else "##"
            parts += [section(path, child, depth) for path, child in children]
    return "\n\n".join(parts) + "\n"


def exit_rows() -> Iterator[str]:
    """Yield a row for each exit code in the drawn tree of errors."""
    for _name, code, words in drawn_errors():
        yield f"| {code} | {words} |"


def drawn_errors() -> list[tuple[str, int, str]]:
    """Return name, exit code and meaning of each error in the tree that ``errors.py`` draws."""
    rows = re.findall(r"^[ +-]*(\w+) +(\d+) +(\S.*)$", errors.__doc__ or "", re.MULTILINE)
    return [(name, int(code), words) for name, code, words in rows]


def section(path: tuple[str, ...], command: Any, depth: str) -> str:
    """Return what the page says of one command."""
    name = " ".join(path)
    context = typer.Context(command, info_name=f"buzz {name}")
    usage = " ".join([f"buzz {name}", *command.collect_usage_pieces(context)])
    lines = [f"{depth} buzz {name}", "", command.help, "", f"    {usage}"]
    rows = [option_row(parameter) for parameter in command.params]
    if rows:
        lines += ["", "| option | |", "|---|---|", *rows]
    lines += ["", f"Example: `{example(command)}`"]
    if name in JSON:
        lines += ["", f"JSON: {shown_keys(JSON[name])}"]
    if name in JSON_WITH:
        option, others = JSON_WITH[name]
        lines += ["", f"JSON with `{option}`: {shown_keys(others)}"]
    if name in EXITS:
        codes = "; ".join(f"{code} {words}" for code, words in EXITS[name].items())
        lines += ["", f"Exit codes: {codes}"]
    return "\n".join(lines)


def shown_keys(description: str) -> str:
    """Return the keys of a description as the page shows them.

    >>> shown_keys("v blogs[slug rank]")
    '`v`, `blogs` (slug rank)'
    """
    shown = (f"`{key}` ({inner})" if inner else f"`{key}`" for key, inner in keys(description))
    return ", ".join(shown)


def keys(description: str) -> list[tuple[str, str]]:
    """Return each key of a description with the keys of the objects in its list, if it is one.

    >>> keys("v blogs[slug rank] next[]")
    [('v', ''), ('blogs', 'slug rank'), ('next', '')]
    """
    return re.findall(r"(\w+)(?:\[(.*?)\])?", description)


def option_row(parameter: Any) -> str:
    """Return the row of an option or an argument."""
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    elif parameter.metavar:
        names[-1] += f" {parameter.metavar}"
    words = (getattr(parameter, "help", None) or "").replace("|", "\\|")
    return f"| {', '.join(f'`{name}`' for name in names)} | {words} |"


def example(command: Any) -> str:
    """Return the command line of a command's example."""
    return str(command.epilog or "").removeprefix("Example: ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
