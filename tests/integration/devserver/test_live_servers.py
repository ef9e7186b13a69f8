"""The servers of the test suite itself: databases made from a template are fresh and apart."""

import asyncpg
from tests.servers import database_name, live_servers


async def test_a_database_is_a_copy_of_its_template_and_of_nothing_else() -> None:
    with live_servers() as servers:
        template = await servers.create_database()
        connection = await asyncpg.connect(template)
        await connection.execute("create table migrated (x int)")
        await connection.close()
        first = await servers.create_database(database_name(template))
        connection = await asyncpg.connect(first)
        await connection.execute("insert into migrated values (1)")
        second = await asyncpg.connect(await servers.create_database(database_name(template)))
        assert await second.fetchval("select count(*) from migrated") == 0
        await second.close()
        await servers.drop_database(first)
        assert connection.is_closed()
