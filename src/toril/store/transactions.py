"""Transactions that complete a job: a handler's own writes, and the end of its attempt, in one commit.

On connections of their own, with PostgreSQL's usual settings, because handlers do there what they like.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from toril.domain.errors import LostOwnership
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision
from toril.store.connection import Database
from toril.store.jobs import Finish, Jobs
from toril.store.plan import carry_out

_CLOSE = 5.0


class Transactions:
    """The `Transactions` of the contexts of one worker (see sdk/context.py).

    Args:
        database: where to connect to.
        jobs: the job rows.
        size: connections at most; a handler that finds none waits.
    """

    def __init__(self, database: Database, jobs: Jobs, size: int) -> None:
        self._database = database
        self._jobs = jobs
        self._pool = database.pool(size)

    @asynccontextmanager
    async def open(self, job_id: int, attempt: int, result: Callable[[], str], /) -> AsyncIterator[Any]:
        """See `sdk.context.Transactions`.

        The job's row is written last, so that nobody waits for what the handler takes its time for. What
        becomes of a commit whose answer is lost need not be known here: the handler fails then, and its
        outcome finds out what is on record.
        """
        async with self._database.lent(self._pool) as connection, connection.transaction():
            yield connection
            finish = Finish(job_id, attempt, Decision(Event.COMPLETE, result=result()))
            if not await carry_out(self._jobs.completing([finish]), connection.fetch):
                raise LostOwnership(
                    f"Another attempt than {attempt} has job {job_id} by now; this one was rolled back."
                )

    async def close(self) -> None:
        """Close the connections, even of handlers that don't end."""
        await self._pool  # connects to nothing; but one that was never used could not be closed
        try:
            async with asyncio.timeout(_CLOSE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()
