"""Turns what the store knows of jobs into what the API shows. Pure."""

from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import asdict

from toril.api.schemas import Attempt, AttemptError, BackoffShown, Discarded, Error, Job, JobDetails, Log
from toril.domain.lifecycle import Status
from toril.domain.retry import Backoff
from toril.domain.views import AttemptView, DiscardedView, JobHistory, JobView, LogLine


def job_shown(job: JobView) -> Job:
    """Return a job for a list; payload and result are there only where the store gave a payload.

    The last attempt belongs to the job's present state only if it started after the job was last queued:
    a job that waits for a retry has not waited for, or run, what comes next.
    """
    started = job.started_at if job.started_at and job.started_at >= job.queued_at else None
    return Job(
        id=job.id,
        status=job.status,
        queue=job.queue,
        name=job.name,
        priority=job.priority,
        payload=UNSET if job.payload is None else Raw(job.payload.encode()),
        result=UNSET if job.payload is None else _raw(job.result),
        attempt=job.attempt,
        failures=job.failures,
        max_attempts=job.max_attempts,
        crashes=job.crashes,
        max_crashes=job.max_crashes,
        interruptions=job.interruptions,
        timeout=None if job.timeout is None else _ms(job.timeout),
        backoff=None if job.backoff is None else _backoff(job.backoff),
        created_at=_time(job.created_at),
        queued_at=_time(job.queued_at),
        run_at=_time(job.run_at),
        started_at=_time_or_none(job.started_at),
        finished_at=_time_or_none(job.finished_at),
        waited_ms=_ms_between(max(job.queued_at, job.run_at), started),
        ran_ms=_ms_between(started, job.finished_at),
        worker=job.worker,
        error=_error(job.error_kind, job.error_message),
    )


def details_shown(history: JobHistory) -> JobDetails:
    """Return a job with its attempts and log lines."""
    return JobDetails(
        **asdict(job_shown(history.job)),
        progress=_raw(history.job.progress),
        attempts=[*map(_attempt, history.attempts), *_last_attempt(history.job)],
        logs=[_log(line) for line in history.logs],
        discarded=[_discarded(view) for view in history.discarded],
    )


def _last_attempt(job: JobView) -> list[Attempt]:
    """Return the attempt that runs or has completed: the store keeps records of those that went wrong."""
    if job.status not in (Status.ACTIVE, Status.COMPLETED) or job.started_at is None:
        return []
    return [
        Attempt(
            attempt=job.attempt,
            outcome=job.status,
            started_at=_time(job.started_at),
            finished_at=_time_or_none(job.finished_at),
            ran_ms=_ms_between(job.started_at, job.finished_at),
            worker=job.worker,
            error=None,
        )
    ]


def _attempt(view: AttemptView) -> Attempt:
    error = None
    if view.error_kind is not None:
        error = AttemptError(kind=view.error_kind, message=view.error_message or "", stack=view.stack or "")
    return Attempt(
        attempt=view.attempt,
        outcome=view.outcome,
        started_at=_time(view.started_at),
        finished_at=_time(view.finished_at),
        ran_ms=_ms_between(view.started_at, view.finished_at),
        worker=view.worker,
        error=error,
    )


def _discarded(view: DiscardedView) -> Discarded:
    return Discarded(
        attempt=view.attempt,
        at=_time(view.at),
        worker=view.worker,
        event=view.event,
        result=view.result,
        error=_error(view.error_kind, view.error_message),
    )


def _error(kind: str | None, message: str | None) -> Error | None:
    return None if kind is None else Error(kind=kind, message=message or "")


def _log(line: LogLine) -> Log:
    return Log(attempt=line.attempt, at=_time(line.at), level=line.level, message=line.message)


def _backoff(text: str) -> BackoffShown:
    backoff = msgspec.json.decode(text, type=Backoff)
    return BackoffShown(
        type=backoff.type,
        delay=_ms(backoff.delay),
        factor=_plain(backoff.factor),
        cap=_ms(backoff.cap),
        jitter=backoff.jitter,
    )


def _ms(seconds: float) -> float:
    return _plain(round(seconds * 1000, 3))


def _plain(number: float) -> float:
    """Return a whole number as an int, because people read it: 60000, not 60000.0."""
    return int(number) if number.is_integer() else number


def _raw(text: str | None) -> Raw | None:
    return None if text is None else Raw(text.encode())


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else _time(moment)


def _ms_between(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None:
        return None
    return max(0, round((end - start).total_seconds() * 1000))
