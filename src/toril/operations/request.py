"""A job as clients ask for it: BullMQ's names and units (milliseconds), each field within its own range.

The descriptions here are the reference: the OpenAPI document prints them, and an error about a field gives
its description as the remedy.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from toril.domain.job import MAX_PRIORITY, Held, OnConflict
from toril.domain.keys import MAX_KEY, MAX_TTL
from toril.domain.names import MAX_NAME
from toril.domain.retry import MAX_ATTEMPTS, MAX_DELAY

MAX_MS = int(MAX_DELAY * 1000)
MAX_TTL_MS = int(MAX_TTL * 1000)

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Milliseconds = Annotated[float, Meta(ge=0, le=MAX_MS)]
Timeout = Annotated[float, Meta(ge=1, le=MAX_MS)]
UnixMilliseconds = Annotated[float, Meta(ge=0, le=1e15)]
Priority = Annotated[int, Meta(ge=0, le=MAX_PRIORITY)]
Attempts = Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)]
Factor = Annotated[float, Meta(ge=1, le=1000)]
Payload = Annotated[Raw, Meta(extra_json_schema={"type": ["object", "null"]})]
TimeToLive = Annotated[float, Meta(ge=1, le=MAX_TTL_MS)]
# `check_key` judges keys, for every way in alike; this only documents it.
Key = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_KEY})]


def _doc(text: str) -> Meta:
    return Meta(description=text)


class BackoffRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """How long to wait after a failed attempt."""

    type: Annotated[
        Literal["exponential", "fixed"],
        _doc("`exponential` multiplies the delay by `factor` after each failure, `fixed` keeps it."),
    ]
    delay: Annotated[Milliseconds, _doc("Milliseconds before the second attempt, 0 or more.")]
    factor: Annotated[Factor | None, _doc("Growth per failure, 1 to 1000; default 2.")] = None
    cap: Annotated[Milliseconds | None, _doc("The longest wait in milliseconds; default an hour.")] = None
    jitter: Annotated[
        bool | None, _doc("Whether half of each wait is random, so that herds spread; default true.")
    ] = None


class UniqueRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """At most one job of a name holds a key at a time."""

    key: Annotated[
        Key,
        _doc(f"What must be unique among jobs of the same name: 1 to {MAX_KEY} characters, no spaces."),
    ]
    held: Annotated[
        Held | None,
        _doc(
            "For how long the job holds the key. `queued`: while it waits for a worker; `active` (the "
            "default): until it has ended; `ttl`: for the time that `ttl` says, whatever becomes of it."
        ),
    ] = field(default=None, name="while")
    on_conflict: Annotated[
        OnConflict | None,
        _doc(
            "When another job holds the key. `return_existing` (default): its id is the answer; `reject`: "
            "`unique_conflict`; `replace`: while it is queued, it gets this payload, options and run time; "
            "`extend`: while it is queued, it gets this run time, and it holds the key for another `ttl`."
        ),
    ] = None
    ttl: Annotated[
        TimeToLive | None,
        _doc(f"With while `ttl` only: milliseconds to hold the key, 1 to {MAX_TTL_MS} (ten years)."),
    ] = None


class JobRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """A job to run. Only `name` is needed; null means the same as leaving a field out."""

    name: Annotated[Name, _doc("The job's name: which handler runs it.")]
    queue: Annotated[
        Name | None, _doc("The queue to put it in; default: the one the handler is registered with.")
    ] = None
    payload: Annotated[
        Payload | UnsetType, _doc("The handler's arguments by name, as an object; default {}.")
    ] = UNSET
    delay: Annotated[
        Milliseconds | None, _doc(f"Milliseconds to wait before it may run, 0 to {MAX_MS} (ten years).")
    ] = None
    run_at: Annotated[
        UnixMilliseconds | str | None,
        _doc(
            "When it may run: ISO 8601 with an offset, such as 2030-01-31T09:00:00+01:00, or Unix time in "
            "milliseconds. A time that has passed means now."
        ),
    ] = None
    priority: Annotated[
        Priority | None,
        _doc(f"0: none, ahead of all that have one; 1 (first) to {MAX_PRIORITY} (last), as in BullMQ."),
    ] = None
    attempts: Annotated[Attempts | None, _doc(f"Failures that end the job, 1 to {MAX_ATTEMPTS}.")] = None
    backoff: Annotated[
        Milliseconds | BackoffRequest | None,
        _doc("The wait after a failure: milliseconds (always exactly that long), or an object."),
    ] = None
    timeout: Annotated[
        Timeout | None, _doc(f"Milliseconds an attempt may take, 1 to {MAX_MS}; default: the handler's.")
    ] = None
    idempotency_key: Annotated[
        Key | None,
        _doc(
            f"Makes it safe to send the job again: the same key gives the same job. 1 to {MAX_KEY} "
            "characters, no spaces. `POST /jobs` takes it as the header Idempotency-Key, too."
        ),
    ] = None
    unique: Annotated[
        UniqueRequest | None,
        _doc(
            'Keeps others like it out, such as {"key": "report-7"}; by default while one is queued or runs.'
        ),
    ] = None
