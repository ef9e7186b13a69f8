"""Tells of each queue once that Redis refuses calls for it, and once that it no longer does."""

import time
from collections.abc import Awaitable, Collection, Iterable

from toril.domain.errors import Refused
from toril.domain.events import Emit, QueueAccepted, QueueRefused


class Refusals:
    """What Redis refused last, by queue.

    Args:
        emit: where to tell.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._since: dict[str, float] = {}

    async def of(self, queues: Iterable[str], call: Awaitable[object]) -> Collection[str]:
        """Make a call that concerns these queues; return those for which it was refused."""
        refused: Collection[str] = ()
        try:
            await call
        except Refused as error:
            refused = error.queues
            for queue in refused:
                self.refused(queue, error)
        for queue in set(queues).difference(refused):
            self.accepted(queue)
        return refused

    def refused(self, queue: str, error: Refused) -> None:
        """Note that a call for this queue was refused."""
        if queue not in self._since:
            self._since[queue] = time.monotonic()
            self._emit(QueueRefused(queue, error.queues.get(queue, error.message)))

    def accepted(self, queue: str) -> None:
        """Note that a call for this queue went well."""
        if queue in self._since:
            self._emit(QueueAccepted(queue, time.monotonic() - self._since.pop(queue)))
