"""Keys that somebody has made into something else: refused before anything is changed, queue by queue."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.integration.broker.test_broker import WORKER, job, take
from toril.broker.broker import Broker, BrokerOptions
from toril.broker.epoch import EpochMark
from toril.broker.wire import Interop, Settlement, What
from toril.domain.errors import Refused, Unavailable

Calls = Callable[[Broker], Awaitable[object]]

PUSH: Calls = lambda broker: broker.push([job(5, priority=1), job(6)])  # noqa: E731
TAKE: Calls = take
SETTLE: Calls = lambda broker: broker.settle([Settlement(1, "q", What.COMPLETED, 1, 1, "1")])  # noqa: E731
GIVE_BACK: Calls = lambda broker: broker.give_back("q", WORKER)  # noqa: E731
QUEUE_KEYS = ("wait", "prioritized", "delayed", "marker", "meta", "pc", "active")

BROKEN = [
    *((PUSH, key) for key in (*QUEUE_KEYS, "completed", "failed")),
    *((TAKE, key) for key in (*QUEUE_KEYS, "toril:foreign", f"toril:taken:{WORKER}")),
    *((SETTLE, key) for key in ("active", "completed", "failed")),
    *((GIVE_BACK, key) for key in ("wait", "marker", "active", f"toril:taken:{WORKER}")),
]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture
async def broker(redis_url: str, prefix: str) -> AsyncIterator[Broker]:
    made = Broker(redis_url, BrokerOptions(prefix=prefix))
    yield made
    await made.close()


async def everything(redis: Any, prefix: str) -> dict[str, bytes]:
    """All that a test's keys hold."""
    return {key: await redis.execute_command("DUMP", key, NEVER_DECODE=True)
            async for key in redis.scan_iter(f"{prefix}:*")}  # fmt: skip


@pytest.mark.parametrize(("call", "key"), BROKEN)
async def test_a_key_of_another_type_is_named_and_nothing_is_changed(
    broker: Broker, redis: Any, prefix: str, call: Calls, key: str
) -> None:
    await broker.push([job(1), job(2, priority=3), job(3, due_ms=(time.time_ns() // 10**6) + 60_000)])
    await take(broker, 1)
    broken = f"{prefix}:q:{key}"
    await redis.delete(broken)
    await redis.set(broken, "rubbish")
    before = await everything(redis, prefix)
    with pytest.raises(Refused, match=f"WRONGTYPE {broken} is "):
        await call(broker)
    assert await everything(redis, prefix) == before
    await redis.delete(broken)
    await call(broker)


async def test_a_queue_that_is_refused_keeps_no_other_from_being_told(
    broker: Broker, redis: Any, prefix: str
) -> None:
    await redis.set(f"{prefix}:sick:wait", "rubbish")
    await redis.set(f"{prefix}:sick:active", "rubbish")
    with pytest.raises(Refused) as pushing:
        await broker.push([job(1, queue="sick"), job(2)])
    assert list(pushing.value.queues) == ["sick"]
    assert (await take(broker)).ids == [2]
    with pytest.raises(Refused) as settling:
        await broker.settle([Settlement(n, q, What.COMPLETED, 1, 1, "1") for n, q in ((1, "sick"), (2, "q"))])
    assert list(settling.value.queues) == ["sick"]
    assert await redis.zrange(f"{prefix}:q:completed", 0, -1) == ["t2"]


async def test_whatever_is_at_a_jobs_own_key_is_replaced(broker: Broker, redis: Any, prefix: str) -> None:
    key = f"{prefix}:q:t1"
    await redis.rpush(key, "rubbish")
    assert await broker.push([job(1)]) == 1
    assert await redis.hget(key, "name") == "noop"
    await redis.delete(key)
    await redis.rpush(key, "rubbish")
    assert (await take(broker)).ids == [1]
    await redis.delete(key)
    await redis.rpush(key, "rubbish")
    await broker.settle([Settlement(1, "q", What.COMPLETED, 1, 1, '"done"')])
    assert await redis.hget(key, "returnvalue") == '"done"'


@pytest.mark.parametrize("interop", list(Interop))
async def test_fields_and_scores_that_are_no_numbers_stop_nothing(
    redis_url: str, redis: Any, prefix: str, interop: Interop
) -> None:
    broker = Broker(redis_url, BrokerOptions(prefix=prefix, interop=interop))
    await redis.hset(
        f"{prefix}:q:t1", mapping={"tg": "x", "priority": "y", "timestamp": str(job(1).created_ms)}
    )
    await redis.zadd(f"{prefix}:q:delayed", {"t1": "-inf", "t2": 0, "t3": "+inf", "wait": 1})
    await broker.push([job(4)])
    taken = await take(broker)
    assert sorted(taken.ids) == [1, 2, 4]
    assert taken.next_due_ms is None or taken.next_due_ms > 0
    await broker.push([job(1, generation=2)])
    assert (await take(broker)).ids == [1]
    await broker.close()


async def test_a_foreign_id_that_names_a_key_of_the_queue_can_not_destroy_it(
    broker: Broker, redis: Any, prefix: str
) -> None:
    await broker.push([job(1), job(2, due_ms=(time.time_ns() // 10**6) + 60_000)])
    await redis.zadd(f"{prefix}:q:delayed", {"wait": 1, "delayed": 1, "meta": 1})
    assert (await take(broker)).ids == [1]
    assert await redis.zrange(f"{prefix}:q:delayed", 0, -1) == ["t2"]
    assert await redis.exists(f"{prefix}:q:meta") == 0


async def test_ids_that_postgresql_can_not_have_given_are_set_aside(
    broker: Broker, redis: Any, prefix: str
) -> None:
    strange = ["t0", "t01", "t" + "9" * 19, "t-1", "t1 ", "T1"]
    await redis.lpush(f"{prefix}:q:wait", *strange, "t7")
    assert (await take(broker)).ids == [7]
    assert await redis.lrange(f"{prefix}:q:toril:foreign", 0, -1) == strange


async def test_a_server_that_can_serve_nobody_refuses_nobody_in_particular(
    broker: Broker, redis: Any
) -> None:
    await broker.push([job(1)])
    try:
        await redis.config_set("maxmemory", 1)
        with pytest.raises(Unavailable, match="maxmemory") as full:
            await PUSH(broker)  # the others make room, and are let pass
        assert not isinstance(full.value, Refused)
        await redis.config_set("maxmemory", 0)
        await redis.replicaof("127.0.0.1", "1")
        for call in (PUSH, TAKE, SETTLE):
            with pytest.raises(Unavailable, match="read only replica") as replica:
                await call(broker)
            assert not isinstance(replica.value, Refused)
    finally:
        await redis.config_set("maxmemory", 0)
        await redis.replicaof("NO", "ONE")
    assert (await take(broker)).ids == [1]


async def test_something_else_in_the_place_of_the_epochs_mark_is_no_mark(redis: Any, prefix: str) -> None:
    mark = EpochMark(redis, prefix)
    await redis.rpush(f"{prefix}:toril:epoch", "rubbish")
    assert (await mark.read()).mark is None
    token = uuid4().hex
    await mark.begin(token)
    assert await mark.end()
    assert (await mark.read()).mark == token
