"""Chooses one process for the duties that one is enough for: a lease row, judged by everybody's own clock.

The holder moves the lease's beat. A candidate that has seen it stand still for `patience` seconds takes it
over, guarded by that very beat, so that two candidates can't both succeed. Leading only avoids double work:
every duty is correct when two processes do it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

from toril.domain.errors import Unavailable
from toril.domain.events import Emit, LeadershipChanged
from toril.store.connection import Lane
from toril.store.leases import Holder, Leases

DUTY = "keeper"
PATIENCE = 5.0


class Leader:
    """A candidate for the keeper's lease.

    Args:
        lane: a connection.
        emit: where a change is told.
        clock: monotonic seconds.
        patience: seconds without a beat after which a holder is replaced.
    """

    def __init__(
        self,
        lane: Lane,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._lane = lane
        self._emit = emit
        self._clock = clock
        self._patience = patience
        self._leases = Leases()
        self._me: UUID = uuid4()
        self._seen: Holder | None = None
        self._seen_at = 0.0
        self.leading = False

    async def tick(self) -> None:
        """Move the beat, or watch the holder's."""
        stale_beat = None
        if self._seen is not None and self._clock() - self._seen_at >= self._patience:
            stale_beat = self._seen.beat
        try:
            holder = await self._leases.take(self._lane, DUTY, self._me, stale_beat)
        except Unavailable:
            self._now_leading(leading=False)
            self._seen = None  # nobody could beat: start watching anew
            raise
        if holder is not None:
            self._watch(holder)

    async def release(self) -> None:
        """Let another lead at once."""
        if self.leading:
            self._now_leading(leading=False)
            with suppress(Unavailable):
                await self._leases.release(self._lane, DUTY, self._me)

    def _watch(self, holder: Holder) -> None:
        if holder != self._seen:
            self._seen, self._seen_at = holder, self._clock()
        self._now_leading(leading=holder.id == self._me)

    def _now_leading(self, *, leading: bool) -> None:
        if leading != self.leading:
            self.leading = leading
            self._emit(LeadershipChanged(leading))
