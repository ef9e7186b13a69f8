"""The job rows: recorded, claimed, finished, taken back, shown. Method names are the statements' file names.

Every write of a state is guarded in SQL by the state and attempt it expects; what did not match comes back to
the caller as a missing row, never silently.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from toril.domain.errors import InvalidInput
from toril.domain.job import ClaimedJob, NewJob, Push, Submitted
from toril.domain.lifecycle import TRANSITIONS, Event, State, Status, transition
from toril.domain.outcome import Decision
from toril.store.connection import Lane
from toril.store.statements import load

PARTITION_MARGIN = 10_000_000
"""Ids for which there are partitions ahead of the newest job."""

_HISTORY_NAMES = {
    Event.FAIL: "failed",
    Event.RETRY: "failed",
    Event.SNOOZE: "snoozed",
    Event.INTERRUPT: "interrupted",
    Event.CANCEL: "cancelled",
}


class Recorded(NamedTuple):
    """A job that was recorded: the answer for its submitter, and what Redis is to be told."""

    submitted: Submitted
    push: Push


class Finish(NamedTuple):
    """The end of an attempt, ready to be written: (id, attempt) is the fence."""

    id: int
    attempt: int
    decision: Decision


class LogEntry(NamedTuple):
    """A log line of a handler, ready to be written."""

    job_id: int
    attempt: int
    at: datetime
    level: str
    message: str


class Suggestion(NamedTuple):
    """Why a suggestion was not claimed.

    Attributes:
        state: the job's state.
        due: whether its time has come.
        push: what Redis would be told of it now.
    """

    state: State
    due: bool
    push: Push


class Rescued(NamedTuple):
    """A job that was taken back: `push` is None when it was failed as poison."""

    id: int
    attempt: int
    queue: str
    push: Push | None


class Jobs:
    """Statements over `toril.jobs`, each on the lane it is given.

    Args:
        horizon: how many seconds before it is due Redis is told of a job.
    """

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon
        self._sql = load("jobs")

    async def insert(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Recorded]:
        """Record jobs and their promises in one transaction; ids ascend in the order given.

        Raises:
            InvalidInput: PostgreSQL refuses one of the jobs; none was recorded.
            Unavailable: PostgreSQL can't be reached, or did not answer: nothing is known to be recorded.
        """
        columns = tuple(map(list, zip(*map(_insert_row, jobs), strict=True)))
        try:
            rows = await self._insert_rows(lane, columns)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise InvalidInput(
                f"PostgreSQL can't store this job: {error}", code="unstorable", field="payload"
            ) from error
        by_position: list[Any] = [None] * len(jobs)
        for row in rows:  # the order of a statement's output is nobody's promise
            by_position[row["ord"] - 1] = row
        return [_recorded(job, row) for job, row in zip(jobs, by_position, strict=True)]

    async def _insert_rows(self, lane: Lane, columns: tuple[list[Any], ...]) -> list[Any]:
        try:
            return await lane.fetch(self._sql["insert"], *columns, self._horizon)
        except asyncpg.CheckViolationError as error:
            if "no partition" not in str(error):
                raise
            # The keeper makes partitions long before they are needed; this is for when it could not.
            await self.create_partitions(lane)
            return await lane.fetch(self._sql["insert"], *columns, self._horizon)

    async def claim(self, lane: Lane, ids: Sequence[int], worker: UUID) -> dict[int, ClaimedJob]:
        """Claim suggested jobs for a worker; those in the answer, by id, are its own to run."""
        # Sorted, here and below, so that two statements over the same jobs lock them in the same order.
        rows = await lane.fetch(self._sql["claim"], sorted(ids), worker)
        return {row["id"]: ClaimedJob(*row.values()) for row in rows}

    async def suggestion_fates(self, lane: Lane, ids: Sequence[int]) -> dict[int, Suggestion]:
        """Tell why suggestions were not claimed; an id that is missing belongs to no job."""
        rows = await lane.fetch(self._sql["suggestion_fates"], ids)
        return {row["id"]: Suggestion(State(row["state"]), row["due"], _push(row)) for row in rows}

    async def complete(self, lane: Lane, finishes: Sequence[Finish]) -> set[int]:
        """Record results; return the ids that matched.

        Raises:
            InvalidInput: PostgreSQL can't store one of the results; none was recorded.
        """
        finishes = sorted(finishes, key=_by_id)
        ids = [finish.id for finish in finishes]
        results = [finish.decision.result for finish in finishes]
        attempts = [finish.attempt for finish in finishes]
        try:
            rows = await lane.fetch(self._sql["complete"], ids, attempts, results)
        except asyncpg.DataError as error:
            raise InvalidInput(str(error), code="unstorable", field="result") from error
        return {row["id"] for row in rows}

    async def set_back(self, lane: Lane, finishes: Sequence[Finish]) -> dict[int, Push | None]:
        """Record attempts that did not complete.

        Returns:
            By id, for those that matched: what Redis is to be told, or None when the job has ended.
        """
        rows_in = map(_set_back_row, sorted(finishes, key=_by_id))
        columns = tuple(map(list, zip(*rows_in, strict=True)))
        rows = await lane.fetch(self._sql["set_back"], *columns, self._horizon)
        return {row["id"]: _push(row) if row["state"] == State.QUEUED else None for row in rows}

    async def ownership(self, lane: Lane, finishes: Sequence[Finish]) -> set[int]:
        """Return the ids of those whose recorded end is this very attempt's, written earlier."""
        ids = [finish.id for finish in finishes]
        rows = await lane.fetch(self._sql["ownership"], ids, [finish.attempt for finish in finishes])
        return {row["id"] for row in rows}

    async def rescue(
        self,
        lane: Lane,
        *,
        limit: int,
        outcome: str,
        worker: UUID | None = None,
        held: Sequence[tuple[int, int]] = (),
    ) -> list[Rescued]:
        """Take jobs back: from every worker that is not alive, or from one worker what it doesn't hold.

        Args:
            lane: where to run it.
            limit: jobs at most.
            outcome: `crashed` or `interrupted`.
            worker: whose jobs; None for all workers that are gone.
            held: (id, attempt) pairs that `worker` still holds.
        """
        held_ids = [job_id for job_id, _ in held]
        attempts = [attempt for _, attempt in held]
        rows = await lane.fetch(self._sql["rescue"], limit, worker, outcome, held_ids, attempts)
        return [
            Rescued(
                row["id"],
                row["attempt"],
                row["queue"],
                _push(row) if row["state"] == State.QUEUED else None,
            )
            for row in rows
        ]

    async def note_progress(self, lane: Lane, notes: Sequence[tuple[int, int, str]]) -> None:
        """Record the newest progress of running jobs, as (id, attempt, JSON text)."""
        ids, attempts, values = zip(*notes, strict=True)
        await lane.fetch(self._sql["note_progress"], ids, attempts, values)

    async def append_logs(self, lane: Lane, lines: Sequence[LogEntry]) -> None:
        """Append log lines, in order."""
        await lane.fetch(self._sql["append_logs"], *map(list, zip(*lines, strict=True)))

    async def create_partitions(self, lane: Lane) -> int:
        """Make sure that there are partitions well ahead; return how many were created."""
        rows = await lane.fetch(self._sql["create_partitions"], PARTITION_MARGIN)
        return int(rows[0][0])


