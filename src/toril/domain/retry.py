"""When a failed job runs again: pure arithmetic over a `Backoff`.

Jitter is *equal jitter*: half of the delay is kept, the other half is random, so a retry is never immediate
and a herd of jobs that failed together still spreads out.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

MAX_DELAY = 10 * 365 * 24 * 3600.0
"""The longest delay that Toril accepts anywhere, in seconds (ten years)."""

MAX_ATTEMPTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt.

    Args:
        type: `exponential` multiplies the delay by `factor` for each failure; `fixed` keeps it.
        delay: seconds before the second attempt.
        factor: growth per failure.
        cap: the longest wait, in seconds.
        jitter: whether half of each delay is random.
    """

    type: Literal["exponential", "fixed"] = "exponential"
    delay: float = 1.0
    factor: float = 2.0
    cap: float = 3600.0
    jitter: bool = True


def retry_delay(backoff: Backoff, failures: int, rng: Random) -> float:
    """Return the seconds to wait after the `failures`-th failure (1 for the first).

    Without jitter the result is `min(cap, delay * factor ** (failures - 1))`; with it, a value between half
    of that and that.
    """
    delay = min(backoff.cap, backoff.delay * _growth(backoff, failures))
    if not backoff.jitter:
        return delay
    return delay / 2 + rng.uniform(0, delay / 2)


def _growth(backoff: Backoff, failures: int) -> float:
    if backoff.type == "fixed":
        return 1.0
    try:
        return float(backoff.factor ** (failures - 1))
    except OverflowError:
        return float("inf") if backoff.delay else 0.0
