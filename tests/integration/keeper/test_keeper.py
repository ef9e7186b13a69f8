"""The keeper's duties on real servers: promises kept, lost workers found, one leader, partitions ahead."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.conftest import Heard, eventually
from tests.integration.store.situations import claim, join, new, row_of, submit
from toril.bootstrap import Core
from toril.domain.errors import Unavailable
from toril.domain.events import (
    JobRescued,
    PromisesKept,
    QueueAccepted,
    QueueRefused,
    ServiceFailed,
    TelemetryEvent,
    WorkersLost,
)
from toril.keeper.leader import Leader
from toril.keeper.relay import LIMIT, Relay
from toril.keeper.rescuer import Rescuer
from toril.runtime.service import Periodic, Services
from toril.store.connection import Database, Lane
from toril.store.workers import Workers
from toril.telemetry.progress import Progress


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def other_lane(database_url: str) -> AsyncIterator[Lane]:
    opened = Database(database_url).lane()
    yield opened
    await opened.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


def relay_of(core: Core, lane: Lane) -> Relay:
    return Relay(core.outbox, lane, core.broker, core.bus.emit)


async def age_promises(lane: Lane) -> None:
    await lane.fetch("update toril.outbox set push_at = push_at - interval '10 seconds' where job_id > 0")


async def test_the_relay_pushes_what_stayed_behind_and_forgets_the_promises(
    core: Core, lane: Lane, heard: Heard
) -> None:
    ids = await submit(lane, core.jobs, *[new() for _ in range(1200)])
    await age_promises(lane)
    relay = relay_of(core, lane)
    assert [await relay.tick() for _ in range(4)] == [True, True, False, False]
    taken = [await core.broker.take("default", 100, worker=uuid4(), name="w", ticket=n) for n in range(1, 13)]
    assert [job_id for each in taken for job_id in each.ids] == ids
    assert await lane.fetch("select from toril.outbox where job_id > 0") == []
    assert [event.pushed for event in heard if isinstance(event, PromisesKept)] == [500, 500, 200]


async def test_the_relay_leaves_fresh_promises_to_those_who_made_them(core: Core, lane: Lane) -> None:
    await submit(lane, core.jobs)
    await relay_of(core, lane).tick()
    assert len(await lane.fetch("select from toril.outbox where job_id > 0")) == 1


async def test_the_relay_pushes_a_far_job_one_horizon_before_it_is_due(core: Core, lane: Lane) -> None:
    await submit(lane, core.jobs, new(delay=core.settings.horizon + 3600))
    relay = relay_of(core, lane)
    await relay.tick()
    assert len(await lane.fetch("select from toril.outbox where job_id > 0")) == 1
    await lane.fetch("update toril.outbox set push_at = push_at - interval '3610 seconds' where job_id > 0")
    await relay.tick()
    taken = await core.broker.take("default", 100, worker=uuid4(), name="w", ticket=1)
    assert taken.ids == []
    assert taken.next_due_ms is not None


async def test_promises_of_jobs_that_need_no_push_are_void(core: Core, lane: Lane, heard: Heard) -> None:
    ids = await submit(lane, core.jobs, new(), new())
    await claim(lane, core.jobs, ids)
    await age_promises(lane)
    await relay_of(core, lane).tick()
    assert heard == [PromisesKept(0, 2)]


async def test_two_relays_share_the_work(core: Core, lane: Lane, other_lane: Lane) -> None:
    await submit(lane, core.jobs, *[new() for _ in range(900)])
    await age_promises(lane)
    await asyncio.gather(relay_of(core, lane).tick(), relay_of(core, other_lane).tick())
    assert await lane.fetch("select from toril.outbox where job_id > 0") == []
    total = 0
    while taken := (await core.broker.take("default", 100, worker=uuid4(), name="w", ticket=total)).ids:
        total += len(taken)
    assert total == 900


async def test_promises_stay_while_redis_is_down(core: Core, lane: Lane) -> None:
    await submit(lane, core.jobs)
    await age_promises(lane)

    async def down(_: object) -> list[str]:
        raise Unavailable("Redis is not available: test")

    with pytest.raises(Unavailable):
        await core.outbox.sweep(lane, 100, down)
    assert len(await lane.fetch("select from toril.outbox where job_id > 0")) == 1


async def test_a_queue_that_redis_refuses_keeps_no_promise_of_another_waiting(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard
) -> None:
    await redis.set(f"{prefix}:sick:wait", "rubbish")
    await submit(lane, core.jobs, *[new(queue="sick") for _ in range(LIMIT + 10)])
    ids = await submit(lane, core.jobs, new(), new())
    await age_promises(lane)
    relay = relay_of(core, lane)
    assert [await relay.tick() for _ in range(3)] == [True, False, False]
    assert (await core.broker.take("default", 100, worker=uuid4(), name="w", ticket=1)).ids == ids
    (refused,) = heard.of(QueueRefused)
    assert isinstance(refused, QueueRefused)
    assert (refused.queue, "wait is a string" in refused.reason) == ("sick", True)
    left = await lane.fetch(
        "select push_at > now() as later, count(*) from toril.outbox where job_id > 0 group by 1"
    )
    assert [tuple(row) for row in left] == [(True, LIMIT + 10)]

    await redis.delete(f"{prefix}:sick:wait")
    await lane.fetch("update toril.outbox set push_at = now() - interval '1 hour' where job_id > 0")
    while await relay.tick():
        pass
    assert await redis.llen(f"{prefix}:sick:wait") == LIMIT + 10
    assert len(heard.of(QueueAccepted)) == 1


async def test_a_lost_worker_gets_its_suggestions_back_from_the_queues_that_redis_accepts(
    core: Core, lane: Lane, redis: Any, prefix: str
) -> None:
    clock, worker = Clock(), await join(lane, "default", "sick")
    await submit(lane, core.jobs, new(), new(queue="sick"))
    await age_promises(lane)
    await relay_of(core, lane).tick()
    for queue in ("sick", "default"):
        await core.broker.take(queue, 100, worker=worker, name="w", ticket=1)
    await redis.set(f"{prefix}:sick:wait", "rubbish")
    rescuer = rescuer_of(core, lane, clock)
    await rescuer.tick()
    clock.now += 20
    await rescuer.tick()
    assert await redis.llen(f"{prefix}:default:wait") == 1
    await redis.delete(f"{prefix}:sick:wait")
    await rescuer.tick()
    assert await redis.llen(f"{prefix}:sick:wait") == 1


def rescuer_of(core: Core, lane: Lane, clock: Clock, *, leading: bool = True) -> Rescuer:
    return Rescuer(
        core.jobs,
        lane,
        core.broker,
        core.dispatcher,
        lease=15.0,
        leading=lambda: leading,
        emit=core.bus.emit,
        clock=clock,
    )


async def test_a_worker_whose_beat_stands_still_for_a_lease_is_lost(
    core: Core, lane: Lane, heard: Heard
) -> None:
    clock, worker = Clock(), await join(lane)
    (job_id,) = await submit(lane, core.jobs)
    await claim(lane, core.jobs, [job_id], worker)
    rescuer = rescuer_of(core, lane, clock)
    await rescuer.tick()
    clock.now += 14
    await rescuer.tick()
    assert (await row_of(lane, job_id))["state"] == "active"
    clock.now += 2
    await rescuer.tick()
    assert (await row_of(lane, job_id))["state"] == "queued"
    assert heard == [WorkersLost((worker,)), JobRescued(job_id, 1, "default", poisoned=False)]


async def test_a_worker_that_beats_is_never_lost(core: Core, lane: Lane, heard: Heard) -> None:
    clock, worker = Clock(), await join(lane)
    rescuer = rescuer_of(core, lane, clock)
    for _ in range(10):
        await rescuer.tick()
        clock.now += 14
        await Workers().beat(lane, worker, "running")
    assert heard == []


async def test_who_does_not_lead_watches_and_can_act_as_soon_as_it_leads(core: Core, lane: Lane) -> None:
    clock = Clock()
    leading: list[bool] = []
    await join(lane)
    rescuer = rescuer_of(core, lane, clock)
    rescuer._leading = lambda: bool(leading)
    await rescuer.tick()
    clock.now += 20
    await rescuer.tick()
    assert (await lane.fetch("select state from toril.workers"))[0]["state"] == "running"
    leading.append(True)
    await rescuer.tick()
    assert (await lane.fetch("select state from toril.workers"))[0]["state"] == "lost"


async def test_suggestions_that_a_lost_worker_had_taken_are_given_back(core: Core, lane: Lane) -> None:
    clock, worker = Clock(), await join(lane)
    ids = await submit(lane, core.jobs, new(), new())
    await age_promises(lane)
    await relay_of(core, lane).tick()
    await core.broker.take("default", 100, worker=worker, name="w", ticket=1)
    rescuer = rescuer_of(core, lane, clock)
    await rescuer.tick()
    clock.now += 20
    await rescuer.tick()
    taken = await core.broker.take("default", 100, worker=uuid4(), name="w", ticket=1)
    assert taken.ids == ids


async def test_one_candidate_leads_and_the_next_takes_over_when_its_beat_stands_still(
    core: Core, lane: Lane, other_lane: Lane
) -> None:
    clock = Clock()
    first = Leader(lane, core.bus.emit, clock=clock)
    second = Leader(other_lane, core.bus.emit, clock=clock)
    for _ in range(10):
        await first.tick()
        await second.tick()
        clock.now += 4
    assert (first.leading, second.leading) == (True, False)
    clock.now += 4
    await second.tick()
    assert second.leading
    await first.tick()
    assert not first.leading


async def test_a_leader_that_leaves_is_followed_at_once(core: Core, lane: Lane, other_lane: Lane) -> None:
    first, second = Leader(lane, core.bus.emit), Leader(other_lane, core.bus.emit)
    await first.tick()
    await second.tick()
    await first.release()
    await second.tick()
    assert second.leading


async def test_a_service_that_fails_says_so_and_goes_on() -> None:
    told: list[TelemetryEvent] = []
    ticks = []

    async def tick() -> None:
        ticks.append(1)
        if len(ticks) == 1:
            raise ValueError("once")

    progress = Progress()
    services = Services(told.append, progress, Random(1))
    services.start(Periodic("duty", 0.01, tick))

    async def ticked() -> bool:
        return len(ticks) >= 3

    await eventually(ticked)
    await services.close()
    (failed,) = told
    assert isinstance(failed, ServiceFailed)
    assert (failed.service, failed.error) == ("duty", "ValueError: once")
