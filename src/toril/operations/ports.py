"""What the operations need from the rest of the system; the store and the composition root provide it.

Each protocol is as narrow as its user: the API reads jobs through one, submits them through another.
"""

from collections.abc import Awaitable, Sequence
from typing import NamedTuple, Protocol

from toril.domain.job import NewJob, Submitted
from toril.domain.views import JobFilter, JobHistory, JobView, QueueCounts, RegisteredJob


class Submitter(Protocol):
    """Records jobs. What it returns has been committed."""

    def submit_one(self, job: NewJob) -> Awaitable[Submitted]:
        """Record a job together with others that arrive meanwhile; resolves after the commit.

        Raises:
            Conflict: another job has one of its keys; nothing was recorded.
            Unavailable: PostgreSQL is down, or too many jobs wait for it already; nothing was recorded.
        """

    async def submit_many(self, jobs: Sequence[NewJob]) -> list[Submitted]:
        """Record all of these jobs in one transaction, or none; one result per job, ids in their order.

        Raises:
            Conflict: another job has a key of one of them; `field` starts with its index, `[17].`.
            Unavailable: as for `submit_one`.
        """


class JobReader(Protocol):
    """Shows what is recorded. Every method raises `Unavailable` when PostgreSQL can't be asked."""

    async def history(self, job_id: int) -> JobHistory | None:
        """Return all that is known of a job, or None."""

    async def page(self, query: JobFilter) -> list[JobView]:
        """Return a page of jobs, newest first, at most `query.limit`."""

    async def queue_counts(self) -> list[QueueCounts]:
        """Return the counts of every queue, by name, without counting rows."""


class Registry(Protocol):
    """The job types that workers have published."""

    async def registered_jobs(self) -> list[RegisteredJob]:
        """Return them all, one per name."""


class ComponentHealth(NamedTuple):
    """Whether a part that the process depends on answers.

    Attributes:
        name: `postgresql`, `redis`, …
        up: whether it answered in time.
        detail: one sentence for an operator; no addresses or credentials, anybody may read it.
        required: without it nothing can be accepted; without the others the service is only degraded.
    """

    name: str
    up: bool
    detail: str
    required: bool


class HealthChecks(Protocol):
    """Asks the parts that the process depends on how they are."""

    async def check(self) -> list[ComponentHealth]:
        """Ask all of them at the same time. Each answer is bounded in time; a silent part is down."""
