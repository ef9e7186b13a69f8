"""One PostgreSQL and one Valkey for a whole test run, and a fresh database for whoever needs one.

The real servers, started once; `tests/conftest.py` makes fixtures of this. Databases are copies of a
template that has been migrated once, which costs some tens of milliseconds each. Only here fsync is off: a
test run has nothing to lose in a power cut, and a killed process loses nothing without it.
"""

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from toril.devserver.servers import EmbeddedServers, Endpoints

FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


class LiveServers:
    """The run's servers.

    Args:
        embedded: the running servers: `.postgres` and `.valkey` can be killed and restarted.
        endpoints: where they are; the database there belongs to nobody, take one from `create_database`.
    """

    def __init__(self, embedded: EmbeddedServers, endpoints: Endpoints) -> None:
        self.embedded = embedded
        self.endpoints = endpoints
        self._numbers = itertools.count(1)

    @property
    def redis_url(self) -> str:
        return self.endpoints.redis_url

    async def create_database(self, template: str = "template1") -> str:
        """Make a copy of a template, which nobody may be connected to, and return its URL."""
        name = f"test_{next(self._numbers)}"
        await self._execute(f'create database "{name}" template "{template}"')
        return self.database_url(name)

    async def drop_database(self, url: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        await self._execute(f'drop database if exists "{database_name(url)}" with (force)')

    def database_url(self, name: str) -> str:
        return urlsplit(self.endpoints.database_url)._replace(path=f"/{name}").geturl()

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.database_url("postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


def database_name(url: str) -> str:
    """The name of the database in a URL, for use as a template."""
    return urlsplit(url).path.removeprefix("/")


@contextlib.contextmanager
def live_servers() -> Iterator[LiveServers]:
    """Start the servers in a directory of their own; stop them and remove it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="toril-tests-"))
    directory.chmod(0o711)  # as root the servers run as another user, who must get in
    embedded = EmbeddedServers(directory / "data", postgres_settings=FAST)
    try:
        yield LiveServers(embedded, embedded.start())
    finally:
        embedded.stop()
        shutil.rmtree(directory)
