"""Fills Redis again when it has lost its data, was replaced, or was restarted and may have lost a little.

Noticed by the leader, which looks every second whether the mark of the last filling is still there and the
server still runs. Then every queued job is promised and pushed again, in bounded steps, oldest first; what
the leader could not push, should it die, the relays find. Pushes are idempotent, so what Redis still knows
is skipped, and everybody goes on working meanwhile.

Everything is told a second time when all pushes that were under way during the first must have ended: one
that had reached Redis before the loss may have had its promise, made anew, forgotten after it.
"""

import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from toril.broker.epoch import EpochMark, Present
from toril.domain.errors import Refused
from toril.domain.events import Emit, RedisRefilled, RedisRefilling
from toril.domain.job import Push
from toril.store.connection import Lane
from toril.store.counts import Counts
from toril.store.epochs import Epoch, Epochs
from toril.store.outbox import Outbox

STEP = 500
SECOND_TIME = 25.0
"""Seconds after which no push or statement that was under way can still be so: the sum of their deadlines."""
STANDINGS = (0, 1, 2)


class Refiller:
    """Watches for the loss of Redis' data, and tells it everything again.

    Args:
        outbox: the promises.
        lane: a connection of its own.
        push: tells Redis about jobs; see `Broker.push`.
        mark: the mark in Redis.
        leading: whether this process is to act.
        emit: where it tells what it did.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        lane: Lane,
        push: Callable[[list[Push]], Awaitable[object]],
        mark: EpochMark,
        *,
        leading: Callable[[], bool],
        emit: Emit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._lane = lane
        self._push = push
        self._mark = mark
        self._leading = leading
        self._emit = emit
        self._clock = clock
        self._epochs = Epochs()
        self._counts = Counts()
        self._filled: Present | None = None  # the Redis that was filled once, and will be a second time
        self._filled_at = 0.0
        self.content = False
        """Whether Redis was found to be the one that was filled last, and filled twice."""

    async def tick(self) -> None:
        """Look, and refill when Redis is not the one that was filled last."""
        if not self._leading():
            return
        present = await self._mark.read()
        epoch = await self._epochs.read(self._lane)
        self.content = epoch is not None and present == Present(*epoch)
        if self.content:
            return
        if present != self._filled:
            await self._fill(present)
        elif self._clock() - self._filled_at >= SECOND_TIME:
            await self._tell_everything()
            await self._epochs.write(self._lane, Epoch(present.run_id, present.mark or ""))

    async def _fill(self, present: Present) -> None:
        self._emit(RedisRefilling(emptied=present.mark is None))
        token = uuid4().hex
        await self._mark.begin(token)
        told = await self._tell_everything()
        if await self._mark.end():  # else Redis has lost it all once more: the next tick begins anew
            self._filled, self._filled_at = Present(present.run_id, token), self._clock()
            self._emit(RedisRefilled(told))

    async def _tell_everything(self) -> int:
        told = 0
        for queue in await self._counts.queues(self._lane):
            for standing in STANDINGS:
                told += await self._tell_all(queue, standing)
        return told

    async def _tell_all(self, queue: str, standing: int) -> int:
        last, told = 0, 0
        while True:
            step = await self._outbox.refill(self._lane, queue, standing, last, STEP)
            told += step.found
            if step.pushes:
                await self._keep(step.pushes)
            if step.found < STEP:
                return told
            last = step.last

    async def _keep(self, pushes: list[Push]) -> None:
        try:
            await self._push(pushes)
        except Refused:
            return  # the promises stay, and the relay tells of the queue
        await self._outbox.settle(self._lane, [(push.id, push.generation) for push in pushes])
