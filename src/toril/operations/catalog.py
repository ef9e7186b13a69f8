"""Which job names exist, and what their payloads look like: a snapshot of the registry that workers publish.

A periodic service calls `refresh`. A name that the snapshot lacks is looked up again at once, so that the
names of a worker that has just started work: all requests that miss share the next read. There is one read
at a time, and those that misses cause are spaced, so that unknown names can't be used to flood PostgreSQL.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from toril.domain.errors import UnknownJob
from toril.domain.job import DEFAULT_ATTEMPTS, DEFAULT_MAX_CRASHES, DEFAULT_QUEUE
from toril.domain.names import suggest
from toril.domain.views import RegisteredJob
from toril.operations.decoding import shortened
from toril.operations.payload_schema import PayloadSchema, compile_schema
from toril.operations.ports import Registry

_SUGGESTIONS_FROM = 300
"""How many names are compared with an unknown one, which takes some 10 µs each."""


class JobType(NamedTuple):
    """A registered job, with its schema compiled."""

    registered: RegisteredJob
    schema: PayloadSchema


class Catalog:
    """The registered jobs by name.

    Args:
        registry: where workers publish them.
        spacing: seconds between two reads that misses cause.
        clock: monotonic seconds.
    """

    def __init__(
        self, registry: Registry, *, spacing: float = 0.25, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._spacing = spacing
        self._clock = clock
        self._types: dict[str, JobType] = {}
        self._read_at = float("-inf")  # when the read that gave the snapshot began
        self._tried_at = float("-inf")
        self._reading = asyncio.Lock()
        self._next_read: asyncio.Task[None] | None = None

    def get(self, name: str) -> JobType | None:
        """Return the job type as of the last read, or None."""
        return self._types.get(name)

    @property
    def broken(self) -> dict[str, str]:
        """The names whose schema can't be used, and why; their payloads are not checked."""
        return {name: kind.schema.broken for name, kind in self._types.items() if kind.schema.broken}

    async def find(self, name: str, *, since: float) -> JobType | None:
        """Return the job type, from a snapshot that was read no earlier than `since` if it is a new name.

        Args:
            name: a job name.
            since: on the catalog's clock; see `now`.

        Raises:
            Unavailable: the registry can't be read, so nobody knows.
        """
        known = self._types.get(name)
        if known is None and self._read_at < since:
            await self._read_next()
            known = self._types.get(name)
        return known

    def now(self) -> float:
        """Return the catalog's time, for `find`."""
        return self._clock()

    async def refresh(self) -> None:
        """Read the registry. Types that didn't change keep their compiled schema.

        Raises:
            Unavailable: PostgreSQL can't be asked; the last snapshot stays.
        """
        async with self._reading:
            await self._read()

    def unknown(self, name: str) -> UnknownJob:
        """Return the error for a name that nobody has registered."""
        nearest = suggest(shortened(name), islice(self._types, _SUGGESTIONS_FROM))
        remedy = "start a worker that has it, or add ?allow_unknown=true to let the job wait for one"
        hint = f"{nearest} Otherwise {remedy}" if nearest else remedy
        return UnknownJob(
            f"No worker has registered a job named {shortened(name)!r}.", field="name", hint=hint
        )

    async def _read(self) -> None:
        self._tried_at = self._clock()
        registered = await self._registry.registered_jobs()
        self._types = {job.name: self._compiled(job) for job in registered}
        self._read_at = self._tried_at

    def _compiled(self, job: RegisteredJob) -> JobType:
        known = self._types.get(job.name)
        if known is not None and known.registered == job:
            return known
        return JobType(job, compile_schema(job.name, job.schema))

    async def _read_next(self) -> None:
        """Wait for a read that starts from now on."""
        if self._next_read is None:
            self._next_read = asyncio.create_task(self._read_when_spaced(), name="catalog:read")
        await asyncio.shield(self._next_read)  # one request that goes away must not fail the others

    async def _read_when_spaced(self) -> None:
        await asyncio.sleep(max(0.0, self._tried_at + self._spacing - self._clock()))
        async with self._reading:
            self._next_read = None  # whoever misses while this read is under way needs the one after it
            await self._read()


def unregistered(name: str) -> JobType:
    """Return a stand-in for a name that nobody has registered: any object will do as its payload."""
    job = RegisteredJob(
        name, DEFAULT_QUEUE, "true", DEFAULT_ATTEMPTS, DEFAULT_MAX_CRASHES, 0, None, "Not registered."
    )
    return JobType(job, compile_schema(name, job.schema))
