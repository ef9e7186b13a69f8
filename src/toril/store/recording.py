"""How jobs are recorded: plain ones in one statement, those with keys in a few within one transaction.

    take the idempotency keys → lock the unique keys → who holds them? → revise, refuse or insert → note it

Each statement sees what others have committed until then (that is the default isolation, read committed), and
the locks keep two submits with one key from doing this at the same time.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from toril.domain.errors import Conflict
from toril.domain.job import Effect, Idempotency, NewJob, Push, Submitted
from toril.domain.keys import IDEMPOTENCY_TTL
from toril.domain.lifecycle import Status
from toril.store.plan import Call, Plan, columns
from toril.store.statements import load
from toril.store.uniqueness import Uniqueness


class Recorded(NamedTuple):
    """A submit that went well: the answer for its submitter, and what Redis is to be told, if anything."""

    submitted: Submitted
    push: Push | None


Answer = Recorded | Conflict


class Recording:
    """Makes plans to record jobs.

    Args:
        horizon: how many seconds before it is due Redis is told of a job.
        idempotency_ttl: seconds for which idempotency keys are kept.
    """

    def __init__(self, horizon: float, idempotency_ttl: float = IDEMPOTENCY_TTL) -> None:
        self._horizon = horizon
        self._idempotency_ttl = idempotency_ttl
        self._insert = load("jobs")["insert"]
        self._sql = load("keys")
        self._uniqueness = Uniqueness(horizon)

    def insert(self, jobs: Sequence[NewJob]) -> Plan[list[Recorded]]:
        """Record jobs without regard to keys; ids ascend in the order given."""
        rows = yield Call(self._insert, (*columns([_insert_row(job) for job in jobs]), self._horizon))
        by_position: list[Any] = [None] * len(jobs)
        for row in rows:  # the order of a statement's output is nobody's promise
            by_position[row["ord"] - 1] = row
        return [_recorded(job, row) for job, row in zip(jobs, by_position, strict=True)]

    def record(self, jobs: Sequence[NewJob]) -> Plan[list[Answer]]:
        """Record jobs with regard to their keys; one answer per job, in order.

        Jobs that share a key are taken one after the other, so that the second meets the first.
        """
        answers: dict[int, Answer] = {}
        for places in _rounds(jobs):
            answers |= yield from self._round({place: jobs[place] for place in places})
        return [answers[place] for place in range(len(jobs))]

    def record_all(self, jobs: Sequence[NewJob]) -> Plan[list[Recorded]]:
        """Record all of these jobs, or none: with keys, this needs a transaction, and leaves it usable.

        Raises:
            Conflict: in one of them; its field tells which, as in `[3].unique.key`.
        """
        if not any(map(has_keys, jobs)):
            return (yield from self.insert(jobs))
        yield Call("savepoint toril_record", ())
        answers = yield from self.record(jobs)
        for place, answer in enumerate(answers):
            if isinstance(answer, Conflict):
                yield Call("rollback to savepoint toril_record", ())
                raise answer if len(jobs) == 1 else answer.at(place)
        yield Call("release savepoint toril_record", ())
        return [answer for answer in answers if isinstance(answer, Recorded)]

    def _round(self, jobs: dict[int, NewJob]) -> Plan[dict[int, Answer]]:
        """Record jobs, by their place, that have no key in common."""
        answers = yield from self._repeated(jobs)
        fresh = {place: job for place, job in jobs.items() if place not in answers}
        unique = {place: job for place, job in fresh.items() if job.unique is not None}
        if unique:
            met = yield from self._uniqueness.meet(unique)
            for place, answer in met.items():
                answers[place] = answer if isinstance(answer, Conflict) else Recorded(*answer)
        new = {place: job for place, job in fresh.items() if place not in answers}
        if new:
            recorded = yield from self.insert(list(new.values()))
            answers |= zip(new, recorded, strict=True)
            made = zip(new.values(), recorded, strict=True)
            held = [(job, each.submitted.id) for job, each in made if job.unique]
            if held:
                yield from self._uniqueness.hold(held)
        yield from self._note(fresh, answers)
        return answers

    def _repeated(self, jobs: dict[int, NewJob]) -> Plan[dict[int, Answer]]:
        """Take the idempotency keys; answer those submits that have been answered before."""
        keyed = {job.idempotency.key: place for place, job in jobs.items() if job.idempotency}
        if not keyed:
            return {}
        prints = [_fingerprint(jobs[place]) for place in keyed.values()]
        rows = yield Call(self._sql["take_idempotent"], (list(keyed), prints, self._idempotency_ttl))
        return {
            keyed[row["key"]]: _repetition(jobs[keyed[row["key"]]], row)
            for row in rows
            if row["job_id"] is not None
        }

    def _note(self, jobs: dict[int, NewJob], answers: dict[int, Answer]) -> Plan[None]:
        """Note what was answered under the idempotency keys; those of refused submits are given back."""
        keyed = {job.idempotency.key: answers[place] for place, job in jobs.items() if job.idempotency}
        answered = [
            (key, answer.submitted.id, answer.submitted.status.value)
            for key, answer in keyed.items()
            if isinstance(answer, Recorded)
        ]
        refused = [key for key, answer in keyed.items() if isinstance(answer, Conflict)]
        if answered:
            yield Call(self._sql["answer_idempotent"], columns(answered))
        if refused:
            yield Call(self._sql["drop_idempotent"], (refused,))


def has_keys(job: NewJob) -> bool:
    """Whether a job has to be recorded with regard to keys."""
    return job.idempotency is not None or job.unique is not None


def keys_of(job: NewJob) -> Iterator[tuple[str, ...]]:
    """Yield the keys that no other job may be recorded with at the same time."""
    if job.idempotency is not None:
        yield (job.idempotency.key,)
    if job.unique is not None:
        yield job.name, job.unique.key


def _rounds(jobs: Sequence[NewJob]) -> list[list[int]]:
    """Return the places of the jobs in rounds: no key occurs twice in one, and each key's order is kept."""
    rounds: list[list[int]] = []
    next_round: dict[tuple[str, ...], int] = {}
    for place, job in enumerate(jobs):
        keys = list(keys_of(job))
        number = max((next_round.get(key, 0) for key in keys), default=0)
        next_round |= dict.fromkeys(keys, number + 1)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(place)
    return rounds


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


def _fingerprint(job: NewJob) -> str:
    return _idempotency(job).fingerprint.hex()


def _idempotency(job: NewJob) -> Idempotency:
    if job.idempotency is None:
        raise ValueError("this job has no idempotency key")
    return job.idempotency


def _repetition(job: NewJob, row: Any) -> Answer:
    """Answer a submit whose idempotency key has been answered before."""
    if row["fingerprint"] == _fingerprint(job):
        return Recorded(Submitted(row["job_id"], Status(row["status"]), Effect.EXISTING), None)
    key, job_id = _idempotency(job).key, row["job_id"]
    return Conflict(
        f"The idempotency key {key!r} came with another request before, for job {job_id}.",
        code="idempotency_conflict",
        job_id=job_id,
        field="idempotency_key",
        hint="use a new key for a new job, and the same request to repeat one",
    )
