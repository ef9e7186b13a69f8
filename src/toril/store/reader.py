"""All reads for people behind one door: what the API, the command line and boards look through."""

from toril.domain.views import JobFilter, JobHistory, JobView, QueueCounts, RegisteredJob
from toril.store.connection import Readers
from toril.store.counts import Counts
from toril.store.job_types import JobTypes
from toril.store.pages import Pages
from toril.store.statements import load


class Reader:
    """Reads over a small pool; every method raises `Unavailable` when PostgreSQL can't answer in time.

    Args:
        readers: the pool.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._pages = Pages(readers)
        self._counts = Counts()
        self._job_types = JobTypes()
        self._outbox = load("outbox")

    async def history(self, job_id: int) -> JobHistory | None:
        """Return everything known about a job, or None."""
        return await self._pages.history(job_id)

    async def page(self, query: JobFilter) -> list[JobView]:
        """Return the newest jobs that fit, newest first."""
        return await self._pages.page(query)

    async def queue_counts(self) -> list[QueueCounts]:
        """Return the counts of every queue, by name."""
        return await self._counts.read(self._readers)

    async def registered_jobs(self) -> list[RegisteredJob]:
        """Return all registered job types, by name."""
        return await self._job_types.all(self._readers)

    async def relay_lag(self) -> float:
        """Return the age in seconds of the oldest promise to Redis that should have been kept; 0 if none."""
        rows = await self._readers.fetch(self._outbox["backlog"])
        return float(rows[0][0] or 0.0)

    async def ping(self) -> None:
        """Check that PostgreSQL answers."""
        await self._readers.fetch("select 1")
