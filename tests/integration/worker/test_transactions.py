"""Handlers that write and complete in one transaction, on a real worker: both, or neither."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.conftest import eventually
from tests.integration.worker import handlers
from tests.integration.worker.conftest import StartWorker
from toril.bootstrap import Core
from toril.domain.errors import LostOwnership
from toril.domain.lifecycle import Event, Status
from toril.domain.outcome import Decision
from toril.domain.views import JobHistory
from toril.store.connection import Database, Lane
from toril.store.jobs import Finish
from toril.store.transactions import Transactions

Ended = Callable[[int], Awaitable[JobHistory]]


@pytest.fixture(autouse=True)
async def effects(lane: Lane) -> None:
    await lane.fetch("create table effects (job_id bigint, attempt int)")


async def written(lane: Lane) -> list[int]:
    """The attempts whose writes were committed."""
    rows = await lane.fetch("select attempt from effects order by attempt")
    return [row["attempt"] for row in rows]


async def run(ended: Ended, then: str = "") -> JobHistory:
    return await ended((await handlers.writes_and_completes.enqueue(then=then)).id)


async def test_the_writes_and_the_completion_are_committed_together(
    start_worker: StartWorker, ended: Ended, lane: Lane
) -> None:
    await start_worker()
    job = (await run(ended)).job
    assert (job.status, job.attempt, job.result) == (Status.COMPLETED, 1, '{"attempt": 1}')
    assert await written(lane) == [1]


async def test_a_block_that_raises_leaves_nothing_and_the_job_is_tried_again(
    start_worker: StartWorker, ended: Ended, lane: Lane
) -> None:
    await start_worker()
    job = (await run(ended, "roll back once")).job
    assert (job.status, job.attempt, job.failures, job.result) == ("completed", 2, 1, '{"attempt": 2}')
    assert await written(lane) == [2]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("raise", "raised RuntimeError after its transaction had completed the job: too late"),
        ("again", "raised InvalidInput after its transaction had completed the job: this job has been"),
        ("return", "what the handler returned is not recorded"),
    ],
)
async def test_what_comes_after_the_commit_changes_nothing_and_is_told(
    start_worker: StartWorker, ended: Ended, lane: Lane, then: str, said: str
) -> None:
    await start_worker()
    found = await run(ended, then)
    assert (found.job.status, found.job.failures, found.job.result) == ("completed", 0, '{"attempt": 1}')

    async def told() -> bool:
        return any(said in line.message for line in (await ended(found.job.id)).logs)

    await eventually(told)
    assert await written(lane) == [1]


async def test_a_run_that_has_lost_its_job_can_not_commit(
    start_worker: StartWorker, ended: Ended, core: Core, lane: Lane
) -> None:
    """The job is taken away while the handler is in its transaction, and completed by another attempt."""
    await start_worker()
    job_id = (await handlers.writes_and_completes.enqueue(then="be lost")).id
    assert await asyncio.to_thread(handlers.STARTED.wait, 20)
    await lane.fetch("update toril.jobs set attempt = 2 where id = $1", job_id)
    await core.jobs.complete(lane, [Finish(job_id, 2, Decision(Event.COMPLETE, result='"other"'))])
    handlers.RELEASED.set()

    async def discarded() -> bool:
        return not (await lane.fetch("select from pg_stat_activity where state like 'idle in trans%'"))

    await eventually(discarded)
    job = (await ended(job_id)).job
    assert (job.attempt, job.result) == (2, '"other"')
    assert await written(lane) == []


async def test_the_mirror_shows_the_completion_of_a_handler_that_raised_afterwards(
    start_worker: StartWorker, ended: Ended, redis_url: str, prefix: str
) -> None:
    await start_worker()
    job_id = (await run(ended, "raise")).job.id
    async with Redis.from_url(redis_url) as redis:

        async def mirrored() -> Any:
            return await redis.zscore(f"{prefix}:default:completed", f"t{job_id}")

        await eventually(mirrored)
        assert await redis.hget(f"{prefix}:default:t{job_id}", "returnvalue") == b'{"attempt": 1}'


async def test_a_plain_function_is_told_that_it_can_not_have_one(
    start_worker: StartWorker, ended: Ended
) -> None:
    await start_worker()
    job = (await ended((await handlers.wants_a_transaction_in_a_thread.enqueue()).id)).job
    assert (job.status, job.error_kind) == (Status.FAILED, "InvalidInput")
    assert "not to be had here" in str(job.error_message)


async def test_handlers_wait_for_a_connection_when_there_are_few(
    start_worker: StartWorker, ended: Ended, lane: Lane
) -> None:
    await start_worker(transactions=1)
    jobs = [await handlers.writes_and_completes.enqueue() for _ in range(10)]
    assert [(await ended(job.id)).job.status for job in jobs] == [Status.COMPLETED] * 10
    assert await written(lane) == [1] * 10


async def test_lost_ownership_is_an_error_that_names_the_job(
    database_url: str, core: Core, lane: Lane
) -> None:
    transactions = Transactions(Database(database_url), core.jobs, 1)
    with pytest.raises(LostOwnership, match="job 7 by now"):
        async with transactions.open(7, 1, lambda: "null") as connection:
            await connection.execute(handlers.Rows.STATEMENT, 7, 1)
    assert await written(lane) == []
    await transactions.close()
