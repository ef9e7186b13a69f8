"""How many jobs each queue has in each status: exact sums, never a count of rows."""

from toril.domain.lifecycle import Status
from toril.domain.views import QueueCounts
from toril.store.connection import Lane, Readers
from toril.store.statements import load

FOLD_LIMIT = 20_000


class Counts:
    """Statements over `toril.counts` and `toril.count_deltas`."""

    def __init__(self) -> None:
        self._sql = load("counts")

    async def fold(self, lane: Lane) -> int:
        """Fold differences into the counts; return how many there were, at most `FOLD_LIMIT`."""
        rows = await lane.fetch(self._sql["fold"], FOLD_LIMIT)
        return int(rows[0][0])

    async def queues(self, lane: Lane) -> list[str]:
        """Return the names of all queues that have ever had a job."""
        return [row["queue"] for row in await lane.fetch(self._sql["queues"])]

    async def read(self, readers: Readers) -> list[QueueCounts]:
        """Return the counts of every queue, by name."""
        queues: dict[str, QueueCounts] = {}
        for row in await readers.fetch(self._sql["read"]):
            name = row["queue"]
            if name not in queues:
                queues[name] = QueueCounts(name, dict.fromkeys(Status, 0), row["workers"])
            if row["status"] is not None:
                queues[name].counts[Status(row["status"])] = row["n"]
        return list(queues.values())
