"""Runs the API or one worker in this process.

Both may be started while PostgreSQL is down. The API then answers 503 until it is there, as it does
whenever PostgreSQL goes away; a worker has nothing to do before. A database that has not been migrated ends
either, with the remedy: starting again would not help.
"""

import asyncio
from functools import partial

from toril.app import load_registry
from toril.bootstrap import running_api, running_telemetry, running_worker
from toril.cli.database import until_migrated
from toril.cli.output import say
from toril.cli.running import Stop, run
from toril.domain.errors import SettingsError
from toril.domain.events import Emit
from toril.domain.names import check_queue_name
from toril.sdk.registry import Registry
from toril.settings import Settings
from toril.telemetry.bus import Bus
from toril.telemetry.logs import EventLogger, configure

_FIRST_LOOK = 2.0
"""Seconds that PostgreSQL has to answer before the API starts without it."""


def run_api(settings: Settings) -> None:
    """Run the API until the process is told to stop.

    Raises:
        SettingsError: the address can't be used, or the database has not been migrated.
    """
    configure(settings.log, settings.log_level)
    run(partial(_serve_api, settings))


def run_worker(settings: Settings) -> None:
    """Run one worker until the process is told to stop, then let it finish what it has.

    Raises:
        SettingsError: the application can't be used, or the database has not been migrated.
    """
    configure(settings.log, settings.log_level)
    require_work(settings)
    run(partial(_serve_worker, settings, load_registry(settings.app)))


def require_work(settings: Settings) -> None:
    """Make sure that an application is named, and that its queues can be called what they are.

    Raises:
        SettingsError: there is no application.
        InvalidInput: a queue can't have that name.
    """
    for queue in filter(None, settings.queues.split(",")):
        check_queue_name(queue.strip())
    if not settings.app:
        raise SettingsError(
            "A worker needs an application: none is named.",
            field="TORIL_APP",
            hint="Name it as module:attribute, such as --app shop.jobs:app, or set TORIL_APP.",
        )


async def _serve_api(settings: Settings, stop: Stop) -> None:
    async with running_telemetry(settings, "api") as telemetry:
        # Says nothing itself of a PostgreSQL that is away: the API, which then runs, watches it.
        migrated = asyncio.create_task(until_migrated(settings, lambda _: None))
        await asyncio.wait([migrated], timeout=_FIRST_LOOK)
        if migrated.done():
            migrated.result()
        async with running_api(settings, telemetry) as server:
            say(f"The API listens on {server.url}")
            with stop.awaited():
                await asyncio.gather(migrated, server.wait())


async def _serve_worker(settings: Settings, registry: Registry, stop: Stop) -> None:
    load = partial(load_registry, settings.app)
    async with running_telemetry(settings, "worker") as telemetry:
        await until_migrated(settings, telemetry.bus.emit)
        async with running_worker(settings, registry, load, telemetry) as worker:
            with stop.awaited():
                await worker.wait()


def emitter(settings: Settings) -> Emit:
    """Return where a process tells what happens that has no parts of its own."""
    bus = Bus()
    bus.subscribe(EventLogger(settings.log_level))
    return bus.emit
