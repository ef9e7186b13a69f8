"""A worker with a queue whose keys are not what they should be: the others go on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.conftest import Heard, eventually
from tests.integration.store.situations import new
from tests.integration.worker.conftest import StartWorker
from toril.bootstrap import Core
from toril.domain.events import PartDown, QueueAccepted, QueueRefused
from toril.domain.lifecycle import Status
from toril.domain.views import JobHistory
from toril.store.connection import Lane
from toril.worker.worker import Worker

Ended = Callable[[int], Awaitable[JobHistory]]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


async def submit(core: Core, lane: Lane, queue: str) -> int:
    (recorded,) = await core.jobs.insert(lane, [new("echo", queue=queue, payload="{}")])
    core.dispatcher.dispatch([recorded.push])
    return recorded.submitted.id


def events_of(worker: Worker) -> Heard:
    heard = Heard()
    tell = worker._fetcher._refusals._emit

    def both(event: Any) -> None:
        heard.append(event)
        tell(event)

    worker._fetcher._refusals._emit = both
    return heard


@pytest.mark.parametrize("key", ["wait", "marker", "active", "meta"])
async def test_a_broken_queue_stops_no_other_and_is_taken_up_when_it_is_right_again(
    start_worker: StartWorker, ended: Ended, core: Core, lane: Lane, redis: Any, prefix: str, key: str
) -> None:
    await redis.set(f"{prefix}:sick:{key}", "rubbish")
    worker = await start_worker(queues="sick,well")
    heard = events_of(worker)
    waiting = await submit(core, lane, "sick")
    for _ in range(3):
        assert (await ended(await submit(core, lane, "well"))).job.status is Status.COMPLETED
    await redis.delete(f"{prefix}:sick:{key}")
    await lane.fetch("update toril.outbox set push_at = now() - interval '1 hour' where job_id > 0")
    assert (await ended(waiting)).job.status is Status.COMPLETED

    async def accepted() -> bool:
        return bool(heard.of(QueueAccepted))

    await eventually(accepted)
    assert len(heard.of(QueueRefused)) <= 1


async def test_a_marker_that_breaks_while_the_worker_waits_on_it_stops_no_other_queue(
    start_worker: StartWorker, ended: Ended, core: Core, lane: Lane, redis: Any, prefix: str
) -> None:
    worker = await start_worker(queues="sick,well")
    heard = events_of(worker)
    await ended(await submit(core, lane, "well"))
    await redis.set(f"{prefix}:sick:marker", "rubbish")

    async def told() -> bool:
        await ended(await submit(core, lane, "well"))
        return bool(heard.of(QueueRefused))

    await eventually(told)
    await ended(await submit(core, lane, "well"))
    assert len(heard.of(QueueRefused)) == 1
    assert heard.of(PartDown) == []


async def test_a_worker_stops_in_order_with_a_broken_queue(
    start_worker: StartWorker, ended: Ended, core: Core, lane: Lane, redis: Any, prefix: str,
    stack: AsyncExitStack,
) -> None:  # fmt: skip
    await redis.set(f"{prefix}:sick:wait", "rubbish")
    await start_worker(queues="sick,well")
    await ended(await submit(core, lane, "well"))
    await stack.aclose()
    assert [row["state"] for row in await lane.fetch("select state from toril.workers")] == ["stopped"]
