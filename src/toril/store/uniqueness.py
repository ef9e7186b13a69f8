"""Unique jobs: what becomes of a submit whose key another job holds.

The row of a key is locked first, in a statement of its own; only then is asked who holds it. So no two
submits with one key decide at the same time, and each sees what the one before it has done.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from toril.domain.errors import Conflict
from toril.domain.job import Effect, Held, NewJob, OnConflict, Push, Submitted, Unique
from toril.domain.lifecycle import State, Status, status_of
from toril.store.plan import Call, Plan, columns
from toril.store.statements import load

_TRIES = 5
"""How often a job that is to be revised may be taken by a worker just then, before that counts as running."""

Met = tuple[Submitted, Push | None] | Conflict
"""The answer to a submit that met a holder: as a success, with what Redis is to be told, or as a refusal."""


class Holder(NamedTuple):
    """The job that holds a unique key; `state` is None when the job itself is gone."""

    job_id: int
    state: State | None
    status: Status


class Uniqueness:
    """Makes plans about unique keys.

    Args:
        horizon: how many seconds before it is due Redis is told of a job.
    """

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon
        self._sql = load("keys")

    def meet(self, jobs: dict[int, NewJob]) -> Plan[dict[int, Met]]:
        """Lock the keys of these jobs, no two alike, and answer those whose key is held.

        Returns:
            The answers, by the places given; a job without one may be recorded, and then has to `hold` its
            key.
        """
        yield Call(self._sql["lock_unique"], _names_and_keys(jobs.values()))
        answers = yield from self._answer(jobs)
        prolonged = [
            (jobs[place], answer[0].id)
            for place, answer in answers.items()
            if not isinstance(answer, Conflict) and _prolongs(jobs[place], answer[0])
        ]
        if prolonged:
            yield from self.hold(prolonged)
        return answers

    def _answer(self, jobs: dict[int, NewJob]) -> Plan[dict[int, Met]]:
        answers: dict[int, Met] = {}
        revisable: dict[int, Holder] = {}
        for _ in range(_TRIES):
            holders = yield from self._holders({p: job for p, job in jobs.items() if p not in answers})
            revisable = {p: holder for p, holder in holders.items() if _may_revise(jobs[p], holder)}
            answers |= {p: _met(jobs[p], holders[p]) for p in holders.keys() - revisable.keys()}
            if not revisable:
                return answers
            answers |= yield from self._revise(revisable, jobs)
        return answers | {p: _refused(jobs[p], revisable[p]) for p in revisable.keys() - answers.keys()}

    def hold(self, jobs: Sequence[tuple[NewJob, int]]) -> Plan[None]:
        """Have jobs, given with their ids, hold the keys that they came with from now on."""
        rows_in = [(job.name, *_held_row(_unique(job), job_id)) for job, job_id in jobs]
        yield Call(self._sql["hold_unique"], columns(rows_in))

    def _holders(self, jobs: dict[int, NewJob]) -> Plan[dict[int, Holder]]:
        if not jobs:
            return {}
        rows = yield Call(self._sql["holders"], _names_and_keys(jobs.values()))
        by_key = {(row["name"], row["key"]): _holder(row) for row in rows}
        found = {place: by_key.get((job.name, _unique(job).key)) for place, job in jobs.items()}
        return {place: holder for place, holder in found.items() if holder is not None}

    def _revise(self, holders: dict[int, Holder], jobs: dict[int, NewJob]) -> Plan[dict[int, Met]]:
        """Change queued jobs; those that a worker has taken meanwhile are not in the answer."""
        rows_in = [_revise_row(jobs[place], holder.job_id) for place, holder in holders.items()]
        rows = yield Call(self._sql["revise"], (*columns(rows_in), self._horizon))
        pushes = {row["id"]: Push(**dict(row)) for row in rows}
        return {
            place: _revised(jobs[place], pushes[holder.job_id])
            for place, holder in holders.items()
            if holder.job_id in pushes
        }


def _names_and_keys(jobs: Iterable[NewJob]) -> tuple[list[str], list[str]]:
    pairs = [(job.name, _unique(job).key) for job in jobs]
    return [name for name, _ in pairs], [key for _, key in pairs]


def _unique(job: NewJob) -> Unique:
    if job.unique is None:
        raise ValueError("this job has no unique key")
    return job.unique


def _held_row(unique: Unique, job_id: int) -> tuple[Any, ...]:
    return unique.key, job_id, unique.held.value, unique.ttl


def _holder(row: Any) -> Holder:
    if row["state"] is None:  # it was cleaned up, so it had ended; how is not known any more
        return Holder(row["job_id"], None, Status.COMPLETED)
    state = State(row["state"])
    return Holder(row["job_id"], state, status_of(state, due=row["due"], failures=row["failures"]))


def _may_revise(job: NewJob, holder: Holder) -> bool:
    changes = _unique(job).on_conflict in (OnConflict.REPLACE, OnConflict.EXTEND)
    return changes and holder.state is State.QUEUED


def _met(job: NewJob, holder: Holder) -> Met:
    """Answer a submit that leaves the holder as it is."""
    match _unique(job).on_conflict:
        case OnConflict.REJECT | OnConflict.REPLACE:
            return _refused(job, holder)
        case OnConflict.EXTEND if _unique(job).held is Held.TTL:
            return Submitted(holder.job_id, holder.status, Effect.EXTENDED), None
        case _:
            return Submitted(holder.job_id, holder.status, Effect.EXISTING), None


def _prolongs(job: NewJob, answer: Submitted) -> bool:
    return answer.effect is Effect.EXTENDED and _unique(job).held is Held.TTL


def _refused(job: NewJob, holder: Holder) -> Conflict:
    unique = _unique(job)
    replaces = unique.on_conflict is OnConflict.REPLACE
    return Conflict(
        f"Job {holder.job_id} ({holder.status}) holds the unique key {unique.key!r} of {job.name!r}"
        f"{' and can no longer be replaced' if replaces else ''}.",
        code="unique_conflict",
        job_id=holder.job_id,
        field="unique.key",
        hint="submit it again later, or choose another on_conflict",
    )


def _revise_row(job: NewJob, job_id: int) -> tuple[Any, ...]:
    return (
        job_id,
        _unique(job).on_conflict is OnConflict.REPLACE,
        job.payload,
        job.priority,
        job.delay,
        job.run_at,
        job.max_attempts,
        job.timeout,
        job.backoff,
    )


def _revised(job: NewJob, push: Push) -> Met:
    replaced = _unique(job).on_conflict is OnConflict.REPLACE
    status = status_of(State.QUEUED, due=push.due_ms == 0, failures=push.failures)
    return Submitted(push.id, status, Effect.REPLACED if replaced else Effect.EXTENDED), push
