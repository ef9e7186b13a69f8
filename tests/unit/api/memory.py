"""A stand-in for PostgreSQL in the API's unit tests: keeps what is submitted, and shows it.

Of keys it knows only that they are held: the first job has one for ever. The same routes meet the real store
in the integration tests.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

from toril.domain.errors import Conflict
from toril.domain.job import Effect, NewJob, OnConflict, Submitted
from toril.domain.lifecycle import Status
from toril.domain.views import JobFilter, JobHistory, JobView, QueueCounts, RegisteredJob
from toril.operations.ports import ComponentHealth

NOW = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


class Memory:
    """Submitter, reader, registry and health checks in one.

    `failure` is raised by all of them; commits wait for `committing`, and set `reached` before.
    """

    def __init__(self) -> None:
        self.jobs: list[NewJob] = []
        self.requests: dict[str, tuple[bytes, Submitted]] = {}
        self.holders: dict[tuple[str, str], int] = {}
        self.histories: dict[int, JobHistory] = {}
        self.registered: list[RegisteredJob] = []
        self.counts: list[QueueCounts] = []
        self.components: list[ComponentHealth] = []
        self.failure: Exception | None = None
        self.filters: list[JobFilter] = []
        self.registry_reads = 0
        self.committing: asyncio.Event | None = None
        self.reached = asyncio.Event()

    def forget(self) -> None:
        """Go back to an empty record."""
        self.jobs, self.requests, self.holders = [], {}, {}

    def submit_one(self, job: NewJob) -> Awaitable[Submitted]:
        return self._submit_one(job)

    async def _submit_one(self, job: NewJob) -> Submitted:
        await self._commit()
        return self._record(job)

    async def submit_many(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        await self._commit()
        before = (self.jobs.copy(), self.requests.copy(), self.holders.copy())
        submitted: list[Submitted] = []
        for index, job in enumerate(jobs):
            try:
                submitted.append(self._record(job))
            except Conflict as conflict:
                self.jobs, self.requests, self.holders = before
                raise conflict.at(index) from None
        return submitted

    async def _commit(self) -> None:
        self.reached.set()
        if self.committing is not None:
            await self.committing.wait()
        self._fail()

    def _record(self, job: NewJob) -> Submitted:
        if job.idempotency is None:
            return self._keep(job)
        key, fingerprint = job.idempotency
        if key not in self.requests:
            submitted = self._keep(job)
            self.requests[key] = (fingerprint, submitted)
            return submitted
        asked_for, first = self.requests[key]
        if asked_for != fingerprint:
            raise _conflict("idempotency_conflict", first.id, "idempotency_key")
        return first._replace(effect=Effect.EXISTING)

    def _keep(self, job: NewJob) -> Submitted:
        if job.unique is not None:
            holder = self.holders.setdefault((job.name, job.unique.key), len(self.jobs) + 1)
            if holder <= len(self.jobs):
                return self._meet(holder, job, job.unique.on_conflict)
        self.jobs.append(job)
        return Submitted(len(self.jobs), _status(job))

    def _meet(self, holder: int, job: NewJob, on_conflict: OnConflict) -> Submitted:
        if on_conflict is OnConflict.REJECT:
            raise _conflict("unique_conflict", holder, "unique.key")
        if on_conflict is OnConflict.RETURN_EXISTING:
            return Submitted(holder, Status.ACTIVE, Effect.EXISTING)
        if on_conflict is OnConflict.EXTEND:
            return Submitted(holder, Status.SCHEDULED, Effect.EXTENDED)
        self.jobs[holder - 1] = job
        return Submitted(holder, _status(job), Effect.REPLACED)

    async def history(self, job_id: int) -> JobHistory | None:
        self._fail()
        return self.histories.get(job_id)

    async def page(self, query: JobFilter) -> list[JobView]:
        self._fail()
        self.filters.append(query)
        newest_first = [self.histories[job_id].job for job_id in sorted(self.histories, reverse=True)]
        return [job for job in newest_first if query.before is None or job.id < query.before][: query.limit]

    async def queue_counts(self) -> list[QueueCounts]:
        self._fail()
        return self.counts

    async def registered_jobs(self) -> list[RegisteredJob]:
        self.registry_reads += 1
        self._fail()
        return list(self.registered)

    async def check(self) -> list[ComponentHealth]:
        self._fail()
        return self.components

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def registered(name: str, schema: str = "{}", *, queue: str = "default", **changes: Any) -> RegisteredJob:
    job = RegisteredJob(name, queue, schema, 3, 3, 0, None, "")
    return job._replace(**changes)


def a_job(job_id: int, **changes: Any) -> JobView:
    job = JobView(
        id=job_id,
        queue="images",
        name="thumbnail",
        status=Status.PENDING,
        priority=0,
        payload=None,
        result=None,
        progress=None,
        attempt=0,
        failures=0,
        crashes=0,
        interruptions=0,
        max_attempts=3,
        max_crashes=3,
        timeout=None,
        backoff=None,
        created_at=NOW,
        queued_at=NOW,
        run_at=NOW,
        started_at=None,
        finished_at=None,
        worker=None,
        error_kind=None,
        error_message=None,
    )
    return job._replace(**changes)


def _status(job: NewJob) -> Status:
    is_later = job.delay > 0 or (job.run_at is not None and job.run_at > datetime.now(UTC))
    return Status.SCHEDULED if is_later else Status.PENDING


def _conflict(code: str, job_id: int, field: str) -> Conflict:
    return Conflict(f"Job {job_id} has the key.", code=code, job_id=job_id, field=field, hint="use another")
