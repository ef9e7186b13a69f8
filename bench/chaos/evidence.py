"""What is known after a run, from four witnesses: the clients, the handlers, the record and its trigger.

Read once, into plain values, so that what follows from it (`review.py`) is pure. All times are seconds on the
machine's monotonic clock, which nobody can step.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from bench.faults.ledger import STARTED, Entry, Record

_JOBS = """
select id, name, state::text, attempt, failures, (payload->>'key')::bigint as key,
       extract(epoch from created_at)::float8 as created
from toril.jobs
"""
_COUNTED = """
select id as job_id, attempt from toril.jobs where state = 'completed'
union all
select job_id, attempt from toril.job_attempts where outcome in ('failed', 'snoozed', 'cancelled')
"""
_COMPLETIONS = """
select extract(epoch from at)::float8 as at from witness.outcomes where state = 'completed' order by at
"""


class Job(NamedTuple):
    """A job as it is on record; `key` is what its client knew it by."""

    id: int
    name: str
    state: str
    attempt: int
    failures: int
    key: int
    created: float


class Life(NamedTuple):
    """One worker process: which worker it was, and when it ended."""

    worker: str
    ended: float


class Execution(NamedTuple):
    """One run of a handler; one that was cut short ended with its process."""

    job_id: int
    attempt: int
    pid: int
    started: float
    ended: float


class Second(NamedTuple):
    """What a client did in about a second.

    Attributes:
        since: its beginning.
        at: its end.
        figures: by name: due, sent, held, accepted, unknown, unavailable, not_sent, unexpected, abandoned.
        strange: an answer that should never be given, if there was one.
    """

    since: float
    at: float
    figures: Mapping[str, int]
    strange: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it.

    Attributes:
        accepted: job ids that clients were given, with the key of each; in order.
        jobs: the record.
        counted: the attempts (job id, number) whose outcome is on record as theirs.
        executions: every run of a handler.
        completions: when results came on record, ascending.
        seconds: what the clients did.
        lives: the worker processes, by their ids.
    """

    accepted: list[tuple[int, int]]
    jobs: dict[int, Job]
    counted: set[tuple[int, int]]
    executions: list[Execution]
    completions: list[float]
    seconds: list[Second]
    lives: Mapping[int, Life]


async def gather(
    connection: "asyncpg.Connection[Any]",
    accepted: Path,
    record: Record,
    notes: Iterable[Path],
    lives: Mapping[int, Life],
) -> Evidence:
    """Read everything.

    Args:
        connection: to PostgreSQL.
        accepted: the file of accepted ids.
        record: the handlers' ledger.
        notes: the clients' files.
        lives: as in `Evidence`.
    """
    wall_to_monotonic = time.monotonic() - time.time()
    jobs = [Job(*row) for row in await connection.fetch(_JOBS)]
    return Evidence(
        accepted=read_accepted(accepted),
        jobs={job.id: job._replace(created=job.created + wall_to_monotonic) for job in jobs},
        counted={(row["job_id"], row["attempt"]) for row in await connection.fetch(_COUNTED)},
        executions=executions_of(record.entries, lives),
        completions=[row["at"] + wall_to_monotonic for row in await connection.fetch(_COMPLETIONS)],
        seconds=[second for file in notes for second in read_seconds(file)],
        lives=lives,
    )


def read_accepted(file: Path) -> list[tuple[int, int]]:
    """Return the accepted ids and their keys."""
    text = file.read_text(encoding="ascii") if file.exists() else ""
    pairs = (line.split() for line in text.splitlines())
    return [(int(job_id), int(key)) for job_id, key in pairs]


def read_seconds(file: Path) -> list[Second]:
    """Return what a client did each second."""
    seconds = []
    for line in file.read_text(encoding="utf-8").splitlines():
        figures = json.loads(line)
        since, at, strange = (figures.pop(name) for name in ("since", "at", "strange"))
        seconds.append(Second(since, at, figures, strange))
    return seconds


def executions_of(entries: Iterable[Entry], lives: Mapping[int, Life]) -> list[Execution]:
    """Pair the starts and ends of a ledger; what has no end was cut short by that of its process."""
    open_runs: dict[tuple[int, int, int], list[float]] = {}
    done: list[Execution] = []
    for entry in entries:
        run = (entry.job_id, entry.attempt, entry.pid)
        if entry.what == STARTED:
            open_runs.setdefault(run, []).append(entry.monotonic)
        else:
            done.append(Execution(*run, open_runs[run].pop(), entry.monotonic))
    for run, starts in open_runs.items():
        done += [Execution(*run, began, lives[run[2]].ended) for began in starts]
    return sorted(done, key=lambda execution: execution.started)
