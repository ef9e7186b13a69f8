"""What came of an attempt, and what follows from it.

`decide` is pure: the worker's executor turns whatever happened into an `Outcome`, this module turns it into a
`Decision`, and the store writes exactly that, fenced by (id, attempt). Delays are relative, so that
PostgreSQL's clock alone says when a job is due again.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from toril.domain.lifecycle import Event
from toril.domain.retry import Backoff, retry_delay


class ErrorInfo(NamedTuple):
    """An error as text; nothing of it is ever turned back into code.

    Attributes:
        kind: the exception's class name, or `Timeout`.
        message: its text.
        stack: the formatted traceback, innermost call last; may be empty.
    """

    kind: str
    message: str
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; `result` is its value as JSON text."""

    result: str = "null"


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed.

    Args:
        error: what to show.
        retryable: False when trying again can't help (`raise Fail(...)`, an invalid payload).
        retry_after: seconds to wait instead of the backoff (`raise Retry.after(...)`).
    """

    error: ErrorInfo
    retryable: bool = True
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The handler asked that the job end without an outcome."""

    reason: str


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The handler asked to be run again later; no failure."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The worker is going down; the job goes back at once, free of charge."""


Outcome = Completed | Failed | Cancelled | Snoozed | Interrupted


class Chances(NamedTuple):
    """What a job has left: its failures so far, how many end it, and how it backs off."""

    failures: int
    max_attempts: int
    backoff: Backoff


class Decision(NamedTuple):
    """What to write.

    Attributes:
        event: the transition to make.
        delay: seconds until the job is due again, for the events that requeue it.
        result: JSON text, for `complete`.
        error: what failed, for `retry` and `fail`; the reason, for `cancel`.
    """

    event: Literal[Event.COMPLETE, Event.FAIL, Event.RETRY, Event.SNOOZE, Event.INTERRUPT, Event.CANCEL]
    delay: float = 0.0
    result: str | None = None
    error: ErrorInfo | None = None


def decide(chances: Chances, outcome: Outcome, rng: Random) -> Decision:
    """Return what follows from `outcome` for a job with these `chances`."""
    match outcome:
        case Completed(result):
            return Decision(Event.COMPLETE, result=result)
        case Failed():
            return _after_failure(chances, outcome, rng)
        case Cancelled(reason):
            return Decision(Event.CANCEL, error=ErrorInfo("Cancelled", reason))
        case Snoozed(seconds):
            return Decision(Event.SNOOZE, delay=seconds)
        case Interrupted():
            return Decision(Event.INTERRUPT)


def _after_failure(chances: Chances, failed: Failed, rng: Random) -> Decision:
    failures = chances.failures + 1
    if not failed.retryable or failures >= chances.max_attempts:
        return Decision(Event.FAIL, error=failed.error)
    if failed.retry_after is not None:
        return Decision(Event.RETRY, delay=failed.retry_after, error=failed.error)
    return Decision(Event.RETRY, delay=retry_delay(chances.backoff, failures, rng), error=failed.error)
