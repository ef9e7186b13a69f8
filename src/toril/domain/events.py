"""Everything Toril says about itself while it runs: a closed list, subscribed to by logs, metrics and traces.

Behaviour emits these and nothing else; what becomes a log line or a metric is the subscribers' business.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker process takes jobs."""

    worker: UUID
    queues: tuple[str, ...]
    concurrency: int


@dataclass(frozen=True, slots=True)
class WorkerDraining:
    """A worker takes no more jobs and waits for those it runs, `grace` seconds at most."""

    worker: UUID
    running: int
    grace: float


@dataclass(frozen=True, slots=True)
class WorkerStopped:
    """A worker has stopped; `handed_back` jobs were returned unfinished."""

    worker: UUID
    handed_back: int


@dataclass(frozen=True, slots=True)
class WorkerDeclaredLost:
    """This worker was declared lost while it could not say that it lives; it goes on under a new id."""

    worker: UUID
    abandoned: int


@dataclass(frozen=True, slots=True)
class WorkersLost:
    """Workers that stopped moving were declared lost."""

    workers: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class JobRescued:
    """A job was taken back from a lost worker; `poisoned` when that has happened once too often."""

    job_id: int
    attempt: int
    queue: str
    poisoned: bool


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed; `retry_in` seconds until the next, unless it was the job's last."""

    job_id: int
    attempt: int
    queue: str
    name: str
    error_kind: str
    error_message: str
    last: bool
    retry_in: float


@dataclass(frozen=True, slots=True)
class BatchRecorded:
    """Outcomes were recorded: how many of each event of the life cycle."""

    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class OwnershipLost:
    """An outcome came too late: the job had been taken from this run. It was discarded."""

    job_id: int
    attempt: int
    discarded: str | None


@dataclass(frozen=True, slots=True)
class HandlerMissing:
    """A job was claimed that this worker has no handler for; it was put back for later."""

    job_id: int
    name: str
    queue: str


@dataclass(frozen=True, slots=True)
class JobTypeBroken:
    """A registered schema can't be used: payloads of this name are accepted unchecked."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SuggestionsRefused:
    """PostgreSQL refused suggestions: they were stale."""

    queue: str
    count: int


@dataclass(frozen=True, slots=True)
class PromisesKept:
    """The relay told Redis about jobs whose own process had not."""

    pushed: int
    void: int


@dataclass(frozen=True, slots=True)
class QueueRefused:
    """Redis refuses calls for this queue, whose keys are not what they should be; said once, others go on."""

    queue: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueueAccepted:
    """Redis accepts calls for this queue again, after `seconds`."""

    queue: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditRepaired:
    """Redis lacked jobs of this queue, which were promised again, or had ids too many, which were removed."""

    queue: str
    promised: int
    removed: int


@dataclass(frozen=True, slots=True)
class RedisRefilling:
    """Redis is not the one that was filled last: `emptied`, or restarted. Everything queued is told again."""

    emptied: bool


@dataclass(frozen=True, slots=True)
class RedisRefilled:
    """Everything queued has been told to Redis again."""

    jobs: int


@dataclass(frozen=True, slots=True)
class PartDown:
    """PostgreSQL or Redis can't be used; said once, until it is back."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartBack:
    """PostgreSQL or Redis can be used again, after `seconds`."""

    part: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LoopBlocked:
    """The event loop has not moved for `seconds`: some handler blocks it."""

    seconds: float
    running: tuple[str, ...]
    fatal: bool


@dataclass(frozen=True, slots=True)
class ServiceFailed:
    """A background service raised; it goes on after `retry_in` seconds."""

    service: str
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """The API could not answer a request, for a reason that is nobody's input."""

    error: str
    stack: str


@dataclass(frozen=True, slots=True)
class ProbesServed:
    """Metrics and probes are served here."""

    url: str


@dataclass(frozen=True, slots=True)
class LeadershipChanged:
    """This process leads the keeper's duties from now on, or no longer."""

    leading: bool


TelemetryEvent = (
    WorkerStarted
    | WorkerDraining
    | WorkerStopped
    | WorkerDeclaredLost
    | WorkersLost
    | JobRescued
    | AttemptFailed
    | BatchRecorded
    | OwnershipLost
    | HandlerMissing
    | JobTypeBroken
    | SuggestionsRefused
    | PromisesKept
    | QueueRefused
    | QueueAccepted
    | AuditRepaired
    | RedisRefilling
    | RedisRefilled
    | PartDown
    | PartBack
    | LoopBlocked
    | ServiceFailed
    | RequestFailed
    | ProbesServed
    | LeadershipChanged
)


class Emit(Protocol):
    """Says that something happened; never raises, never blocks."""

    def __call__(self, event: TelemetryEvent, /) -> None: ...
