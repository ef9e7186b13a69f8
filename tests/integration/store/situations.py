"""Jobs put into every state, through the store's own statements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from toril.domain.job import ClaimedJob, NewJob
from toril.domain.lifecycle import Event, State
from toril.domain.outcome import Decision, ErrorInfo
from toril.store.connection import Lane
from toril.store.jobs import Finish, Jobs
from toril.store.workers import WorkerCard, Workers

BOOM = ErrorInfo("ValueError", "boom", "Traceback …")


def new(name: str = "noop", **options: Any) -> NewJob:
    """A job with a small payload."""
    return NewJob(**{"queue": "default", "payload": '{"i": 1}', "name": name, **options})


async def submit(lane: Lane, jobs: Jobs, *new_jobs: NewJob) -> list[int]:
    """Record jobs; return their ids."""
    return [each.submitted.id for each in await jobs.insert(lane, new_jobs or [new()])]


async def join(lane: Lane, *queues: str) -> UUID:
    """Register a live worker."""
    worker = uuid4()
    await Workers().register(lane, WorkerCard(worker, "host", 1, list(queues) or ["default"], 10, "0"))
    return worker


async def claim(lane: Lane, jobs: Jobs, ids: Sequence[int], worker: UUID | None = None) -> list[ClaimedJob]:
    """Claim jobs; return those that were granted, in the order of the ids."""
    granted = await jobs.claim(lane, ids, worker or await join(lane))
    return [granted[job_id] for job_id in ids if job_id in granted]


async def put_into(lane: Lane, jobs: Jobs, state: State) -> ClaimedJob:
    """Make a job that is in `state` after having been claimed once (or never, for `queued`)."""
    (job_id,) = await submit(lane, jobs)
    if state is State.QUEUED:
        row = await row_of(lane, job_id)
        return ClaimedJob(
            job_id, 0, row["queue"], row["name"], row["payload"], 0, 0, 0, 0, 3, None, None, 1,
            row["created_at"], row["run_at"], uuid4(),
        )  # fmt: skip
    (job,) = await claim(lane, jobs, [job_id])
    if state is State.COMPLETED:
        await jobs.complete(lane, [Finish(job.id, 1, Decision(Event.COMPLETE, result="1"))])
    elif state is State.FAILED:
        await jobs.set_back(lane, [Finish(job.id, 1, Decision(Event.FAIL, error=BOOM))])
    elif state is State.CANCELLED:
        await jobs.set_back(lane, [Finish(job.id, 1, Decision(Event.CANCEL, error=BOOM))])
    return job


async def row_of(lane: Lane, job_id: int) -> Any:
    """The job's row."""
    (row,) = await lane.fetch("select *, payload::text as payload from toril.jobs where id = $1", job_id)
    return row
