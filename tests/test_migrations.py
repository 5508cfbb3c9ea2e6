"""The migrations lead to what the schema says, on each database, and no further."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from buzz.config import Settings
from buzz.edges.store import REVISION, Store
from buzz.edges.store.schema import metadata

MIGRATIONS = Path(__file__).parents[1] / "buzz/edges/store/migrations"


@pytest.mark.both_databases
def test_a_new_database_is_what_the_schema_says(settings: Settings, store: Store) -> None:
    del store  # opened: the migrations ran
    engine = sa.create_engine(settings.database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": False, "include_object": _meant_for(connection)}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _meant_for(connection: sa.Connection) -> Callable[..., bool]:
    """Leave out what the schema wants on another kind of database only (``ddl_if``)."""

    def include(thing: object, *_about: object) -> bool:
        wanted = getattr(getattr(thing, "_ddl_if", None), "dialect", None)
        return wanted in {None, connection.dialect.name}

    return include


def test_the_store_knows_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION
