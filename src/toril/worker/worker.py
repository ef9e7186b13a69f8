"""A worker process from start to end: wires its parts, and stops them in the right order.

    start: publish the job types → register → beat → fetch
    stop:  fetch no more → wait for what runs → hand back the rest → record everything → say goodbye

Declared lost while it could not say that it lives (paused, cut off), it abandons what it runs, because
others run it now, and goes on under a new identity.
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from toril.broker.broker import Broker
from toril.broker.marker import MarkerWaiter
from toril.domain.errors import Refused, Unavailable
from toril.domain.events import Emit, WorkerDeclaredLost, WorkerDraining, WorkerStarted, WorkerStopped
from toril.domain.job import ClaimedJob
from toril.domain.outcome import Interrupted
from toril.operations.dispatch import Dispatcher
from toril.runtime.clock import RecordClock
from toril.sdk.registry import Registry
from toril.store.connection import Database
from toril.store.job_types import JobTypes
from toril.store.jobs import Jobs
from toril.store.transactions import Transactions
from toril.store.workers import WorkerCard, Workers
from toril.telemetry.progress import Progress
from toril.worker.discards import Discards
from toril.worker.executor import Executor
from toril.worker.fetcher import Fetcher, Hands
from toril.worker.heartbeat import Heartbeat, Pulse
from toril.worker.isolation import Isolation, LoadRegistry
from toril.worker.journal import JobJournal
from toril.worker.patience import Patience
from toril.worker.recorder import OutcomeRecorder
from toril.worker.slots import Slots

_OBEY = 0.8
"""Seconds in which a cancelled handler has to end before its job is handed back over its head."""

_LAST_WORDS = 10.0
"""Seconds in which the last outcomes have to be recorded when the worker stops."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Args:
        queues: which queues it serves.
        concurrency: jobs at once.
        processes: killable processes for isolated handlers.
        transactions: connections for handlers' own transactions.
        grace: seconds that running jobs have when the worker stops.
        pulse: its heartbeat.
        version: shown with the worker.
    """

    queues: Sequence[str]
    concurrency: int
    processes: int
    transactions: int
    grace: float
    pulse: Pulse
    version: str


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is given by the composition root."""

    database: Database
    jobs: Jobs
    broker: Broker
    waiter: MarkerWaiter
    dispatcher: Dispatcher
    clock: RecordClock
    emit: Emit
    progress: Progress


