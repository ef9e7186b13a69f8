"""Keeps the promises that stayed behind: tells Redis about queued jobs whose own process had no chance to.

Also what feeds Redis with jobs that were due far in the future when they were queued: their promises become
due one horizon before they do. Runs in every process; the rows are locked, so two relays share the work.
The promises of a queue for which Redis refuses calls are put off, so that they keep no other waiting.
"""

from collections.abc import Collection

from toril.broker.broker import Broker
from toril.domain.events import Emit, PromisesKept
from toril.domain.job import Push
from toril.runtime.refusals import Refusals
from toril.store.connection import Lane
from toril.store.outbox import Outbox

LIMIT = 500


class Relay:
    """Sweeps the outbox.

    Args:
        outbox: the promises.
        lane: a connection of its own: a sweep holds a transaction while it pushes.
        broker: where to push.
        emit: where it tells what it did.
    """

    def __init__(self, outbox: Outbox, lane: Lane, broker: Broker, emit: Emit) -> None:
        self._outbox = outbox
        self._lane = lane
        self._broker = broker
        self._emit = emit
        self._refusals = Refusals(emit)

    async def tick(self) -> bool:
        """Sweep once; True when there may be more."""
        swept = await self._outbox.sweep(self._lane, LIMIT, self._push)
        if swept.kept or swept.void:
            self._emit(PromisesKept(swept.kept, swept.void))
        return sum(swept) == LIMIT

    async def _push(self, pushes: list[Push]) -> Collection[str]:
        """Push, and return the queues for which that was refused."""
        return await self._refusals.of({push.queue for push in pushes}, self._broker.push(pushes))
