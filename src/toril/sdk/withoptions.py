"""A handler and the options its jobs are submitted with: `handler.options(delay=30)`.

The overloads tell a handler that takes a context from one that doesn't: a payload doesn't fill the context.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, overload

from toril.domain.errors import InvalidInput
from toril.domain.job import NewJob, Submitted
from toril.sdk.codec import arguments_of
from toril.sdk.context import JobContext
from toril.sdk.jobtype import JobType
from toril.sdk.options import Options
from toril.sdk.submitting import Submit, SubmitSync

C = ParamSpec("C")
"""What the function takes when it is called."""
P = ParamSpec("P")
"""What a payload has to fill, where the function takes a context before."""


class WithOptions(Generic[C]):
    """A handler together with the options its jobs are submitted with; see `Handler.options`.

    Args:
        job_type: the handler's.
        options: checked.
        conn: the connection to record jobs on, or None for the application's own.
        submit: where jobs go.
        submit_sync: where jobs go from code without an event loop.
    """

    def __init__(
        self,
        job_type: JobType,
        options: Options,
        conn: object | None,
        submit: Submit,
        submit_sync: SubmitSync,
    ) -> None:
        self.job_type = job_type
        self._options = options
        self._conn = conn
        self._submit = submit
        self._submit_sync = submit_sync

    @overload
    def args(
        self: "WithOptions[Concatenate[JobContext, P]]", *args: P.args, **kwargs: P.kwargs
    ) -> NewJob: ...
    @overload
    def args(self, *args: C.args, **kwargs: C.kwargs) -> NewJob: ...
    def args(self, *args: Any, **kwargs: Any) -> NewJob:
        """Return a job with these arguments, for `enqueue_many` or `Toril.enqueue_many`; nothing is recorded.

        Raises:
            InvalidInput: the arguments don't fit the function's signature, or the options have a connection,
                which is for whoever records the job.
        """
        if self._conn is not None:
            raise InvalidInput(
                "conn has no meaning for a job that is only made",
                field="conn",
                hint="give it to enqueue_many(…, conn=conn)",
            )
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
            Conflict: another job has its key; nothing was recorded.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        return (await self._submit([self._new_job(args, kwargs)], self._conn))[0]

    @overload
    def enqueue_sync(
        self: "WithOptions[Concatenate[JobContext, P]]", *args: P.args, **kwargs: P.kwargs
    ) -> Submitted: ...
    @overload
    def enqueue_sync(self, *args: C.args, **kwargs: C.kwargs) -> Submitted: ...
    def enqueue_sync(self, *args: Any, **kwargs: Any) -> Submitted:
        """Record a job from code without an event loop; see `enqueue` and `Toril.submit_sync`."""
        return self._submit_sync([self._new_job(args, kwargs)], self._conn)[0]

    async def enqueue_many(self, jobs: Iterable[NewJob | Mapping[str, Any]]) -> list[Submitted]:
        """Record many jobs of this handler at once: all or none, ids in their order.

        Args:
            jobs: what `args(…)` returned, with the options it was called on, or payloads as dicts, which
                get the options of this object.

        Raises:
            InvalidInput: one of them doesn't fit, nothing was recorded; the field starts with its index.
            Conflict: another job has the key of one of them; nothing was recorded.
            Unavailable: PostgreSQL can't be reached; nothing was recorded.
        """
        return await self._submit(self._jobs(jobs), self._conn)

    def enqueue_many_sync(self, jobs: Iterable[NewJob | Mapping[str, Any]]) -> list[Submitted]:
        """Record many jobs from code without an event loop; see `enqueue_many` and `Toril.submit_sync`."""
        return self._submit_sync(self._jobs(jobs), self._conn)

    def _new_job(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NewJob:
        return self.job_type.new_job(self.job_type.codec.by_name(args, kwargs), self._options)

    def _jobs(self, jobs: Iterable[NewJob | Mapping[str, Any]]) -> list[NewJob]:
        return [self._job(index, job) for index, job in enumerate(jobs)]

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
