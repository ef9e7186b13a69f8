"""Outcomes on their way to the record: what can't be written, what came too late, what was down."""

from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.conftest import Heard, eventually
from tests.integration.store.situations import BOOM, claim, new, row_of, submit
from toril.bootstrap import Core
from toril.domain.errors import Unavailable
from toril.domain.events import (
    BatchRecorded,
    OwnershipLost,
    PartBack,
    PartDown,
    QueueAccepted,
    QueueRefused,
    ServiceFailed,
)
from toril.domain.job import ClaimedJob
from toril.domain.lifecycle import Event
from toril.domain.outcome import Decision, ErrorInfo
from toril.store.connection import Database, Lane
from toril.store.discarded import KEPT, PRUNE_LIMIT, DiscardedOutcomes
from toril.store.reader import Reader
from toril.worker import recorder as module
from toril.worker.discards import MAX_KIND, MAX_RESULT, Discards
from toril.worker.patience import Patience
from toril.worker.recorder import OutcomeRecorder

DONE = Decision(Event.COMPLETE, result='"done"')


@pytest.fixture
async def forgotten() -> list[tuple[int, int]]:
    return []


@pytest.fixture
async def discards(core: Core, database_url: str) -> AsyncIterator[Discards]:
    own = Database(database_url).lane()
    yield Discards(own, core.bus.emit)
    await own.close()


@pytest.fixture
async def recorder(
    core: Core, lane: Lane, forgotten: list[tuple[int, int]], discards: Discards
) -> AsyncIterator[OutcomeRecorder]:
    made = OutcomeRecorder(
        core.jobs,
        lane,
        core.broker,
        core.dispatcher,
        Patience("PostgreSQL", core.bus.emit),
        Patience("Redis", core.bus.emit),
        core.bus.emit,
        lambda job_id, attempt: forgotten.append((job_id, attempt)),
        discards,
        core.progress,
    )
    yield made
    await made.drain()
    await discards.drain()


async def claimed(core: Core, lane: Lane, count: int) -> list[ClaimedJob]:
    return await claim(lane, core.jobs, await submit(lane, core.jobs, *[new() for _ in range(count)]))


async def test_a_result_that_postgresql_refuses_fails_its_job_and_no_neighbour(
    core: Core, lane: Lane, recorder: OutcomeRecorder
) -> None:
    first, second, third = await claimed(core, lane, 3)
    recorder.record(first, DONE)
    recorder.record(second, Decision(Event.COMPLETE, result='"\\u0000"'))
    recorder.record(third, DONE)
    await recorder.drain()
    states = [(await row_of(lane, job.id))["state"] for job in (first, second, third)]
    assert states == ["completed", "failed", "completed"]


async def test_an_outcome_that_can_not_be_written_is_told_and_costs_no_neighbour(
    core: Core, lane: Lane, recorder: OutcomeRecorder, heard: Heard, forgotten: list[tuple[int, int]]
) -> None:
    first, second = await claimed(core, lane, 2)
    recorder.record(first, Decision(Event.RETRY, error=ErrorInfo("E", "a NUL \x00 that nobody removed")))
    recorder.record(second, Decision(Event.RETRY, error=ErrorInfo("E", "fine")))
    await recorder.drain()
    assert [(await row_of(lane, job.id))["state"] for job in (first, second)] == ["active", "queued"]
    assert len(heard.of(ServiceFailed)) == 1
    assert sorted(forgotten) == [(first.id, 1), (second.id, 1)]


async def rescued(core: Core, lane: Lane) -> None:
    """Take all jobs back from their worker."""
    await lane.fetch("update toril.workers set state = 'lost'")
    await core.jobs.rescue(lane, limit=1_000, outcome="crashed")


async def test_an_outcome_that_came_too_late_is_told_discarded_and_kept_for_a_look(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard, reader: Reader
) -> None:
    late, other = await claimed(core, lane, 2)
    await rescued(core, lane)
    (again,) = await claim(lane, core.jobs, [other.id])
    recorder.record(again, DONE)
    await recorder.record(late, DONE)
    await discards.drain()
    assert heard.of(OwnershipLost) == [OwnershipLost(late.id, 1, '"done"')]
    assert (await row_of(lane, late.id))["result"] is None
    assert (await row_of(lane, other.id))["state"] == "completed"
    history, own = await reader.history(late.id), await reader.history(other.id)
    assert history
    assert own
    (kept,) = history.discarded
    assert (kept.attempt, kept.event, kept.result, kept.error_kind) == (1, "complete", '"done"', None)
    assert kept.worker == history.attempts[0].worker
    assert own.discarded == []


