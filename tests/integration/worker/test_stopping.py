"""How a worker stops, and what it does when it was thought to be gone."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from redis.asyncio import Redis

from tests.conftest import eventually
from tests.integration.worker import handlers
from tests.integration.worker.conftest import StartWorker
from toril.domain.lifecycle import Status
from toril.domain.views import JobHistory
from toril.settings import Settings
from toril.store.connection import Lane
from toril.store.reader import Reader

Ended = Callable[[int], Awaitable[JobHistory]]


async def started() -> None:
    await asyncio.to_thread(handlers.STARTED.wait, 20)


async def test_running_jobs_end_within_the_grace(
    start_worker: StartWorker, stack: AsyncExitStack, reader: Reader
) -> None:
    await start_worker()
    submitted = await handlers.waits.enqueue(seconds=0.2)
    await started()
    await stack.aclose()
    found = await reader.history(submitted.id)
    assert found is not None
    assert (found.job.status, found.job.interruptions) == (Status.COMPLETED, 0)


async def test_jobs_that_do_not_end_are_handed_back_at_once_and_free_of_charge(
    start_worker: StartWorker, stack: AsyncExitStack, ended: Ended, reader: Reader
) -> None:
    await start_worker(grace=0.0)
    submitted = await handlers.waits.enqueue(seconds=0.5)
    await started()
    await stack.aclose()
    found = await reader.history(submitted.id)
    assert found is not None
    assert (found.job.status, found.job.interruptions, found.job.failures) == (Status.PENDING, 1, 0)
    await start_worker()
    assert (await ended(submitted.id)).job.status is Status.COMPLETED


async def test_a_handler_that_will_not_be_cancelled_is_left_behind(
    start_worker: StartWorker, stack: AsyncExitStack, reader: Reader
) -> None:
    await start_worker(grace=0.0)
    submitted = await handlers.stubborn.enqueue()
    await started()
    await stack.aclose()
    handlers.RELEASED.set()
    found = await reader.history(submitted.id)
    assert found is not None
    assert (found.job.status, found.job.interruptions) == (Status.PENDING, 1)


async def test_an_isolated_job_that_is_told_to_end_with_its_worker_is_interrupted(
    start_worker: StartWorker, stack: AsyncExitStack, reader: Reader
) -> None:
    """Service managers send SIGTERM to every process of a service at once."""
    await start_worker()
    submitted = await handlers.tells_its_pid.enqueue()
    pid = 0

    async def told() -> bool:
        nonlocal pid
        found = await reader.history(submitted.id)
        if found is not None and found.job.progress:
            pid = json.loads(found.job.progress)["pid"]
        return pid > 0

    await eventually(told)
    os.kill(pid, signal.SIGTERM)
    await stack.aclose()
    found = await reader.history(submitted.id)
    assert found is not None
    assert (found.job.status, found.job.interruptions, found.job.failures) == (Status.PENDING, 1, 0)


async def test_an_idle_worker_stops_quickly_and_says_goodbye(
    start_worker: StartWorker, stack: AsyncExitStack, lane: Lane
) -> None:
    await start_worker()
    async with asyncio.timeout(3):
        await stack.aclose()
    (row,) = await lane.fetch("select state from toril.workers")
    assert row["state"] == "stopped"


async def test_twenty_restarts_under_load_count_no_failure_and_run_nothing_twice(
    start_worker: StartWorker, stack: AsyncExitStack, ended: Ended
) -> None:
    submitted = await handlers.echo.enqueue_many([{"value": n} for n in range(2000)])
    for _ in range(20):
        await start_worker()
        await stack.aclose()
    await start_worker()
    for each in submitted:
        job = (await ended(each.id)).job
        assert (job.status, job.failures, job.crashes) == (Status.COMPLETED, 0, 0)


async def test_a_worker_that_was_declared_lost_goes_on_under_a_new_identity(
    start_worker: StartWorker, ended: Ended, lane: Lane
) -> None:
    worker = await start_worker()
    first = worker.id
    submitted = await handlers.waits.enqueue(seconds=2)
    await started()
    await lane.fetch("update toril.workers set state = 'lost'")

    async def renamed() -> bool:
        return worker.id != first

    await eventually(renamed)
    found = await ended(submitted.id)
    assert (found.job.status, found.job.failures) == (Status.COMPLETED, 0)
    assert [attempt.outcome for attempt in found.attempts] in (["crashed"], ["interrupted"])


async def test_jobs_claimed_by_a_statement_whose_answer_was_lost_are_handed_back(
    start_worker: StartWorker, ended: Ended, lane: Lane, monkeypatch: object
) -> None:
    worker = await start_worker()
    submitted = await handlers.echo.enqueue(value=1, delay=3600)
    await lane.fetch(
        "update toril.jobs set state = 'active', standing = 0, attempt = 1, worker = $1, started_at = now()",
        worker.id,
    )
    worker._fetcher._reconciled_at = 0.0
    await handlers.echo.enqueue(value=2)  # wakes the fetcher
    found = await ended(submitted.id)
    assert (found.job.status, found.job.interruptions) == (Status.COMPLETED, 1)


async def test_an_emptied_redis_does_not_stop_what_is_submitted_afterwards(
    start_worker: StartWorker, ended: Ended, settings: Settings
) -> None:
    await start_worker()
    await ended((await handlers.echo.enqueue()).id)
    redis = Redis.from_url(settings.redis_url)
    async for key in redis.scan_iter(f"{settings.prefix}:*"):
        await redis.delete(key)
    await redis.script_flush()
    await redis.aclose()
    assert (await ended((await handlers.echo.enqueue()).id)).job.status is Status.COMPLETED
