"""How one process tells how it is: its bus, its loops, and where both are served when that is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toril.domain.events import ProbesServed
from toril.telemetry.bus import Bus
from toril.telemetry.logs import EventLogger
from toril.telemetry.progress import Progress

if TYPE_CHECKING:
    from toril.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What the parts of a process tell, and what becomes of it; `metrics` only where they are served."""

    bus: Bus
    progress: Progress
    metrics: "Metrics | None" = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Where to serve metrics and probes.

    Args:
        host: the address.
        ports: of which the first free one is taken; empty to serve nothing.
        wedged_after: seconds after which an event loop that doesn't move never will.
        labels: what the process is, as `toril_build_info` shows it.
    """

    host: str
    ports: range
    wedged_after: float
    labels: dict[str, str]


def logging_telemetry(log_level: str) -> Telemetry:
    """Return the telemetry of a process that only logs."""
    bus = Bus()
    bus.subscribe(EventLogger(log_level))
    return Telemetry(bus, Progress())


@asynccontextmanager
async def following(telemetry: Telemetry, serving: Serving) -> AsyncIterator[Telemetry]:
    """Follow the event loop, and serve metrics and probes where there is a port for them.

    Raises:
        SettingsError: none of the ports is free.
    """
    telemetry.progress.start()
    try:
        if serving.ports:
            async with _served(telemetry, serving) as served:
                yield served
        else:
            yield telemetry
    finally:
        telemetry.progress.stop()


@asynccontextmanager
async def _served(telemetry: Telemetry, serving: Serving) -> AsyncIterator[Telemetry]:
    from toril.telemetry.metrics import Metrics  # its library takes a while to import: only where it is used
    from toril.telemetry.probes import Probes, listen

    metrics = Metrics(telemetry.progress, serving.labels)
    listener = listen(serving.host, serving.ports)
    probes = Probes(listener, metrics.exposition, telemetry.progress, wedged_after=serving.wedged_after)
    telemetry.bus.subscribe(metrics)
    probes.start()
    telemetry.bus.emit(ProbesServed(probes.url))
    try:
        yield replace(telemetry, metrics=metrics)
    finally:
        await asyncio.to_thread(probes.stop)
