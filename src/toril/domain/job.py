"""Jobs as they travel between the parts: as submitted, as claimed by a worker, as pushed to Redis.

Tuples, because the hot paths make one per job; payloads and results stay JSON text from end to end, so that
nothing in between parses or re-encodes them.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from toril.domain.lifecycle import Status

DEFAULT_QUEUE = "default"
DEFAULT_ATTEMPTS = 3
DEFAULT_MAX_CRASHES = 3
MAX_PRIORITY = 2_097_152
"""BullMQ's highest (least urgent) priority: 2^21. 0 means none, then 1 is the most urgent."""


class Idempotency(NamedTuple):
    """Makes repeating a submit harmless: the same key gives the same job, for as long as keys are kept.

    Attributes:
        key: chosen by the submitter, one for each job that it means to submit.
        fingerprint: a digest of what was asked for; the same key with another one is a conflict.
    """

    key: str
    fingerprint: bytes


class Held(StrEnum):
    """For how long a unique job holds its key."""

    QUEUED = "queued"  # while it waits for a worker, also between two attempts
    ACTIVE = "active"  # until it has ended
    TTL = "ttl"  # for a fixed time, whatever becomes of the job


class OnConflict(StrEnum):
    """What becomes of a submit whose unique key another job holds."""

    REJECT = "reject"  # it is refused
    RETURN_EXISTING = "return_existing"  # it gets the other job's id
    REPLACE = "replace"  # the other job, still queued, gets its payload, options and run time
    EXTEND = "extend"  # the other job gets its run time, and holds the key for another `ttl`


class Unique(NamedTuple):
    """At most one job of a name holds a key at a time.

    Attributes:
        key: unique among jobs of the same name.
        held: for how long.
        on_conflict: what to do when another job holds it.
        ttl: seconds, with `Held.TTL` only.
    """

    key: str
    held: Held = Held.ACTIVE
    on_conflict: OnConflict = OnConflict.RETURN_EXISTING
    ttl: float | None = None


class NewJob(NamedTuple):
    """A job to be recorded.

    Attributes:
        queue: queue name; no `:` (BullMQ's key separator).
        name: job name, the handler's.
        payload: JSON text of an object: the handler's arguments by name.
        priority: 0 to `MAX_PRIORITY`.
        delay: seconds from the commit until it may run (ignored when `run_at` is given).
        run_at: absolute time before which it may not run.
        max_attempts: failures after which the job is failed for good.
        max_crashes: lost workers after which the job is failed as poison.
        timeout: seconds an attempt may take, or None for the job type's.
        backoff: JSON text of a `Backoff` (seconds), or None for the job type's.
        idempotency: makes repeating the submit harmless.
        unique: keeps others like it out.
    """

    queue: str
    name: str
    payload: str
    priority: int = 0
    delay: float = 0.0
    run_at: datetime | None = None
    max_attempts: int = DEFAULT_ATTEMPTS
    max_crashes: int = DEFAULT_MAX_CRASHES
    timeout: float | None = None
    backoff: str | None = None
    idempotency: Idempotency | None = None
    unique: Unique | None = None


class Effect(StrEnum):
    """What a submit did."""

    CREATED = "created"
    EXISTING = "existing"  # nothing: the job was there already
    REPLACED = "replaced"
    EXTENDED = "extended"


class Submitted(NamedTuple):
    """A job that is on record.

    Attributes:
        id: the job.
        status: as the submit left it, or found it.
        effect: what the submit did; always `created` for jobs without a key.
    """

    id: int
    status: Status
    effect: Effect = Effect.CREATED


class Push(NamedTuple):
    """What Redis is told about a queued job: enough to order it, delay it, and show it on a board.

    Attributes:
        id: PostgreSQL's id.
        generation: grows each time PostgreSQL queues the job; a push is idempotent per (id, generation).
        due_ms: Unix time in milliseconds before which it may not run; 0 when it was queued to run at once.
        created_ms: Unix time in milliseconds at which it was recorded.
    """

    id: int
    generation: int
    queue: str
    name: str
    priority: int
    due_ms: int
    created_ms: int
    max_attempts: int
    failures: int
    payload: str


class ClaimedJob(NamedTuple):
    """A job that PostgreSQL has given to this worker: (id, attempt) is its fencing token."""

    id: int
    attempt: int
    queue: str
    name: str
    payload: str
    priority: int
    failures: int
    crashes: int
    interruptions: int
    max_attempts: int
    timeout: float | None
    backoff: str | None
    generation: int
    created_at: datetime
    run_at: datetime
    worker: UUID
