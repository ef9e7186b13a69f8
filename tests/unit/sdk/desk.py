"""A submitter that keeps the jobs, and how they came."""

import asyncio
import threading
from collections.abc import Sequence

from toril import NewJob, Submitted
from toril.domain.lifecycle import Status


class Desk:
    """Stands in for the recording side.

    Attributes:
        calls: the jobs of each submit.
        conns: the connection of each submit.
        places: the thread of each submit.
        closed: whether it was told to close.
    """

    def __init__(self) -> None:
        self.calls: list[list[NewJob]] = []
        self.conns: list[object | None] = []
        self.places: list[threading.Thread] = []
        self.closed = False

    @property
    def jobs(self) -> list[NewJob]:
        return [job for call in self.calls for job in call]

    async def submit(self, jobs: Sequence[NewJob], *, conn: object | None = None) -> list[Submitted]:
        asyncio.get_running_loop()
        return self._take(jobs, conn)

    def submit_sync(self, jobs: Sequence[NewJob], conn: object) -> list[Submitted]:
        return self._take(jobs, conn)

    async def close(self) -> None:
        self.closed = True

    def _take(self, jobs: Sequence[NewJob], conn: object | None) -> list[Submitted]:
        assert jobs
        self.calls.append(list(jobs))
        self.conns.append(conn)
        self.places.append(threading.current_thread())
        return [Submitted(index, Status.PENDING) for index, _ in enumerate(jobs, 1)]
