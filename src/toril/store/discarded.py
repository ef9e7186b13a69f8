"""Outcomes that came too late, kept for a week for whoever wants to know what was thrown away."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from toril.store.connection import Lane
from toril.store.statements import load

PRUNE_LIMIT = 1_000
"""Rows that one step of pruning looks at."""

KEPT = 10_000
"""Rows that are kept at most."""


class Discard(NamedTuple):
    """An outcome that was not written to its job; texts are such as PostgreSQL can hold."""

    job_id: int
    attempt: int
    worker: UUID
    event: str
    result: str | None
    error_kind: str | None
    error_message: str | None


class DiscardedOutcomes:
    """Statements over `toril.discarded_outcomes`."""

    def __init__(self) -> None:
        self._sql = load("discarded")

    async def keep(self, lane: Lane, discards: Sequence[Discard]) -> None:
        """Keep outcomes, in order."""
        await lane.fetch(self._sql["keep"], *map(list, zip(*discards, strict=True)))

    async def prune(self, lane: Lane) -> int:
        """Drop some of the oldest that are past a week, or too many; return how many."""
        rows = await lane.fetch(self._sql["prune"], PRUNE_LIMIT, KEPT)
        return int(rows[0][0])
