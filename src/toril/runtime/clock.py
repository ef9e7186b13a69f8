"""PostgreSQL's clock, as far as a process knows it: what says when a delayed job is due.

A machine's own clock may be wrong by hours, and jump; then a worker would ask Redis for delayed jobs too
late, or too early again and again. So each worker's heartbeat brings PostgreSQL's time along, and between two
of them it is carried on by the monotonic clock, which nobody sets.
"""

import time
from collections.abc import Callable


class RecordClock:
    """Tells PostgreSQL's time; this machine's own, until PostgreSQL's has been heard.

    Args:
        monotonic: seconds that only ever grow.
        wall: this machine's Unix time in seconds.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._ahead: float | None = None  # by how much Unix time is ahead of the monotonic clock

    def now_ms(self) -> int:
        """Return PostgreSQL's Unix time in milliseconds."""
        now = self._wall() if self._ahead is None else self._monotonic() + self._ahead
        return int(now * 1000)

    def heard(self, unix: float, asked_at: float) -> None:
        """Note PostgreSQL's time. May be called from any thread.

        Args:
            unix: Unix time in seconds, as PostgreSQL answered just now.
            asked_at: when it was asked, on the monotonic clock.
        """
        self._ahead = unix - (asked_at + self._monotonic()) / 2
