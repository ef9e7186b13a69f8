"""What the scripts do in a real Valkey: order, delays, repetition, mirrors, and what boards read."""

import json
import time
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from toril.broker.broker import BATCH, Broker, BrokerOptions, Taken
from toril.broker.marker import MarkerWaiter
from toril.broker.wire import Interop, Settlement, What
from toril.domain.errors import Unavailable
from toril.domain.job import Push

WORKER = uuid4()
MakeBroker = Callable[..., Broker]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture(params=[Interop.BOARD, Interop.OFF])
def interop(request: pytest.FixtureRequest) -> Interop:
    return Interop(request.param)


@pytest.fixture
async def broker(redis_url: str, prefix: str, interop: Interop) -> AsyncIterator[Broker]:
    made = Broker(redis_url, BrokerOptions(prefix=prefix, interop=interop))
    yield made
    await made.close()


@pytest.fixture
async def board(redis_url: str, prefix: str) -> AsyncIterator[Broker]:
    """A broker of the level that boards read, keeping little."""
    made = Broker(redis_url, BrokerOptions(prefix=prefix, keep_completed=3, keep_failed=2))
    yield made
    await made.close()


def job(job_id: int, **fields: Any) -> Push:
    known = {
        "generation": 1,
        "queue": "q",
        "name": "noop",
        "priority": 0,
        "due_ms": 0,
        "created_ms": 1_700_000_000_000,
        "max_attempts": 3,
        "failures": 0,
        "payload": '{"i":1}',
    }
    return Push(id=job_id, **{**known, **fields})


def soon(milliseconds: int) -> int:
    return time.time_ns() // 1_000_000 + milliseconds


_tickets = count(100)


async def take(broker: Broker, size: int = BATCH, ticket: int | None = None, worker: UUID = WORKER) -> Taken:
    """Take a batch, with the next ticket unless another is given."""
    ticket = next(_tickets) if ticket is None else ticket
    return await broker.take("q", size, worker=worker, name="host:1", ticket=ticket)


async def test_jobs_come_out_in_the_order_in_which_they_went_in(broker: Broker) -> None:
    assert await broker.push([job(n) for n in range(1, 251)]) == 250
    first, second, third = [await take(broker) for _ in range(3)]
    assert [*first.ids, *second.ids, *third.ids] == list(range(1, 251))
    assert (await take(broker)).ids == []


async def test_plain_jobs_come_first_then_by_priority_then_by_age(broker: Broker) -> None:
    await broker.push(
        [job(1, priority=9), job(2, priority=1), job(3), job(4, priority=1), job(5, priority=2097152)]
    )
    assert (await take(broker)).ids == [3, 2, 4, 1, 5]


async def test_a_delayed_job_waits_for_its_time(broker: Broker) -> None:
    due = soon(80)
    await broker.push([job(1, due_ms=due), job(2)])
    taken = await take(broker)
    assert (taken.ids, taken.next_due_ms) == ([2], due)
    ids: list[int] = []
    while not ids:
        ids = (await take(broker)).ids
    assert ids == [1]
    assert time.time_ns() // 1_000_000 >= due


async def test_a_delayed_job_keeps_its_priority(broker: Broker) -> None:
    due = soon(30)
    await broker.push([job(1, due_ms=due, priority=5), job(2, due_ms=due, priority=1), job(3, due_ms=due)])
    while time.time_ns() // 1_000_000 < due:
        await broker.ping()
    assert (await take(broker)).ids == [3, 2, 1]


async def test_delayed_jobs_of_one_millisecond_keep_their_order(broker: Broker) -> None:
    due = soon(20)
    await broker.push([job(n, due_ms=due) for n in range(1, 60)])
    while time.time_ns() // 1_000_000 < due:
        await broker.ping()
    assert (await take(broker)).ids == list(range(1, 60))


async def test_pushing_again_changes_nothing(board: Broker) -> None:
    assert await board.push([job(1), job(2)]) == 2
    assert await board.push([job(1), job(2), job(3)]) == 1
    assert (await take(board)).ids == [1, 2, 3]


