"""Runs claimed jobs: each is bound to its handler, called where the handler wants to run, and decided about.

    start → bind the payload → call (loop, thread or process) → outcome → decide → record

A handler can do to its attempt what it likes, never to the worker: whatever it raises, cancellation and
`SystemExit` included, becomes an outcome.
"""

import asyncio
import contextvars
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from toril.domain.errors import InvalidInput
from toril.domain.events import AttemptFailed, Emit, HandlerMissing
from toril.domain.job import ClaimedJob
from toril.domain.lifecycle import Event
from toril.domain.outcome import (
    Chances,
    Completed,
    Decision,
    ErrorInfo,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    decide,
)
from toril.domain.retry import Backoff
from toril.sdk.context import JobContext, Journal, Transactions
from toril.sdk.jobtype import JobType
from toril.sdk.registry import Registry
from toril.worker.attempt import attempted, invalid_payload, raised, returned, timed_out
from toril.worker.isolation import Isolation
from toril.worker.slots import Slots

_MISSING_FIRST = 5.0
_MISSING_LONGEST = 600.0

_read_backoff = msgspec.json.Decoder(Backoff).decode


class Run:
    """One attempt under way.

    Attributes:
        job: what was claimed.
        task: the asyncio task that runs it.
        context: the handler's, once there is one.
        ending: the outcome that was decided over the handler's head, if any: a timeout, a shutdown.
    """

    __slots__ = ("calling", "context", "ending", "job", "task")

    def __init__(self, job: ClaimedJob) -> None:
        self.job = job
        self.task: asyncio.Task[None] | None = None
        self.context: JobContext | None = None
        self.calling = False
        self.ending: Outcome | None = None

    def decided(self, outcome: Outcome) -> Outcome:
        """Return the outcome that counts: the one decided from outside, or else the handler's own."""
        return outcome if self.ending is None else self.ending

    def end(self, outcome: Outcome) -> None:
        """Decide the outcome from outside, and tell the handler as far as it can be told."""
        if self.ending is None:
            self.ending = outcome
            if self.context is not None:
                self.context.mark_cancelled()
            if self.task is not None and self.calling:  # before that, _outcome sees `ending` in time
                self.task.cancel()


