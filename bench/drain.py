"""`drain`: how fast one worker process works off a queue that is full."""

from dataclasses import dataclass

from bench.arena import Arena
from bench.experiment import Result, checked
from bench.figures import Figure, Values, cpu, cpu_figures
from bench.meter import Used


@dataclass(frozen=True, slots=True)
class Drain:
    """Jobs are enqueued, pushed and settled first; the clock starts with the first handler.

    Args:
        jobs: how many.
        concurrency: of the worker.
        handler: `async` or `thread`.
    """

    jobs: int
    concurrency: int
    handler: str
    name = "drain"
    figures = (
        Figure("run_rate", "run: first start to last end", "jobs/s"),
        Figure("record_rate", "run and on record as completed", "jobs/s"),
        Figure("enqueue_rate", "before: enqueued in bulk and pushed", "jobs/s"),
        *cpu_figures("worker", "PostgreSQL", "Redis"),
    )

    async def run(self, arena: Arena) -> Result:
        """Fill the queue, then drain it."""
        probe, meter = arena.probe, arena.meter
        arena.programs.start("producer", "bench.producer", "bulk", self.handler)
        await arena.ready()
        probe.say_go()
        await arena.submitted()
        await arena.pushed()
        arena.programs.stop()
        await arena.settle()
        arena.programs.worker(self.concurrency)
        await arena.executed(1, every=0.002)
        first, before = meter.read(), probe.count_executed()
        await arena.executed()
        recorded_at = await arena.recorded(self.jobs)
        used = Used.between(first, meter.read())
        return await checked(arena, self._values(arena, recorded_at) | cpu(used, self.jobs - before))

    def _values(self, arena: Arena, recorded_at: float) -> Values:
        probe = arena.probe
        began = min(probe.measured(probe.started))
        enqueued = max(probe.measured(probe.accepted)) - min(probe.measured(probe.enqueued))
        return {
            "run_rate": self.jobs / (max(probe.measured(probe.ended)) - began),
            "record_rate": self.jobs / (recorded_at - began),
            "enqueue_rate": self.jobs / enqueued,
        }
