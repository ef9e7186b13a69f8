"""What the API answers with, as structures: the OpenAPI document is made from these.

Times are ISO 8601 in UTC with milliseconds, durations are milliseconds. Payloads and results are embedded as
the JSON text that was stored, never parsed and encoded again.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from toril.domain.job import Effect
from toril.domain.lifecycle import Status

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


def _doc(text: str) -> Meta:
    return Meta(description=text)


class JobSubmitted(Struct, kw_only=True):
    """A job that is on record."""

    id: Annotated[int, _doc("Grows with each job; from 1.")]
    status: Annotated[
        Status,
        _doc(
            "`pending`, or `scheduled` when it runs later. A repeated request is told what the first was; "
            "where another job has the unique key, this is that job's."
        ),
    ]
    effect: Annotated[
        Effect | UnsetType,
        _doc("What the submit did. Only where it came with a key: `existing` stored nothing."),
    ] = UNSET


class BulkSubmitted(Struct, kw_only=True):
    """Jobs that are on record."""

    count: Annotated[int, _doc("How many.")]
    jobs: Annotated[list[JobSubmitted], _doc("In the order in which they were sent.")]


class Error(Struct, kw_only=True):
    """What an attempt ended with."""

    kind: Annotated[str, _doc("The exception's class, or Timeout.")] = field(name="class")
    message: Annotated[str, _doc("The exception's text.")]


class AttemptError(Error, kw_only=True):
    """What an attempt ended with, and where."""

    stack: Annotated[str, _doc("The traceback as text, innermost call last; may be empty.")]


class Attempt(Struct, kw_only=True):
    """One run of the handler, or the start of one."""

    attempt: Annotated[int, _doc("1 for the first.")]
    outcome: Annotated[
        str,
        _doc("completed, failed, crashed, interrupted, snoozed or cancelled; active while it runs."),
    ]
    started_at: Annotated[Time, _doc("When a worker took the job.")]
    finished_at: Annotated[Time | None, _doc("null while it runs.")]
    ran_ms: Annotated[int | None, _doc("How long it took.")]
    worker: Annotated[str | None, _doc("`host:pid`, while the worker's record exists.")]
    error: Annotated[AttemptError | None, _doc("null where nothing went wrong.")]


class Discarded(Struct, kw_only=True):
    """An outcome that came too late: the job had been taken from that run, and this was not written to it."""

    attempt: Annotated[int, _doc("The run that it is of.")]
    at: Annotated[Time, _doc("When it came.")]
    worker: Annotated[str | None, _doc("`host:pid`, while the worker's record exists.")]
    event: Annotated[
        str, _doc("What it would have been: complete, fail, retry, snooze, interrupt or cancel.")
    ]
    result: Annotated[str | None, _doc("The beginning of what the handler returned, as JSON text.")]
    error: Annotated[Error | None, _doc("What the run ended with.")]


class Log(Struct, kw_only=True):
    """A line that the handler logged."""

    attempt: Annotated[int, _doc("The attempt that logged it.")]
    at: Annotated[Time, _doc("When.")]
    level: Annotated[str, _doc("Such as `info`.")]
    message: Annotated[str, _doc("The line.")]


class BackoffShown(Struct, kw_only=True):
    """How long the job waits after a failure, in milliseconds."""

    type: Annotated[Literal["exponential", "fixed"], _doc("How the wait grows.")]
    delay: Annotated[float, _doc("The first wait.")]
    factor: Annotated[float, _doc("Growth per failure.")]
    cap: Annotated[float, _doc("The longest wait.")]
    jitter: Annotated[bool, _doc("Whether half of each wait is random.")]


class Job(Struct, kw_only=True):
    """A job as the list shows it."""

    id: Annotated[int, _doc("Its id.")]
    status: Annotated[Status, _doc("What it is doing, or how it ended.")]
    queue: Annotated[str, _doc("The queue it is in.")]
    name: Annotated[str, _doc("Which handler runs it.")]
    priority: Annotated[int, _doc("0: none; else 1 is first.")]
    payload: Annotated[Raw | UnsetType, _doc("The handler's arguments. Lists have it only when asked.")] = (
        UNSET
    )
    result: Annotated[
        Raw | UnsetType | None, _doc("What the handler returned. Lists have it only when asked.")
    ] = UNSET
    attempt: Annotated[int, _doc("Times a worker has taken it.")]
    failures: Annotated[int, _doc("Failed attempts.")]
    max_attempts: Annotated[int, _doc("Failed attempts that end it.")]
    crashes: Annotated[int, _doc("Times its worker was lost.")]
    max_crashes: Annotated[int, _doc("Lost workers that end it.")]
    interruptions: Annotated[int, _doc("Times a worker that was going down handed it back.")]
    timeout: Annotated[float | None, _doc("Milliseconds an attempt may take; null: as the handler says.")]
    backoff: Annotated[BackoffShown | None, _doc("The wait after a failure; null: as the handler says.")]
    created_at: Annotated[Time, _doc("When it was submitted.")]
    queued_at: Annotated[Time, _doc("When it was last queued: submitted, retried or handed back.")]
    run_at: Annotated[Time, _doc("When it may run, or might have.")]
    started_at: Annotated[Time | None, _doc("When its last attempt started.")]
    finished_at: Annotated[Time | None, _doc("When it ended.")]
    waited_ms: Annotated[int | None, _doc("From when its last run was due until it started.")]
    ran_ms: Annotated[int | None, _doc("How long its last attempt took.")]
    worker: Annotated[str | None, _doc("`host:pid` of the worker that has it, or had it last.")]
    error: Annotated[Error | None, _doc("The last failure.")]


class JobDetails(Job, kw_only=True):
    """All that is known of a job."""

    progress: Annotated[Raw | None, _doc("What the handler reported last.")]
    attempts: Annotated[list[Attempt], _doc("Oldest first.")]
    logs: Annotated[list[Log], _doc("The newest lines, oldest of them first.")]
    discarded: Annotated[
        list[Discarded], _doc("Outcomes that came too late, the newest ten, newest first; kept for a week.")
    ]


class JobList(Struct, kw_only=True):
    """A page of jobs."""

    jobs: Annotated[list[Job], _doc("Newest first.")]
    next: Annotated[str | None, _doc("Path of the next page, or null. Also in the Link header.")]


class Counts(Struct, kw_only=True):
    """How many jobs have each status."""

    pending: Annotated[int, _doc("Waiting for a worker.")] = 0
    scheduled: Annotated[int, _doc("Due later.")] = 0
    retrying: Annotated[int, _doc("Due again later, after a failure.")] = 0
    active: Annotated[int, _doc("Running.")] = 0
    completed: Annotated[int, _doc("Ended well.")] = 0
    failed: Annotated[int, _doc("Ended by their last failure.")] = 0
    cancelled: Annotated[int, _doc("Ended on demand.")] = 0


class Queue(Struct, kw_only=True):
    """A queue."""

    name: Annotated[str, _doc("Its name.")]
    counts: Annotated[Counts, _doc("Its jobs by status.")]
    workers: Annotated[int, _doc("Live workers that listen to it.")]


class QueueList(Struct, kw_only=True):
    """All queues."""

    queues: Annotated[list[Queue], _doc("By name.")]


class Alive(Struct, kw_only=True):
    """The process answers."""

    status: Annotated[Literal["ok"], _doc("Nothing else.")] = "ok"


class Component(Struct, kw_only=True):
    """A part that the service depends on."""

    name: Annotated[str, _doc("Which.")]
    up: Annotated[bool, _doc("Whether it answered in time.")]
    required: Annotated[bool, _doc("Whether nothing can be accepted without it.")]
    detail: Annotated[str, _doc("For an operator.")]


class Readiness(Struct, kw_only=True):
    """Whether jobs can be accepted, and what works less well than it should."""

    status: Annotated[Literal["ok", "degraded", "down"], _doc("Jobs are accepted unless `down`.")]
    components: Annotated[list[Component], _doc("What was asked.")]
