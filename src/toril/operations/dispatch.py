"""Tells Redis about jobs that PostgreSQL has just queued: the short cut beside the relay.

Pushed by the process that queued the job, from memory, in batches; then the promise in the outbox is
forgotten. Every failure on the way is harmless: the promise stays, and the relay keeps it.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from toril.broker.broker import Broker
from toril.domain.errors import Refused, Unavailable
from toril.domain.job import Push
from toril.runtime.batcher import Batcher
from toril.store.connection import Lane
from toril.store.outbox import Outbox

_MAX_BATCH = 500
_MAX_WAITING = 20_000
_MAX_BYTES = 64 * 1024 * 1024


class Dispatcher:
    """Pushes queued jobs to Redis and forgets their promises.

    Args:
        broker: where to push.
        outbox: where the promises are.
        lane: a connection for forgetting them.
        horizon: seconds; jobs that are due later are left to the relay.
        now_ms: PostgreSQL's Unix time in milliseconds, as far as it is known here.
    """

    def __init__(
        self, broker: Broker, outbox: Outbox, lane: Lane, horizon: float, now_ms: Callable[[], int]
    ) -> None:
        self._broker = broker
        self._outbox = outbox
        self._lane = lane
        self._horizon_ms = horizon * 1000
        self._now_ms = now_ms
        self._bytes = 0  # of the payloads that wait
        self._pushes: Batcher[Push, None] = Batcher(
            "pushes to Redis", self._push, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )
        self._kept: Batcher[tuple[int, int], None] = Batcher(
            "kept promises", self._settle, max_batch=_MAX_BATCH, max_waiting=_MAX_WAITING
        )

    def dispatch(self, pushes: Sequence[Push | None]) -> None:
        """Push these jobs soon, where there is one; returns at once and never fails.

        When too much waits already (Redis is down or slow) they are left to the relay.
        """
        now_ms = self._now_ms()
        for push in filter(None, pushes):
            # A job can't have been made later than now: what PostgreSQL has just said about a new one.
            soon_ms = max(now_ms, push.created_ms) + self._horizon_ms
            if push.due_ms <= soon_ms and len(self._pushes) < _MAX_WAITING and self._bytes < _MAX_BYTES:
                self._bytes += len(push.payload)
                self._pushes.add(push).add_done_callback(_look_away)

    async def drain(self) -> None:
        """Wait until everything accepted has been pushed and its promise forgotten, or given up on."""
        await self._pushes.drain()
        await self._kept.drain()

    async def _push(self, pushes: list[Push]) -> list[None]:
        self._bytes -= sum(len(push.payload) for push in pushes)
        refused: Collection[str] = ()
        try:
            await self._broker.push(pushes)
        except Refused as error:
            refused = error.queues  # and their promises stay
        except Unavailable:
            return [None] * len(pushes)  # the promises stay: the relay will keep them
        for push in pushes:
            if push.queue not in refused and len(self._kept) < _MAX_WAITING:
                self._kept.add((push.id, push.generation)).add_done_callback(_look_away)
        return [None] * len(pushes)

    async def _settle(self, told: list[tuple[int, int]]) -> list[None]:
        with suppress(Unavailable):  # pushed twice then, which is harmless
            await self._outbox.settle(self._lane, told)
        return [None] * len(told)


def _look_away(done: object) -> None:
    """Mark a future's exception as seen: nobody waits for these."""
    done.exception()  # type: ignore[attr-defined]
