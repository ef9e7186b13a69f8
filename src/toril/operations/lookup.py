"""Looking at jobs and queues."""

from toril.domain.errors import NotFound
from toril.domain.views import JobFilter, JobHistory, JobView, QueueCounts
from toril.operations.decoding import shortened
from toril.operations.ports import JobReader

MAX_ID = 2**63 - 1
"""The largest id that PostgreSQL's bigint holds."""


class Lookup:
    """Shows what is recorded.

    Args:
        store: where to read. Its `Unavailable` is passed on.
    """

    def __init__(self, store: JobReader) -> None:
        self._store = store

    async def job(self, job_id: str) -> JobHistory:
        """Return all that is known of a job.

        Args:
            job_id: the id as a client wrote it.

        Raises:
            NotFound: there is no such job, or there can't be.
        """
        number = _id(job_id)
        found = await self._store.history(number) if number else None
        if found is None:
            raise NotFound(
                f"There is no job {shortened(job_id)!r}.",
                field="id",
                hint="check the id; jobs are deleted some time after they have ended",
            )
        return found

    async def page(self, query: JobFilter) -> list[JobView]:
        """Return a page of jobs, newest first."""
        return await self._store.page(query)

    async def queues(self) -> list[QueueCounts]:
        """Return the counts of every queue, by name."""
        return await self._store.queue_counts()


def _id(text: str) -> int:
    """Return the id, or 0 where `text` is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_ID)):
        return 0
    number = int(text)
    return number if number <= MAX_ID else 0
