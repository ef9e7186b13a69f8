"""Submitting jobs: from what a client asked for to what is recorded.

Everything about a request is checked before anything is written; one that passes can't be refused by the
record, because a batch of others travels with it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, UnsetType

from toril.domain.errors import InvalidInput
from toril.domain.job import NewJob, Submitted
from toril.domain.names import check_job_name, check_queue_name
from toril.domain.payload import check_json_text
from toril.domain.retry import Backoff
from toril.operations.catalog import Catalog, JobType, unregistered
from toril.operations.keying import idempotency, unique
from toril.operations.ports import Submitter
from toril.operations.request import BackoffRequest, JobRequest
from toril.operations.schedule import AT_ONCE, schedule, utc_now

_UNKNOWN_MAY_BE_OLD = 2.0
"""Seconds. Who allows unknown names need not wait for a fresh read of the registry."""

_NOTHING = (b"{}", b"null")

_DECODER = msgspec.json.Decoder(float_hook=float)
"""msgspec itself takes 13 µs for a number like 1e308, so 256 KiB of them would hold up the event loop for a
second; Python's float takes 0.2."""


class Submission:
    """Checks requests and records the jobs they ask for.

    Args:
        submitter: records jobs.
        catalog: the registered jobs.
        now: the current time.
    """

    def __init__(
        self, submitter: Submitter, catalog: Catalog, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._submitter = submitter
        self._catalog = catalog
        self._now = now

    async def submit(self, request: JobRequest, text: bytes, *, allow_unknown: bool = False) -> Submitted:
        """Record one job; returns after the commit.

        Raises:
            InvalidInput: see `check`.
            Conflict: another job has one of its keys.
            Unavailable: nothing was recorded.
        """
        job = await self.check(request, text, since=self._catalog.now(), allow_unknown=allow_unknown)
        return await self._submitter.submit_one(job)

    async def submit_all(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Record all of these jobs, or none; returns after the commit, ids in the order of the jobs.

        Raises:
            Conflict: another job has a key of one of them, which `field` names by its index.
            Unavailable: nothing was recorded.
        """
        return await self._submitter.submit_many(jobs)

    def now(self) -> float:
        """Return the time to give to `check` as `since`: when the request came."""
        return self._catalog.now()

    async def check(
        self, request: JobRequest, text: bytes, *, since: float, allow_unknown: bool = False
    ) -> NewJob:
        """Return the job that `request` asks for, with the defaults of its registration.

        Args:
            request: the fields, each within its own range.
            text: the JSON that they were read from: what a repeated idempotency key must come with again.
            since: when the request came, as `now` gives it; a name is unknown only if the registry has been
                read after that.
            allow_unknown: accept a name that nobody has registered; the job waits for a worker that does.

        Raises:
            InvalidInput: a field is wrong, or doesn't go with the others or with the handler's arguments.
            Unavailable: the name is new and the registry can't be read.
        """
        kind = self._catalog.get(request.name) or await self._look_up(
            request.name, since=since, allow_unknown=allow_unknown
        )
        when = AT_ONCE
        if request.delay is not None or request.run_at is not None:
            when = schedule(request.delay, request.run_at, self._now())
        registered = kind.registered
        return NewJob(
            queue=registered.queue if request.queue is None else check_queue_name(request.queue),
            name=registered.name,
            payload=_payload(request.payload, kind),
            priority=registered.priority if request.priority is None else request.priority,
            delay=when.delay,
            run_at=when.run_at,
            max_attempts=registered.max_attempts if request.attempts is None else request.attempts,
            max_crashes=registered.max_crashes,
            # None: the handler's own timeout, as it is when the job runs and not as it was today.
            timeout=None if request.timeout is None else request.timeout / 1000,
            backoff=None if request.backoff is None else _backoff(request.backoff),
            idempotency=None
            if request.idempotency_key is None
            else idempotency(request.idempotency_key, text),
            unique=None if request.unique is None else unique(request.unique),
        )

    async def _look_up(self, name: str, *, since: float, allow_unknown: bool) -> JobType:
        check_job_name(name)
        found = await self._catalog.find(name, since=since - _UNKNOWN_MAY_BE_OLD * allow_unknown)
        if found is not None:
            return found
        if not allow_unknown:
            raise self._catalog.unknown(name)
        return unregistered(name)


def _payload(raw: Raw | UnsetType, kind: JobType) -> str:
    """Return the payload's text as it came, once it is known to be storable and to fit the handler."""
    data = b"{}" if raw is UNSET else bytes(raw)
    if data in _NOTHING:
        data = b"{}"
    elif not data.startswith(b"{"):
        raise InvalidInput(
            "payload must be an object.",
            code="invalid_type",
            field="payload",
            hint='put the arguments in an object by name, such as {"url": "…"}',
        )
    check_json_text(data)
    kind.schema.check(_DECODER.decode(data), len(data))
    return data.decode()


def _backoff(request: float | BackoffRequest) -> str:
    """Return a `Backoff` as JSON text. A bare number is BullMQ's: always exactly that long."""
    if not isinstance(request, BackoffRequest):
        return _encoded(Backoff("fixed", request / 1000, jitter=False))
    default = Backoff()
    return _encoded(
        Backoff(
            type=request.type,
            delay=request.delay / 1000,
            factor=default.factor if request.factor is None else request.factor,
            cap=default.cap if request.cap is None else request.cap / 1000,
            jitter=default.jitter if request.jitter is None else request.jitter,
        )
    )


def _encoded(backoff: Backoff) -> str:
    return msgspec.json.encode(backoff).decode()
