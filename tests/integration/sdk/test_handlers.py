"""Handlers that submit jobs: plain functions in a worker's threads, and coroutines in a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from tests.conftest import eventually
from toril import JobContext, Toril
from toril.app import load_registry
from toril.bootstrap import open_reader, running_worker
from toril.domain.lifecycle import Status
from toril.domain.views import JobView
from toril.settings import Settings

app = Toril()

Run = Callable[[int], Awaitable[JobView]]


@app.job
def fan_out(ctx: JobContext, count: int) -> list[int]:
    return [echo.enqueue_sync(value, idempotency_key=f"{ctx.id}-{value}").id for value in range(count)]


@app.job(retry=1)
async def forgets_to_await() -> None:
    echo.enqueue_sync(1)


@app.job
async def moves_on(ctx: JobContext, next_value: int) -> None:
    async with ctx.transaction() as conn:
        job = await echo.enqueue(next_value, conn=conn)
        ctx.set_result(job.id)


@app.job
async def echo(value: int) -> int:
    return value


@pytest.fixture(autouse=True)
async def worker(environment: dict[str, str], settings: Settings) -> AsyncIterator[None]:
    load = partial(load_registry, f"{__name__}:app")
    async with running_worker(settings, app.registry, load):
        yield
    await app.close()
    await asyncio.to_thread(app.close_sync)


@pytest.fixture
async def ended(settings: Settings) -> AsyncIterator[Run]:
    """Wait until a job has ended, and return it."""
    async with open_reader(settings) as reader:

        async def wait(job_id: int) -> JobView:
            found: list[Any] = []

            async def has_ended() -> bool:
                found[:] = [await reader.history(job_id)]
                return found[0] is not None and found[0].job.finished_at is not None

            await eventually(has_ended)
            view: JobView = found[0].job
            return view

        yield wait


async def test_a_plain_function_submits_from_its_thread(ended: Run) -> None:
    parents = [(await fan_out.enqueue(3)).id for _ in range(5)]
    children = [child for job_id in parents for child in await results(ended, job_id)]
    assert len(set(children)) == 15
    assert sorted([await results(ended, child) for child in children]) == sorted([0, 1, 2] * 5)


async def test_a_coroutine_is_told_to_await(ended: Run) -> None:
    job = await ended((await forgets_to_await.enqueue()).id)
    assert job.status is Status.FAILED
    assert job.error_message is not None
    assert "await enqueue(…)" in job.error_message


async def test_a_coroutine_submits_the_next_job_with_its_own_completion(ended: Run) -> None:
    first = await moves_on.enqueue(7)
    assert await results(ended, await results(ended, first.id)) == 7


async def results(ended: Run, job_id: int) -> Any:
    job = await ended(job_id)
    assert job.status is Status.COMPLETED
    return json.loads(job.result or "")
