"""The application object: where handlers are declared and jobs are submitted."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar, Unpack, overload

from toril.domain.errors import SettingsError
from toril.domain.job import DEFAULT_ATTEMPTS, DEFAULT_MAX_CRASHES, DEFAULT_QUEUE, NewJob, Submitted
from toril.domain.names import check_job_name
from toril.sdk.blocking import BlockingSubmitter
from toril.sdk.codec import arguments_of
from toril.sdk.control import Retry
from toril.sdk.encoding import encode_json
from toril.sdk.handler import Handler, HandlerDecorator
from toril.sdk.jobtype import define
from toril.sdk.keys import with_keys
from toril.sdk.loading import load_app
from toril.sdk.options import OptionArguments, Options, read_options
from toril.sdk.registry import Registry
from toril.sdk.submitting import PerLoopSubmitter, Submitter

C = ParamSpec("C")
R = TypeVar("R")


class Toril:
    """An application: its handlers, and its connection to submit jobs.

    Creating one connects to nothing; the first submit does.

    Args:
        database_url: PostgreSQL; by default as in the environment (`TORIL_DATABASE_URL`).
        redis_url: Redis or Valkey; by default as in the environment (`TORIL_REDIS_URL`).
        submitter: records the jobs instead of a connection of its own, for tests; it is not closed.

    Attributes:
        registry: the handlers declared so far.
    """

    def __init__(
        self,
        database_url: str | None = None,
        redis_url: str | None = None,
        *,
        submitter: Submitter | None = None,
    ) -> None:
        self.registry = Registry()
        self._database_url = database_url
        self._redis_url = redis_url
        self._connection = PerLoopSubmitter(self._open)
        self._injected = submitter
        self._blocking = BlockingSubmitter(self._submitter, self.close)

    @overload
    def job(self, function: Callable[C, R], /) -> Handler[C, R]: ...
    @overload
    def job(
        self,
        /,
        *,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        retry: Retry | int | None = None,
        timeout: float | timedelta | None = None,
        priority: int = 0,
        max_crashes: int = DEFAULT_MAX_CRASHES,
        isolation: Literal["process"] | None = None,
    ) -> HandlerDecorator: ...
    def job(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        retry: Retry | int | None = None,
        timeout: float | timedelta | None = None,
        priority: int = 0,
        max_crashes: int = DEFAULT_MAX_CRASHES,
        isolation: Literal["process"] | None = None,
    ) -> Any:
        """Declare a function as the handler of a kind of job; used bare or with options.

        The function's parameters are the payload's fields, checked when a job is submitted and again when
        it runs. A first parameter annotated `JobContext`, or named `ctx`, gets the context instead.
        Functions that are `async def` run in the worker's event loop, others in a thread.

        Args:
            function: the handler, when used without options.
            name: the job's name; by default the function's.
            queue: the queue its jobs are put in.
            retry: a `Retry`, or just the number of attempts.
            timeout: seconds (or a `timedelta`) an attempt may take; by default as long as it wants.
            priority: 0 for none, else 1 (most urgent) and up; jobs without one run first.
            max_crashes: how many workers a job may take down before it is failed as poison.
            isolation: `"process"` runs it in a process of its own, which a timeout or cancel can kill.

        Raises:
            TypeError: the function can't be a handler; the message says what to change.
            InvalidInput: an option is out of range.
            SettingsError: another handler has the name already.
        """
        # Annotations that are strings may name types that are local to the function around the handler.
        local_names = sys._getframe(1).f_locals  # noqa: SLF001  # documented, and the only way to read them

        def declare(function: Callable[..., Any]) -> Handler[..., Any]:
            job_type = define(
                function,
                local_names,
                name=name,
                queue=queue,
                retry=retry,
                timeout=timeout,
                priority=priority,
                max_crashes=max_crashes,
                isolation=isolation,
            )
            self.registry.add(job_type)
            return Handler(job_type, self.submit, self.submit_sync)

        return declare if function is None else declare(function)

    async def enqueue(
        self,
        name: str,
        payload: Mapping[str, Any] | None = None,
        *,
        conn: object | None = None,
        **options: Unpack[OptionArguments],
    ) -> Submitted:
        """Record a job by its name. When this returns, it will be run.

        Args:
            name: the job's name. One of this application's handlers is checked like its own `enqueue`; any
                other name may be handled by another program, and goes to the queue `default` unless told.
            payload: the handler's arguments by name.
            conn: a connection of yours, whose transaction the job is recorded in; it is run when you commit.
            options: see `OptionArguments`.

        Raises:
            InvalidInput: the payload doesn't fit, or an option is out of range.
            Conflict: another job has its key; nothing was recorded.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        return (await self.submit([self.new_job(name, payload, **options)], conn))[0]

    def enqueue_sync(
        self,
        name: str,
        payload: Mapping[str, Any] | None = None,
        *,
        conn: object | None = None,
        **options: Unpack[OptionArguments],
    ) -> Submitted:
        """Record a job by its name from code without an event loop; see `enqueue` and `submit_sync`."""
        return self.submit_sync([self.new_job(name, payload, **options)], conn)[0]

    async def enqueue_many(self, jobs: Iterable[NewJob], *, conn: object | None = None) -> list[Submitted]:
        """Record jobs of any handlers in one transaction: all or none, ids in their order.

        Args:
            jobs: made by `handler.args(…)`, `handler.options(…).args(…)` or `app.new_job(…)`.
            conn: a connection of yours, whose transaction they are recorded in.
        """
        return await self.submit(list(jobs), conn)

    def enqueue_many_sync(self, jobs: Iterable[NewJob], *, conn: object | None = None) -> list[Submitted]:
        """Record jobs from code without an event loop; see `enqueue_many` and `submit_sync`."""
        return self.submit_sync(list(jobs), conn)

    def new_job(
        self, name: str, payload: Mapping[str, Any] | None = None, **options: Unpack[OptionArguments]
    ) -> NewJob:
        """Return a job by its name, for `enqueue_many`; nothing is recorded. Arguments as for `enqueue`."""
        arguments = arguments_of(payload)
        chosen = read_options(**options)
        if name in self.registry:
            return self.registry.get(name).new_job(arguments, chosen)
        return _foreign_job(check_job_name(name), arguments, chosen)

    async def submit(self, jobs: Sequence[NewJob], conn: object | None = None) -> list[Submitted]:
        """Record jobs that are ready, all or none; what all the ways that are awaited end in."""
        return await (await self._submitter()).submit(jobs, conn=conn) if jobs else []

    def submit_sync(self, jobs: Sequence[NewJob], conn: object | None = None) -> list[Submitted]:
        """Record jobs that are ready, all or none; what all the ways that end in `_sync` end in.

        Without `conn` a background thread does it, which all threads share, and this one waits. With `conn`,
        a synchronous connection, this thread does it.

        Raises:
            RuntimeError: an event loop runs in this thread, and waiting here would stop it.
        """
        return self._blocking.submit(jobs, conn) if jobs else []

    async def close(self) -> None:
        """Close the running event loop's connection, if there is one. A later submit opens it again."""
        await self._connection.close()

    def close_sync(self) -> None:
        """Close what blocking submits have opened; a later one opens it again.

        When the interpreter ends it is done by itself, so that what was accepted is dispatched at once.

        Raises:
            RuntimeError: an event loop runs in this thread, and waiting here would stop it.
        """
        self._blocking.close()

    async def __aenter__(self) -> Self:
        """Return the application; it connects when the first job is submitted."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def _submitter(self) -> Submitter:
        return self._injected or await self._connection.connect()

    async def _open(self) -> Submitter:
        # Imported here: programs that only declare handlers need no drivers.
        from toril.bootstrap import open_submitter

        return await open_submitter(database_url=self._database_url, redis_url=self._redis_url)


def _foreign_job(name: str, payload: Mapping[str, Any], options: Options) -> NewJob:
    job = NewJob(
        queue=options.queue or DEFAULT_QUEUE,
        name=name,
        payload=encode_json(payload, "payload"),
        priority=options.priority or 0,
        delay=options.delay,
        run_at=options.run_at,
        max_attempts=options.attempts or DEFAULT_ATTEMPTS,
        max_crashes=DEFAULT_MAX_CRASHES,
        timeout=options.timeout,
        backoff=options.backoff,
    )
    return with_keys(job, payload, options.idempotency_key, options.unique)


def load_registry(address: str) -> Registry:
    """Return the handlers of the application at `module:attribute`.

    Raises:
        SettingsError: it can't be found or imported, or has no handlers.
    """
    registry = load_app(address, Toril).registry
    if not len(registry):
        raise SettingsError(
            f"{address} has no job handlers.", field="TORIL_APP", hint="Declare some with @app.job."
        )
    return registry
