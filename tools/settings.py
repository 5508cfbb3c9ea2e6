"""Write docs/settings.md from the sections of ``buzz.toml``: every key, its default, what it does.

``python tools/settings.py`` writes the page; ``tests/test_docs.py`` fails where it is stale.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from buzz.config import SECTIONS

PAGE = Path(__file__).parents[1] / "docs/settings.md"

INTRODUCTION = """\
# Settings

<!-- Written by tools/settings.py from the sections of buzz.toml; do not edit. -->

`buzz.toml` lies at the top of a workspace; `buzz init` writes it with every key, its default and a
comment. Each key can be overridden by an environment variable, lists as JSON:
`BUZZ_POLL_ALLOW_NETWORKS='["127.0.0.0/8"]'`.

No secret stands in `buzz.toml`: the signing secret is `data/secret.key`, made by `buzz init`, or
`BUZZ_SECRET`; the password for the mail server is `data/smtp.password` or `BUZZ_SMTP_PASSWORD`,
that for the mailbox of bounces `data/bounces.password` or `BUZZ_BOUNCES_PASSWORD`. All three files
have mode 0600.

Beside these the environment knows `BUZZ_WORKSPACE` (the workspace), `BUZZ_LANG` (`fr` or `en`),
`NO_COLOR`, and `BUZZ_CLOCK_OFFSET_S` (seconds added to the clock: the demo lives through days).
"""


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for name, section in SECTIONS.items():
        rows = [row(name, field) for field in dataclasses.fields(section)]  # type: ignore[arg-type]  # a section's class
        parts.append("\n".join([f"## [{name}]\n", "| key | default | |", "|---|---|---|", *rows]))
    return "\n".join([parts[0], "\n\n".join(parts[1:])]) + "\n"


def row(section: str, field: "dataclasses.Field[Any]") -> str:
    """Return the row of one key, with its environment variable."""
    key = field.name.rstrip("_")
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    shown = json.dumps(default, ensure_ascii=False)
    words = field.metadata["help"].replace("|", "\\|").replace("<", "&lt;")
    return f"| `{key}`<br>`BUZZ_{section.upper()}_{key.upper()}` | `{shown}` | {words} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
