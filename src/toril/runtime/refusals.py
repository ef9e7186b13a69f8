"""Tells of each queue once that Redis refuses calls for it, and once that it no longer does."""

import time

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

    def refused(self, queue: str, error: Refused) -> None:
        """Note that a call for this queue was refused."""
        if queue not in self._since:
            self._since[queue] = time.monotonic()
            self._emit(QueueRefused(queue, error.queues.get(queue, error.message)))

    def accepted(self, queue: str) -> None:
        """Note that a call for this queue went well."""
        if queue in self._since:
            self._emit(QueueAccepted(queue, time.monotonic() - self._since.pop(queue)))
