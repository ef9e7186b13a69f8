"""The composition root: turns settings into running parts. The only place that builds objects.

`running_api` and `running_worker` are what the command line runs; `open_submitter` is what applications
submit through; `open_reader` serves the commands that only look.
"""

import asyncio
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from toril.api.app import create_app
from toril.api.limits import Limits
from toril.api.server import ApiServer, listen
from toril.broker.broker import Broker, BrokerOptions
from toril.broker.marker import MarkerWaiter
from toril.domain.events import JobTypeBroken, RequestFailed
from toril.domain.job import NewJob, Submitted
from toril.keeper.keeper import Keeper, KeeperParts
from toril.operations.catalog import Catalog
from toril.operations.dispatch import Dispatcher
from toril.operations.health import Health
from toril.operations.recording import JobRecorder
from toril.runtime.clock import RecordClock
from toril.runtime.service import Periodic, Services
from toril.sdk.registry import Registry
from toril.settings import Settings, read_settings
from toril.store.audit import Audit
from toril.store.connection import Database, Readers
from toril.store.jobs import Jobs
from toril.store.outbox import Outbox
from toril.store.reader import Reader
from toril.store.recording import Recording
from toril.telemetry.bus import Bus
from toril.telemetry.process import Serving, Telemetry, following, logging_telemetry
from toril.telemetry.progress import Progress
from toril.worker.heartbeat import Pulse
from toril.worker.isolation import LoadRegistry
from toril.worker.patience import Patience
from toril.worker.worker import Worker, WorkerOptions, WorkerParts

CATALOG_EVERY = 2.0
_LOOK_EVERY = 2.0
"""Seconds between two looks of the API whether PostgreSQL and Redis answer."""

_LAST_WORDS = 15.0
"""Seconds in which what was accepted has to be recorded and dispatched when a process ends."""


def running_telemetry(settings: Settings, role: str) -> AbstractAsyncContextManager[Telemetry]:
    """Follow this process, and serve metrics and probes where settings say so.

    Raises:
        SettingsError: the address can't be used.
    """
    labels = {"version": version("toril"), "role": role}
    serving = Serving(settings.metrics_host, settings.metrics_ports, settings.wedged_after, labels)
    return following(logging_telemetry(settings.log_level), serving)


@dataclass(frozen=True, slots=True)
class Core:
    """What every process has."""

    settings: Settings
    bus: Bus
    progress: Progress
    database: Database
    jobs: Jobs
    outbox: Outbox
    broker: Broker
    dispatcher: Dispatcher
    clock: RecordClock


@asynccontextmanager
async def open_core(settings: Settings, role: str, telemetry: Telemetry | None = None) -> AsyncIterator[Core]:
    """Build what every process has; nothing is connected yet. Closing waits for what was accepted."""
    telemetry = telemetry or logging_telemetry(settings.log_level)
    database = Database(settings.database_url, application=f"toril {role}")
    outbox = Outbox(settings.horizon)
    clock = RecordClock()
    broker = Broker(settings.redis_url, broker_options(settings), clock.now_ms)
    lane = database.lane()
    dispatcher = Dispatcher(broker, outbox, lane, settings.horizon, clock.now_ms)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(lane.close)
        stack.push_async_callback(broker.close)
        stack.push_async_callback(_at_most, _LAST_WORDS, dispatcher.drain)
        jobs = Jobs(settings.horizon, Recording(settings.horizon, settings.idempotency_ttl))
        yield Core(
            settings, telemetry.bus, telemetry.progress, database, jobs, outbox, broker, dispatcher, clock
        )


@asynccontextmanager
async def running_keeper(core: Core) -> AsyncIterator[Keeper]:
    """Run the keeper's duties."""
    parts = KeeperParts(
        core.database,
        core.jobs,
        core.outbox,
        Audit(core.settings.horizon),
        core.broker,
        core.dispatcher,
        core.bus.emit,
        core.progress,
    )
    keeper = Keeper(parts, core.settings.lease)
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.close()


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[Reader]:
    """Open what only looks."""
    readers = Readers(Database(settings.database_url, application="toril reader"))
    try:
        yield Reader(readers)
    finally:
        await readers.close()


@asynccontextmanager
async def open_recorder(core: Core) -> AsyncIterator[JobRecorder]:
    """Open what records jobs; closing waits until everything accepted is recorded and dispatched."""
    recorder = JobRecorder(core.database, core.jobs, core.outbox, core.dispatcher)
    try:
        yield recorder
    finally:
        await _at_most(_LAST_WORDS, recorder.drain)
        await recorder.close()


