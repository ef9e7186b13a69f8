"""The promises to tell Redis, each made in the transaction that queued its job."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple

from toril.domain.job import Push
from toril.store.connection import Lane
from toril.store.statements import load

GRACE = 2.0
"""Seconds for which a promise is left to the process that made it; after that the relay keeps it."""
PUT_OFF = 30.0
"""Seconds for which a promise is put off when Redis refuses calls for its queue."""


class Swept(NamedTuple):
    """What became of the promises that one sweep found: how many were kept, void, and put off."""

    kept: int
    void: int
    put_off: int


class Refill(NamedTuple):
    """What one step of a refill promised: how many jobs, up to which id, and what to tell Redis now."""

    found: int
    last: int
    pushes: list[Push]


class Outbox:
    """Statements over `toril.outbox`.

    Args:
        horizon: how many seconds before it is due Redis is told of a job.
    """

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon
        self._sql = load("outbox")

    async def settle(self, lane: Lane, told: Sequence[tuple[int, int]]) -> None:
        """Forget promises that have been kept, as (job id, generation)."""
        ids, generations = zip(*told, strict=True)
        await lane.fetch(self._sql["settle"], ids, generations)

    async def committed(self, lane: Lane, made: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return those promises, as (job id, generation), that have been committed and not been kept yet."""
        ids, generations = zip(*made, strict=True)
        rows = await lane.fetch(self._sql["committed"], ids, generations)
        return [(row["job_id"], row["generation"]) for row in rows]

    async def sweep(
        self,
        lane: Lane,
        limit: int,
        push: Callable[[list[Push]], Awaitable[Collection[str]]],
        grace: float = GRACE,
    ) -> Swept:
        """Keep promises that stayed behind: lock them, push them, forget them.

        Two relays at once share the work: each skips the rows that the other has locked.

        Args:
            lane: where to run it.
            limit: promises at most.
            push: pushes jobs, and returns the queues for which that was refused: their promises are put off.
                If it raises, all promises stay.
            grace: seconds for which a promise is left to the process that made it.
        """
        async with lane.transaction() as connection:
            rows = await connection.fetch(self._sql["sweep"], limit, grace)
            pushes = [_push(row) for row in rows if row["queue"] is not None]
            refused = await push(pushes) if pushes else ()
            put_off = [row for row in rows if row["queue"] in refused]
            told = [row for row in rows if row["queue"] not in refused]
            if told:
                await connection.fetch(self._sql["settle"], *_keys(told))
            if put_off:
                await connection.fetch(self._sql["postpone"], *_keys(put_off), PUT_OFF)
        return Swept(len(pushes) - len(put_off), len(rows) - len(pushes), len(put_off))

    async def refill(self, lane: Lane, queue: str, standing: int, above: int, limit: int) -> Refill:
        """Promise again to tell Redis about queued jobs of one queue and standing, by ascending id.

        Args:
            lane: where to run it.
            queue: whose jobs.
            standing: 0 queued to run at once, 1 scheduled, 2 retrying.
            above: only ids above this.
            limit: jobs at most.
        """
        rows = await lane.fetch(self._sql["refill"], queue, standing, above, limit, self._horizon)
        pushes = [_push(row, "soon") for row in rows if row["soon"]]
        return Refill(len(rows), rows[-1]["id"] if rows else above, pushes)


def _keys(rows: Sequence[Any]) -> tuple[list[int], list[int]]:
    return [row["id"] for row in rows], [row["generation"] for row in rows]


def _push(row: Any, *others: str) -> Push:
    """Return what a row says but for its `others` columns."""
    return Push(**{name: value for name, value in row.items() if name not in others})
