"""Where one run takes place: a fresh database and key prefix, the probe, the processes, the meter, the clock.

Also the few questions that a run asks PostgreSQL, each cheap enough not to disturb what is measured.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis

from bench.failure import BenchError
from bench.meter import Meter
from bench.probe import VARIABLE, Probe
from bench.programs import Programs
from bench.progress import Progress
from bench.servers import Servers, connect
from toril.bootstrap import open_reader
from toril.domain.lifecycle import Status
from toril.settings import Settings
from toril.store.connection import Database
from toril.store.migrate import migrate
from toril.store.reader import Reader

STALLED_AFTER = 60.0
"""Seconds without any progress after which a run is given up."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Arena:
    """One run's surroundings; see `open_arena`."""

    settings: Settings
    probe: Probe
    meter: Meter
    programs: Programs
    progress: Progress
    connection: "asyncpg.Connection[Any]"
    reader: Reader

    async def reach(
        self, what: str, total: int, counted: Callable[[], Awaitable[int]], *, every: float
    ) -> float:
        """Wait until a count has reached a total; return the time.

        Raises:
            BenchError: a process has ended, or nothing has moved for a minute.
        """
        self.progress.begin(what, total)
        reached, moved_at = -1, time.monotonic()
        while (found := await counted()) < total:
            self.programs.check()
            if found != reached:
                reached, moved_at = found, time.monotonic()
            elif time.monotonic() - moved_at > STALLED_AFTER:
                stuck = f"{what} is at {found:,} of {total:,} for {STALLED_AFTER:g} s"
                raise BenchError(f"Nothing moves: {stuck}.", hint=self.programs.last_words())
            self.progress.show(found)
            await asyncio.sleep(every)
        return time.time()

    async def ready(self) -> None:
        """Wait until the submitting process is ready to go."""
        await self.reach("get ready", 1, _counting(lambda: self.probe.ready), every=0.02)

    async def submitted(self) -> None:
        """Wait until every job has been submitted."""
        await self.reach("submit", self.probe.jobs, _counting(self.probe.count_submitted), every=0.02)

    async def executed(self, jobs: int | None = None, *, every: float = 0.02) -> None:
        """Wait until so many jobs have been run; all, unless told otherwise."""
        total = self.probe.jobs if jobs is None else jobs
        await self.reach("run", total, _counting(self.probe.count_executed), every=every)

    async def recorded(self, jobs: int) -> float:
        """Wait until so many jobs are on record as completed; return the time."""
        return await self.reach("record", jobs, self._completed, every=0.005)

    async def pushed(self) -> None:
        """Wait until Redis has been told of every job and no promise is left in the outbox."""
        await self.reach("push", 1, self._outbox_empty, every=0.05)

    async def workers(self, number: int) -> None:
        """Wait until so many workers have registered."""
        await self.reach("start workers", number, self._workers, every=0.02)

    async def settle(self) -> None:
        """Leave PostgreSQL with nothing to do but what is measured."""
        self.progress.begin("settle", 1)
        await self.connection.execute("vacuum analyze")
        with suppress(asyncpg.InsufficientPrivilegeError):  # somebody else's server has its own rhythm
            await self.connection.execute("checkpoint")

    async def count_completed(self) -> int:
        """Count the completed jobs row by row: the proof after the run."""
        return await self._count_jobs("completed")

    async def count_queued(self) -> int:
        """Count the jobs that nobody has run, row by row."""
        return await self._count_jobs("queued")

    async def _count_jobs(self, state: str) -> int:
        counted = "select count(*) from toril.jobs where state::text = $1"
        return int(await self.connection.fetchval(counted, state))

    async def _completed(self) -> int:
        return sum(queue.counts[Status.COMPLETED] for queue in await self.reader.queue_counts())

    async def _outbox_empty(self) -> int:
        return int(
            await self.connection.fetchval("select not exists (select from toril.outbox where job_id > 0)")
        )

    async def _workers(self) -> int:
        found = await self.connection.fetchval("select count(*) from toril.workers where state = 'running'")
        return int(found)


@asynccontextmanager
async def open_arena(
    servers: Servers, directory: Path, jobs: int, progress: Progress, *, interop: str
) -> AsyncIterator[Arena]:
    """Make everything that a run needs, and remove it afterwards.

    Args:
        servers: where the database is made.
        directory: for the probe and what processes print.
        jobs: how many are measured.
        progress: told about every step.
        interop: as the setting.
    """
    name = f"toril_bench_{os.getpid()}_{next(_numbers)}"
    progress.begin("prepare", 1)
    async with _database(servers.database_url, name) as database_url:
        settings = Settings(
            database_url=database_url, redis_url=servers.redis_url, prefix=name, interop=interop
        )
        await migrate(Database(database_url))
        probe = Probe.create(directory / name, jobs)
        meter = Meter()
        meter.track("PostgreSQL", servers.postgresql_pid)
        meter.track("Redis", servers.redis_pid)
        connection = await connect(database_url)
        environment = _environment(settings, directory / name)
        try:
            async with open_reader(settings) as reader:
                with Programs(directory, environment, meter) as programs:
                    yield Arena(settings, probe, meter, programs, progress, connection, reader)
        finally:
            await connection.close()
            await _forget_keys(servers.redis_url, name)


@asynccontextmanager
async def _database(url: str, name: str) -> AsyncIterator[str]:
    """Make a database on this server, and drop it afterwards."""
    connection = await connect(url)
    try:
        await _create_database(connection, name)
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            await connection.execute(f'drop database "{name}" with (force)')
    finally:
        await connection.close()


async def _create_database(connection: "asyncpg.Connection[Any]", name: str) -> None:
    try:
        await connection.execute(f'create database "{name}"')
    except asyncpg.PostgresError as error:
        raise BenchError(
            f"PostgreSQL can't make a database: {error}.", hint="Use a role that may: each run needs one."
        ) from error


async def _forget_keys(url: str, prefix: str) -> None:
    async with Redis.from_url(url) as redis:
        keys = [key async for key in redis.scan_iter(match=f"{prefix}:*", count=1_000)]
        for start in range(0, len(keys), 1_000):
            await redis.unlink(*keys[start : start + 1_000])


def _environment(settings: Settings, probe: Path) -> dict[str, str]:
    """Return our environment for the run's processes, with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TORIL_")}
    return inherited | {
        "TORIL_DATABASE_URL": settings.database_url,
        "TORIL_REDIS_URL": settings.redis_url,
        "TORIL_PREFIX": settings.prefix,
        "TORIL_INTEROP": settings.interop,
        VARIABLE: str(probe),
    }


def _counting(count_now: Callable[[], int]) -> Callable[[], Awaitable[int]]:
    async def counted() -> int:
        return count_now()

    return counted
