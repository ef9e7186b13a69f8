"""`e2e`: how fast jobs get through when they are submitted and run at the same time."""

import asyncio
from dataclasses import dataclass

from bench.arena import Arena
from bench.experiment import Result, checked
from bench.figures import Figure, Values, cpu, cpu_figures, latency_figures, milliseconds, percentiles
from bench.meter import Used
from bench.probe import WARM_UP

CALM = 1.0
"""Seconds between the warm-up and the measured part, in which everything comes to rest."""


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One process submits single jobs, 64 calls at a time; workers run them meanwhile.

    Args:
        jobs: how many.
        workers: worker processes.
        concurrency: of each.
        handler: `async` or `thread`.
    """

    jobs: int
    workers: int
    concurrency: int
    handler: str
    name = "e2e"
    figures = (
        Figure("rate", "first enqueue to last end", "jobs/s"),
        Figure("enqueue_rate", "enqueued", "jobs/s"),
        *latency_figures("enqueue", "enqueue call"),
        *latency_figures("start", "enqueue to handler start"),
        *cpu_figures("producer", "worker", "PostgreSQL", "Redis"),
    )

    async def run(self, arena: Arena) -> Result:
        """Let everything warm up and come to rest, then submit."""
        for _ in range(self.workers):
            arena.programs.worker(self.concurrency)
        await arena.workers(self.workers)
        arena.programs.start("producer", "bench.producer", "concurrent", self.handler)
        await arena.ready()
        await asyncio.sleep(CALM)
        first = arena.meter.read()
        arena.probe.say_go()
        await arena.executed()
        await arena.recorded(self.jobs + WARM_UP)
        used = Used.between(first, arena.meter.read())
        return await checked(arena, self._values(arena) | cpu(used, self.jobs), unmeasured=WARM_UP)

    def _values(self, arena: Arena) -> Values:
        probe = arena.probe
        enqueued, accepted = probe.measured(probe.enqueued), probe.measured(probe.accepted)
        started, ended = probe.measured(probe.started), probe.measured(probe.ended)
        rates = {
            "rate": self.jobs / (max(ended) - min(enqueued)),
            "enqueue_rate": self.jobs / (max(accepted) - min(enqueued)),
        }
        return (
            rates
            | percentiles("enqueue", milliseconds(enqueued, accepted))
            | percentiles("start", milliseconds(enqueued, started))
        )
