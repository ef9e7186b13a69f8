"""What a handler gets to know about its job, and what it can tell while it runs.

The worker makes one context per attempt and gives it a `Journal` that takes lines and progress without
waiting; so every method here is synchronous, fast, and may be called from any thread.
"""

import time
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

from msgspec import json

from toril.domain.errors import InvalidInput
from toril.domain.job import DEFAULT_ATTEMPTS, DEFAULT_QUEUE, ClaimedJob
from toril.domain.payload import storable_text
from toril.sdk.encoding import encode_json
from toril.sdk.limits import number

Level = Literal["debug", "info", "warning", "error"]
_LEVELS = frozenset(get_args(Level))

MAX_LOG_CHARACTERS = 10_000
"""The longest log line; what is cut off is counted at its end."""

MAX_PROGRESS_BYTES = 65_536
"""The largest progress, as JSON."""


class Journal(Protocol):
    """Takes what running handlers say. Neither method waits; both may be called from any thread."""

    def log(self, job_id: int, attempt: int, level: str, message: str, /) -> None:
        """Take a line; `message` can be stored as it is."""

    def progress(self, job_id: int, attempt: int, value_json: str, /) -> None:
        """Take the newest progress as JSON text; earlier progress may be dropped."""


class JobContext:
    """A job's attempt, as its handler sees it.

    Args:
        job: what the worker has claimed.
        journal: where lines and progress go.
        timeout: seconds this attempt may take from now on, or None.

    Attributes:
        id: the job's id.
        attempt: 1 for the first run; grows with every run, whatever ended the one before.
        failures: failed attempts so far.
        queue: the queue it was taken from.
        name: the job's name.
    """

    __slots__ = (
        "_cancelled",
        "_ends",
        "_journal",
        "_started",
        "_timeout",
        "attempt",
        "failures",
        "id",
        "name",
        "queue",
    )

    def __init__(self, job: ClaimedJob, journal: Journal, timeout: float | None = None) -> None:
        self.id = job.id
        self.attempt = job.attempt
        self.failures = job.failures
        self.queue = job.queue
        self.name = job.name
        self._journal = journal
        self._cancelled = False
        self._timeout = timeout
        self._started = time.time()
        self._ends = None if timeout is None else time.monotonic() + timeout

    @property
    def fencing_token(self) -> int:
        """A number that grows with every run of this job: the attempt.

        A worker that was paused for long may still be running after another one has taken the job over.
        Toril itself refuses its outcome; another system can refuse its writes when it keeps, per job id, the
        highest token it has seen and turns away lower ones.
        """
        return self.attempt

    @property
    def deadline(self) -> datetime | None:
        """When this attempt times out (UTC), or None."""
        return None if self._timeout is None else datetime.fromtimestamp(self._started + self._timeout, UTC)

    def remaining(self) -> float | None:
        """Return the seconds until this attempt times out, never below 0; None where it doesn't.

        It is measured by a clock that nobody sets; fit for the `timeout` of requests that the handler makes.
        """
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether this attempt should end: it was cancelled, has timed out, or its worker has lost it.

        For handlers that can't be interrupted (in threads, or between two steps): look now and then, and
        return or raise `Cancel`; whatever comes of it, the outcome is decided.
        """
        return self._cancelled

    def mark_cancelled(self) -> None:
        """Make `cancelled` true. Called by the worker, from its own thread."""
        self._cancelled = True

    def log(self, message: object, /, level: Level = "info", **fields: object) -> None:
        """Add a line to the job's log, which is kept with the job and shown on the dashboard.

        Args:
            message: the line; cut at `MAX_LOG_CHARACTERS`, with a note saying so.
            level: `debug`, `info`, `warning` or `error`.
            fields: what belongs to it; written behind the message as `key=value`.

        Raises:
            InvalidInput: there is no such level.
        """
        if level not in _LEVELS:
            raise InvalidInput(
                f"there is no log level {level!r}",
                field="level",
                hint=f"use one of {', '.join(get_args(Level))}",
            )
        text = " ".join([str(message), *(f"{key}={_shown(value)}" for key, value in fields.items())])
        self._journal.log(self.id, self.attempt, level, storable_text(text, limit=MAX_LOG_CHARACTERS))

    def progress(self, value: float | dict[str, Any]) -> None:
        """Say how far the job is; the newest value is shown.

        Args:
            value: percent, 0 to 100, or a JSON object of your own.

        Raises:
            InvalidInput: neither of these, or over `MAX_PROGRESS_BYTES`.
        """
        if not isinstance(value, dict):
            number(value, "progress", low=0, high=100)
        text = encode_json(value, "progress", code="invalid_progress")
        if len(text) > MAX_PROGRESS_BYTES:
            raise InvalidInput(
                f"progress has {len(text):,} characters of JSON, more than {MAX_PROGRESS_BYTES:,}",
                field="progress",
                hint="keep large values elsewhere",
            )
        self._journal.progress(self.id, self.attempt, text)

    @staticmethod
    def for_tests(
        *,
        name: str = "test",
        job_id: int = 1,
        attempt: int = 1,
        failures: int = 0,
        queue: str = DEFAULT_QUEUE,
        timeout: float | None = None,
    ) -> "RecordingContext":
        """Return a context for calling a handler in a unit test; it keeps what the handler says.

        ctx = JobContext.for_tests(attempt=2)
        await thumbnail(ctx, path="a.png")
        assert ctx.lines == ["info: resized width=256"]
        """
        now = datetime.now(UTC)
        job = ClaimedJob(
            id=job_id,
            attempt=attempt,
            queue=queue,
            name=name,
            payload="{}",
            priority=0,
            failures=failures,
            crashes=0,
            interruptions=0,
            max_attempts=DEFAULT_ATTEMPTS,
            timeout=timeout,
            backoff=None,
            generation=1,
            created_at=now,
            run_at=now,
            worker=UUID(int=0),
        )
        return RecordingContext(job, timeout)


class RecordingContext(JobContext):
    """A context that keeps what its handler says; see `JobContext.for_tests`.

    Attributes:
        lines: the logged lines, each as `level: message key=value`.
        progressed: the values given to `progress`, as read back from JSON.
    """

    __slots__ = ("lines", "progressed")

    def __init__(self, job: ClaimedJob, timeout: float | None = None) -> None:
        self.lines: list[str] = []
        self.progressed: list[Any] = []
        super().__init__(job, _Recorder(self), timeout)


class _Recorder:
    """The journal of a `RecordingContext`."""

    __slots__ = ("_context",)

    def __init__(self, context: RecordingContext) -> None:
        self._context = context

    def log(self, _job_id: int, _attempt: int, level: str, message: str, /) -> None:
        self._context.lines.append(f"{level}: {message}")

    def progress(self, _job_id: int, _attempt: int, value_json: str, /) -> None:
        self._context.progressed.append(json.decode(value_json))


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if not text or not text.isprintable() or " " in text or "=" in text else text
