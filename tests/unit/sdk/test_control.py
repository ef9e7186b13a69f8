"""sdk/control.py: retry policies and what handlers raise or return."""

import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from toril.domain.errors import InvalidInput
from toril.domain.retry import MAX_ATTEMPTS, Backoff
from toril.sdk.control import Cancel, ControlFlow, Fail, Retry, RetryAfter, Snooze


def test_a_policy_gives_its_waits_as_a_backoff() -> None:
    policy = Retry(attempts=5, base=2.0, factor=3.0, cap=60.0, type="fixed", jitter=False)
    assert policy.backoff == Backoff("fixed", 2.0, 3.0, 60.0, jitter=False)


def test_a_policy_can_not_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Retry().attempts = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", 0),
        ("attempts", MAX_ATTEMPTS + 1),
        ("attempts", 2.5),
        ("attempts", True),
        ("base", -1),
        ("base", float("nan")),
        ("base", "1"),
        ("factor", 0.5),
        ("factor", float("inf")),
        ("cap", float("inf")),
        ("cap", 10**400),
        ("type", "linear"),
        ("jitter", 1),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_field(field: str, value: object) -> None:
    arguments: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput) as caught:
        Retry(**arguments)
    assert caught.value.field == f"retry.{field}"
    assert caught.value.hint


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "3", None, True])
def test_waits_are_moderate_numbers_of_seconds(seconds: Any) -> None:
    with pytest.raises(InvalidInput):
        Retry.after(seconds)
    with pytest.raises(InvalidInput):
        Snooze(seconds)


def test_retry_after_is_raised_and_says_something() -> None:
    with pytest.raises(RetryAfter, match="30 seconds") as caught:
        raise Retry.after(30)
    assert caught.value.seconds == 30.0
    assert str(Retry.after(30, "rate limited")) == "rate limited"


@pytest.mark.parametrize("error", [Cancel("why"), Fail("no user"), Retry.after(5, "busy")])
def test_control_exceptions_survive_the_way_to_another_process(error: ControlFlow) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
