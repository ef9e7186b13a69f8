"""Which of a worker's queues to ask now, and how long to sleep when none: pure, the clock is an argument.

A queue that had nothing is left alone for a moment while others keep the worker busy; when no queue is to be
asked, the worker blocks on the markers of all of them until the next delayed job is due.
"""

from collections.abc import Sequence

LOOK_AGAIN = 0.05
"""Seconds for which a queue that had nothing is left alone."""


class Agenda:
    """When to look at each queue.

    Args:
        queues: their names; all are to be asked at first.
        longest: seconds to sleep at most.
    """

    def __init__(self, queues: Sequence[str], longest: float) -> None:
        self.queues = list(queues)
        self._longest = longest
        self._look_at = dict.fromkeys(queues, 0.0)
        self._due_at = dict.fromkeys(queues, float("inf"))

    def to_ask(self, now: float) -> list[str]:
        """Return the queues to ask, each time with another one first, so that none is always last."""
        self.queues.append(self.queues.pop(0))
        return [queue for queue in self.queues if self._look_at[queue] <= now]

    def had_some(self, queue: str) -> None:
        """Note that a queue had jobs, and may have more."""
        self._look_at[queue] = 0.0

    def had_none(self, queue: str, now: float, due_at: float | None) -> None:
        """Note that a queue had no job, and when its next delayed one is due (on the same clock), if any."""
        self._look_at[queue] = now + LOOK_AGAIN
        self._due_at[queue] = float("inf") if due_at is None else due_at

    def woken(self, queue: str | None) -> None:
        """Note that there may be jobs: in this queue, or for all that is known in any."""
        for each in [queue] if queue else self.queues:
            self._look_at[each] = 0.0

    def sleep(self, now: float) -> float:
        """Return the seconds to sleep at most."""
        return min(self._longest, max(0.0, min(self._due_at.values()) - now))
