"""Records submitted jobs in PostgreSQL, in batches, and has Redis told about them after the commit.

Single submits share batches; a bulk is one transaction of its own. A job that PostgreSQL refuses fails alone:
its batch is written again one by one, so that no neighbour's job fails with it.
"""

import asyncio
from collections.abc import Sequence

from toril.domain.errors import InvalidInput
from toril.domain.job import NewJob, Submitted
from toril.operations.dispatch import Dispatcher
from toril.runtime.batcher import Batcher
from toril.store.connection import Lane
from toril.store.jobs import Jobs

_MAX_BATCH = 500
_MAX_WAITING = 10_000


class JobRecorder:
    """The `Submitter` (see ports.py) that everything in this process submits through.

    Args:
        jobs: the job rows.
        singles: a connection for batches of single submits.
        bulks: a connection for bulks, so that a large one doesn't hold up the others.
        dispatcher: told about every recorded job.
    """

    def __init__(self, jobs: Jobs, singles: Lane, bulks: Lane, dispatcher: Dispatcher) -> None:
        self._jobs = jobs
        self._singles = singles
        self._bulks = bulks
        self._dispatcher = dispatcher
        self._batcher: Batcher[NewJob, Submitted] = Batcher(
            "jobs to PostgreSQL", self._insert, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )

    def submit_one(self, job: NewJob) -> "asyncio.Future[Submitted]":
        """Record one job with others; the future resolves after the commit, or raises `Unavailable`."""
        return self._batcher.offer(job)

    async def submit_many(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Record all of these jobs in one transaction, or none; one result per job, in order."""
        if not jobs:
            return []
        # Shielded: whoever waits may give up, but what commits must also be dispatched.
        return await asyncio.shield(asyncio.ensure_future(self._record(self._bulks, jobs)))

    async def drain(self) -> None:
        """Wait until everything accepted has been recorded and dispatched."""
        await self._batcher.drain()
        await self._dispatcher.drain()

    async def _insert(self, jobs: list[NewJob]) -> Sequence[Submitted | Exception]:
        try:
            return await self._record(self._singles, jobs)
        except InvalidInput as error:
            if len(jobs) == 1:
                return [error]
            return [(await self._insert([job]))[0] for job in jobs]

    async def _record(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Submitted]:
        recorded = await self._jobs.insert(lane, jobs)
        self._dispatcher.dispatch([each.push for each in recorded])
        return [each.submitted for each in recorded]
