"""Writes what came of attempts: PostgreSQL first, fenced; then Redis, as a mirror.

    decision → finish (PostgreSQL) → settle (Redis) → dispatch of what was queued again

While PostgreSQL is down outcomes wait here, `MAX_WAITING` at most; the worker takes no more jobs when it is
full. While Redis is down as many wait to be mirrored, which keeps none from being recorded; what is too much,
or what Redis refuses, is left to the audit.

An outcome that doesn't match is either this attempt's own, written before its answer was lost, or it came too
late: the job had been taken away, and the outcome is told as an event and discarded (`discards.py`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from toril.broker.broker import Broker
from toril.broker.wire import Settlement, What, as_shown
from toril.domain.errors import InvalidInput, Unavailable
from toril.domain.events import BatchRecorded, Emit, OwnershipLost, ServiceFailed
from toril.domain.job import ClaimedJob, Push
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision, ErrorInfo
from toril.operations.dispatch import Dispatcher
from toril.runtime.batcher import Batcher
from toril.runtime.refusals import Refusals
from toril.store.connection import Lane
from toril.store.jobs import Finish, Jobs
from toril.telemetry.progress import Progress
from toril.worker.discards import Discards
from toril.worker.patience import Patience

MAX_WAITING = 10_000
_MAX_BATCH = 500
_MAX_MIRRORED = 1_000
_DISCARDED_SHOWN = 1_000
_LONGEST_WRITE = 30.0
"""Seconds for a batch: to connect, and for a statement or two to reach their deadlines."""


class OutcomeRecorder:
    """Records decisions in batches.

    Args:
        jobs: the job rows.
        lane: a connection of its own.
        broker: where outcomes are mirrored.
        dispatcher: told about jobs that were queued again.
        postgres: patience with PostgreSQL.
        redis: patience with Redis.
        emit: where lost ownership is told.
        forget: called with each (id, attempt) whose outcome is on record or lost.
        discards: keeps outcomes that came too late.
        progress: where written batches are noted.
    """

    def __init__(
        self,
        jobs: Jobs,
        lane: Lane,
        broker: Broker,
        dispatcher: Dispatcher,
        postgres: Patience,
        redis: Patience,
        emit: Emit,
        forget: Callable[[int, int], None],
        discards: Discards,
        progress: Progress,
    ) -> None:
        self._jobs = jobs
        self._lane = lane
        self._broker = broker
        self._dispatcher = dispatcher
        self._postgres = postgres
        self._redis = redis
        self._refusals = Refusals(emit)
        self._draining = asyncio.Event()
        self._emit = emit
        self._forget = forget
        self._discards = discards
        self._writes = progress.follow("recorder", _LONGEST_WRITE)
        self._finishes: Batcher[tuple[ClaimedJob, Decision], None] = Batcher(
            "outcomes to PostgreSQL", self._record_batch, max_batch=_MAX_BATCH, max_waiting=MAX_WAITING
        )
        self._mirrors: Batcher[tuple[Settlement, Push | None], None] = Batcher(
            "outcomes to Redis", self._mirror, max_batch=_MAX_MIRRORED, max_waiting=MAX_WAITING
        )

    def record(self, job: ClaimedJob, decision: Decision) -> "asyncio.Future[None]":
        """Record what follows from an attempt; the future resolves when it is on record (or lost)."""
        self._writes.begun()
        return self._finishes.add((job, decision))

    async def room(self) -> None:
        """Wait until there is room for more outcomes."""
        await self._finishes.room()

    async def drain(self) -> None:
        """Wait until everything is on record, and mirrored unless Redis is down."""
        await self._finishes.drain()
        self._draining.set()
        await self._mirrors.drain()
        self._draining.clear()

    async def _record_batch(self, batch: list[tuple[ClaimedJob, Decision]]) -> list[None]:
        recorded = await self._record(batch)
        if len(self._finishes):
            self._writes.moved()
        else:
            self._writes.idle()
        return recorded

    async def _record(self, batch: list[tuple[ClaimedJob, Decision]]) -> list[None]:
        if len({job.id for job, _ in batch}) < len(batch):  # two attempts of one job: each for itself
            return [result for each in batch for result in await self._record([each])]
        finishes = [Finish(job.id, job.attempt, decision) for job, decision in batch]
        try:
            recorded = await self._write(finishes)
            if unmatched := [finish for finish in finishes if finish.id not in recorded]:
                own = await self._own(unmatched)
                recorded |= dict.fromkeys(own)
                batch = [(job, own.get(job.id, decision)) for job, decision in batch]
        except InvalidInput as error:
            return await self._record_unstorable(batch, error)
        except Exception as error:  # noqa: BLE001  # a defect: it may cost one outcome, never its neighbours'
            return await self._record_apart(batch, error)
        for job, decision in batch:
            self._forget(job.id, job.attempt)
            if job.id not in recorded:
                self._discards.keep(job, decision)
        self._show([each for each in batch if each[0].id in recorded], recorded)
        return [None] * len(batch)

    def _show(self, batch: list[tuple[ClaimedJob, Decision]], pushes: dict[int, Push | None]) -> None:
        """Have recorded outcomes mirrored and told."""
        self._emit(BatchRecorded(dict(Counter(decision.event.value for _, decision in batch))))
        now_ms = time.time_ns() // 1_000_000
        for job, decision in batch:
            push = pushes[job.id]
            if len(self._mirrors) < MAX_WAITING:
                self._mirrors.add((_settlement(job, decision, now_ms), push))
            elif push is not None:
                self._dispatcher.dispatch([push])

    async def _record_unstorable(
        self, batch: list[tuple[ClaimedJob, Decision]], error: InvalidInput
    ) -> list[None]:
        """Record each of a batch by itself; the one whose result PostgreSQL refuses has failed."""
        if len(batch) > 1:
            return [result for each in batch for result in await self._record([each])]
        told = ErrorInfo("UnstorableResult", f"PostgreSQL can't store this job's result: {error.message}")
        return await self._record([(batch[0][0], Decision(Event.FAIL, error=told))])

    async def _record_apart(self, batch: list[tuple[ClaimedJob, Decision]], error: Exception) -> list[None]:
        """Record each of a batch by itself; one that still fails is let go, and its job handed back."""
        if len(batch) > 1:
            return [result for each in batch for result in await self._record([each])]
        self._emit(ServiceFailed("recorder", f"job {batch[0][0].id}: {error}", 0.0))
        self._forget(batch[0][0].id, batch[0][0].attempt)
        return [None]

    async def _write(self, finishes: list[Finish]) -> dict[int, Push | None]:
        """Write outcomes; return what matched, by id, with what Redis is to be told."""
        completed = [finish for finish in finishes if finish.decision.event is Event.COMPLETE]
        others = [finish for finish in finishes if finish.decision.event is not Event.COMPLETE]
        matched: dict[int, Push | None] = {}
        if completed:
            done = await self._postgres.insist(lambda: self._jobs.complete(self._lane, completed))
            matched |= dict.fromkeys(done)
        if others:
            matched |= await self._postgres.insist(lambda: self._jobs.set_back(self._lane, others))
        return matched

    async def _own(self, finishes: Sequence[Finish]) -> dict[int, Decision]:
        """Return what is on record as these attempts' own; tell of the others, which came too late."""
        own = await self._postgres.insist(lambda: self._jobs.ownership(self._lane, finishes))
        for finish in finishes:
            if finish.id not in own:
                discarded = finish.decision.result
                shown = discarded if discarded is None else discarded[:_DISCARDED_SHOWN]
                self._emit(OwnershipLost(finish.id, finish.attempt, shown))
        return own

    async def _mirror(self, batch: list[tuple[Settlement, Push | None]]) -> list[None]:
        settlements = [settlement for settlement, _ in batch]
        with suppress(Unavailable):  # a mirror may miss something: the audit finds it
            settling = self._redis.insist(lambda: self._broker.settle(settlements), until=self._draining)
            await self._refusals.of({settlement.queue for settlement in settlements}, settling)
        # Only now: settling takes a job out of `active`, and must not meet the run that follows.
        self._dispatcher.dispatch([push for _, push in batch if push is not None])
        return [None] * len(batch)


_SEEN_AS = {Event.COMPLETE: What.COMPLETED, Event.FAIL: What.FAILED, Event.CANCEL: What.GONE}


def _settlement(job: ClaimedJob, decision: Decision, now_ms: int) -> Settlement:
    failed = decision.event in (Event.FAIL, Event.RETRY)
    settlement = Settlement(
        job.id,
        job.queue,
        _SEEN_AS.get(decision.event, What.BACK),
        now_ms,
        job.failures + (failed or decision.event is Event.COMPLETE),
        decision.result or (decision.error.message if decision.error else ""),
        decision.error.stack if decision.error else "",
    )
    return as_shown(settlement)  # it may have to wait long
