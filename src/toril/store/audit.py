"""What the audit asks of PostgreSQL: which jobs Redis should know, and what became of those that it knows."""

from collections.abc import Sequence
from typing import NamedTuple

from toril.domain.lifecycle import State
from toril.store.connection import Lane
from toril.store.statements import load

STANDINGS = (0, 1, 2)
"""In which order queued jobs are walked over: queued to run at once, scheduled, retrying."""


class Walked(NamedTuple):
    """A step of a walk over queued jobs.

    Attributes:
        size: how many jobs.
        last: the highest id.
        expected: the ids of those that Redis must have been told about.
    """

    size: int
    last: int
    expected: list[int]


class Audit:
    """Statements that compare; names are the statements' file names.

    Args:
        horizon: how many seconds before it is due Redis is told of a job.
    """

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon
        self._sql = load("audit")

    async def states(self, lane: Lane, queue: str, ids: Sequence[int]) -> dict[int, State]:
        """Return the states of those that are jobs of this queue."""
        rows = await lane.fetch(self._sql["states"], queue, ids)
        return {row["id"]: State(row["state"]) for row in rows}

    async def expected(
        self, lane: Lane, queue: str, standing: int, above: int, limit: int, settled: float
    ) -> Walked:
        """Walk over queued jobs of one queue and standing, by ascending id.

        Args:
            lane: where to run it.
            queue: whose jobs.
            standing: one of `STANDINGS`.
            above: only ids above this.
            limit: jobs at most.
            settled: seconds before which Redis must have been told.
        """
        rows = await lane.fetch(self._sql["expected"], queue, standing, above, limit, self._horizon, settled)
        expected = [row["id"] for row in rows if row["expected"]]
        return Walked(len(rows), rows[-1]["id"] if rows else above, expected)

    async def promise(self, lane: Lane, ids: Sequence[int]) -> int:
        """Promise again to tell Redis about those that are queued; return how many were not promised yet."""
        return len(await lane.fetch(self._sql["promise"], ids))
