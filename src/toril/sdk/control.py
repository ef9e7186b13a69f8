"""How a handler steers what happens to its job: the retry policy it declares, and what it raises or returns.

    @app.job(retry=Retry(attempts=5))   the policy
    raise Retry.after(30)               this attempt failed; try again in 30 seconds
    raise Fail("no such user")          failed for good; no more attempts
    raise Cancel("order withdrawn")     end the job without an outcome; not a failure
    return Snooze(60)                   not yet: run again in a minute; not a failure

The worker turns these into outcomes (see `domain/outcome.py`). The exceptions survive pickling, because a
handler may run in another process than the worker that reads them.
"""

from dataclasses import dataclass
from typing import Literal

from toril.domain.job import DEFAULT_ATTEMPTS
from toril.domain.retry import MAX_ATTEMPTS, Backoff
from toril.sdk.limits import check_backoff, delay_seconds, whole


class ControlFlow(Exception):
    """Base of what a handler raises to say what should happen to its job."""


class Cancel(ControlFlow):
    """Ends the job as cancelled: it is neither done nor failed, and does not run again.

    Args:
        reason: shown with the job.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Fail(ControlFlow):
    """Fails the job for good: for errors that another attempt can't cure.

    Args:
        message: shown as the job's error.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class RetryAfter(ControlFlow):
    """Fails this attempt and sets the wait before the next one; raised as `Retry.after(seconds)`.

    It counts as a failure: a job whose attempts are used up ends as failed.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        super().__init__(seconds, message)  # both, so that unpickling can call __init__ again
        self.seconds = delay_seconds(seconds, "seconds")
        self.message = message

    def __str__(self) -> str:
        """Say what went wrong, or at least what was asked for."""
        return self.message or f"the handler asked to be tried again after {self.seconds:g} seconds"


@dataclass(frozen=True, slots=True)
class Snooze:
    """Returned by a handler that has nothing to do yet: the job is run again later, free of charge.

    Args:
        seconds: how long to wait, 0 to ten years.
    """

    seconds: float

    def __post_init__(self) -> None:
        """Check the wait."""
        delay_seconds(self.seconds, "seconds")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a job is tried, and how long it waits in between.

    Args:
        attempts: failed attempts after which the job is failed for good; 1 means never try again.
        base: seconds before the second attempt.
        factor: growth of the wait per failure.
        cap: the longest wait, in seconds.
        type: `exponential`, or `fixed`: always `base`.
        jitter: whether half of each wait is random, so that jobs that failed together spread out.
    """

    attempts: int = DEFAULT_ATTEMPTS
    base: float = 1.0
    factor: float = 2.0
    cap: float = 3600.0
    type: Literal["exponential", "fixed"] = "exponential"
    jitter: bool = True

    def __post_init__(self) -> None:
        """Check every number, so that a typing error shows at import and not at the first failure."""
        whole(self.attempts, "retry.attempts", low=1, high=MAX_ATTEMPTS)
        delay_seconds(self.base, "retry.base")
        check_backoff(self.backoff, "retry")

    @property
    def backoff(self) -> Backoff:
        """The waits of this policy, as the rest of the system knows them."""
        return Backoff(self.type, self.base, self.factor, self.cap, self.jitter)

    @staticmethod
    def after(seconds: float, message: str = "") -> RetryAfter:
        """Return the exception that fails this attempt and tries again after `seconds`: raise it."""
        return RetryAfter(seconds, message)
