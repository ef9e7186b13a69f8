"""One life cycle for everything that runs: services start together, stop in one order, and report failures.

A periodic service is a `tick` and an interval. This module owns its loop, the jitter that keeps many
processes from ticking in step, the backoff after a failure, and the one broad `except` of the code base:
a duty that failed once is tried again, and says so.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from toril.domain.errors import Unavailable
from toril.domain.events import Emit, ServiceFailed
from toril.telemetry.progress import Loop, Progress

_LONGEST_BACKOFF = 30.0
_LONGEST_TICK = 30.0
"""Seconds that a tick may take: to connect, and for a statement or call or two to reach their deadlines."""


@dataclass(frozen=True, slots=True)
class Periodic:
    """A duty that is done again and again.

    Args:
        name: for logs.
        interval: seconds between two ticks; a tick that returns True wants the next one at once.
        tick: does it once.
    """

    name: str
    interval: float
    tick: Callable[[], Awaitable[bool | None]]


class Services:
    """Runs periodic services until it is closed.

    Args:
        emit: where failures are told.
        progress: where completed ticks are noted.
        rng: for jitter.
    """

    def __init__(self, emit: Emit, progress: Progress, rng: random.Random | None = None) -> None:
        self._emit = emit
        self._progress = progress
        self._rng = rng or random.Random()  # noqa: S311  # jitter, not a secret
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self, service: Periodic) -> None:
        """Start a service; its first tick comes at once."""
        loop = self._progress.follow(service.name, 2 * service.interval + _LONGEST_TICK)
        self._tasks.append(asyncio.create_task(self._run(service, loop), name=service.name))

    async def close(self) -> None:
        """Stop all services, last started first, each between or in the middle of its ticks."""
        self._closing = True  # a driver may turn a cancellation into an error of its own
        for task in reversed(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _run(self, service: Periodic, loop: Loop) -> None:
        loop.begun()
        try:
            await self._tick_again_and_again(service, loop)
        finally:
            loop.idle()

    async def _tick_again_and_again(self, service: Periodic, loop: Loop) -> None:
        failures = 0
        while not self._closing:
            try:
                again = await service.tick()
            except Unavailable:
                # The part that is down is reported by whoever watches it (PartDown), not by every duty.
                failures += 1
                pause = self._backoff(service, failures)
            except Exception as error:  # noqa: BLE001  # the duty must go on; what failed is told
                failures += 1
                pause = self._backoff(service, failures)
                self._emit(ServiceFailed(service.name, f"{type(error).__name__}: {error}", pause))
            else:
                loop.moved()
                failures = 0
                pause = 0.0 if again else service.interval * self._rng.uniform(0.9, 1.1)
            if not self._closing:
                await asyncio.sleep(pause)

    def _backoff(self, service: Periodic, failures: int) -> float:
        longest = min(_LONGEST_BACKOFF, service.interval * 2.0 ** min(failures, 10))
        return self._rng.uniform(service.interval / 2, max(longest, service.interval))
