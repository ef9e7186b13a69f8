"""Redis that has lost its data, was restarted, or loses it again while it is being filled."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.conftest import Heard, eventually
from tests.integration.store.situations import claim, new, submit
from toril.bootstrap import Core, open_reader, running_keeper
from toril.broker.epoch import EpochMark
from toril.domain.events import RedisRefilled, RedisRefilling
from toril.keeper.refiller import SECOND_TIME, Refiller
from toril.keeper.relay import Relay
from toril.store.connection import Lane


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


def refiller_of(
    core: Core,
    lane: Lane,
    *,
    leading: bool = True,
    mark: EpochMark | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Refiller:
    found = mark or core.broker.epoch
    return Refiller(
        core.outbox, lane, core.broker.push, found, leading=lambda: leading, emit=core.bus.emit, clock=clock
    )


async def fill(core: Core, lane: Lane) -> None:
    """Fill Redis, both times."""
    passing = iter([0.0, SECOND_TIME])
    refiller = refiller_of(core, lane, clock=lambda: next(passing))
    await refiller.tick()
    await refiller.tick()


async def lose_everything(redis: Any, prefix: str) -> None:
    """What FLUSHALL does to this test's keys."""
    async for key in redis.scan_iter(f"{prefix}:*"):
        await redis.delete(key)


async def relay_all(core: Core, lane: Lane) -> None:
    """Push all promises, those of the last two seconds included."""
    await lane.fetch("update toril.outbox set push_at = push_at - interval '3 seconds' where job_id > 0")
    relay = Relay(core.outbox, lane, core.broker, core.bus.emit)
    while await relay.tick():
        pass


async def take_all(core: Core) -> list[int]:
    ids: list[int] = []
    worker, ticket = uuid4(), 1
    while found := (await core.broker.take("default", 100, worker=worker, name="w", ticket=ticket)).ids:
        ids += found
        ticket += 1
    return ids


async def test_what_was_queued_is_back_in_its_order_after_everything_was_lost(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard
) -> None:
    plain = await submit(lane, core.jobs, *[new() for _ in range(700)])
    urgent = await submit(lane, core.jobs, new(priority=7), new(priority=1), new(priority=7))
    delayed = await submit(lane, core.jobs, new(delay=60), new(delay=3600 * 24))
    done = await submit(lane, core.jobs, new())
    await claim(lane, core.jobs, done)
    refiller = refiller_of(core, lane)
    await refiller.tick()
    await lose_everything(redis, prefix)
    await refiller.tick()
    await relay_all(core, lane)  # finds only what is void: it has been told of everything else
    assert await take_all(core) == [*plain, urgent[1], urgent[0], urgent[2]]
    assert await redis.zrange(f"{prefix}:default:delayed", 0, -1) == [f"t{delayed[0]}"]
    (far,) = await lane.fetch("select job_id from toril.outbox where job_id > 0")
    assert far["job_id"] == delayed[1]  # it stays in PostgreSQL until one horizon before it is due
    assert [event.emptied for event in heard if isinstance(event, RedisRefilling)] == [True, True]


async def test_a_redis_that_was_filled_is_left_alone(core: Core, lane: Lane, heard: Heard) -> None:
    passing = iter([0.0, SECOND_TIME])
    refiller = refiller_of(core, lane, clock=lambda: next(passing))
    for _ in range(2):
        await refiller.tick()
        assert not refiller.content
    for _ in range(3):
        await refiller.tick()
        assert refiller.content
    assert heard == [RedisRefilling(emptied=True), RedisRefilled(0)]


async def test_a_restarted_redis_is_told_everything_again_and_takes_only_what_it_lost(
    core: Core, lane: Lane, heard: Heard
) -> None:
    ids = await submit(lane, core.jobs, *[new() for _ in range(50)])
    await fill(core, lane)
    await relay_all(core, lane)
    refiller = refiller_of(core, lane)
    await lane.fetch("update toril.redis_epoch set run_id = 'of an earlier run'")
    await refiller.tick()
    await relay_all(core, lane)
    assert await take_all(core) == ids
    assert heard.of(RedisRefilling) == [RedisRefilling(emptied=True), RedisRefilling(emptied=False)]


async def test_a_promise_that_was_forgotten_after_the_loss_is_made_again(
    core: Core, lane: Lane, redis: Any, prefix: str
) -> None:
    ids = await submit(lane, core.jobs, new())
    passing = iter([0.0, SECOND_TIME])
    refiller = refiller_of(core, lane, clock=lambda: next(passing))
    await refiller.tick()
    await core.outbox.settle(lane, [(ids[0], 1)])  # of a push that had reached Redis before the loss
    await refiller.tick()
    await relay_all(core, lane)
    assert await take_all(core) == ids


class Forgetful(EpochMark):
    """A mark in a Redis that loses everything once, after the filling has begun."""

    def __init__(self, redis: Any, prefix: str) -> None:
        super().__init__(redis, prefix)
        self._losses = 1
        self._prefix = prefix

    async def begin(self, token: str) -> None:
        await super().begin(token)
        if self._losses:
            self._losses -= 1
            await lose_everything(self._redis, self._prefix)


async def test_losing_everything_again_while_filling_begins_anew(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard
) -> None:
    ids = await submit(lane, core.jobs, new(), new())
    refiller = refiller_of(core, lane, mark=Forgetful(redis, prefix))
    await refiller.tick()
    assert heard.of(RedisRefilled) == []
    await refiller.tick()
    assert len(heard.of(RedisRefilled)) == 1
    await relay_all(core, lane)
    assert await take_all(core) == ids


async def test_who_does_not_lead_does_not_fill(core: Core, lane: Lane, heard: Heard) -> None:
    await refiller_of(core, lane, leading=False).tick()
    assert heard == []


async def test_the_keeper_fills_an_emptied_redis_by_itself(
    core: Core, lane: Lane, redis: Any, prefix: str, heard: Heard
) -> None:
    async with running_keeper(core), open_reader(core.settings) as reader:

        async def filled() -> bool:
            return bool(heard.of(RedisRefilled))

        await eventually(filled)
        recorded = await core.jobs.insert(lane, [new() for _ in range(3000)])
        core.dispatcher.dispatch([each.push for each in recorded])
        await core.dispatcher.drain()
        assert await redis.llen(f"{prefix}:default:wait") == 3000
        await redis.flushall()

        async def back() -> bool:
            return await redis.llen(f"{prefix}:default:wait") == 3000 and await reader.relay_lag() == 0

        await eventually(back)
    await asyncio.sleep(0)
    assert await take_all(core) == [each.submitted.id for each in recorded]