async def test_what_is_kept_of_a_discarded_outcome_is_bounded_and_storable(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard, reader: Reader
) -> None:
    failed, huge, forbidden = await claimed(core, lane, 3)
    await rescued(core, lane)
    error = ErrorInfo("E\0" * 1_000, "\ud800 and \0 " * 10_000, "a stack")
    recorder.record(failed, Decision(Event.FAIL, error=error._replace(message="fine", kind="E")))
    recorder.record(huge, Decision(Event.COMPLETE, result='"' + "x" * 1_000_000 + '"'))
    await recorder.drain()
    discards.keep(forbidden, Decision(Event.FAIL, error=error))
    await discards.drain()
    shown = [await reader.history(job.id) for job in (failed, huge, forbidden)]
    one, two, three = [history.discarded[0] for history in shown if history]
    assert (one.event, one.result, one.error_kind, one.error_message) == ("fail", None, "E", "fine")
    assert two.result
    assert MAX_RESULT < len(two.result) < MAX_RESULT + 100
    assert three.error_kind
    assert len(three.error_kind) < 10 * MAX_KIND
    assert heard.of(ServiceFailed) == []


async def test_keeping_discarded_outcomes_never_holds_up_or_fails_the_record_of_others(
    core: Core, lane: Lane, recorder: OutcomeRecorder, discards: Discards, heard: Heard
) -> None:
    late, other, broken = await claimed(core, lane, 3)
    await rescued(core, lane)
    (again,) = await claim(lane, core.jobs, [other.id])
    async with lane.transaction() as transaction:
        await transaction.execute("lock table toril.discarded_outcomes")  # whoever writes there waits
        writing = Database(core.settings.database_url).lane()
        recorder._lane = writing
        await recorder.record(late, DONE)
        await recorder.record(again, DONE)
    recorder._lane = lane
    await discards.drain()
    await writing.close()
    assert (await row_of(lane, other.id))["state"] == "completed"
    await lane.fetch("drop table toril.discarded_outcomes")
    await recorder.record(broken, DONE)
    await discards.drain()
    (failed,) = heard.of(ServiceFailed)
    assert isinstance(failed, ServiceFailed)
    assert failed.service == "discards"


async def test_discarded_outcomes_are_dropped_after_a_week_or_beyond_a_number_in_bounded_steps(
    core: Core, lane: Lane
) -> None:
    insert = (
        "insert into toril.discarded_outcomes (job_id, attempt, worker, event, at) "
        "select n, 1, gen_random_uuid(), 'complete', now() - $3::interval "
        "from generate_series($1::int, $2::int) as n"
    )
    await lane.fetch(insert, 1, PRUNE_LIMIT + 5, timedelta(days=8))
    await lane.fetch(insert, 2_001, 2_010, timedelta(days=6))
    store = DiscardedOutcomes()
    assert [await store.prune(lane) for _ in range(3)] == [PRUNE_LIMIT, 5, 0]
    await lane.fetch(insert, 3_001, 3_000 + KEPT, timedelta(0))
    assert [await store.prune(lane) for _ in range(2)] == [10, 0]
    assert (await lane.fetch("select min(job_id), count(*) from toril.discarded_outcomes"))[0] == (
        3_001,
        KEPT,
    )


async def test_the_recorder_is_silent_only_while_it_has_something_to_write(
    core: Core, lane: Lane, recorder: OutcomeRecorder
) -> None:
    (job,) = await claimed(core, lane, 1)
    assert not [silence for silence in core.progress.silences() if silence.loop == "recorder"]
    async with lane.transaction():
        recorder.record(job, DONE)
        (silence,) = [silence for silence in core.progress.silences() if silence.loop == "recorder"]
        assert not silence.overdue
    await recorder.drain()
    assert not [silence for silence in core.progress.silences() if silence.loop == "recorder"]


async def test_an_outcome_is_recorded_once_when_the_answer_of_the_first_write_was_lost(
    core: Core, lane: Lane, recorder: OutcomeRecorder, heard: Heard
) -> None:
    (job,) = await claimed(core, lane, 1)
    await recorder.record(job, DONE)
    await recorder.record(job, DONE)
    assert heard.of(OwnershipLost) == []
    assert (await row_of(lane, job.id))["state"] == "completed"


async def test_patience_tells_once_that_a_part_went_and_once_that_it_came_back(
    core: Core, heard: Heard
) -> None:
    tries = []

    async def call() -> str:
        tries.append(1)
        if len(tries) < 4:
            raise Unavailable("gone fishing")
        return "here"

    assert await Patience("PostgreSQL", core.bus.emit).insist(call) == "here"
    assert [type(event) for event in heard] == [PartDown, PartBack]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.replicaof("NO", "ONE")
    await client.aclose()


Writable = Callable[[bool], Coroutine[Any, Any, None]]


@pytest.fixture
def writable(redis: Any) -> Writable:
    """Switch whether Redis can be written to: between the two it is what a failover leaves for a while."""

    async def switch(to: bool) -> None:
        await redis.replicaof(*(("NO", "ONE") if to else ("127.0.0.1", "1")))

    return switch


