"""What can be said about one job when it is submitted, beside its arguments.

Everything is checked here, once; what comes out is in the units and forms of `NewJob`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from msgspec import json

from toril.domain.errors import InvalidInput
from toril.domain.job import MAX_PRIORITY, Unique
from toril.domain.names import check_queue_name
from toril.domain.retry import MAX_ATTEMPTS, MAX_DELAY, Backoff
from toril.sdk.keys import UniqueArguments, read_idempotency_key, read_unique
from toril.sdk.limits import check_backoff, delay_seconds, timeout_seconds, whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OptionArguments(TypedDict, total=False):
    """The options by keyword. What is left out, or None, is as the handler's decorator says.

    Attributes:
        delay: seconds (or a `timedelta`) until the job may run.
        run_at: the time before which it may not run; aware. A time that has passed means now.
        priority: 0 for none, else 1 (most urgent) to `MAX_PRIORITY`; jobs without one run first.
        attempts: failures that end the job.
        backoff: how long to wait after a failure.
        timeout: seconds (or a `timedelta`) that an attempt may take.
        queue: the queue to put it in.
        idempotency_key: makes repeating the submit harmless: the same key gives the same job.
        unique: a key that only one job of this name holds at a time, and what to do when another does.
    """

    delay: float | timedelta | None
    run_at: datetime | None
    priority: int | None
    attempts: int | None
    backoff: Backoff | None
    timeout: float | timedelta | None
    queue: str | None
    idempotency_key: str | None
    unique: UniqueArguments | str | None


OPTION_NAMES = frozenset(OptionArguments.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Checked options of one submit; None means: as the handler says.

    `delay` is in seconds; `backoff` is JSON text, as the record keeps it.
    """

    delay: float = 0.0
    run_at: datetime | None = None
    priority: int | None = None
    attempts: int | None = None
    backoff: str | None = None
    timeout: float | None = None
    queue: str | None = None
    idempotency_key: str | None = None
    unique: Unique | None = None


NO_OPTIONS = Options()


def read_options(
    *,
    delay: float | timedelta | None = None,
    run_at: datetime | None = None,
    priority: int | None = None,
    attempts: int | None = None,
    backoff: Backoff | None = None,
    timeout: float | timedelta | None = None,
    queue: str | None = None,
    idempotency_key: str | None = None,
    unique: UniqueArguments | str | None = None,
) -> Options:
    """Return the options, checked; see `OptionArguments`.

    Raises:
        InvalidInput: naming the option and what it takes.
    """
    if delay is not None and run_at is not None:
        raise InvalidInput("delay and run_at exclude each other", field="run_at", hint="give one of them")
    return Options(
        delay=0.0 if delay is None else delay_seconds(delay, "delay"),
        run_at=None if run_at is None else _due_time(run_at),
        priority=None if priority is None else whole(priority, "priority", low=0, high=MAX_PRIORITY),
        attempts=None if attempts is None else whole(attempts, "attempts", low=1, high=MAX_ATTEMPTS),
        backoff=None if backoff is None else json.encode(check_backoff(backoff)).decode(),
        timeout=None if timeout is None else timeout_seconds(timeout),
        queue=None if queue is None else check_queue_name(queue),
        idempotency_key=None if idempotency_key is None else read_idempotency_key(idempotency_key),
        unique=None if unique is None else read_unique(unique),
    )


def _due_time(run_at: object) -> datetime:
    if not isinstance(run_at, datetime):
        raise InvalidInput(
            f"run_at can't be {run_at!r}", field="run_at", hint="give a datetime with a time zone"
        )
    if run_at.utcoffset() is None:
        raise InvalidInput(
            f"run_at {run_at.isoformat()} has no time zone, so it could mean any of 24 hours",
            field="run_at",
            hint="give an aware datetime, such as datetime(2030, 1, 31, 9, tzinfo=UTC)",
        )
    if run_at - datetime.now(UTC) > timedelta(seconds=MAX_DELAY):
        raise InvalidInput(
            f"run_at {run_at.isoformat()} is too far away", field="run_at", hint="stay within ten years"
        )
    # The first and last days of the calendar overflow when they are moved to another zone.
    return max(run_at, _EPOCH)
