"""What an idle worker costs Redis, and that it wakes up all the same."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from tests.integration.worker import handlers
from tests.integration.worker.conftest import StartWorker
from toril.domain.views import JobHistory

QUEUES = [f"queue{number}" for number in range(60)]
WATCHED = 21.0  # seconds: two turns and a bit


async def fetching(redis: Redis) -> int:
    """Return how often workers have asked for jobs so far: takes are scripts, waits are on markers."""
    stats = await redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "bzpopmin"))


@pytest.mark.timeout(90)
async def test_an_idle_worker_asks_redis_about_once_a_second_however_many_its_queues(
    start_worker: StartWorker, redis_url: str, ended: Callable[[int], Awaitable[JobHistory]]
) -> None:
    await start_worker(queues=",".join(QUEUES))
    redis = Redis.from_url(redis_url)
    await asyncio.sleep(3)  # it asks all of them at first
    before, began = await fetching(redis), time.monotonic()
    await asyncio.sleep(WATCHED)
    calls, seconds = await fetching(redis) - before, time.monotonic() - began
    await redis.aclose()
    assert 2 <= calls <= 1.2 * seconds, f"{calls} calls in {seconds:.1f} s"
    submitted = await handlers.echo.options(queue=QUEUES[-1]).enqueue(value=7)
    job = (await ended(submitted.id)).job
    assert job.started_at
    assert (job.started_at - job.queued_at).total_seconds() < 2  # its marker woke the worker
