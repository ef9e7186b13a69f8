"""Whether the parts that a process depends on answer."""

import asyncio
from collections.abc import Awaitable, Callable

from toril.domain.errors import Unavailable
from toril.operations.ports import ComponentHealth

_PATIENCE = 1.5


class Health:
    """The `HealthChecks` of a process (see ports.py).

    Args:
        postgres: raises `Unavailable` when PostgreSQL doesn't answer.
        redis: likewise for Redis.
    """

    def __init__(self, postgres: Callable[[], Awaitable[None]], redis: Callable[[], Awaitable[None]]) -> None:
        self._postgres = postgres
        self._redis = redis

    async def check(self) -> list[ComponentHealth]:
        """Ask both at the same time; a part that is silent for too long is down."""
        answers = await asyncio.gather(
            _ask("postgresql", self._postgres, required=True),
            _ask("redis", self._redis, required=False),  # jobs are accepted without it, and pushed later
        )
        return list(answers)


async def _ask(name: str, call: Callable[[], Awaitable[None]], *, required: bool) -> ComponentHealth:
    try:
        async with asyncio.timeout(_PATIENCE):
            await call()
    except Unavailable:
        return ComponentHealth(name, up=False, detail="does not answer", required=required)
    except TimeoutError:
        return ComponentHealth(
            name, up=False, detail=f"did not answer within {_PATIENCE:g} s", required=required
        )
    return ComponentHealth(name, up=True, detail="answers", required=required)
