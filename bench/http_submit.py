"""`http`: how many jobs one API process takes."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from bench.arena import Arena
from bench.endtoend import CALM
from bench.experiment import Result, checked
from bench.failure import BenchError
from bench.figures import Figure, Values, cpu, cpu_figures, latency_figures, milliseconds, percentiles
from bench.meter import Used
from bench.probe import WARM_UP


@dataclass(frozen=True, slots=True)
class HttpSubmit:
    """`POST /jobs` from another process, over keep-alive connections; a 201 says that a job is on record.

    CPU is measured until Redis has been told of every job, and workers, if any, have run them.

    Args:
        jobs: how many requests.
        connections: at the same time.
        workers: worker processes that run the jobs meanwhile; usually none.
        concurrency: of each.
    """

    jobs: int
    connections: int
    workers: int
    concurrency: int
    name = "http"

    @property
    def figures(self) -> Sequence[Figure]:
        """What it measures; a worker only if there is one."""
        roles = ("API", *(["worker"] if self.workers else []), "PostgreSQL", "Redis", "client")
        return (
            Figure("rate", "answered with 201", "req/s"),
            *latency_figures("request", "request"),
            *cpu_figures(*roles, per="request"),
        )

    async def run(self, arena: Arena) -> Result:
        """Start the API, let everything warm up and come to rest, then submit."""
        await self._register(arena)
        port = _free_port()
        arena.programs.api(port)
        await arena.reach("start the API", 1, lambda: _answers(port), every=0.05)
        arena.programs.start("client", "bench.http_client", str(port), str(self.connections))
        await arena.ready()
        await asyncio.sleep(CALM)
        first = arena.meter.read()
        arena.probe.say_go()
        await arena.submitted()
        await self._done(arena)
        used = Used.between(first, arena.meter.read())
        values = self._values(arena) | cpu(used, self.jobs)
        if self.workers:
            return await checked(arena, values, unmeasured=WARM_UP)
        await self._check_recorded(arena)
        return Result(values, None)

    async def _register(self, arena: Arena) -> None:
        """Start the workers; when there are to be none, one that makes the jobs' names known and ends."""
        for _ in range(max(1, self.workers)):
            arena.programs.worker(self.concurrency)
        await arena.workers(max(1, self.workers))
        if not self.workers:
            arena.programs.stop()

    async def _done(self, arena: Arena) -> None:
        if self.workers:
            await arena.executed()
            await arena.recorded(self.jobs + WARM_UP)
        await arena.pushed()

    async def _check_recorded(self, arena: Arena) -> None:
        recorded = await arena.count_queued() - WARM_UP
        if recorded != self.jobs:
            raise BenchError(f"{self.jobs:,} jobs were accepted, but {recorded:,} are on record.")

    def _values(self, arena: Arena) -> Values:
        probe = arena.probe
        enqueued, accepted = probe.measured(probe.enqueued), probe.measured(probe.accepted)
        rate = {"rate": self.jobs / (max(accepted) - min(enqueued))}
        return rate | percentiles("request", milliseconds(enqueued, accepted))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _answers(port: int) -> int:
    """Return 1 when the API says that it and all it needs are ready."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return int(b" 200 " in await reader.readline())
    except OSError:
        return 0
    finally:
        writer.close()