def _by_id(finish: Finish) -> int:
    return finish.id


def _insert_row(job: NewJob) -> tuple[Any, ...]:
    return (
        job.queue,
        job.name,
        job.payload,
        job.priority,
        job.delay,
        job.run_at,
        job.max_attempts,
        job.max_crashes,
        job.timeout,
        job.backoff,
    )


def _recorded(job: NewJob, row: Any) -> Recorded:
    status = Status.SCHEDULED if row["due_ms"] else Status.PENDING
    push = Push(
        row["id"],
        1,
        job.queue,
        job.name,
        job.priority,
        row["due_ms"],
        row["created_ms"],
        job.max_attempts,
        0,
        job.payload,
    )
    return Recorded(Submitted(row["id"], status), push)


def _set_back_row(finish: Finish) -> tuple[Any, ...]:
    event, delay, _, error = finish.decision
    state = transition(State.ACTIVE, event)
    if state is None or event not in _HISTORY_NAMES:
        raise ValueError(f"{event} does not set a job back; {TRANSITIONS[State.ACTIVE]} are legal")
    return (
        finish.id,
        finish.attempt,
        state.value,
        delay,
        event in (Event.FAIL, Event.RETRY),
        _HISTORY_NAMES[event],
        error and error.kind,
        error and error.message,
        error and error.stack,
    )


def _push(row: Any) -> Push:
    return Push(
        row["id"],
        row["generation"],
        row["queue"],
        row["name"],
        row["priority"],
        row["due_ms"],
        row["created_ms"],
        row["max_attempts"],
        row["failures"],
        row["payload"],
    )
