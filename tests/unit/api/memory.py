"""A stand-in for PostgreSQL in the API's unit tests: keeps what is submitted, and shows it.

It decides nothing. The same routes meet the real store in the integration tests.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

from toril.domain.job import NewJob, Submitted
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
        self.histories: dict[int, JobHistory] = {}
        self.registered: list[RegisteredJob] = []
        self.counts: list[QueueCounts] = []
        self.components: list[ComponentHealth] = []
        self.failure: Exception | None = None
        self.filters: list[JobFilter] = []
        self.registry_reads = 0
        self.committing: asyncio.Event | None = None
        self.reached = asyncio.Event()

    def submit_one(self, job: NewJob) -> Awaitable[Submitted]:
        return self._submit_one(job)

    async def _submit_one(self, job: NewJob) -> Submitted:
        return (await self.submit_many([job]))[0]

    async def submit_many(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        self.reached.set()
        if self.committing is not None:
            await self.committing.wait()
        self._fail()
        first = len(self.jobs) + 1
        self.jobs += jobs
        return [Submitted(first + index, _status(job)) for index, job in enumerate(jobs)]

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
    return Status.SCHEDULED if job.delay or job.run_at else Status.PENDING
