"""Jobs as people look at them: one job with its history, and list pages, newest first.

Each page is a few short index scans whatever the size of the history: the filter picks the statement, and
the status picks the index ranges (`RANGES`).
"""

from typing import Any, NamedTuple

from toril.domain.lifecycle import State, Status, status_of
from toril.domain.views import AttemptView, DiscardedView, JobFilter, JobHistory, JobView, LogLine
from toril.store.connection import Readers
from toril.store.statements import load

ATTEMPTS_SHOWN = 100
LOGS_SHOWN = 200
DISCARDED_SHOWN = 10
_LAST_ID = 2**63 - 1


class Range(NamedTuple):
    """Where in the indexes the jobs of a status are.

    Attributes:
        places: pairs of state and standing (0 at once, 1 scheduled, 2 retrying).
        due_too: whether delayed jobs whose time has come belong to it where they are.
        overdue: whether delayed jobs whose time has come are to be added.
    """

    places: tuple[tuple[State, int], ...]
    due_too: bool = True
    overdue: bool = False


RANGES = {
    Status.PENDING: Range(((State.QUEUED, 0),), overdue=True),
    Status.SCHEDULED: Range(((State.QUEUED, 1),), due_too=False),
    Status.RETRYING: Range(((State.QUEUED, 2),), due_too=False),
    Status.ACTIVE: Range(((State.ACTIVE, 0),)),
    Status.COMPLETED: Range(((State.COMPLETED, 0),)),
    Status.FAILED: Range(((State.FAILED, 0),)),
    Status.CANCELLED: Range(((State.CANCELLED, 0),)),
    None: Range((*((state, 0) for state in State), (State.QUEUED, 1), (State.QUEUED, 2))),
}


class Pages:
    """Reads for people. All of them raise `Unavailable` when PostgreSQL can't answer in time."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._sql = load("jobs")

    async def history(self, job_id: int) -> JobHistory | None:
        """Return everything known about a job, or None."""
        rows = await self._readers.fetch(self._sql["history"], job_id)
        if not rows:
            return None
        attempts = await self._readers.fetch(self._sql["attempts"], job_id, ATTEMPTS_SHOWN)
        logs = await self._readers.fetch(self._sql["logs"], job_id, LOGS_SHOWN)
        discarded = await self._readers.fetch(self._sql["discarded"], job_id, DISCARDED_SHOWN)
        return JobHistory(
            _view(rows[0]),
            [AttemptView(*row.values()) for row in attempts],
            [LogLine(*row.values()) for row in logs],
            [DiscardedView(*row.values()) for row in discarded],
        )

    async def page(self, query: JobFilter) -> list[JobView]:
        """Return the newest jobs that fit, newest first."""
        before = query.before if query.before is not None else _LAST_ID
        first = (before, query.limit, query.payloads)
        if query.name is None and query.queue is None and query.status is None:
            rows = await self._readers.fetch(self._sql["page"], *first)
        else:
            statement, where = self._where(query)
            places, due_too, overdue = RANGES[query.status]
            states, standings = zip(*places, strict=True)
            rows = await self._readers.fetch(statement, *first, *where, states, standings, due_too, overdue)
        return [_view(row) for row in rows]

    def _where(self, query: JobFilter) -> tuple[str, tuple[object, ...]]:
        if query.name is not None:
            return self._sql["page_by_name"], (query.name, query.queue)
        queues = None if query.queue is None else [query.queue]
        return self._sql["page_by_queue"], (queues,)


def _view(row: Any) -> JobView:
    columns = dict(row)
    status = status_of(State(columns.pop("state")), due=columns.pop("due"), failures=columns["failures"])
    return JobView(status=status, **columns)