class Worker:
    """One worker process.

    Args:
        registry: its handlers.
        load: makes the registry again in the process of an isolated handler.
        options: how it works.
        parts: what it works with.
    """

    def __init__(
        self, registry: Registry, load: LoadRegistry, options: WorkerOptions, parts: WorkerParts
    ) -> None:
        self._registry = registry
        self._options = options
        self._parts = parts
        self._emit = parts.emit
        self._workers = Workers()
        self._lane = parts.database.lane()
        self._lanes = [self._lane, *(parts.database.lane() for _ in range(3))]
        self._slots = Slots(options.concurrency)
        self._held: set[tuple[int, int]] = set()
        self._threads = ThreadPoolExecutor(options.concurrency, thread_name_prefix="job")
        self._journal = JobJournal(parts.jobs, self._lanes[1], asyncio.get_running_loop())
        self._isolation = Isolation(load, options.processes, self._journal)
        self._card = self._new_card()
        self._postgres, redis = Patience("PostgreSQL", self._emit), Patience("Redis", self._emit)
        self._discards = Discards(self._lane, self._emit)
        self._recorder = OutcomeRecorder(
            parts.jobs,
            self._lanes[2],
            parts.broker,
            parts.dispatcher,
            self._postgres,
            redis,
            self._emit,
            self._forget,
            self._discards,
            parts.progress,
        )
        self._transactions = Transactions(parts.database, parts.jobs, options.transactions)
        self._executor = Executor(
            registry,
            self._slots,
            threads=self._threads,
            isolation=self._isolation,
            journal=self._journal,
            record=self._recorder.record,
            transactions=self._transactions,
            emit=self._emit,
            rng=random.Random(),  # noqa: S311  # backoff jitter
        )
        self._fetcher = Fetcher(
            options.queues,
            Hands(lambda: self._card.id, self._name, self._start, self._held_now, self._ready),
            self._slots,
            broker=parts.broker,
            waiter=parts.waiter,
            jobs=parts.jobs,
            lane=self._lanes[3],
            dispatcher=parts.dispatcher,
            redis=redis,
            postgres=self._postgres,
            now_ms=parts.clock.now_ms,
            emit=self._emit,
            progress=parts.progress,
        )
        self._joined = asyncio.Event()
        self._heartbeat: Heartbeat | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._rejoining: asyncio.Task[None] | None = None

    @property
    def id(self) -> UUID:
        """This worker's present identity."""
        return self._card.id

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return self._slots.used

    async def start(self) -> None:
        """Publish the handlers, register, and begin to take jobs."""
        types = [job_type.published() for job_type in self._registry]
        await self._postgres.insist(lambda: JobTypes().publish(self._lane, types))
        await self._join()
        self._fetching = asyncio.create_task(self._fetcher.run(), name="fetcher")

    async def wait(self) -> None:
        """Wait until the fetcher ends, which it does only when stopped or by a defect of ours."""
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    async def stop(self) -> int:
        """Stop in order; return how many jobs were handed back unfinished."""
        self._fetcher.stop()
        self._isolation.expect_end()
        if self._rejoining is not None:
            self._rejoining.cancel()
        if self._heartbeat is not None:
            self._heartbeat.state = "draining"
        if self._fetching is not None:
            await asyncio.wait([self._fetching], timeout=_LAST_WORDS)
            self._fetching.cancel()  # only when PostgreSQL is down: a claim can't be abandoned before
        grace = self._options.grace
        self._emit(WorkerDraining(self._card.id, len(self._executor.running), grace))
        await self._executor.finished(grace)
        handed_back = await self._hand_back()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._say_goodbye()
        await self._close()
        self._emit(WorkerStopped(self._card.id, handed_back))
        return handed_back

    async def _hand_back(self) -> int:
        left = self._executor.running
        for run in left:
            run.end(Interrupted())
        await self._executor.finished(_OBEY)
        for run in self._executor.running:
            self._executor.abandon(run)
        return len(left)

    async def _say_goodbye(self) -> None:
        await self._recorder.drain()
        await self._journal.drain()
        await self._discards.drain()
        await self._parts.dispatcher.drain()
        if self._heartbeat is not None:
            await self._heartbeat.stop()
        with suppress(Unavailable):  # the keeper finds out by itself
            for queue in self._fetcher.undealt:
                with suppress(Refused):
                    await self._parts.broker.give_back(queue, self._card.id)
            await self._workers.retire(self._lane, [self._card.id], "stopped", [None])

    async def _close(self) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.stop()
        await self._isolation.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._transactions.close()
        for lane in self._lanes:
            await lane.close()

    async def _join(self) -> None:
        """Register under the present identity and begin to beat."""
        await self._postgres.insist(self._register)
        self._heartbeat = Heartbeat(
            self._parts.database,
            self._card,
            self._options.pulse,
            event_loop=self._parts.progress.event_loop,
            clock=self._parts.clock,
            running=self._running_names,
            lost=self._declared_lost,
            emit=self._emit,
        )
        self._heartbeat.start()
        self._joined.set()
        self._emit(WorkerStarted(self._card.id, tuple(self._options.queues), self._options.concurrency))

    async def _register(self) -> None:
        asked_at = time.monotonic()
        self._parts.clock.heard(await self._workers.register(self._lane, self._card), asked_at)

    def _declared_lost(self) -> None:
        """Go on under a new identity: what this worker ran is being run by others."""
        runs = self._executor.running
        self._emit(WorkerDeclaredLost(self._card.id, len(runs)))
        for run in runs:
            run.end(Interrupted())
        self._joined.clear()
        if self._heartbeat is not None:
            self._heartbeat.cease()
        self._card = self._new_card()
        self._rejoining = asyncio.create_task(self._join(), name="rejoin")

    def _new_card(self) -> WorkerCard:
        return WorkerCard(
            uuid4(),
            socket.gethostname(),
            os.getpid(),
            list(self._options.queues),
            self._options.concurrency,
            self._options.version,
        )

    @property
    def _name(self) -> str:
        return f"{self._card.host}:{self._card.pid}"

    def _start(self, job: ClaimedJob) -> None:
        self._held.add((job.id, job.attempt))
        self._executor.start(job)

    def _forget(self, job_id: int, attempt: int) -> None:
        self._held.discard((job_id, attempt))

    async def _ready(self) -> None:
        await self._joined.wait()
        await self._recorder.room()

    def _held_now(self) -> list[tuple[int, int]]:
        return list(self._held)

    def _running_names(self) -> tuple[str, ...]:
        return tuple(sorted({run.job.name for run in self._executor.running}))
