"""Finds workers that are gone and queues their jobs again.

A worker is alive while its beat moves. Every process watches the beats by its own clock; the leader declares
a worker lost whose beat it has seen stand still for one lease. While PostgreSQL can't be reached nobody can
beat, so all watching starts anew after that. Jobs are taken back from every worker that is not alive, whoever
declared it so, which makes a leader that dies half-way harmless.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from toril.broker.broker import Broker
from toril.domain.errors import Refused, Unavailable
from toril.domain.events import Emit, JobRescued, WorkersLost
from toril.operations.dispatch import Dispatcher
from toril.store.connection import Lane
from toril.store.jobs import Jobs
from toril.store.workers import Workers

LIMIT = 500
_LOOK_BACK_EVERY = 60.0


class Rescuer:
    """Watches workers, and takes jobs back from those that are gone.

    Args:
        jobs: the job rows.
        lane: a connection.
        broker: for suggestions that a lost worker took and never claimed.
        dispatcher: told about the jobs that were queued again.
        lease: seconds without a beat after which a worker is lost.
        leading: whether this process is to act.
        emit: where it tells what it did.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        jobs: Jobs,
        lane: Lane,
        broker: Broker,
        dispatcher: Dispatcher,
        *,
        lease: float,
        leading: Callable[[], bool],
        emit: Emit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._lane = lane
        self._broker = broker
        self._dispatcher = dispatcher
        self._lease = lease
        self._leading = leading
        self._emit = emit
        self._clock = clock
        self._workers = Workers()
        self._owed: set[tuple[UUID, str]] = set()
        self._look_back_at = 0.0
        self._moved: dict[UUID, tuple[int, float]] = {}  # the beat of each worker, and when we first saw it

    async def tick(self) -> bool:
        """Watch, and when leading act; True when there are more jobs to take back."""
        asked_at = self._clock()
        try:
            beats = await self._workers.beats(self._lane)
            if self._clock() - asked_at > self._lease / 3:
                self._moved.clear()  # PostgreSQL was slow: the workers may not have had a chance to beat
            silent = self._silent(beats)
        except Unavailable:
            self._moved.clear()
            raise
        if not self._leading():
            self._look_back_at = 0.0  # whoever leads begins with what others may have left undone
            return False
        if silent:
            await self._declare_lost(silent)
        more = await self._rescue()
        if self._clock() >= self._look_back_at:
            self._owed |= set(await self._workers.departed(self._lane))
            self._look_back_at = self._clock() + _LOOK_BACK_EVERY
        await self._give_back()
        return more

    def _silent(self, beats: dict[UUID, int]) -> list[UUID]:
        """Note which workers' beats have moved; return those that have stood still for a lease."""
        now = self._clock()
        for worker, beat in beats.items():
            if worker not in self._moved or self._moved[worker][0] != beat:
                self._moved[worker] = (beat, now)
        self._moved = {worker: seen for worker, seen in self._moved.items() if worker in beats}
        return [worker for worker, (_, since) in self._moved.items() if now - since >= self._lease]

    async def _declare_lost(self, silent: list[UUID]) -> None:
        beats = [self._moved[worker][0] for worker in silent]
        lost = await self._workers.retire(self._lane, silent, "lost", beats)
        if lost:
            self._emit(WorkersLost(tuple(lost)))
        self._look_back_at = 0.0

    async def _give_back(self) -> None:
        """Put back what departed workers took and never claimed; owed until Redis has done it."""
        for worker, queue in list(self._owed):
            with suppress(Refused):  # it keeps no other queue from getting its own back
                await self._broker.give_back(queue, worker)
                self._owed.discard((worker, queue))

    async def _rescue(self) -> bool:
        rescued = await self._jobs.rescue(self._lane, limit=LIMIT, outcome="crashed")
        self._dispatcher.dispatch([job.push for job in rescued if job.push is not None])
        for job in rescued:
            self._emit(JobRescued(job.id, job.attempt, job.queue, job.push is None))
        return len(rescued) == LIMIT
