"""Carries a schedule out: each fault at its time, or as soon as what it needs is free."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack

import asyncpg
from redis.exceptions import RedisError

from bench.chaos.arsenal import ARSENAL
from bench.chaos.fleet import NotUp
from bench.chaos.kinds import resources
from bench.chaos.schedule import Planned
from bench.chaos.stage import Stage
from bench.chaos.strike import NotInjected, Strike
from toril.domain.errors import ServerError

_IN_VAIN = (NotInjected, NotUp, OSError, TimeoutError, RedisError, ServerError, asyncpg.PostgresError)
"""What a fault that could not be done may end with."""


class Conductor:
    """Carries out one schedule.

    Args:
        stage: what is struck.
        schedule: when and how.

    Attributes:
        strikes: what became of each, in the order of the schedule.
    """

    def __init__(self, stage: Stage, schedule: Sequence[Planned]) -> None:
        self._stage = stage
        began = time.monotonic()
        self.strikes = [Strike(planned, began + planned.at) for planned in schedule]
        self._under_way: list[Strike] = []
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def under_way(self) -> list[Strike]:
        """The faults that are being done."""
        return list(self._under_way)

    async def run(self) -> None:
        """Carry it out; returns when everything is healed."""
        async with asyncio.TaskGroup() as group:
            for strike in self.strikes:
                group.create_task(self._carry_out(strike))

    async def _carry_out(self, strike: Strike) -> None:
        await asyncio.sleep(strike.due - time.monotonic())
        planned = strike.planned
        async with AsyncExitStack() as stack:
            for resource in sorted(resources(planned.kind, planned.target)):
                await stack.enter_async_context(self._locks[resource])
            self._under_way.append(strike)
            try:
                strike.proof = await ARSENAL[planned.kind](self._stage, strike)
            except _IN_VAIN as error:
                strike.failure = str(error) or type(error).__name__
            finally:
                self._under_way.remove(strike)
