"""Keeps what came of attempts whose outcome came too late, for whoever wants to know what was thrown away.

On a connection of its own and never waited for: what is kept here is for people, and must neither delay nor
fail the recording of other outcomes. What is too much, or finds PostgreSQL down, is only told as an event.
"""

from contextlib import suppress

from toril.domain.errors import Unavailable
from toril.domain.events import Emit, ServiceFailed
from toril.domain.job import ClaimedJob
from toril.domain.outcome import Decision
from toril.domain.payload import storable_text
from toril.runtime.batcher import Batcher
from toril.store.connection import Lane
from toril.store.discarded import Discard, DiscardedOutcomes

MAX_RESULT = 10_000
MAX_MESSAGE = 2_000
MAX_KIND = 200
_MAX_BATCH = 100
_MAX_WAITING = 1_000


class Discards:
    """Writes discarded outcomes.

    Args:
        lane: a connection that no outcome waits for.
        emit: where a defect is told.
    """

    def __init__(self, lane: Lane, emit: Emit) -> None:
        self._lane = lane
        self._emit = emit
        self._store = DiscardedOutcomes()
        self._waiting: Batcher[Discard, None] = Batcher(
            "discarded outcomes", self._write, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )

    def keep(self, job: ClaimedJob, decision: Decision) -> None:
        """Keep an outcome; returns at once."""
        error = decision.error
        discard = Discard(
            job.id,
            job.attempt,
            job.worker,
            decision.event.value,
            decision.result and storable_text(decision.result, limit=MAX_RESULT),
            error and storable_text(error.kind, limit=MAX_KIND),
            error and storable_text(error.message, limit=MAX_MESSAGE),
        )
        with suppress(Unavailable):  # thousands wait already: enough for any forensics
            self._waiting.offer(discard)

    async def drain(self) -> None:
        """Wait until everything has been written, or given up on."""
        await self._waiting.drain()

    async def _write(self, discards: list[Discard]) -> list[None]:
        try:
            await self._store.keep(self._lane, discards)
        except Unavailable:
            pass  # told by whoever records outcomes
        except Exception as error:  # noqa: BLE001  # nobody waits for these: it is told, or nobody ever knows
            self._emit(ServiceFailed("discards", f"{type(error).__name__}: {error}", 0.0))
        return [None] * len(discards)
