"""What a handler gets to know about its job, and what it can tell while it runs.

The worker makes one context per attempt and gives it a `Journal` that takes lines and progress without
waiting; so every method here is synchronous, fast, and may be called from any thread.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

from msgspec import json

from toril.domain.errors import InvalidInput
from toril.domain.job import DEFAULT_ATTEMPTS, DEFAULT_QUEUE, ClaimedJob
from toril.domain.payload import storable_text
from toril.sdk.encoding import encode_json, encode_result
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


class Transactions(Protocol):
    """Opens transactions that complete a job."""

    def open(
        self, job_id: int, attempt: int, result: Callable[[], str], /
    ) -> AbstractAsyncContextManager[Any]:
        """Return a connection in a transaction, which completes the job when it commits.

        Raises:
            LostOwnership: at its end, when another attempt has the job by now; it is rolled back then.
        """


class JobContext:
    """A job's attempt, as its handler sees it.

    Args:
        job: what the worker has claimed.
        journal: where lines and progress go.
        timeout: seconds this attempt may take from now on, or None.
        transactions: opens the handler's transactions, where it can have any.

    Attributes:
        id: the job's id.
        attempt: 1 for the first run; grows with every run, whatever ended the one before.
        failures: failed attempts so far.
        queue: the queue it was taken from.
        name: the job's name.
        completed: whether the handler's own transaction has completed the job.
    """

    __slots__ = (
        "_cancelled",
        "_ends",
        "_journal",
        "_result",
        "_started",
        "_timeout",
        "_transactions",
        "attempt",
        "completed",
        "failures",
        "id",
        "name",
        "queue",
    )

    def __init__(
        self,
        job: ClaimedJob,
        journal: Journal,
        timeout: float | None = None,
        transactions: Transactions | None = None,
    ) -> None:
        self.id = job.id
        self.attempt = job.attempt
        self.failures = job.failures
        self.queue = job.queue
        self.name = job.name
        self._journal = journal
        self._transactions = transactions
        self._result = "null"
        self.completed = False
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

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Give a PostgreSQL connection in a transaction that completes the job at the end of the block.

            async with ctx.transaction() as conn:
                await conn.execute("update accounts set …")

        What the handler writes there and the completion of its job are committed together or not at all: for
        these writes the job runs exactly once, whatever is killed. The connection is asyncpg's, to the
        database of `TORIL_DATABASE_URL`. If the block raises, everything is rolled back and the job fails as
        usual. The job's result is what `set_result` was given; what the handler returns afterwards is not
        recorded. One for each attempt; only in `async def` handlers that run in the worker's event loop.

        Raises:
            LostOwnership: another attempt has the job by now; nothing was committed. Let it pass.
            InvalidInput: here there is no transaction to be had.
            Unavailable: PostgreSQL can't be reached.
        """
        if self._transactions is None:
            raise InvalidInput(
                "ctx.transaction() is not to be had here",
                hint="use it in an `async def` handler without isolation; in tests: for_tests(conn=…)",
            )
        if self.completed:
            raise InvalidInput("this job has been completed by its first transaction", hint="use only one")
        async with self._transactions.open(self.id, self.attempt, lambda: self._result) as connection:
            yield connection
        self.completed = True

    def set_result(self, value: object) -> None:
        """Set the result that `transaction` records with the completion.

        Raises:
            InvalidInput, PayloadTooLarge: as for what a handler returns.
        """
        self._result = encode_result(value, self.name)

    @staticmethod
    def for_tests(
        *,
        name: str = "test",
        job_id: int = 1,
        attempt: int = 1,
        failures: int = 0,
        queue: str = DEFAULT_QUEUE,
        timeout: float | None = None,
        conn: object = None,
    ) -> "RecordingContext":
        """Return a context for calling a handler in a unit test; it keeps what the handler says.

        `conn` is what `transaction` gives to the handler; nothing is committed or rolled back.

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
        return RecordingContext(job, timeout, conn)


class RecordingContext(JobContext):
    """A context that keeps what its handler says; see `JobContext.for_tests`.

    Attributes:
        lines: the logged lines, each as `level: message key=value`.
        progressed: the values given to `progress`, as read back from JSON.
    """

    __slots__ = ("lines", "progressed")

    def __init__(self, job: ClaimedJob, timeout: float | None = None, conn: object = None) -> None:
        self.lines: list[str] = []
        self.progressed: list[Any] = []
        super().__init__(job, _Recorder(self), timeout, None if conn is None else _Lent(conn))


class _Lent:
    """The transactions of a `RecordingContext`: the connection that the test has lent, as it is."""

    def __init__(self, conn: object) -> None:
        self._conn = conn

    def open(
        self, _job_id: int, _attempt: int, _result: Callable[[], str], /
    ) -> AbstractAsyncContextManager[Any]:
        return nullcontext(self._conn)


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
