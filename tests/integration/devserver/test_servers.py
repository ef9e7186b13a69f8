"""The embedded servers on a good day, and the sentences that they refuse with on a bad one."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
from tests.integration.devserver.conftest import gone

from toril.devserver.servers import EmbeddedServers, Endpoints
from toril.domain.errors import ServerError


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def write(endpoints: Endpoints) -> None:
    await query(endpoints.database_url, "create table kept as select 42 as answer")
    with redis.Redis.from_url(endpoints.redis_url) as client:
        client.set("kept", "42")


async def assert_kept(endpoints: Endpoints) -> None:
    assert await query(endpoints.database_url, "select answer from kept") == 42
    with redis.Redis.from_url(endpoints.redis_url) as client:
        assert client.get("kept") == b"42"


def command_lines() -> str:
    return subprocess.check_output(["ps", "-axww", "-o", "command="], text=True)


async def test_the_data_is_there_at_the_next_start(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir)
    await write(servers.start())
    pids = [servers.postgres.pid, servers.valkey.pid]
    servers.stop()
    assert all(gone(pid) for pid in pids)
    try:
        await assert_kept(servers.start())
    finally:
        servers.stop()


async def test_each_server_can_be_restarted_alone(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        endpoints = Endpoints(servers.postgres.url, servers.valkey.url)
        await write(endpoints)
        before = servers.postgres.pid, servers.valkey.pid
        servers.postgres.restart()
        servers.valkey.restart()
        assert {servers.postgres.pid, servers.valkey.pid}.isdisjoint(before)
        await assert_kept(endpoints)


async def test_valkey_can_come_back_empty(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers, redis.Redis.from_url(servers.valkey.url) as client:
        client.set("lost", "1")
        servers.valkey.restart(empty=True)
        assert client.dbsize() == 0


async def test_postgres_is_as_durable_as_it_can_be(running: EmbeddedServers) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert await query(running.postgres.url, f"show {setting}") == "on"


async def test_valkey_keeps_its_data_and_drops_no_key(running: EmbeddedServers) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    with redis.Redis.from_url(running.valkey.url) as client:
        assert {name: client.config_get(name)[name] for name in wanted} == wanted


async def test_nothing_listens_on_the_network(running: EmbeddedServers) -> None:
    assert await query(running.postgres.url, "show listen_addresses") == ""
    with redis.Redis.from_url(running.valkey.url) as client:
        assert client.config_get("port") == {"port": "0"}


async def test_settings_can_be_overridden(data_dir: Path) -> None:
    with EmbeddedServers(data_dir, postgres_settings={"fsync": "off", "max_connections": "33"}) as servers:
        assert await query(servers.postgres.url, "show fsync") == "off"
        assert await query(servers.postgres.url, "show max_connections") == "33"


def test_only_the_owner_can_reach_the_sockets_and_the_data(running: EmbeddedServers) -> None:
    for private in ("postgres", "valkey", "run", "log"):
        assert (running.place.base / private).stat().st_mode & 0o077 == 0


def test_a_second_instance_is_refused_and_told_who_has_the_data(running: EmbeddedServers) -> None:
    data_dir = running.place.base
    with pytest.raises(ServerError) as refusal:
        EmbeddedServers(data_dir).start()
    assert str(data_dir) in refusal.value.message
    assert f"in use by process {os.getpid()}" in refusal.value.message
    assert "--data" in (refusal.value.hint or "")


@pytest.mark.parametrize(
    "name", ["with space, comma", "with space: colon and 100%", 'quote " backslash \\ ünï', "x" * 120]
)
async def test_any_path_will_do(scratch: Path, name: str) -> None:
    with EmbeddedServers(scratch / name) as servers:
        await write(Endpoints(servers.postgres.url, servers.valkey.url))
        long = len(name) > 100 or "," in name
        assert servers.place.sockets.is_relative_to(scratch) is not long
        if long:
            servers.stop()
            servers.place.sockets.rmdir()  # both servers have removed their sockets


def test_a_socket_directory_that_somebody_else_prepared_is_refused(scratch: Path) -> None:
    long = scratch / ("y" * 120)
    with EmbeddedServers(long) as servers:
        trap = servers.place.sockets
    trap.chmod(0o777)
    try:
        with pytest.raises(ServerError, match="alone"):
            EmbeddedServers(long).start()
    finally:
        trap.rmdir()


async def test_over_tcp_both_servers_want_the_password(data_dir: Path) -> None:
    with EmbeddedServers(data_dir, tcp=True) as servers:
        endpoints = Endpoints(servers.postgres.url, servers.valkey.url)
        await write(endpoints)
        location = urlsplit(endpoints.database_url)
        assert location.password
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(endpoints.database_url.replace(location.password, "guessed"))
        open_url = endpoints.redis_url.replace(f":{location.password}@", "")
        with redis.Redis.from_url(open_url) as client, pytest.raises(redis.AuthenticationError):
            client.get("kept")
        assert (data_dir / "access.json").stat().st_mode & 0o777 == 0o600
        assert location.password not in command_lines()
    with EmbeddedServers(data_dir, tcp=True) as again:
        assert Endpoints(again.postgres.url, again.valkey.url) == endpoints


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with pytest.raises(ServerError) as failure:
        EmbeddedServers(data_dir, postgres_settings={"shared_buffers": "plenty"}).start()
    assert "shared_buffers" in failure.value.message
    assert "postgresql.log" in (failure.value.hint or "")
    with EmbeddedServers(data_dir):  # neither the lock nor Valkey was left behind
        pass


def test_data_of_another_version_is_not_touched(data_dir: Path) -> None:
    with EmbeddedServers(data_dir) as servers:
        version = servers.place.base / "postgres" / "PG_VERSION"
    version.write_text("9.6\n")
    with pytest.raises(ServerError, match=r"was made by PostgreSQL 9\.6"):
        EmbeddedServers(data_dir).start()


def test_a_data_directory_that_cannot_be_made_is_one_sentence(scratch: Path) -> None:
    (scratch / "file").write_text("")
    with pytest.raises(ServerError, match="can't be used"):
        EmbeddedServers(scratch / "file" / "data").start()
