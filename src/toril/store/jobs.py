"""The job rows: recorded, claimed, finished, taken back, shown. Method names are the statements' file names.

Every write of a state is guarded in SQL by the state and attempt it expects; what did not match comes back to
the caller as a missing row, never silently.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import asyncpg

from toril.domain.errors import InvalidInput
from toril.domain.job import ClaimedJob, NewJob, Push
from toril.domain.lifecycle import TRANSITIONS, Event, State, transition
from toril.domain.outcome import Decision
from toril.store.connection import Lane
from toril.store.plan import Call, Plan, carry_out, columns
from toril.store.recording import Answer, Recorded, Recording
from toril.store.statements import load

T = TypeVar("T")

REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What PostgreSQL raises over a value that it can't hold."""

PARTITION_MARGIN = 10_000_000
"""Ids for which there are partitions ahead of the newest job."""

_HISTORY_NAMES = {
    Event.FAIL: "failed",
    Event.RETRY: "failed",
    Event.SNOOZE: "snoozed",
    Event.INTERRUPT: "interrupted",
    Event.CANCEL: "cancelled",
}


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
        push: what Redis would be told of it now.
    """

    state: State
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
        recording: how new jobs are recorded.
    """

    def __init__(self, horizon: float, recording: Recording | None = None) -> None:
        self._horizon = horizon
        self._sql = load("jobs")
        self.recording = recording or Recording(horizon)

    async def insert(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Recorded]:
        """Record jobs without regard to keys, in one transaction; ids ascend in the order given.

        Raises:
            InvalidInput: PostgreSQL refuses one of the jobs; none was recorded.
            Unavailable: PostgreSQL can't be reached, or did not answer: nothing is known to be recorded.
        """
        try:
            return await self._insert(lane, jobs)
        except REFUSED as error:
            raise unstorable(error) from error

    async def _insert(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Recorded]:
        try:
            return await carry_out(self.recording.insert(jobs), lane.fetch)
        except asyncpg.CheckViolationError as error:
            if "no partition" not in str(error):
                raise
            # The keeper makes partitions long before they are needed; this is for when it could not.
            await self.create_partitions(lane)
            return await carry_out(self.recording.insert(jobs), lane.fetch)

    async def record(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Answer]:
        """Record jobs with regard to their keys, in one transaction; one answer per job, in order.

        Raises:
            InvalidInput: as for `insert`.
            Locked: somebody else's transaction has one of the keys; nothing was recorded.
            Unavailable: as for `insert`.
        """
        return await self._in_transaction(lane, self.recording.record(jobs))

    async def record_all(self, lane: Lane, jobs: Sequence[NewJob]) -> list[Recorded]:
        """Record all of these jobs, with regard to their keys, or none.

        Raises:
            Conflict: see `Recording.record_all`.
            InvalidInput, Locked, Unavailable: as for `record`.
        """
        return await self._in_transaction(lane, self.recording.record_all(jobs))

    async def _in_transaction(self, lane: Lane, plan: Plan[T]) -> T:
        try:
            async with lane.transaction() as connection:
                return await carry_out(plan, connection.fetch)
        except REFUSED as error:
            raise unstorable(error) from error

    async def claim(self, lane: Lane, ids: Sequence[int], worker: UUID) -> dict[int, ClaimedJob]:
        """Claim suggested jobs for a worker; those in the answer, by id, are its own to run."""
        # Sorted, here and below, so that two statements over the same jobs lock them in the same order.
        rows = await lane.fetch(self._sql["claim"], sorted(ids), worker)
        return {row["id"]: ClaimedJob(*row.values()) for row in rows}

    async def suggestion_fates(self, lane: Lane, ids: Sequence[int]) -> dict[int, Suggestion]:
        """Tell why suggestions were not claimed; an id that is missing belongs to no job."""
        rows = await lane.fetch(self._sql["suggestion_fates"], ids)
        return {row["id"]: Suggestion(State(row["state"]), _push(row)) for row in rows}

    async def complete(self, lane: Lane, finishes: Sequence[Finish]) -> set[int]:
        """Record results; return the ids that matched.

        Raises:
            InvalidInput: PostgreSQL can't store one of the results; none was recorded.
        """
        try:
            return await carry_out(self.completing(finishes), lane.fetch)
        except asyncpg.DataError as error:
            raise InvalidInput(str(error), code="unstorable", field="result") from error

    def completing(self, finishes: Sequence[Finish]) -> Plan[set[int]]:
        """Return the plan of `complete`, for a connection that somebody else has."""
        finishes = sorted(finishes, key=_by_id)
        ids = [finish.id for finish in finishes]
        results = [finish.decision.result for finish in finishes]
        attempts = [finish.attempt for finish in finishes]
        rows = yield Call(self._sql["complete"], (ids, attempts, results))
        return {row["id"] for row in rows}

    async def set_back(self, lane: Lane, finishes: Sequence[Finish]) -> dict[int, Push | None]:
        """Record attempts that did not complete.

        Returns:
            By id, for those that matched: what Redis is to be told, or None when the job has ended.
        """
        rows_in = [_set_back_row(finish) for finish in sorted(finishes, key=_by_id)]
        rows = await lane.fetch(self._sql["set_back"], *columns(rows_in), self._horizon)
        return {row["id"]: _push(row) if row["state"] == State.QUEUED else None for row in rows}

    async def ownership(self, lane: Lane, finishes: Sequence[Finish]) -> dict[int, Decision]:
        """Return what is on record of these attempts, by job, where the recorded end is their own.

        It is what they ask for, written by a statement whose answer was lost; or a completion, by a
        transaction of the handler, whatever became of the handler afterwards.
        """
        asked = {finish.id: finish.decision for finish in finishes}
        rows = await lane.fetch(self._sql["ownership"], list(asked), [finish.attempt for finish in finishes])
        return {
            row["id"]: Decision(Event.COMPLETE, result=row["result"])
            if row["completed"]
            else asked[row["id"]]
            for row in rows
        }

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
        await lane.fetch(self._sql["append_logs"], *columns(lines))

    async def create_partitions(self, lane: Lane) -> int:
        """Make sure that there are partitions well ahead; return how many were created."""
        rows = await lane.fetch(self._sql["create_partitions"], PARTITION_MARGIN)
        return int(rows[0][0])


def unstorable(error: Exception) -> InvalidInput:
    """Return the error that says that PostgreSQL refuses a job."""
    return InvalidInput(f"PostgreSQL can't store this job: {error}", code="unstorable", field="payload")


def _by_id(finish: Finish) -> int:
    return finish.id


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
