"""One command from start to end: servers up, every variant run after run in turns, servers down.

Variants take turns, so that whatever else the machine does meets all of them alike: a comparison is a ratio
of medians from one session, never of two.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.arena import open_arena
from bench.experiment import Experiment, Proof, Result
from bench.figures import Values
from bench.machine import Machine
from bench.progress import Progress
from bench.servers import look_at, running_servers


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        experiment: what is measured.
        interop: the variants.
        runs: of each.
        database_url: a given PostgreSQL.
        redis_url: a given Redis.
    """

    experiment: Experiment
    interop: Sequence[str]
    runs: int
    database_url: str | None
    redis_url: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it: by variant, the results of its runs in order."""

    plan: Plan
    machine: Machine
    results: dict[str, list[Result]]

    def values(self, variant: str) -> list[Values]:
        """Return the figures of a variant's runs."""
        return [result.values for result in self.results[variant]]

    @property
    def proofs(self) -> list[Proof]:
        """What became of the jobs, in every run that ran them."""
        return [each.proof for runs in self.results.values() for each in runs if each.proof is not None]


async def hold(plan: Plan, progress: Progress) -> Report:
    """Run the plan.

    Raises:
        TorilError: something can't start, or stalls; says what.
    """
    directory = Path(tempfile.mkdtemp(prefix="toril-bench-"))
    try:
        progress.run(plan.experiment.name)
        progress.begin("start PostgreSQL and Valkey", 1)
        with running_servers(plan.database_url, plan.redis_url) as (database_url, redis_url):
            return await _run_all(plan, progress, directory, database_url, redis_url)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _run_all(
    plan: Plan, progress: Progress, directory: Path, database_url: str, redis_url: str
) -> Report:
    servers = await look_at(database_url, redis_url)
    experiment = plan.experiment
    results: dict[str, list[Result]] = {variant: [] for variant in plan.interop}
    for run in range(1, plan.runs + 1):
        for variant in plan.interop:
            progress.run(f"{experiment.name}, interop {variant}, run {run} of {plan.runs}")
            arena = open_arena(servers, directory, experiment.jobs, progress, interop=variant)
            async with arena as opened:
                results[variant].append(await experiment.run(opened))
    return Report(plan, Machine.here(servers), results)