@asynccontextmanager
async def running_api(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[ApiServer]:
    """Run the API and the keeper's duties.

    Args:
        settings: how.
        telemetry: of this process, when it runs already.

    Raises:
        SettingsError: the address can't be used.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        if telemetry is None:
            telemetry = await stack.enter_async_context(running_telemetry(settings, "api"))
        core = await stack.enter_async_context(open_core(settings, "api", telemetry))
        reader = await stack.enter_async_context(open_reader(settings))
        recorder = await stack.enter_async_context(open_recorder(core))
        await stack.enter_async_context(running_keeper(core))
        catalog = Catalog(reader)
        services = Services(core.bus.emit, core.progress)
        services.start(Periodic("catalog", CATALOG_EVERY, partial(_refresh, catalog, core.bus, {})))
        for part, ping in (("PostgreSQL", reader.ping), ("Redis", core.broker.ping)):
            look = partial(Patience(part, core.bus.emit).look, ping)
            services.start(Periodic(f"{part.lower()} watch", _LOOK_EVERY, look))
        stack.push_async_callback(services.close)
        app = create_app(
            submitter=recorder,
            store=reader,
            catalog=catalog,
            health=Health(reader.ping, core.broker.ping, reader.relay_lag, core.progress),
            limits=Limits(job=settings.max_job_bytes),
            on_error=partial(_request_failed, core.bus),
        )
        server = ApiServer(app, listener)
        await server.start()
        stack.push_async_callback(server.stop)
        yield server


@asynccontextmanager
async def running_worker(
    settings: Settings, registry: Registry, load: LoadRegistry, telemetry: Telemetry | None = None
) -> AsyncIterator[Worker]:
    """Run one worker and the keeper's duties; leaving stops it in order.

    Args:
        settings: how.
        registry: the handlers.
        load: makes the registry again in another process, for isolated handlers.
        telemetry: of this process, when it runs already.
    """
    async with AsyncExitStack() as stack:
        if telemetry is None:
            telemetry = await stack.enter_async_context(running_telemetry(settings, "worker"))
        core = await stack.enter_async_context(open_core(settings, "worker", telemetry))
        waiter = MarkerWaiter(settings.redis_url, settings.prefix, core.broker.silence)
        stack.push_async_callback(waiter.close)
        await stack.enter_async_context(running_keeper(core))
        parts = WorkerParts(
            core.database,
            core.jobs,
            core.broker,
            waiter,
            core.dispatcher,
            core.clock,
            core.bus.emit,
            core.progress,
        )
        worker = Worker(registry, load, worker_options(settings, registry), parts)
        if telemetry.metrics is not None:
            telemetry.metrics.watch_slots(lambda: worker.running, settings.concurrency)
        await worker.start()
        stack.push_async_callback(worker.stop)
        yield worker


async def open_submitter(
    *, database_url: str | None = None, redis_url: str | None = None
) -> "ApplicationSubmitter":
    """Open what an application submits through, with settings from the environment where none are given."""
    settings = read_settings(os.environ, database_url=database_url, redis_url=redis_url)
    stack = AsyncExitStack()
    core = await stack.enter_async_context(open_core(settings, "application"))
    recorder = await stack.enter_async_context(open_recorder(core))
    return ApplicationSubmitter(recorder, stack)


class ApplicationSubmitter:
    """The `Submitter` of an application (see `sdk/submitting.py`)."""

    def __init__(self, recorder: JobRecorder, stack: AsyncExitStack) -> None:
        self._recorder = recorder
        self._stack = stack

    async def submit(self, jobs: Sequence[NewJob], *, conn: object | None = None) -> list[Submitted]:
        """Record all of these jobs, or none; single ones share batches with others."""
        if conn is not None:
            return await self._recorder.submit_in(conn, jobs)
        if len(jobs) == 1:
            return [await self._recorder.submit_one(jobs[0])]
        return await self._recorder.submit_many(jobs)

    def submit_sync(self, jobs: Sequence[NewJob], conn: object) -> list[Submitted]:
        """Record all of these jobs, or none, on a connection that blocks; may be called from any thread."""
        return self._recorder.submit_in_sync(conn, jobs)

    async def close(self) -> None:
        """Wait for what was accepted, and close the connections."""
        await self._stack.aclose()


def broker_options(settings: Settings) -> BrokerOptions:
    """Return how Redis is to be used."""
    return BrokerOptions(
        prefix=settings.prefix,
        interop=settings.default_interop,
        queue_interop=settings.queue_interop,
        keep_completed=settings.keep_completed,
        keep_failed=settings.keep_failed,
    )


def worker_options(settings: Settings, registry: Registry) -> WorkerOptions:
    """Return how a worker is to work: on the queues that are set, or on all that its handlers name."""
    named = [queue.strip() for queue in settings.queues.split(",") if queue.strip()]
    return WorkerOptions(
        queues=named or sorted({job_type.queue for job_type in registry}),
        concurrency=settings.concurrency,
        processes=settings.isolated or os.cpu_count() or 1,
        transactions=settings.transactions,
        grace=settings.grace,
        pulse=Pulse(
            every=settings.lease / 5, blocked_after=settings.lease / 4, wedged_after=settings.wedged_after
        ),
        version=version("toril"),
    )


async def _at_most(seconds: float, call: Callable[[], Awaitable[None]]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await call()


async def _refresh(catalog: Catalog, bus: Bus, told: dict[str, str]) -> None:
    await catalog.refresh()
    for name, reason in catalog.broken.items():
        if told.get(name) != reason:
            told[name] = reason
            bus.emit(JobTypeBroken(name, reason))


def _request_failed(bus: Bus, error: Exception) -> None:
    stack = "".join(traceback.format_exception(error))
    bus.emit(RequestFailed(f"{type(error).__name__}: {error}", stack))
