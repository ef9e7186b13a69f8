"""A page of jobs, as a table and as the HTTP API's JSON."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from rich.text import Text

from toril.api.schemas import JobList
from toril.api.shown import job_shown
from toril.cli.output import note, one_line, show, table
from toril.cli.statuses import COLOURS
from toril.cli.times import ago, span
from toril.domain.lifecycle import Status
from toril.domain.views import JobFilter, JobView

_NOTE_LENGTH = 200
_JSON_LENGTH = 500


def as_json(jobs: Sequence[JobView], asked: JobFilter) -> JobList:
    """Return the page as `GET /jobs` answers it."""
    following = f"/jobs?{urlencode(_next(jobs, asked))}" if _more(jobs, asked) else None
    return JobList(jobs=[job_shown(job) for job in jobs], next=following)


def print_table(jobs: Sequence[JobView], asked: JobFilter) -> None:
    """Print the page, and how to get the next one."""
    now = datetime.now(UTC)
    rows = table()
    for title in ("id", "queue", "name", "status", "attempts", "created"):
        rows.add_column(title, no_wrap=title not in ("queue", "name"), overflow="fold")
    for title in ("payload", "result") if asked.payloads else ():
        rows.add_column(title, overflow="fold")
    rows.add_column("note", no_wrap=True, overflow="ellipsis")
    for job in jobs:
        rows.add_row(*_row(job, now, payloads=asked.payloads))
    if jobs:
        show(rows)
    note(_footer(jobs, asked))


def summary(job: JobView, now: datetime) -> str:
    """Return the most interesting thing about a job in one line: its error, or what it does now."""
    if job.status in (Status.SCHEDULED, Status.RETRYING):
        due = f"runs {ago(job.run_at, now)}"
        return f"{due} after {_error(job)}" if job.status is Status.RETRYING else due
    if job.status is Status.ACTIVE:
        since = "" if job.started_at is None else f" since {span((now - job.started_at).total_seconds())}"
        return f"on {job.worker or 'a lost worker'}{since}"
    if job.status is Status.COMPLETED and job.started_at and job.finished_at:
        return f"took {span((job.finished_at - job.started_at).total_seconds())}"
    return _error(job) if job.status is Status.FAILED else ""


def attempts(job: JobView) -> str:
    """Return how many of its attempts a job has used: those that failed, and the one that runs or didn't."""
    used = job.failures + (job.status in (Status.ACTIVE, Status.COMPLETED))
    return f"{used}/{job.max_attempts}"


def _row(job: JobView, now: datetime, *, payloads: bool) -> list[Text]:
    cells = [
        Text(str(job.id)),
        Text(one_line(job.queue)),
        Text(one_line(job.name)),
        Text(job.status.value, COLOURS[job.status]),
        Text(attempts(job)),
        Text(ago(job.created_at, now)),
    ]
    if payloads:
        cells += [Text(one_line(text or "", _JSON_LENGTH)) for text in (job.payload, job.result)]
    return [*cells, Text(one_line(summary(job, now), _NOTE_LENGTH))]


def _error(job: JobView) -> str:
    return f"{job.error_kind}: {job.error_message or ''}" if job.error_kind else "an error"


def _more(jobs: Sequence[JobView], asked: JobFilter) -> bool:
    """Whether there may be another page: after a full one."""
    return len(jobs) == asked.limit


def _footer(jobs: Sequence[JobView], asked: JobFilter) -> str:
    count = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    if not jobs:
        return "No jobs." if asked == JobFilter(limit=asked.limit) else "No such jobs."
    if not _more(jobs, asked):
        return f"{count}."
    flags = dict(_next(jobs, asked))
    payloads = ["--payload"] if flags.pop("include", None) else []
    given = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    return f"{count}. Next page: {shlex.join(['toril', 'jobs', 'list', *given, *payloads])}"


def _next(jobs: Sequence[JobView], asked: JobFilter) -> dict[str, object]:
    """Return the parameters of the next page, as `GET /jobs` names them."""
    given = {
        "status": asked.status and asked.status.value,
        "queue": asked.queue,
        "name": asked.name,
        "limit": asked.limit,
        "include": "payload" if asked.payloads else None,
        "before": jobs[-1].id,
    }
    return {name: value for name, value in given.items() if value is not None}
