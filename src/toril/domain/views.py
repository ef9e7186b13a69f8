"""What people and programs are shown: read-only pictures of jobs, queues and registered job types."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from toril.domain.lifecycle import Status


class RegisteredJob(NamedTuple):
    """A job type as workers publish it, so that others can check a payload without importing user code.

    Attributes:
        name: job name.
        queue: the queue it is submitted to when none is named.
        schema: JSON Schema (text) of the payload.
        max_attempts: default failures that end a job of this type.
        max_crashes: default lost workers that end a job of this type.
        priority: default priority.
        timeout: seconds an attempt may take, or None.
        description: the handler's docstring, first line.
    """

    name: str
    queue: str
    schema: str
    max_attempts: int
    max_crashes: int
    priority: int
    timeout: float | None
    description: str


class AttemptView(NamedTuple):
    """One attempt that did not complete: how it ended, where, and why.

    Attributes:
        attempt: the claim's number, 1 for the first.
        outcome: `failed`, `crashed`, `interrupted`, `snoozed` or `cancelled`.
        worker: `host:pid` of the worker, or None when its record is gone.
        stack: formatted traceback, may be empty.
    """

    attempt: int
    outcome: str
    started_at: datetime
    finished_at: datetime
    worker: str | None
    error_kind: str | None
    error_message: str | None
    stack: str | None


class LogLine(NamedTuple):
    """A line that a handler logged."""

    attempt: int
    at: datetime
    level: str
    message: str


class DiscardedView(NamedTuple):
    """An outcome that came too late: another run had the job by then, and nothing was written to it.

    Attributes:
        attempt: the run that it is of.
        worker: `host:pid`, or None when its record is gone.
        event: what it would have been, in the words of the life cycle: `complete`, `retry`, …
        result: the beginning of the result, as JSON text.
    """

    attempt: int
    at: datetime
    worker: str | None
    event: str
    result: str | None
    error_kind: str | None
    error_message: str | None


class JobView(NamedTuple):
    """A job as shown. `payload`, `result`, `progress` and `backoff` are JSON text, or None.

    `payload` and `result` are None in lists unless asked for; `error_*` are those of the last failed attempt.
    """

    id: int
    queue: str
    name: str
    status: Status
    priority: int
    payload: str | None
    result: str | None
    progress: str | None
    attempt: int
    failures: int
    crashes: int
    interruptions: int
    max_attempts: int
    max_crashes: int
    timeout: float | None
    backoff: str | None
    created_at: datetime
    queued_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worker: str | None
    error_kind: str | None
    error_message: str | None


class JobHistory(NamedTuple):
    """A job with all that is known of it.

    Attributes:
        logs: its newest lines, oldest of them first.
        discarded: the newest outcomes that came too late, newest first.
    """

    job: JobView
    attempts: list[AttemptView]
    logs: list[LogLine]
    discarded: Sequence[DiscardedView] = ()


class JobFilter(NamedTuple):
    """Which jobs to list, newest first.

    Attributes:
        before: only ids below this one (the keyset page's cursor).
        limit: rows at most, 1 to 500.
        payloads: whether to include payloads and results.
    """

    status: Status | None = None
    queue: str | None = None
    name: str | None = None
    before: int | None = None
    limit: int = 50
    payloads: bool = False


class QueueCounts(NamedTuple):
    """How many jobs of a queue have each status, and how many live workers listen to it."""

    queue: str
    counts: dict[Status, int]
    workers: int
