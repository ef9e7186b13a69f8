"""`latency`: how soon a job starts when nothing else happens."""

import asyncio
from dataclasses import dataclass

from bench.arena import Arena
from bench.endtoend import CALM
from bench.experiment import Result, checked
from bench.figures import Values, cpu, cpu_figures, latency_figures, milliseconds, percentiles
from bench.meter import Used
from bench.probe import WARM_UP


@dataclass(frozen=True, slots=True)
class Latency:
    """One job every 20 ms, one worker.

    Args:
        jobs: how many.
        concurrency: of the worker.
        handler: `async` or `thread`.
    """

    jobs: int
    concurrency: int
    handler: str
    name = "latency"
    figures = (
        *latency_figures("start", "enqueue to handler start"),
        *latency_figures("enqueue", "enqueue call"),
        *cpu_figures("producer", "worker", "PostgreSQL", "Redis"),
    )

    async def run(self, arena: Arena) -> Result:
        """Let everything warm up and come to rest, then submit one by one."""
        arena.programs.worker(self.concurrency)
        await arena.workers(1)
        arena.programs.start("producer", "bench.producer", "paced", self.handler)
        await arena.ready()
        await asyncio.sleep(CALM)
        first = arena.meter.read()
        arena.probe.say_go()
        await arena.executed(every=0.1)
        used = Used.between(first, arena.meter.read())
        await arena.recorded(self.jobs + WARM_UP)
        return await checked(arena, self._values(arena) | cpu(used, self.jobs), unmeasured=WARM_UP)

    def _values(self, arena: Arena) -> Values:
        probe = arena.probe
        enqueued = probe.measured(probe.enqueued)
        starts = milliseconds(enqueued, probe.measured(probe.started))
        calls = milliseconds(enqueued, probe.measured(probe.accepted))
        return percentiles("start", starts) | percentiles("enqueue", calls)
