"""A decorated handler: still the plain function, and the typed way to submit jobs for it.

Two things that Python's types can't say directly shape the overloads here:

* "The function's own arguments, and also `delay=`". So `enqueue` with the function's arguments alone is
  checked in full; with an option beside them only the options are; and `handler.options(delay=30).enqueue(…)`
  is checked in full again.
* "Without the first parameter, if that is a context". So each method has an overload whose `self` is a
  handler with a context. (Telling the two apart in the decorator instead makes type checkers give up as soon
  as the function mentions Any, as in `-> dict[str, Any]`.) What is left unchecked is passing a context by
  hand; that is refused at run time.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, Unpack, overload

from toril.domain.job import NewJob, Submitted
from toril.domain.retry import Backoff
from toril.sdk.context import JobContext
from toril.sdk.jobtype import JobType
from toril.sdk.keys import UniqueArguments
from toril.sdk.options import NO_OPTIONS, OPTION_NAMES, OptionArguments, read_options
from toril.sdk.submitting import Submit, SubmitSync
from toril.sdk.withoptions import WithOptions

C = ParamSpec("C")
"""What the function takes when it is called."""
P = ParamSpec("P")
"""What a payload has to fill, where the function takes a context before."""
R = TypeVar("R")


class Handler(Generic[C, R]):
    """What `@app.job` makes of a function.

    Calling it calls the function, so a unit test needs nothing else.

    Attributes:
        name: the job's name.
        job_type: all that the decorator said.
    """

    __name__: str

    def __init__(self, job_type: JobType, submit: Submit, submit_sync: SubmitSync) -> None:
        functools.update_wrapper(self, job_type.function)
        self.name = job_type.name
        self.job_type = job_type
        self._submit = submit
        self._submit_sync = submit_sync
        self._plain: WithOptions[C] = WithOptions(job_type, NO_OPTIONS, None, submit, submit_sync)
        # A parameter that has an option's name wins; that option is then reachable by `options(…)` only.
        self._option_names = (OPTION_NAMES | {"conn"}) - set(job_type.codec.struct.__struct_fields__)

    def __call__(self, *args: C.args, **kwargs: C.kwargs) -> R:
        """Call the function itself, here and now."""
        result: R = self.job_type.function(*args, **kwargs)
        return result

    def __repr__(self) -> str:
        """Name the job and its function."""
        return (
            f"<job {self.name!r}: {self.job_type.function.__module__}.{self.job_type.function.__qualname__}>"
        )

    def options(self, *, conn: object | None = None, **options: Unpack[OptionArguments]) -> WithOptions[C]:
        """Return this handler with options for the jobs submitted through it, such as `delay=30`.

        Args:
            conn: a connection of yours, whose transaction the jobs are recorded in.
            options: see `OptionArguments`.

        Raises:
            InvalidInput: naming the option and what it takes.
        """
        return WithOptions(self.job_type, read_options(**options), conn, self._submit, self._submit_sync)

    @overload
    def args(self: "Handler[Concatenate[JobContext, P], R]", *args: P.args, **kwargs: P.kwargs) -> NewJob: ...
    @overload
    def args(self, *args: C.args, **kwargs: C.kwargs) -> NewJob: ...
    def args(self, *args: Any, **kwargs: Any) -> NewJob:
        """Return a job with these arguments, to be recorded later; see `WithOptions.args`."""
        return self._plain.args(*args, **kwargs)

    async def enqueue_many(
        self, jobs: Iterable[NewJob | Mapping[str, Any]], *, conn: object | None = None
    ) -> list[Submitted]:
        """Record many jobs at once, all or none; see `WithOptions.enqueue_many`."""
        return await self.options(conn=conn).enqueue_many(jobs)

    def enqueue_many_sync(
        self, jobs: Iterable[NewJob | Mapping[str, Any]], *, conn: object | None = None
    ) -> list[Submitted]:
        """Record many jobs from code without an event loop; see `enqueue_many`."""
        return self.options(conn=conn).enqueue_many_sync(jobs)

    # One overload per option that can come first, because at least one of them must be there: a call without
    # any is the function's own signature and nothing else.

    @overload
    async def enqueue(
        self: "Handler[Concatenate[JobContext, P], R]", *args: P.args, **kwargs: P.kwargs
    ) -> Submitted: ...
    @overload
    async def enqueue(self, *args: C.args, **kwargs: C.kwargs) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, delay: float | timedelta, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, run_at: datetime, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, priority: int, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, attempts: int, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, backoff: Backoff, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, timeout: float | timedelta, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, queue: str, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, idempotency_key: str, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, unique: UniqueArguments | str, **kwargs: Any) -> Submitted: ...
    @overload
    async def enqueue(self, *args: Any, conn: object, **kwargs: Any) -> Submitted: ...
    async def enqueue(self, *args: Any, **kwargs: Any) -> Submitted:
        """Record a job with these arguments. When this returns, it will be run.

        Beside the function's own arguments it takes the options of `OptionArguments`: delay, run_at,
        priority, attempts, backoff, timeout, queue, idempotency_key, unique; and `conn`, a connection of
        yours, whose transaction the job is recorded in. Where the function has a parameter of one of these
        names, the name means the parameter; use `options(…)` for the option.

        Raises:
            InvalidInput: the arguments don't fit the function's signature, or an option is out of range.
            Conflict: another job has its key; nothing was recorded.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        return await self._with_options_in(kwargs).enqueue(*args, **kwargs)

    @overload
    def enqueue_sync(
        self: "Handler[Concatenate[JobContext, P], R]", *args: P.args, **kwargs: P.kwargs
    ) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: C.args, **kwargs: C.kwargs) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, delay: float | timedelta, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, run_at: datetime, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, priority: int, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, attempts: int, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, backoff: Backoff, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, timeout: float | timedelta, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, queue: str, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, idempotency_key: str, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, unique: UniqueArguments | str, **kwargs: Any) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: Any, conn: object, **kwargs: Any) -> Submitted: ...
    def enqueue_sync(self, *args: Any, **kwargs: Any) -> Submitted:
        """Record a job from code without an event loop: scripts, views, handlers that run in threads.

        Takes what `enqueue` takes; `conn` is then a synchronous connection. See `Toril.submit_sync`.
        """
        return self._with_options_in(kwargs).enqueue_sync(*args, **kwargs)

    def _with_options_in(self, kwargs: dict[str, Any]) -> WithOptions[...]:
        """Take the options out of a call's keyword arguments."""
        if self._option_names.isdisjoint(kwargs):
            return self._plain
        chosen: Any = {name: kwargs.pop(name) for name in self._option_names & kwargs.keys()}
        return self.options(**chosen)


class HandlerDecorator(Protocol):
    """What `@app.job(…)` with options returns."""

    def __call__(self, function: Callable[C, R], /) -> Handler[C, R]:
        """Declare the function as a handler."""
