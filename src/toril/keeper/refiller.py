"""Fills Redis again when it has lost its data, was replaced, or was restarted and may have lost a little.

Noticed by the leader, which looks every second whether the mark of the last filling is still there and the
server still runs. Filling is promising: every queued job gets a row in the outbox again, in bounded steps,
and the relays of all processes push them, oldest first. Pushes are idempotent, so what Redis still knows is
skipped, and everybody goes on working meanwhile.

Everything is promised a second time when all pushes that were under way during the first must have ended: one
that had reached Redis before the loss may have had its promise, made anew, forgotten after it.
"""

import time
from collections.abc import Callable
from uuid import uuid4

from toril.broker.epoch import EpochMark, Present
from toril.domain.events import Emit, RedisRefilled, RedisRefilling
from toril.store.connection import Lane
from toril.store.counts import Counts
from toril.store.epochs import Epoch, Epochs
from toril.store.outbox import Outbox

STEP = 5_000
SECOND_TIME = 25.0
"""Seconds after which no push or statement that was under way can still be so: the sum of their deadlines."""
STANDINGS = (0, 1, 2)


class Refiller:
    """Watches for the loss of Redis' data, and promises everything again.

    Args:
        outbox: the promises.
        lane: a connection of its own.
        mark: the mark in Redis.
        leading: whether this process is to act.
        emit: where it tells what it did.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        lane: Lane,
        mark: EpochMark,
        *,
        leading: Callable[[], bool],
        emit: Emit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._lane = lane
        self._mark = mark
        self._leading = leading
        self._emit = emit
        self._clock = clock
        self._epochs = Epochs()
        self._counts = Counts()
        self._filled: Present | None = None  # the Redis that was filled once, and will be a second time
        self._filled_at = 0.0

    async def tick(self) -> None:
        """Look, and refill when Redis is not the one that was filled last."""
        if not self._leading():
            return
        present = await self._mark.read()
        epoch = await self._epochs.read(self._lane)
        if epoch is not None and present == Present(*epoch):
            return
        if present != self._filled:
            await self._fill(present)
        elif self._clock() - self._filled_at >= SECOND_TIME:
            await self._promise_everything()
            await self._epochs.write(self._lane, Epoch(present.run_id, present.mark or ""))

    async def _fill(self, present: Present) -> None:
        self._emit(RedisRefilling(emptied=present.mark is None))
        token = uuid4().hex
        await self._mark.begin(token)
        promised = await self._promise_everything()
        if await self._mark.end():  # else Redis has lost it all once more: the next tick begins anew
            self._filled, self._filled_at = Present(present.run_id, token), self._clock()
            self._emit(RedisRefilled(promised))

    async def _promise_everything(self) -> int:
        promised = 0
        for queue in await self._counts.queues(self._lane):
            for standing in STANDINGS:
                promised += await self._promise_all(queue, standing)
        return promised

    async def _promise_all(self, queue: str, standing: int) -> int:
        last, promised = 0, 0
        while True:
            highest, found = await self._outbox.refill(self._lane, queue, standing, last, STEP)
            promised += found
            if highest is None or found < STEP:
                return promised
            last = highest