async def test_an_older_generation_is_stale_and_a_newer_one_moves_the_job(
    board: Broker, redis: Any, prefix: str
) -> None:
    await board.push([job(1, generation=2)])
    assert await board.push([job(1, generation=1)]) == 0
    await take(board)
    assert await board.push([job(1, generation=3, failures=1)]) == 1
    assert await redis.lrange(f"{prefix}:q:active", 0, -1) == []
    assert (await take(board)).ids == [1]
    assert await redis.hget(f"{prefix}:q:t1", "atm") == "1"


async def test_the_same_id_from_another_database_is_another_job(board: Broker) -> None:
    await board.push([job(1, generation=5)])
    await take(board)
    assert await board.push([job(1, generation=1, created_ms=1_800_000_000_000)]) == 1
    assert (await take(board)).ids == [1]


async def test_a_take_whose_answer_was_lost_is_answered_again(broker: Broker) -> None:
    await broker.push([job(n) for n in range(1, 5)])
    lost = await take(broker, 2, ticket=7)
    assert (await take(broker, 2, ticket=7)).ids == lost.ids == [1, 2]
    assert (await take(broker, 2, ticket=8)).ids == [3, 4]


async def test_a_take_that_was_late_on_its_way_takes_nothing(broker: Broker) -> None:
    await broker.push([job(n) for n in range(1, 5)])
    assert (await take(broker, 2, ticket=8)).ids == [1, 2]
    assert (await take(broker, 2, ticket=7)).ids == []
    assert (await take(broker, 2, ticket=8)).ids == [1, 2]
    assert (await take(broker, 2, ticket=9)).ids == [3, 4]


async def test_a_job_that_was_taken_and_is_queued_all_the_same_is_pushed_again(board: Broker) -> None:
    await board.push([job(1), job(2)])
    await take(board)
    assert await board.push([job(1), job(2)]) == 2
    assert (await take(board)).ids == [1, 2]


async def test_a_stale_suggestion_of_a_trimmed_job_leaves_nothing_behind(
    board: Broker, redis: Any, prefix: str
) -> None:
    await redis.lpush(f"{prefix}:q:wait", "t77")
    await take(board)
    await board.settle([Settlement(77, "q", What.BACK)])
    assert await redis.exists(f"{prefix}:q:t77") == 0


async def test_what_a_worker_took_and_never_claimed_goes_back_to_the_front(broker: Broker) -> None:
    await broker.push([job(n) for n in range(1, 6)])
    await take(broker, 3)
    assert await broker.give_back("q", WORKER) == 3
    assert await broker.give_back("q", WORKER) == 0
    assert (await take(broker, worker=uuid4())).ids == [1, 2, 3, 4, 5]


async def test_a_paused_queue_gives_nothing_and_keeps_everything(
    broker: Broker, redis: Any, prefix: str
) -> None:
    await redis.hset(f"{prefix}:q:meta", "paused", 1)  # as BullMQ 6 does
    await broker.push([job(1)])
    assert await redis.exists(f"{prefix}:q:marker") == 0
    taken = await take(broker)
    assert (taken.ids, taken.paused) == ([], True)
    await redis.hdel(f"{prefix}:q:meta", "paused")
    assert (await take(broker)).ids == [1]


async def test_ids_of_other_producers_are_set_aside_untouched(
    broker: Broker, redis: Any, prefix: str
) -> None:
    await redis.lpush(f"{prefix}:q:wait", "17", "repeat:x:1", "0:5")
    await broker.push([job(1)])
    assert (await take(broker)).ids == [1]
    assert await redis.lrange(f"{prefix}:q:toril:foreign", 0, -1) == ["17", "repeat:x:1"]


async def test_a_board_sees_a_waiting_and_an_active_job(board: Broker, redis: Any, prefix: str) -> None:
    await board.push([job(1, priority=3, payload='{"to":"a"}')])
    seen = await redis.hgetall(f"{prefix}:q:t1")
    assert seen["name"] == "noop"
    assert json.loads(seen["data"]) == {"to": "a"}
    assert json.loads(seen["opts"]) == {"attempts": 3, "priority": 3}
    assert (seen["timestamp"], seen["priority"]) == ("1700000000000", "3")
    await take(board)
    assert await redis.lrange(f"{prefix}:q:active", 0, -1) == ["t1"]
    assert (await redis.hgetall(f"{prefix}:q:t1"))["pb"] == "host:1"