class Executor:
    """Runs jobs and hands each decision to `record`.

    Args:
        registry: the handlers.
        slots: freed when an attempt no longer occupies its place.
        threads: where plain functions run.
        isolation: where isolated handlers run.
        journal: where handlers' words go.
        record: takes each decision.
        transactions: opens handlers' transactions.
        emit: where failures are told.
        rng: for backoff jitter.
    """

    def __init__(
        self,
        registry: Registry,
        slots: Slots,
        *,
        threads: ThreadPoolExecutor,
        isolation: Isolation,
        journal: Journal,
        record: Callable[[ClaimedJob, Decision], object],
        transactions: Transactions,
        emit: Emit,
        rng: random.Random,
    ) -> None:
        self._registry = registry
        self._slots = slots
        self._threads = threads
        self._isolation = isolation
        self._journal = journal
        self._record = record
        self._transactions = transactions
        self._emit = emit
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._runs: dict[tuple[int, int], Run] = {}

    @property
    def running(self) -> list[Run]:
        """The attempts under way."""
        return list(self._runs.values())

    def start(self, job: ClaimedJob) -> None:
        """Run a claimed job; its slot has been taken."""
        run = Run(job)
        self._runs[job.id, job.attempt] = run
        run.task = self._loop.create_task(self._run(run))

    async def finished(self, timeout: float) -> None:
        """Wait until nothing runs, `timeout` seconds at most."""
        tasks = [run.task for run in self.running if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def _run(self, run: Run) -> None:
        job = run.job
        job_type = self._registry.get(job.name) if job.name in self._registry else None
        try:
            outcome = self._missing(job) if job_type is None else await self._outcome(run, job_type)
        except Exception as error:  # noqa: BLE001  # a defect, ours or in what the handler raised
            outcome = raised(error)
        self._slots.release()
        if self._runs.pop((job.id, job.attempt), None) is not None:
            self._decide(job, job_type, outcome)

    def abandon(self, run: Run) -> None:
        """Hand a job back though its handler doesn't end; whatever comes of it is not recorded."""
        if self._runs.pop((run.job.id, run.job.attempt), None) is not None:
            self._decide(run.job, None, Interrupted())

    async def _outcome(self, run: Run, job_type: JobType) -> Outcome:
        if run.ending is not None:
            return run.ending
        try:
            arguments = job_type.bind(run.job.payload)
        except InvalidInput as error:
            return invalid_payload(error)
        timeout = run.job.timeout or job_type.timeout
        alarm = None
        if timeout is not None and job_type.mode != "process":  # a pool's time starts when a process is free
            alarm = self._loop.call_later(timeout, run.end, timed_out(timeout))
        try:
            run.calling = True
            outcome = await self._call(run, job_type, arguments, timeout)
        except BaseException as error:  # noqa: BLE001  # whatever user code raises is its outcome
            outcome = raised(error)
        finally:
            if alarm is not None:
                alarm.cancel()
        if run.context is not None and run.context.completed:
            return self._completed_already(run.job, outcome)
        return run.decided(outcome)

    def _completed_already(self, job: ClaimedJob, outcome: Outcome) -> Outcome:
        """Leave it at the completion by the handler's own transaction, whatever came of the handler then."""
        if isinstance(outcome, Failed):
            said = f"raised {outcome.error.kind} after its transaction had completed the job"
            self._journal.log(job.id, job.attempt, "error", f"{said}: {outcome.error.message}")
        elif outcome != Completed():
            said = "what the handler returned is not recorded: its transaction had completed the job"
            self._journal.log(job.id, job.attempt, "warning", f"{said} (see ctx.set_result)")
        return Completed()

    async def _call(
        self, run: Run, job_type: JobType, arguments: dict[str, Any], timeout: float | None
    ) -> Outcome:
        if job_type.mode == "process":
            return await self._isolation.run(run.job, timeout)
        in_loop = job_type.mode == "loop"
        run.context = JobContext(run.job, self._journal, timeout, self._transactions if in_loop else None)
        first = (run.context,) if job_type.takes_context else ()
        if in_loop:
            return returned(job_type, await job_type.function(*first, **arguments))
        call = partial(contextvars.copy_context().run, job_type.function, *first, **arguments)
        return await self._in_thread(partial(attempted, job_type, call))

    async def _in_thread(self, call: Callable[[], Outcome]) -> Outcome:
        """Call in a thread. A thread can't be killed: its place is free again only when it has ended."""
        thread = self._threads.submit(call)
        future = asyncio.wrap_future(thread, loop=self._loop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not thread.cancel():
                self._slots.occupy()  # _run gives the place back, but the thread still has it
                future.add_done_callback(self._thread_ended)
            raise

    def _thread_ended(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled():
            future.exception()  # seen: its outcome was decided without it
        self._slots.release()

    def _missing(self, job: ClaimedJob) -> Outcome:
        """Put a job back that this worker has no handler for: another may have, or the next deployment."""
        self._emit(HandlerMissing(job.id, job.name, job.queue))
        return Snoozed(min(_MISSING_LONGEST, _MISSING_FIRST * 2.0 ** min(job.attempt - 1, 10)))

    def _decide(self, job: ClaimedJob, job_type: JobType | None, outcome: Outcome) -> None:
        if job.backoff is not None:
            backoff = _read_backoff(job.backoff)
        else:
            backoff = job_type.retry.backoff if job_type else Backoff()
        decision = decide(Chances(job.failures, job.max_attempts, backoff), outcome, self._rng)
        if isinstance(outcome, Failed):
            self._tell(job, decision, outcome.error)
        self._record(job, decision)

    def _tell(self, job: ClaimedJob, decision: Decision, error: ErrorInfo) -> None:
        last = decision.event is Event.FAIL
        what = (job.id, job.attempt, job.queue, job.name, error.kind, error.message)
        self._emit(AttemptFailed(*what, last, decision.delay))
