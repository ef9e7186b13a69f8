"""The worker processes, as PostgreSQL knows them: one row each, under an id that is never used again."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from toril.store.connection import Lane
from toril.store.statements import load


class WorkerCard(NamedTuple):
    """Who a worker process is."""

    id: UUID
    host: str
    pid: int
    queues: list[str]
    concurrency: int
    version: str


class Workers:
    """Statements over `toril.workers`."""

    def __init__(self) -> None:
        self._sql = load("workers")

    async def register(self, lane: Lane, card: WorkerCard) -> float:
        """Announce a worker; return PostgreSQL's Unix time in seconds."""
        return float((await lane.fetch(self._sql["register"], *card))[0]["unix"])

    async def beat(self, lane: Lane, worker: UUID, state: str) -> float | None:
        """Move a worker's beat; return PostgreSQL's Unix time, or None when it has been declared lost."""
        rows = await lane.fetch(self._sql["beat"], worker, state)
        return float(rows[0]["unix"]) if rows else None

    async def beats(self, lane: Lane) -> dict[UUID, int]:
        """Return the beats of all live workers."""
        return {row["id"]: row["beat"] for row in await lane.fetch(self._sql["beats"])}

    async def retire(
        self, lane: Lane, workers: Sequence[UUID], state: str, beats: Sequence[int | None]
    ) -> list[UUID]:
        """Mark workers `stopped` or `lost`; one whose beat has moved past `beats` is left alone."""
        rows = await lane.fetch(self._sql["retire"], workers, state, beats)
        return [row["id"] for row in rows]

    async def departed(self, lane: Lane) -> list[tuple[UUID, str]]:
        """Return workers that are gone, with each of their queues: they may have left something there."""
        return [(row["id"], row["queue"]) for row in await lane.fetch(self._sql["departed"])]

    async def forget(self, lane: Lane) -> None:
        """Drop the rows of workers that have been gone for a week."""
        await lane.fetch(self._sql["forget"])
