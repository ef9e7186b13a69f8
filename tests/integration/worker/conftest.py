"""A worker in this process, on real servers, and a way to watch its jobs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import pytest
from msgspec.structs import replace

from tests.conftest import eventually
from tests.integration.worker import handlers
from toril.app import load_registry
from toril.bootstrap import open_reader, running_worker
from toril.domain.lifecycle import Status
from toril.domain.views import JobHistory
from toril.settings import Settings
from toril.store.reader import Reader
from toril.worker.worker import Worker

ENDED = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}
ADDRESS = "tests.integration.worker.handlers:app"
StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def reader(settings: Settings) -> AsyncIterator[Reader]:
    async with open_reader(settings) as opened:
        yield opened


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What a test has running; it may close it early."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def start_worker(settings: Settings, stack: AsyncExitStack) -> StartWorker:
    """Start a worker; it stops with the test, or when the test closes `stack`."""

    async def start(**changes: object) -> Worker:
        chosen = replace(settings, concurrency=10, isolated=1, grace=10.0)
        chosen = replace(chosen, **changes)
        load = partial(load_registry, ADDRESS)
        return await stack.enter_async_context(running_worker(chosen, handlers.app.registry, load))

    return start


@pytest.fixture(autouse=True)
async def application(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> AsyncIterator[None]:
    """The handlers' application, connected to this test's servers."""
    for name in ("database_url", "redis_url", "prefix"):
        monkeypatch.setenv(f"TORIL_{name.upper()}", getattr(settings, name))
    handlers.STARTED.clear()
    handlers.RELEASED.clear()
    async with handlers.app:
        yield


@pytest.fixture
def ended(reader: Reader) -> Callable[[int], Awaitable[JobHistory]]:
    """Wait until a job has ended; return all that is known of it."""

    async def wait(job_id: int) -> JobHistory:
        async def has_ended() -> bool:
            found = await reader.history(job_id)
            return found is not None and found.job.status in ENDED

        await eventually(has_ended)
        found = await reader.history(job_id)
        assert found is not None
        return found

    return wait
