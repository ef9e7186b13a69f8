"""One fault as it really happened: when, how it was proved, or why it could not be done."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.chaos.schedule import Planned

if TYPE_CHECKING:
    from bench.chaos.stage import Stage


class NotInjected(Exception):
    """A fault that was promised could not be done, or not be proved; says why."""


@dataclass(slots=True)
class Strike:
    """What became of a planned fault. Times are on the monotonic clock, in seconds.

    Attributes:
        planned: what was promised.
        due: when it was to begin.
        began: when it began.
        struck: the blow.
        healed: when what was struck could work again; the blow itself where there is nothing to hold.
        proof: how it is known that it happened.
        failure: why it did not.
        complaint: what the system did wrong under the blow itself.
    """

    planned: Planned
    due: float
    began: float | None = None
    struck: float | None = None
    healed: float | None = None
    proof: str = ""
    failure: str = ""
    complaint: str = ""

    def begin(self) -> None:
        """Note that it begins; only for faults with something to do before the blow."""
        self.began = time.monotonic()

    def blow(self) -> None:
        """Note the blow."""
        self.struck = self.healed = time.monotonic()
        self.began = self.began or self.struck

    def heal(self) -> None:
        """Note the healing."""
        self.healed = time.monotonic()

    def since_blow(self) -> float:
        """Return the seconds since the blow."""
        return 0.0 if self.struck is None else time.monotonic() - self.struck

    @property
    def injected(self) -> bool:
        """Whether it happened, with proof."""
        return bool(self.proof) and not self.failure

    @property
    def late(self) -> float:
        """Seconds by which it began later than it was to."""
        return 0.0 if self.began is None else self.began - self.due


Fault = Callable[["Stage", Strike], Awaitable[str]]
"""Strikes, holds, heals, and returns the proof.

Raises:
    NotInjected: it could not be done or proved.
"""
