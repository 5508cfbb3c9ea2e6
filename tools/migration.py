"""Write a migration from what ``schema.py`` says and the database does not have yet.

``python tools/migration.py "events: the agent's version"`` compares a fresh database at the newest
migration with the tables in ``buzz/edges/store/schema.py`` and writes the difference as the next
file under ``migrations/versions``. Read it before committing: renames look like a drop and an add.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from buzz.edges.store import open_store
from buzz.edges.store.types import UtcTime

MIGRATIONS = Path(__file__).parents[1] / "buzz/edges/store/migrations"


def write(message: str, database: Path) -> Path:
    """Return the file of the new migration.

    Args:
        message: what changes, one line.
        database: where a database at the newest migration may be made; must not exist.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest = ScriptDirectory.from_config(config).get_current_head()
    url = f"sqlite:///{database}"
    if newest:
        open_store(url).close()
    with sa.create_engine(url).connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["render_item"] = _render
        script = command.revision(
            config, message, autogenerate=True, rev_id=f"{int(newest or 0) + 1:04}"
        )
    assert not isinstance(script, list)
    assert script is not None
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", script.path], check=True)
    return Path(script.path)


def _render(kind: str, item: Any, _context: Any) -> str | bool:
    """Render our own column types as what is stored: a migration must not follow later changes."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, UtcTime) else False


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(write(sys.argv[1], Path(folder) / "fresh.db"))
