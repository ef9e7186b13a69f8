"""Migrations: applied once, safe from many processes at once, and never changed afterwards."""

import asyncio

import pytest

from tests.servers import LiveServers
from toril.domain.errors import SettingsError, Unavailable
from toril.store.connection import Database
from toril.store.migrate import migrate, migrations, pending


async def test_ten_at_once_apply_each_migration_once(servers: LiveServers) -> None:
    url = await servers.create_database()
    names = [migration.name for migration in migrations()]
    assert await pending(Database(url)) == names
    applied = await asyncio.gather(*(migrate(Database(url)) for _ in range(10)))
    assert sorted(name for each in applied for name in each) == names
    assert await pending(Database(url)) == []
    await servers.drop_database(url)


async def test_a_changed_migration_is_refused_by_name(database_url: str) -> None:
    connection = await Database(database_url).connect()
    await connection.execute("update toril.migrations set checksum = 'x' where version = 1")
    await connection.close()
    with pytest.raises(SettingsError, match="0001_jobs has changed"):
        await migrate(Database(database_url))


async def test_a_database_from_the_future_is_refused(database_url: str) -> None:
    connection = await Database(database_url).connect()
    await connection.execute("insert into toril.migrations values (9999, 'later', 'x')")
    await connection.close()
    with pytest.raises(SettingsError, match="newer Toril"):
        await migrate(Database(database_url))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL is not available"):
        await migrate(Database("postgresql://toril@/toril?host=/nonexistent"))


def test_versions_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))
