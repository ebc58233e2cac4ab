"""The schema's history, on every database: where it begins, where it ends, and the way back.

Not covered: data that is there before an upgrade, and older releases on the new schema (`test_upgrades`).
"""

from collections.abc import AsyncIterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from pipeline.errors import StoreError
from sink import schema
from sink.database import connect, parse_url
from sink.tables import metadata


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    async with connect(parse_url(database), writes=True) as engine:
        yield engine


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations")
    config.attributes["connection"] = connection
    return config


def _down_and_up(connection: Connection) -> None:
    command.downgrade(_config(connection), "-1")
    command.upgrade(_config(connection), migrations.HEAD)


def test_the_revisions_named_are_those_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", "migrations")
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == migrations.REVISIONS


async def test_an_upgrade_from_nothing_gives_the_tables_of_the_code(engine: AsyncEngine) -> None:
    assert (await schema.upgrade(engine)).revision is None
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        assert await connection.run_sync(_tables) == {*metadata.tables, "alembic_version"}


async def test_the_newest_revision_can_be_taken_back_and_made_again(engine: AsyncEngine) -> None:
    await schema.upgrade(engine)
    async with engine.begin() as connection:
        await connection.run_sync(_down_and_up)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_upgrading_again_changes_nothing(engine: AsyncEngine) -> None:
    await schema.upgrade(engine)
    assert (await schema.upgrade(engine)).revision == migrations.HEAD
    assert (await schema.current(engine)).revision == migrations.HEAD


async def test_an_upgrade_that_fails_leaves_nothing_behind(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE violations (id INTEGER)"))
    with pytest.raises(StoreError):
        await schema.upgrade(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(_tables) == {"violations"}


@pytest.mark.parametrize(
    "said",
    [
        "UPDATE schema_compatibility SET oldest_revision = '9998'",
        "DELETE FROM schema_compatibility",
        "DROP TABLE schema_compatibility",
    ],
)
async def test_a_newer_schema_that_lets_no_older_release_in_is_refused_and_left_as_it_is(
    engine: AsyncEngine, said: str
) -> None:
    await schema.upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(text(said))
    for refused in (schema.upgrade(engine), schema.prepare(engine, create=True)):
        with pytest.raises(StoreError, match="newer"):
            await refused
    assert (await schema.current(engine)).revision == "9999"


async def test_a_database_without_tables_is_told_how_to_get_them(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE other (id INTEGER)"))
    with pytest.raises(StoreError, match="tocsin db upgrade --db"):
        await schema.prepare(engine, create=False)
