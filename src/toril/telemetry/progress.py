"""When each loop of a process last moved, so that one that has gone deaf shows while its process looks alive.

A loop notes each of its moves, and says while it has nothing to do. Whoever is asked how the process is
(`/readyz`, `/metrics`) compares the silence of each loop with the longest that is in order for it. Written by
the loops, read from any thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

EVENT_LOOP_LIMIT = 5.0
_MOVE_EVERY = 0.5


class Silence(NamedTuple):
    """For how long a loop has been silent.

    Attributes:
        loop: its name.
        seconds: since it last moved.
        limit: seconds after which silence means trouble.
    """

    loop: str
    seconds: float
    limit: float

    @property
    def overdue(self) -> bool:
        """Whether it should have moved by now."""
        return self.seconds > self.limit


class Loop:
    """One loop's note of when it last moved. It is idle at first, and its silence then means nothing."""

    def __init__(self, name: str, limit: float, clock: Callable[[], float]) -> None:
        self.name = name
        self._limit = limit
        self._clock = clock
        self._moved_at: float | None = None

    def moved(self) -> None:
        """Note that it has moved, and is to move again."""
        self._moved_at = self._clock()

    def begun(self) -> None:
        """Note that it has something to do; what it had before and has not done counts on."""
        if self._moved_at is None:
            self.moved()

    def idle(self) -> None:
        """Note that it has nothing to do."""
        self._moved_at = None

    def silence(self) -> Silence | None:
        """Return its present silence, or None while it is idle."""
        moved_at = self._moved_at
        return None if moved_at is None else Silence(self.name, self._clock() - moved_at, self._limit)


class Progress:
    """The loops of one process.

    Args:
        clock: monotonic seconds.

    Attributes:
        event_loop: moves by itself between `start` and `stop`, for as long as the event loop does.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loops: dict[str, Loop] = {}
        self._lock = threading.Lock()
        self._mover: asyncio.TimerHandle | None = None
        self.event_loop = self.follow("event loop", EVENT_LOOP_LIMIT)

    def follow(self, name: str, limit: float) -> Loop:
        """Return the note of a loop, idle.

        Args:
            name: unique in this process; another of the same name is followed no longer.
            limit: seconds of silence that are in order.
        """
        loop = Loop(name, limit, self._clock)
        with self._lock:
            self._loops[name] = loop
        return loop

    def silences(self) -> list[Silence]:
        """Return the silence of every loop that has something to do, the one nearest its limit first."""
        with self._lock:
            loops = list(self._loops.values())
        silences = [silence for loop in loops if (silence := loop.silence())]
        return sorted(silences, key=lambda silence: silence.seconds / silence.limit, reverse=True)

    def start(self) -> None:
        """Follow the running event loop."""
        self._move(asyncio.get_running_loop())

    def stop(self) -> None:
        """Follow it no longer."""
        if self._mover is not None:
            self._mover.cancel()
        self.event_loop.idle()

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        self.event_loop.moved()
        self._mover = loop.call_later(_MOVE_EVERY, self._move, loop)