async def test_a_board_sees_results_and_failures_and_only_the_newest_are_kept(
    board: Broker, redis: Any, prefix: str
) -> None:
    await board.push([job(n) for n in range(1, 11)])
    await take(board)
    await board.settle([Settlement(n, "q", What.COMPLETED, 1000 + n, 1, f'"{n}"') for n in range(1, 6)])
    await board.settle([Settlement(n, "q", What.FAILED, 2000 + n, 3, "boom", "Trace") for n in range(6, 9)])
    assert await redis.zrange(f"{prefix}:q:completed", 0, -1) == ["t3", "t4", "t5"]
    assert await redis.zrange(f"{prefix}:q:failed", 0, -1) == ["t7", "t8"]
    assert await redis.lrange(f"{prefix}:q:active", 0, -1) == ["t10", "t9"]
    assert await redis.exists(f"{prefix}:q:t1", f"{prefix}:q:t6") == 0
    done, failed = await redis.hgetall(f"{prefix}:q:t5"), await redis.hgetall(f"{prefix}:q:t8")
    assert (done["returnvalue"], done["finishedOn"], done["atm"]) == ('"5"', "1005", "1")
    assert (failed["failedReason"], json.loads(failed["stacktrace"])) == ("boom", ["Trace"])


async def test_queues_that_carry_no_board_leave_nothing_behind(
    redis_url: str, redis: Any, prefix: str
) -> None:
    lean = Broker(redis_url, BrokerOptions(prefix=prefix, interop=Interop.OFF))
    await lean.push([job(1), job(2, priority=1), job(3, due_ms=soon(0), priority=2)])
    while len(ids := (await take(lean)).ids) < 1:
        pass
    await lean.settle([Settlement(n, "q", What.COMPLETED) for n in ids])
    await take(lean)
    await take(lean)
    left = [key async for key in redis.scan_iter(f"{prefix}:*")]
    assert set(left) <= {f"{prefix}:q:pc", f"{prefix}:q:marker", f"{prefix}:q:toril:taken:{WORKER}"}
    await lean.close()


async def test_large_payloads_and_results_are_told_of_but_not_copied(
    board: Broker, redis: Any, prefix: str
) -> None:
    await board.push([job(1, payload=json.dumps({"x": "y" * 100_000}))])
    await board.settle([Settlement(1, "q", What.COMPLETED, 1, 1, json.dumps("z" * 50_000))])
    seen = await redis.hgetall(f"{prefix}:q:t1")
    assert len(seen["data"]) < 200
    assert len(seen["returnvalue"]) < 200


async def test_scripts_that_redis_forgot_are_loaded_again(broker: Broker, redis: Any) -> None:
    await broker.push([job(1)])
    await redis.script_flush()
    await broker.push([job(2)])
    assert (await take(broker)).ids == [1, 2]


async def test_a_marker_wakes_the_worker_of_that_queue(redis_url: str, prefix: str, broker: Broker) -> None:
    waiter = MarkerWaiter(redis_url, prefix)
    assert await waiter.wait(["q", "other"], 0.01) is None
    await broker.push([job(1, queue="other")])
    assert await waiter.wait(["q", "other"], 5) == "other"
    await waiter.close()


async def test_a_take_that_leaves_jobs_wakes_the_next_worker(
    redis_url: str, prefix: str, broker: Broker
) -> None:
    waiter = MarkerWaiter(redis_url, prefix)
    await broker.push([job(n) for n in range(1, 4)])
    assert await waiter.wait(["q"], 5) == "q"
    await take(broker, 2)
    assert await waiter.wait(["q"], 5) == "q"
    await take(broker, 2)
    assert await waiter.wait(["q"], 0.01) is None
    await waiter.close()


async def test_a_server_that_is_not_there_is_unavailable(prefix: str) -> None:
    nowhere = Broker("unix:///nonexistent/valkey.sock", BrokerOptions(prefix=prefix))
    with pytest.raises(Unavailable, match="Redis is not available"):
        await nowhere.push([job(1)])
    await nowhere.close()
