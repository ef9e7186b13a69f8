"""Brings jobs to a worker: take suggestions, claim them, start what was granted.

    a free slot → take (Redis) → claim (PostgreSQL) → start
                     └ nothing anywhere: block on the queues' markers

A take is noted in Redis until the next take from that queue, which comes after its claim: what is lost on
the way is found in the note. A claim whose answer was lost leaves jobs active that this worker doesn't know
of: the fetcher regularly compares what PostgreSQL thinks it runs with what it runs, and hands back the rest.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from toril.broker.broker import Broker, Taken
from toril.broker.marker import IDLE, MarkerWaiter
from toril.broker.wire import Settlement, What
from toril.domain.errors import Refused, Unavailable
from toril.domain.events import Emit, SuggestionsRefused
from toril.domain.job import ClaimedJob
from toril.domain.lifecycle import State
from toril.operations.dispatch import Dispatcher
from toril.runtime.refusals import Refusals
from toril.store.connection import Lane
from toril.store.jobs import Jobs
from toril.telemetry.progress import Progress
from toril.worker.agenda import Agenda
from toril.worker.patience import Patience
from toril.worker.slots import Slots

T = TypeVar("T")

_CLOCK_SKEW_STEP_MS = 100
_RECONCILE_EVERY = 10.0
_LAST_TAKE = 1.0
_PAUSE = 0.2
_RECONCILE_LIMIT = 1_000

_LONGEST_WAIT = IDLE + 5.0
"""Seconds for a wait on the markers, whose deadline is a little later than `IDLE`."""

_LONGEST_TURN = _LONGEST_WAIT + 25.0
"""Seconds for a turn: a wait, a take and a claim, each up to its deadline."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the fetcher needs of its worker.

    Args:
        identity: the worker's present id.
        name: what boards show as the worker.
        start: runs a claimed job; the fetcher has taken a slot for it.
        held: the (id, attempt) pairs that are running or yet to be recorded.
        ready: waits until the worker is registered and can record outcomes; no job is taken before.
    """

    identity: Callable[[], UUID]
    name: str
    start: Callable[[ClaimedJob], None]
    held: Callable[[], Sequence[tuple[int, int]]]
    ready: Callable[[], Coroutine[Any, Any, None]]


class Fetcher:
    """The loop that fills a worker's slots.

    Args:
        queues: which queues.
        hands: the worker's side.
        slots: places for running jobs.
        broker: where suggestions are.
        waiter: blocks until there may be some.
        jobs: the job rows.
        lane: a connection for claims.
        dispatcher: for suggestions that came too early, and jobs that are handed back.
        redis: patience with Redis.
        postgres: patience with PostgreSQL.
        now_ms: PostgreSQL's Unix time in milliseconds.
        emit: where refused suggestions are told.
        progress: where turns and waits are noted.
    """

    def __init__(
        self,
        queues: Sequence[str],
        hands: Hands,
        slots: Slots,
        *,
        broker: Broker,
        waiter: MarkerWaiter,
        jobs: Jobs,
        lane: Lane,
        dispatcher: Dispatcher,
        redis: Patience,
        postgres: Patience,
        now_ms: Callable[[], int],
        emit: Emit,
        progress: Progress,
    ) -> None:
        self._agenda = Agenda(queues, IDLE, time.monotonic())
        self._hands = hands
        self._slots = slots
        self._broker = broker
        self._waiter = waiter
        self._jobs = jobs
        self._lane = lane
        self._dispatcher = dispatcher
        self._redis = redis
        self._postgres = postgres
        self._now_ms = now_ms
        self._emit = emit
        self._refusals = Refusals(emit)
        self._turns = progress.follow("fetcher", _LONGEST_TURN)
        self._waits = progress.follow("markers", _LONGEST_WAIT)
        self._tickets = itertools.count(1)
        self._open_tickets: dict[str, int] = {}
        self._reconciled_at = time.monotonic()
        self.undealt: set[str] = set()
        """The queues from which a batch may have been taken that was not dealt with."""
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Take no more; `run` returns once the batch that is under way has been dealt with."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def run(self) -> None:
        """Fetch until stopped."""
        self._turns.begun()
        try:
            await self._fetch()
        finally:
            self._turns.idle()
            self._waits.idle()

    async def _fetch(self) -> None:
        while not self._stopped.done():
            if self._slots.free <= 0:
                await self._unless_stopped(self._slots.wait(), within=_RECONCILE_EVERY)
            await self._unless_stopped(self._hands.ready())
            await self._reconcile_sometimes()
            self._turns.moved()
            if self._slots.free <= 0:
                continue
            queues = self._agenda.to_ask(time.monotonic())
            if not queues:
                await self._sleep()
            for queue in queues:
                if self._slots.free > 0 and not self._stopped.done():
                    await self._ask(queue)

    async def _sleep(self) -> None:
        seconds, queues = self._agenda.sleep(time.monotonic()), self._agenda.to_wait_for
        if not queues:
            await self._unless_stopped(asyncio.sleep(seconds))
            self._agenda.woken(None, time.monotonic())
            return
        self._waits.begun()
        try:
            found = await self._unless_stopped(self._waiter.wait(queues, seconds))
        except Refused:
            self._agenda.missed()  # asking them all tells whose marker it is
            await self._unless_stopped(asyncio.sleep(random.uniform(_PAUSE / 2, _PAUSE)))  # noqa: S311  # jitter
            return
        except Unavailable as error:
            self._redis.failed(error)
            self._agenda.missed()
            await self._unless_stopped(asyncio.sleep(random.uniform(_PAUSE / 2, _PAUSE)))  # noqa: S311  # jitter
            return
        self._redis.succeeded()
        self._waits.idle()
        self._agenda.woken(found, time.monotonic())

    async def _ask(self, queue: str) -> None:
        self.undealt.add(queue)
        identity = self._hands.identity()
        # A take that is abandoned might be carried out after what it took was given back: let it end.
        take = self._take(queue, self._slots.free, identity)
        try:
            taken = await self._unless_stopped(take, afterwards=_LAST_TAKE)
        except Refused as error:
            self._agenda.refused(queue, time.monotonic())
            self._refusals.refused(queue, error)
            return
        if taken is None:
            return  # stopped; what was taken meanwhile is in the note, and goes back with it
        self._refusals.accepted(queue)
        if taken.ids:
            self._agenda.had_some(queue, time.monotonic())
            await self._claim(queue, taken.ids, identity)
        else:
            now = time.monotonic()
            due = taken.next_due_ms
            self._agenda.had_none(queue, now, None if due is None else now + (due - self._now_ms()) / 1000)
        self.undealt.discard(queue)

    async def _take(self, queue: str, count: int, identity: UUID) -> Taken:
        # One ticket for all tries: the batch of a lost answer is given again.
        ticket = self._open_tickets.setdefault(queue, next(self._tickets))
        taken = await self._redis.insist(
            lambda: self._broker.take(queue, count, worker=identity, name=self._hands.name, ticket=ticket)
        )
        del self._open_tickets[queue]
        return taken

    async def _claim(self, queue: str, ids: Sequence[int], identity: UUID) -> None:
        claimed = await self._postgres.insist(lambda: self._jobs.claim(self._lane, ids, identity))
        refused = []
        for job_id in ids:
            job = claimed.pop(job_id, None)  # a job that was suggested twice is started once
            if job is None:
                refused.append(job_id)
            else:
                self._slots.occupy()
                self._hands.start(job)
        if refused:
            await self._refuse(queue, refused)

    async def _refuse(self, queue: str, ids: Sequence[int]) -> None:
        """Remove stale suggestions from Redis; put those back that only came too early.

        What is queued is pushed again even if it is due by now: it was not when it was to be claimed.
        """
        fates = await self._postgres.insist(lambda: self._jobs.suggestion_fates(self._lane, ids))
        gone = [job_id for job_id in ids if job_id not in fates]
        soon_ms = self._now_ms() + _CLOCK_SKEW_STEP_MS
        early = [
            fate.push._replace(
                due_ms=max(fate.push.due_ms, soon_ms)
            )  # our clock may be ahead of PostgreSQL's
            for fate in fates.values()
            if fate.state is State.QUEUED
        ]
        settlements = [
            Settlement(job_id, queue, What.GONE if job_id in gone else What.BACK) for job_id in ids
        ]
        with suppress(Refused):  # the audit finds what is wrong in Redis now
            await self._redis.insist(lambda: self._broker.settle(settlements))
            if early:
                await self._redis.insist(lambda: self._broker.push(early, again=True))
        self._emit(SuggestionsRefused(queue, len(ids)))

    async def _reconcile_sometimes(self) -> None:
        """Hand back jobs that PostgreSQL has active under this worker without its knowing.

        No claim is under way here, so what is neither running nor waiting to be recorded was claimed by a
        statement whose answer never came.
        """
        if time.monotonic() - self._reconciled_at < _RECONCILE_EVERY:
            return
        self._reconciled_at = time.monotonic()
        rescued = await self._postgres.insist(
            lambda: self._jobs.rescue(
                self._lane,
                limit=_RECONCILE_LIMIT,
                outcome="interrupted",
                worker=self._hands.identity(),
                held=self._hands.held(),
            )
        )
        self._dispatcher.dispatch([job.push for job in rescued if job.push])

    async def _unless_stopped(
        self, call: Coroutine[Any, Any, T], *, within: float | None = None, afterwards: float = 0.0
    ) -> T | None:
        """Wait for a call that may be abandoned; None when it was.

        Args:
            call: what to wait for.
            within: seconds at most.
            afterwards: seconds that it still gets when the fetcher is stopped.
        """
        task = asyncio.ensure_future(call)
        await asyncio.wait((task, self._stopped), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._stopped.done() and not task.done():
            await asyncio.wait((task,), timeout=afterwards)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,), timeout=_LAST_TAKE)
        return None
