"""Whether the parts that a process depends on answer, and whether jobs get from one to the other."""

import asyncio
from collections.abc import Awaitable, Callable

from toril.domain.errors import Unavailable
from toril.operations.ports import ComponentHealth
from toril.telemetry.progress import Progress

_PATIENCE = 1.5
_LAG = 30.0
"""Seconds for which a queued job may be unknown to Redis before that is worth an operator's attention."""


class Health:
    """The `HealthChecks` of a process (see ports.py).

    Args:
        postgres: raises `Unavailable` when PostgreSQL doesn't answer.
        redis: likewise for Redis.
        relay_lag: seconds for which the oldest queued job has been waiting to be told to Redis.
        progress: the loops of this process.
    """

    def __init__(
        self,
        postgres: Callable[[], Awaitable[None]],
        redis: Callable[[], Awaitable[None]],
        relay_lag: Callable[[], Awaitable[float]],
        progress: Progress,
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._relay_lag = relay_lag
        self._progress = progress

    async def check(self) -> list[ComponentHealth]:
        """Ask all at the same time; a part that is silent for too long is down."""
        answers = await asyncio.gather(
            _ask("postgresql", self._postgres, required=True),
            _ask("redis", self._redis, required=False),  # jobs are accepted without it, and pushed later
            _ask("relay", self._check_relay, required=False),
        )
        return [*answers, _loops(self._progress)]

    async def _check_relay(self) -> None:
        lag = await self._relay_lag()
        if lag > _LAG:
            raise Unavailable(f"the oldest queued job has waited {lag:.0f} s to be told to Redis")


def _loops(progress: Progress) -> ComponentHealth:
    """Tell of the loop that has been silent for longest, measured by how long each may be."""
    silences = progress.silences()
    if not silences:
        return ComponentHealth("loops", up=True, detail="none has anything to do", required=False)
    longest = silences[0]
    detail = f"{longest.loop} last moved {longest.seconds:.1f} s ago; {longest.limit:g} s are in order"
    return ComponentHealth("loops", up=not longest.overdue, detail=detail, required=False)


async def _ask(name: str, call: Callable[[], Awaitable[None]], *, required: bool) -> ComponentHealth:
    detail = "answers"
    try:
        async with asyncio.timeout(_PATIENCE):
            await call()
    except Unavailable as error:
        detail = error.message if name == "relay" else "does not answer"  # nothing of an address
    except TimeoutError:
        detail = f"did not answer within {_PATIENCE:g} s"
    else:
        return ComponentHealth(name, up=True, detail=detail, required=required)
    return ComponentHealth(name, up=False, detail=detail, required=required)
