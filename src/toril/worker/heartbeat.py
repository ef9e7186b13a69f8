"""Says that this worker lives, from a thread of its own, and watches that its event loop lives too.

The thread has its own event loop and its own connection, so that a handler that blocks the worker's loop, or
a queue of statements on its connections, can't cost it the lease. The other half of the bargain: a loop that
has not moved for `wedged_after` seconds never will, so the process prints where it hangs and exits, and its
jobs are rescued. A process that was paused (SIGSTOP, a laptop's lid) finds on waking that its loop stood
still for as long as the pause: the loop is given some more looks before it is judged.
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from toril.domain.errors import Unavailable
from toril.domain.events import Emit, LoopBlocked, ServiceFailed
from toril.runtime.clock import RecordClock
from toril.store.connection import Database, Lane
from toril.store.workers import WorkerCard, Workers
from toril.telemetry.progress import Loop

EXIT_WEDGED = 70
_LOOK = 0.5
_LOOKS = 4
"""Looks in a row, while this thread runs, at which a loop must stand still to be judged."""
_LAST_BEAT = 2.0
_BEATS_TO_ANSWER = 2.5
"""How many beats' time PostgreSQL has to answer one: half a lease. So a slow way to it doesn't cost the
lease, and a connection that has fallen silent leaves time for another try."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often to beat, and when to worry.

    Args:
        every: seconds between two beats.
        blocked_after: seconds without a move of the loop after which that is told.
        wedged_after: seconds without one after which the process exits.
    """

    every: float
    blocked_after: float
    wedged_after: float


class Heartbeat:
    """The thread that beats.

    Args:
        database: where to beat; the thread opens its own connection.
        card: who beats.
        pulse: how often.
        event_loop: when the worker's loop last moved.
        clock: told PostgreSQL's time with each beat.
        running: the names of the handlers that run in the loop, for the report of a blocked one.
        lost: called in the worker's loop when the worker has been declared lost.
        emit: where a blocked loop is told.
    """

    def __init__(
        self,
        database: Database,
        card: WorkerCard,
        pulse: Pulse,
        *,
        event_loop: Loop,
        clock: RecordClock,
        running: Callable[[], tuple[str, ...]],
        lost: Callable[[], None],
        emit: Emit,
    ) -> None:
        self._database = database
        self._card = card
        self._pulse = pulse
        self._clock = clock
        self._running = running
        self._lost = lost
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._event_loop = event_loop
        self._still_looks = 0
        self._told_blocked = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name="heartbeat", daemon=True)
        self.state = "running"

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop beating; returns when the thread has ended, or hangs on a PostgreSQL that doesn't answer."""
        self.cease()
        await asyncio.to_thread(self._thread.join, _LAST_BEAT)

    def cease(self) -> None:
        """Beat no more; don't wait for the thread."""
        self._ended.set()

    def _main(self) -> None:
        asyncio.run(self._beat())

    async def _beat(self) -> None:
        lane, workers = self._database.hurried(self._pulse.every * _BEATS_TO_ANSWER).lane(), Workers()
        next_beat = 0.0
        while not self._ended.is_set():
            self._watch()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._pulse.every
                if not await self._beat_once(lane, workers):
                    self._loop.call_soon_threadsafe(self._lost)
                    break
            await asyncio.sleep(min(_LOOK, self._pulse.every))
        await lane.close()

    async def _beat_once(self, lane: Lane, workers: Workers) -> bool:
        """Beat; False when this worker has been declared lost."""
        try:
            asked_at = time.monotonic()
            unix = await workers.beat(lane, self._card.id, self.state)
        except Unavailable:
            return True  # the keeper forgives what PostgreSQL's absence causes: it can't look either
        except Exception as error:  # noqa: BLE001  # a thread that ends in silence would cost the lease
            self._emit(ServiceFailed("heartbeat", f"{type(error).__name__}: {error}", self._pulse.every))
            return True
        if unix is not None:
            self._clock.heard(unix, asked_at)
        return unix is not None

    def _names(self) -> tuple[str, ...]:
        try:
            return self._running()
        except RuntimeError:  # the loop moved after all, and changed what we were reading
            return ()

    def _watch(self) -> None:
        silence = self._event_loop.silence()
        still = silence.seconds if silence else 0.0
        if still < self._pulse.blocked_after:
            self._still_looks, self._told_blocked = 0, False
            return
        self._still_looks += 1
        if self._still_looks < _LOOKS:
            return  # perhaps the process was paused, and the loop moves in a moment
        fatal = still >= self._pulse.wedged_after
        if fatal or not self._told_blocked:
            self._told_blocked = True
            self._emit(LoopBlocked(still, self._names(), fatal))
        if fatal:
            faulthandler.dump_traceback(sys.stderr)
            os._exit(EXIT_WEDGED)
