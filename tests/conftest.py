"""Fixtures that everything shares: the run's servers, and for each test a fresh database and key prefix."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count

import pytest

from tests.servers import LiveServers, database_name, live_servers
from toril.bootstrap import Core, open_core
from toril.domain.events import TelemetryEvent
from toril.settings import Settings
from toril.store.connection import Database, Lane
from toril.store.migrate import migrate

_numbers = count(1)


@pytest.fixture(scope="session")
def servers() -> Iterator[LiveServers]:
    """The run's PostgreSQL and Valkey."""
    with live_servers() as live:
        yield live


@pytest.fixture(scope="session")
def template(servers: LiveServers) -> str:
    """The name of a migrated database, to be copied."""

    async def make() -> str:
        url = await servers.create_database()
        await migrate(Database(url))
        return database_name(url)

    return asyncio.run(make())


@pytest.fixture
async def database_url(servers: LiveServers, template: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    url = await servers.create_database(template)
    yield url
    await servers.drop_database(url)


@pytest.fixture
def redis_url(servers: LiveServers) -> str:
    """Where Valkey is."""
    return servers.redis_url


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses."""
    return f"test{next(_numbers)}"


@pytest.fixture
def settings(database_url: str, redis_url: str, prefix: str) -> Settings:
    """Settings for a fresh database and prefix; tests `msgspec.structs.replace` what they need."""
    return Settings(
        database_url=database_url, redis_url=redis_url, prefix=prefix, port=0, lease=2.0, log_level="error"
    )


class Heard(list[TelemetryEvent]):
    """The events that a test has heard."""

    def of(self, kind: type) -> list[TelemetryEvent]:
        """Return those of one kind."""
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
async def core(settings: Settings) -> AsyncIterator[Core]:
    """What every process has, on a fresh database and prefix."""
    async with open_core(settings, "test") as opened:
        yield opened


@pytest.fixture
def heard(core: Core) -> Heard:
    """The events of `core`."""
    events = Heard()
    core.bus.subscribe(events.append)
    return events


@pytest.fixture
async def lane(database_url: str) -> AsyncIterator[Lane]:
    """A connection to the fresh database."""
    opened = Database(database_url).lane()
    yield opened
    await opened.close()


Eventually = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


async def eventually(condition: Callable[[], Awaitable[object]], *, within: float = 20.0) -> None:
    """Wait until an observable condition holds.

    For what happens in other processes or by itself after a while; what a test does itself is awaited.
    """
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.02)
