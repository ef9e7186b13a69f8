"""Compares Redis with PostgreSQL for ever, queue by queue, and puts right what is wrong on either side.

Runs in the leader, a step for one queue at a time, so that a queue of a million jobs keeps no other waiting.
A queue is visited every ten seconds at most. After a step that found something wrong comes the next at once.

A queue of a million waiting jobs is gone over in 17 minutes. That costs 2.9 s of this process' CPU, 2.8 s of
PostgreSQL's and 0.6 s of Redis' (measured): less than a hundredth of a core. When Redis has lost all of them,
the two visits that promise them again follow each other at full speed, in half a minute.
"""

from collections import deque
from collections.abc import Callable

from toril.domain.errors import Refused
from toril.domain.events import AuditRepaired, Emit
from toril.keeper.visit import Auditing, Suspects, Visit
from toril.store.counts import Counts

EVERY = 0.5
"""Seconds between two steps."""
REST = 10.0
"""Seconds from the beginning of a visit to a queue to that of the next."""


class Auditor:
    """Visits all queues in turn.

    Args:
        auditing: what visits work with.
        acting: whether this process is to act: it leads, and nobody is filling Redis.
        emit: where repairs are told.
    """

    def __init__(self, auditing: Auditing, *, acting: Callable[[], bool], emit: Emit) -> None:
        self._on = auditing
        self._acting = acting
        self._emit = emit
        self._counts = Counts()
        self._queues: list[str] = []
        self._read_at = float("-inf")
        self._turns: deque[str] = deque()
        self._visits: dict[str, Visit] = {}
        self._rested_at: dict[str, float] = {}
        self._suspects: dict[str, Suspects] = {}

    async def tick(self) -> bool:
        """Make the next step; True when another is wanted at once."""
        if not self._acting():
            self._visits.clear()
            self._suspects.clear()  # what this process saw long ago says nothing
            return False
        queue = await self._next_queue()
        if queue is None:
            return False
        visit = self._visits.get(queue) or self._begin(queue)
        try:
            wrong = await visit.step()
        except Refused:  # told by whoever pushes to it or takes from it
            del self._visits[queue]
            return False
        if visit.done:
            self._end(queue, visit)
        elif wrong:
            self._turns.appendleft(queue)
        return wrong and not visit.done

    async def _next_queue(self) -> str | None:
        """Return the next queue in turn, without those that are at rest."""
        now = self._on.clock()
        if not self._turns:
            if now - self._read_at >= REST:
                self._queues, self._read_at = await self._counts.queues(self._on.lane), now
            self._turns.extend(self._queues)
        while self._turns:
            queue = self._turns.popleft()
            if queue in self._visits or self._rested_at.get(queue, now) <= now:
                return queue
        return None

    def _begin(self, queue: str) -> Visit:
        visit = self._visits[queue] = Visit(queue, self._on, self._suspects.pop(queue, Suspects()))
        self._rested_at[queue] = visit.started_at + REST
        return visit

    def _end(self, queue: str, visit: Visit) -> None:
        del self._visits[queue]
        if visit.suspects:
            self._suspects[queue] = visit.suspects
        if visit.promised or visit.removed:
            self._emit(AuditRepaired(queue, visit.promised, visit.removed))
