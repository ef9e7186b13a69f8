"""What every command of the benchmark is: something to run in an arena, and to check afterwards."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from bench.arena import Arena
from bench.figures import Figure, Values


class Proof(NamedTuple):
    """What became of the measured jobs.

    Attributes:
        jobs: how many there were.
        run: how many were run.
        repeated: how many were run more than once.
        completed: how many are on record as completed.
    """

    jobs: int
    run: int
    repeated: int
    completed: int

    @property
    def exactly_once(self) -> bool:
        """Whether every job was run once and recorded."""
        return self.jobs == self.run == self.completed and self.repeated == 0


class Result(NamedTuple):
    """One run's figures; `proof` is None where no worker was to run the jobs."""

    values: Values
    proof: Proof | None


class Experiment(Protocol):
    """One command: a dataclass whose fields are its options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The command's name."""

    @property
    def figures(self) -> Sequence[Figure]:
        """What it measures, the most important first."""

    @property
    def jobs(self) -> int:
        """How many jobs."""

    async def run(self, arena: Arena) -> Result:
        """Run it once."""


async def checked(arena: Arena, values: Values, *, unmeasured: int = 0) -> Result:
    """Return figures with the proof that they are about jobs that were really done.

    Args:
        arena: where they were done.
        values: the figures.
        unmeasured: jobs of the warm-up.
    """
    probe = arena.probe
    completed = await arena.count_completed() - unmeasured
    return Result(values, Proof(probe.jobs, probe.count_executed(), probe.repeated(), completed))
