"""Records submitted jobs in PostgreSQL, in batches, and has Redis told about them after the commit.

Single submits share batches; a bulk is one transaction of its own. A job that PostgreSQL refuses fails alone:
its batch is written again one by one, so that no neighbour's job fails with it. Jobs with keys have batches
of their own, because they need more than one statement. On its submitter's own connection a job is recorded
at once, and dispatched when the submitter has committed.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from toril.domain.errors import Conflict, InvalidInput, Locked, Unavailable
from toril.domain.job import NewJob, Submitted
from toril.operations.commits import CommitWatcher
from toril.operations.dispatch import Dispatcher
from toril.runtime.batcher import Batcher
from toril.store.connection import Database, Lane
from toril.store.foreign import async_fetch, sync_fetch
from toril.store.jobs import Jobs
from toril.store.outbox import Outbox
from toril.store.plan import carry_out, carry_out_sync
from toril.store.recording import Recorded, has_keys, keys_of

_MAX_BATCH = 500
_MAX_WAITING = 10_000
_LOCK_TIMEOUT = "250ms"
"""How long a batch waits for a transaction that has one of its keys."""
_AVOIDED = 1.0
"""Seconds for which a key that was locked for longer than that is not tried again."""


@dataclass(frozen=True, slots=True)
class _Lanes:
    """A connection for each kind of submit, so that none holds up another."""

    singles: Lane
    keyed: Lane
    bulks: Lane
    commits: Lane


class JobRecorder:
    """The `Submitter` (see ports.py) that everything in this process submits through.

    Args:
        database: where to connect to.
        jobs: the job rows.
        outbox: the promises.
        dispatcher: told about every recorded job.
    """

    def __init__(self, database: Database, jobs: Jobs, outbox: Outbox, dispatcher: Dispatcher) -> None:
        self._jobs = jobs
        self._lanes = _Lanes(
            database.lane(),
            database.lane(lock_timeout=_LOCK_TIMEOUT),
            database.lane(lock_timeout=_LOCK_TIMEOUT),
            database.lane(),
        )
        self._dispatcher = dispatcher
        self._commits = CommitWatcher(outbox, self._lanes.commits, dispatcher.dispatch)
        self._plain: Batcher[NewJob, Submitted] = Batcher(
            "jobs to PostgreSQL", self._insert, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )
        self._keyed: Batcher[NewJob, Submitted] = Batcher(
            "jobs with keys to PostgreSQL", self._record, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )
        self._avoided: dict[tuple[str, ...], float] = {}

    def submit_one(self, job: NewJob) -> "asyncio.Future[Submitted]":
        """Record one job with others; the future resolves after the commit, or raises.

        Raises:
            Conflict: another job has its key.
            Unavailable: see ports.py.
        """
        return (self._keyed if has_keys(job) else self._plain).offer(job)

    async def submit_many(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Record all of these jobs in one transaction, or none; one result per job, in order."""
        if not jobs:
            return []
        # Shielded: whoever waits may give up, but what commits must also be dispatched.
        return await asyncio.shield(asyncio.ensure_future(self._record_all(jobs)))

    async def submit_in(self, conn: object, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Record all of these jobs in the transaction that `conn` is in, or none.

        Args:
            conn: a connection of asyncpg or psycopg, or a connection or session of SQLAlchemy.
            jobs: what to record.

        Raises:
            Conflict: another job has a key; the transaction can go on.
            InvalidInput: `conn` can't be used.
        """
        return self._expect(await carry_out(self._jobs.recording.record_all(jobs), async_fetch(conn)))

    def submit_in_sync(self, conn: object, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Do the same on a connection that blocks; may be called from any thread."""
        return self._expect(carry_out_sync(self._jobs.recording.record_all(jobs), sync_fetch(conn)))

    async def drain(self) -> None:
        """Wait until everything accepted has been recorded and dispatched."""
        await self._plain.drain()
        await self._keyed.drain()
        await self._commits.close()
        await self._dispatcher.drain()

    async def close(self) -> None:
        """Close the connections."""
        for lane in (self._lanes.singles, self._lanes.keyed, self._lanes.bulks, self._lanes.commits):
            await lane.close()

    async def _insert(self, jobs: list[NewJob]) -> Sequence[Submitted | Exception]:
        try:
            return self._dispatch(await self._jobs.insert(self._lanes.singles, jobs))
        except InvalidInput as error:
            if len(jobs) == 1:
                return [error]
            return [await self._insert_alone(job) for job in jobs]

    async def _insert_alone(self, job: NewJob) -> Submitted | Exception:
        try:
            return (await self._insert([job]))[0]
        except Unavailable as error:  # for this one; others of its batch may be on record by now
            return error

    async def _record_all(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        record = self._jobs.record_all if any(map(has_keys, jobs)) else self._jobs.insert
        return self._dispatch(await record(self._lanes.bulks, jobs))

    async def _record(self, jobs: list[NewJob]) -> Sequence[Submitted | Exception]:
        try:
            answers = await self._jobs.record(self._lanes.keyed, jobs)
        except (InvalidInput, Locked):
            return [await self._record_alone(job) for job in jobs]
        self._dispatch([answer for answer in answers if isinstance(answer, Recorded)])
        return [answer if isinstance(answer, Conflict) else answer.submitted for answer in answers]

    async def _record_alone(self, job: NewJob) -> Submitted | Exception:
        """Record one of a batch that failed; keys that somebody has locked are not waited for twice."""
        now = time.monotonic()
        self._avoided = {key: until for key, until in self._avoided.items() if until > now}
        if any(key in self._avoided for key in keys_of(job)):
            return _held_up(job)
        try:
            answer = (await self._jobs.record(self._lanes.keyed, [job]))[0]
        except Locked:
            self._avoided |= dict.fromkeys(keys_of(job), time.monotonic() + _AVOIDED)
            return _held_up(job)
        except (InvalidInput, Unavailable) as error:
            return error
        return answer if isinstance(answer, Conflict) else self._dispatch([answer])[0]

    def _dispatch(self, recorded: Sequence[Recorded]) -> list[Submitted]:
        self._dispatcher.dispatch([each.push for each in recorded])
        return [each.submitted for each in recorded]

    def _expect(self, recorded: Sequence[Recorded]) -> list[Submitted]:
        self._commits.expect([each.push for each in recorded if each.push is not None])
        return [each.submitted for each in recorded]


def _held_up(job: NewJob) -> Locked:
    keys = ", ".join(repr(key[-1]) for key in keys_of(job))
    return Locked(
        f"Another transaction that has not ended yet has used a key of this job ({keys}).",
        hint="try again when it has been committed",
    )
