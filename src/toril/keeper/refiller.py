"""Fills Redis again when it has lost its data, was replaced, or was restarted and may have lost a little.

Noticed by the leader, which looks every second whether the mark of the last filling is still there and the
server still runs. Filling is promising: every queued job gets a row in the outbox again, in bounded steps,
and the relays of all processes push them, oldest first. Pushes are idempotent, so what Redis still knows is
skipped, and everybody goes on working meanwhile.
"""

from collections.abc import Callable
from uuid import uuid4

from toril.broker.epoch import EpochMark, Present
from toril.domain.events import Emit, RedisRefilled, RedisRefilling
from toril.store.connection import Lane
from toril.store.counts import Counts
from toril.store.epochs import Epoch, Epochs
from toril.store.outbox import Outbox

STEP = 5_000
STANDINGS = (0, 1, 2)


class Refiller:
    """Watches for the loss of Redis' data, and promises everything again.

    Args:
        outbox: the promises.
        lane: a connection of its own.
        mark: the mark in Redis.
        leading: whether this process is to act.
        emit: where it tells what it did.
    """

    def __init__(
        self, outbox: Outbox, lane: Lane, mark: EpochMark, *, leading: Callable[[], bool], emit: Emit
    ) -> None:
        self._outbox = outbox
        self._lane = lane
        self._mark = mark
        self._leading = leading
        self._emit = emit
        self._epochs = Epochs()
        self._counts = Counts()

    async def tick(self) -> None:
        """Look, and refill when Redis is not the one that was filled last."""
        if not self._leading():
            return
        present = await self._mark.read()
        filled = await self._epochs.read(self._lane)
        if filled is None or present != Present(*filled):
            await self._refill(present)

    async def _refill(self, present: Present) -> None:
        self._emit(RedisRefilling(emptied=present.mark is None))
        token = uuid4().hex
        await self._mark.begin(token)
        promised = 0
        for queue in await self._counts.queues(self._lane):
            for standing in STANDINGS:
                promised += await self._promise_all(queue, standing)
        if await self._mark.end():  # else Redis has lost it all once more: the next tick begins anew
            await self._epochs.write(self._lane, Epoch(present.run_id, token))
            self._emit(RedisRefilled(promised))

    async def _promise_all(self, queue: str, standing: int) -> int:
        last, promised = 0, 0
        while True:
            highest, found = await self._outbox.refill(self._lane, queue, standing, last, STEP)
            promised += found
            if highest is None or found < STEP:
                return promised
            last = highest
