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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, Unpack, overload

from toril.domain.errors import InvalidInput
from toril.domain.job import NewJob, Submitted
from toril.domain.retry import Backoff
from toril.sdk.codec import arguments_of
from toril.sdk.context import JobContext
from toril.sdk.jobtype import JobType
from toril.sdk.options import NO_OPTIONS, OPTION_NAMES, OptionArguments, Options, read_options

C = ParamSpec("C")
"""What the function takes when it is called."""
P = ParamSpec("P")
"""What a payload has to fill, where the function takes a context before."""
R = TypeVar("R")

Submit = Callable[[Sequence[NewJob]], Awaitable[list[Submitted]]]
"""Records jobs, all or none; ids in their order."""


class WithOptions(Generic[C]):
    """A handler together with the options its jobs are submitted with; see `Handler.options`."""

    def __init__(self, job_type: JobType, options: Options, submit: Submit) -> None:
        self.job_type = job_type
        self._options = options
        self._submit = submit

    @overload
    def args(
        self: "WithOptions[Concatenate[JobContext, P]]", *args: P.args, **kwargs: P.kwargs
    ) -> NewJob: ...
    @overload
    def args(self, *args: C.args, **kwargs: C.kwargs) -> NewJob: ...
    def args(self, *args: Any, **kwargs: Any) -> NewJob:
        """Return a job with these arguments, for `enqueue_many` or `Toril.enqueue_many`; nothing is recorded.

        Raises:
            InvalidInput: the arguments don't fit the function's signature.
        """
        return self._new_job(args, kwargs)

    @overload
    async def enqueue(
        self: "WithOptions[Concatenate[JobContext, P]]", *args: P.args, **kwargs: P.kwargs
    ) -> Submitted: ...
    @overload
    async def enqueue(self, *args: C.args, **kwargs: C.kwargs) -> Submitted: ...
    async def enqueue(self, *args: Any, **kwargs: Any) -> Submitted:
        """Record a job with these arguments. When this returns, it will be run.

        Raises:
            InvalidInput: the arguments don't fit the function's signature.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        return (await self._submit([self._new_job(args, kwargs)]))[0]

    async def enqueue_many(self, jobs: Iterable[NewJob | Mapping[str, Any]]) -> list[Submitted]:
        """Record many jobs of this handler at once: all or none, ids in their order.

        Args:
            jobs: what `args(…)` returned, with the options it was called on, or payloads as dicts, which
                get the options of this object.

        Raises:
            InvalidInput: one of them doesn't fit, nothing was recorded; the field starts with its index.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        found = [self._job(index, job) for index, job in enumerate(jobs)]
        return list(await self._submit(found)) if found else []

    def _new_job(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NewJob:
        return self.job_type.new_job(self.job_type.codec.by_name(args, kwargs), self._options)

    def _job(self, index: int, job: NewJob | Mapping[str, Any]) -> NewJob:
        if isinstance(job, NewJob):
            return self._own(index, job)
        try:
            return self.job_type.new_job(arguments_of(job), self._options)
        except InvalidInput as error:
            field = f"[{index}].{error.field}"
            raise InvalidInput(
                f"[{index}].{error.message}", code=error.code, field=field, hint=error.hint
            ) from error

    def _own(self, index: int, job: NewJob) -> NewJob:
        if job.name != self.job_type.name:
            raise InvalidInput(
                f"[{index}] is a job for {job.name!r}, not {self.job_type.name!r}",
                field=f"[{index}].name",
                hint="submit jobs of several handlers with app.enqueue_many",
            )
        return job


class Handler(Generic[C, R]):
    """What `@app.job` makes of a function.

    Calling it calls the function, so a unit test needs nothing else.

    Attributes:
        name: the job's name.
        job_type: all that the decorator said.
    """

    __name__: str

    def __init__(self, job_type: JobType, submit: Submit) -> None:
        functools.update_wrapper(self, job_type.function)
        self.name = job_type.name
        self.job_type = job_type
        self._submit = submit
        self._plain: WithOptions[C] = WithOptions(job_type, NO_OPTIONS, submit)
        # A parameter that has an option's name wins; that option is then reachable by `options(…)` only.
        self._option_names = OPTION_NAMES - set(job_type.codec.struct.__struct_fields__)

    def __call__(self, *args: C.args, **kwargs: C.kwargs) -> R:
        """Call the function itself, here and now."""
        result: R = self.job_type.function(*args, **kwargs)
        return result

    def __repr__(self) -> str:
        """Name the job and its function."""
        return (
            f"<job {self.name!r}: {self.job_type.function.__module__}.{self.job_type.function.__qualname__}>"
        )

    def options(self, **options: Unpack[OptionArguments]) -> WithOptions[C]:
        """Return this handler with options for the jobs submitted through it, such as `delay=30`.

        Raises:
            InvalidInput: naming the option and what it takes.
        """
        return WithOptions(self.job_type, read_options(**options), self._submit)

    @overload
    def args(self: "Handler[Concatenate[JobContext, P], R]", *args: P.args, **kwargs: P.kwargs) -> NewJob: ...
    @overload
    def args(self, *args: C.args, **kwargs: C.kwargs) -> NewJob: ...
    def args(self, *args: Any, **kwargs: Any) -> NewJob:
        """Return a job with these arguments, to be recorded later; see `WithOptions.args`."""
        return self._plain.args(*args, **kwargs)

    async def enqueue_many(self, jobs: Iterable[NewJob | Mapping[str, Any]]) -> list[Submitted]:
        """Record many jobs at once, all or none; see `WithOptions.enqueue_many`."""
        return await self._plain.enqueue_many(jobs)

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
    async def enqueue(self, *args: Any, **kwargs: Any) -> Submitted:
        """Record a job with these arguments. When this returns, it will be run.

        Beside the function's own arguments it takes the options of `OptionArguments`: delay, run_at,
        priority, attempts, backoff, timeout, queue. Where the function has a parameter of one of these
        names, the name means the parameter; use `options(…)` for the option.

        Raises:
            InvalidInput: the arguments don't fit the function's signature, or an option is out of range.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        if self._option_names.isdisjoint(kwargs):
            return await self._plain.enqueue(*args, **kwargs)
        chosen: Any = {name: kwargs.pop(name) for name in self._option_names & kwargs.keys()}
        return await self.options(**chosen).enqueue(*args, **kwargs)


class HandlerDecorator(Protocol):
    """What `@app.job(…)` with options returns."""

    def __call__(self, function: Callable[C, R], /) -> Handler[C, R]:
        """Declare the function as a handler."""
