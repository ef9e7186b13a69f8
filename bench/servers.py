"""The PostgreSQL and the Redis that are measured: fresh embedded ones, or those whose URLs are given.

Embedded servers keep what they promise: fsync is on. What is given is only used, never changed: every run
makes a database and a key prefix of its own there, and removes them.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bench.failure import BenchError
from toril.devserver.servers import EmbeddedServers

SETTINGS = {"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are, what they are, and their main processes, if those can be seen from here."""

    database_url: str
    redis_url: str
    postgresql: str
    redis: str
    postgresql_pid: int | None
    redis_pid: int | None


@contextmanager
def running_servers(database_url: str | None, redis_url: str | None) -> Iterator[tuple[str, str]]:
    """Return the URLs; start what is not given, in a temporary directory that is removed afterwards."""
    if database_url and redis_url:
        yield database_url, redis_url
        return
    directory = Path(tempfile.mkdtemp(prefix="toril-bench-"))
    directory.chmod(0o711)  # as root the servers run as another user, who must get in
    embedded = EmbeddedServers(directory / "servers", postgres_settings=SETTINGS)
    try:
        endpoints = embedded.start()
        yield database_url or endpoints.database_url, redis_url or endpoints.redis_url
    finally:
        embedded.stop()
        shutil.rmtree(directory, ignore_errors=True)


async def look_at(database_url: str, redis_url: str) -> Servers:
    """Ask both servers who they are.

    Raises:
        BenchError: one of them can't be reached.
    """
    connection = await connect(database_url)
    try:
        version = await connection.fetchval("show server_version")
        backend = await connection.fetchval("select pg_backend_pid()")
        postmaster = _parent(backend)
    finally:
        await connection.close()
    info = await _redis_info(redis_url)
    product = "Valkey" if "valkey_version" in info else "Redis"
    return Servers(
        database_url,
        redis_url,
        f"PostgreSQL {version.split()[0]}",
        f"{product} {info[f'{product.lower()}_version']}",
        postmaster,
        _if_named(info["process_id"], ("valkey", "redis")),
    )


async def connect(url: str) -> "asyncpg.Connection[Any]":
    """Open a connection to PostgreSQL.

    Raises:
        BenchError: it can't be reached, or refuses.
    """
    try:
        return await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise BenchError(f"PostgreSQL can't be used: {error}", hint="Check --database-url.") from error


async def _redis_info(url: str) -> dict[str, Any]:
    try:
        async with Redis.from_url(url) as redis:
            info: dict[str, Any] = await redis.info("server")
            return info
    except (RedisError, OSError, ValueError) as error:
        raise BenchError(f"Redis can't be used: {error}", hint="Check --redis-url.") from error


def _parent(backend: int) -> int | None:
    """Return the postmaster of a backend; None when it runs on another machine or in a container."""
    if _if_named(backend, ("postgres",)) is None:
        return None
    return psutil.Process(backend).ppid()


def _if_named(pid: int, names: tuple[str, ...]) -> int | None:
    """Return a process id that a server has told, unless it means another process here."""
    try:
        return pid if psutil.Process(pid).name().startswith(names) else None
    except psutil.Error:
        return None