async def taken(core: Core, lane: Lane, count: int) -> list[ClaimedJob]:
    """Submit, push, take and claim jobs."""
    recorded = await core.jobs.insert(lane, [new() for _ in range(count)])
    await core.broker.push([each.push for each in recorded if each.push])
    ids = [each.submitted.id for each in recorded]
    worker = (await claimed(core, lane, 1))[0].worker
    await core.broker.take("default", count, worker=worker, name="w", ticket=1)
    return await claim(lane, core.jobs, ids, worker)


async def seen(redis: Any, prefix: str, place: str) -> list[str]:
    """What boards see in one of the queue's places."""
    key = f"{prefix}:default:{place}"
    found = await (redis.lrange(key, 0, -1) if place in ("active", "wait") else redis.zrange(key, 0, -1))
    return sorted(found)


async def test_what_was_recorded_while_redis_was_down_is_mirrored_when_it_is_back(
    core: Core, lane: Lane, recorder: OutcomeRecorder, redis: Any, prefix: str, writable: Writable,
    heard: Heard,
) -> None:  # fmt: skip
    done, failed, again = await taken(core, lane, 3)
    await writable(False)
    await recorder.record(done, DONE)
    await recorder.record(failed, Decision(Event.FAIL, error=BOOM))
    await recorder.record(again, Decision(Event.RETRY, error=BOOM))
    assert [(await row_of(lane, job.id))["state"] for job in (done, failed, again)] == [
        "completed", "failed", "queued",
    ]  # fmt: skip
    assert len(await seen(redis, prefix, "active")) == 3
    await writable(True)

    async def mirrored() -> bool:
        return await seen(redis, prefix, "wait") == [f"t{again.id}"]

    await eventually(mirrored)
    assert await seen(redis, prefix, "active") == []
    assert await seen(redis, prefix, "completed") == [f"t{done.id}"]
    assert await seen(redis, prefix, "failed") == [f"t{failed.id}"]
    assert [type(event) for event in heard if isinstance(event, PartDown | PartBack)] == [PartDown, PartBack]


async def test_a_worker_that_stops_does_not_wait_for_redis_to_come_back(
    core: Core, lane: Lane, recorder: OutcomeRecorder, redis: Any, prefix: str, writable: Writable
) -> None:
    (job,) = await taken(core, lane, 1)
    await writable(False)
    await recorder.record(job, DONE)
    await recorder.drain()
    assert await seen(redis, prefix, "active") == [f"t{job.id}"]


async def test_mirrors_that_are_too_many_to_keep_are_dropped_and_none_blocks_recording(
    core: Core, lane: Lane, recorder: OutcomeRecorder, redis: Any, prefix: str, writable: Writable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    jobs = await taken(core, lane, 8)
    await writable(False)
    for job in jobs:
        await recorder.record(job, DONE)
    assert {(await row_of(lane, job.id))["state"] for job in jobs} == {"completed"}
    await writable(True)
    await recorder.drain()
    mirrored = await seen(redis, prefix, "completed")
    left = await seen(redis, prefix, "active")
    assert 3 <= len(mirrored) <= 4  # those that waited, and the one that was on its way
    assert len(left) == 8 - len(mirrored)


async def test_a_queue_that_redis_refuses_is_told_once_and_keeps_no_mirror_waiting(
    core: Core, lane: Lane, recorder: OutcomeRecorder, redis: Any, prefix: str, heard: Heard
) -> None:
    first, second, third = await taken(core, lane, 3)
    await redis.set(f"{prefix}:default:completed", "rubbish")
    for job in (first, second):
        await recorder.record(job, DONE)
        await recorder.drain()
    await redis.delete(f"{prefix}:default:completed")
    await recorder.record(third, DONE)
    await recorder.drain()
    assert await seen(redis, prefix, "completed") == [f"t{third.id}"]
    told = [type(event) for event in heard if isinstance(event, QueueRefused | QueueAccepted | PartDown)]
    assert told == [QueueRefused, QueueAccepted]


async def test_a_result_that_postgresql_refuses_is_shown_and_counted_as_the_failure_it_is(
    core: Core, lane: Lane, recorder: OutcomeRecorder, redis: Any, prefix: str, heard: Heard
) -> None:
    good, bad = await taken(core, lane, 2)
    recorder.record(good, DONE)
    recorder.record(bad, Decision(Event.COMPLETE, result='"\\u0000"'))
    await recorder.drain()
    assert await seen(redis, prefix, "completed") == [f"t{good.id}"]
    assert await seen(redis, prefix, "failed") == [f"t{bad.id}"]
    counted = [event.outcomes for event in heard if isinstance(event, BatchRecorded)]
    assert counted == [{"complete": 1}, {"fail": 1}]
