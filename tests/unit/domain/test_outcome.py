"""What follows from an outcome."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from toril.domain.lifecycle import Event
from toril.domain.outcome import (
    Cancelled,
    Chances,
    Completed,
    ErrorInfo,
    Failed,
    Interrupted,
    Outcome,
    Snoozed,
    decide,
)
from toril.domain.retry import Backoff

ERROR = ErrorInfo("ValueError", "boom", "stack")


def decided(outcome: Outcome, *, failures: int = 0, max_attempts: int = 3) -> tuple[Event, float]:
    chances = Chances(failures, max_attempts, Backoff(jitter=False))
    decision = decide(chances, outcome, Random(0))
    return decision.event, decision.delay


def test_a_result_completes() -> None:
    decision = decide(Chances(2, 3, Backoff()), Completed('{"a":1}'), Random(0))
    assert (decision.event, decision.result, decision.error) == (Event.COMPLETE, '{"a":1}', None)


def test_a_failure_is_retried_with_backoff_until_the_attempts_are_used_up() -> None:
    assert decided(Failed(ERROR), failures=0) == (Event.RETRY, 1)
    assert decided(Failed(ERROR), failures=1) == (Event.RETRY, 2)
    assert decided(Failed(ERROR), failures=2) == (Event.FAIL, 0)


def test_the_handlers_own_wait_wins_over_the_backoff() -> None:
    assert decided(Failed(ERROR, retry_after=0)) == (Event.RETRY, 0)
    assert decided(Failed(ERROR, retry_after=90), failures=1) == (Event.RETRY, 90)
    assert decided(Failed(ERROR, retry_after=90), failures=2) == (Event.FAIL, 0)


def test_what_can_not_be_retried_fails_at_once() -> None:
    assert decided(Failed(ERROR, retryable=False), max_attempts=100) == (Event.FAIL, 0)


def test_snoozes_cancellations_and_interruptions_are_no_failures() -> None:
    assert decided(Snoozed(5), failures=2) == (Event.SNOOZE, 5)
    assert decided(Interrupted(), failures=2) == (Event.INTERRUPT, 0)
    cancelled = decide(Chances(2, 3, Backoff()), Cancelled("withdrawn"), Random(0))
    assert (cancelled.event, cancelled.error) == (Event.CANCEL, ErrorInfo("Cancelled", "withdrawn"))


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_a_failure_is_final_exactly_when_it_is_the_last_allowed(failures: int, max_attempts: int) -> None:
    event, _ = decided(Failed(ERROR), failures=failures, max_attempts=max_attempts)
    assert (event is Event.FAIL) == (failures + 1 >= max_attempts)
