"""Which of a worker's queues to ask now, and how long to sleep when none: pure, the clock is an argument.

While no queue has anything the worker blocks on the markers of all of them: they tell of whatever arrives, so
only the queue is asked whose marker woke it, or whose next delayed job is due. Should a marker have been
lost, a few of the others are looked at in turn every so often, however many there are. While some queue keeps
the worker busy it hears of no markers: the others are then asked again after a moment each.

A queue for which Redis refuses calls is asked only now and then, and not waited for: one bad key would end
the wait for all.
"""

from collections import deque
from collections.abc import Sequence

LOOK_AGAIN = 0.05
"""Seconds for which a queue that had nothing is left alone while others keep the worker busy."""

LOOKED_AT = 8
"""Queues that are looked at in turn when nothing is known of them."""

ASK_AGAIN = 5.0
"""Seconds after which a queue is asked again that was refused."""

_NEVER = float("inf")


class Agenda:
    """When to look at each queue.

    Args:
        queues: their names; all are to be asked at first.
        longest: seconds to sleep at most, and between two looks at the next few queues.
        now: seconds, on the clock of all other calls.
    """

    def __init__(self, queues: Sequence[str], longest: float, now: float) -> None:
        self.queues = list(queues)
        self._longest = longest
        self._busy = False  # a queue had something since the markers were listened to
        self._look_at = dict.fromkeys(queues, 0.0)
        self._due_at = dict.fromkeys(queues, _NEVER)
        self._refused_until: dict[str, float] = {}
        self._in_turn = deque(queues)
        self._next_turn = now + longest

    @property
    def to_wait_for(self) -> list[str]:
        """The queues whose markers can be waited for."""
        return [queue for queue in self.queues if queue not in self._refused_until]

    def to_ask(self, now: float) -> list[str]:
        """Return the queues to ask, each time with another one first, so that none is always last."""
        self.queues.append(self.queues.pop(0))
        return [
            queue
            for queue in self.queues
            if self._look_at[queue] <= now and self._refused_until.get(queue, now) <= now
        ]

    def had_some(self, queue: str, now: float) -> None:
        """Note that a queue had jobs, and may have more."""
        if not self._busy:
            self._busy = True
            self._look_at = {each: min(at, now + LOOK_AGAIN) for each, at in self._look_at.items()}
        self._look_at[queue] = 0.0
        self._refused_until.pop(queue, None)

    def had_none(self, queue: str, now: float, due_at: float | None) -> None:
        """Note that a queue had no job, and when its next delayed one is due (on the same clock), if any."""
        self._look_at[queue] = now + LOOK_AGAIN if self._busy else _NEVER
        self._due_at[queue] = _NEVER if due_at is None else due_at
        self._refused_until.pop(queue, None)

    def refused(self, queue: str, now: float) -> None:
        """Note that Redis refused to be asked about a queue."""
        self._refused_until[queue] = now + ASK_AGAIN
        self._due_at[queue] = _NEVER

    def woken(self, queue: str | None, now: float) -> None:
        """Note that the markers of all queues were listened to until now, and whose there was, if any's."""
        self._busy = False
        wanted = {each for each, due_at in self._due_at.items() if due_at <= now}
        wanted |= {each for each, until in self._refused_until.items() if until <= now}
        if queue is not None:
            wanted.add(queue)
        if now >= self._next_turn:
            self._next_turn = now + self._longest
            wanted |= {self._next_in_turn() for _ in range(min(LOOKED_AT, len(self.queues)))}
        self._look_at = {each: 0.0 if each in wanted else _NEVER for each in self.queues}

    def missed(self) -> None:
        """Note that markers may have been taken without our hearing of it: all queues are to be asked."""
        self._look_at = dict.fromkeys(self.queues, 0.0)

    def sleep(self, now: float) -> float:
        """Return the seconds to sleep at most."""
        times = (self._next_turn, *self._due_at.values(), *self._refused_until.values())
        return max(0.0, min(times) - now)

    def _next_in_turn(self) -> str:
        self._in_turn.rotate(-1)
        return self._in_turn[-1]
