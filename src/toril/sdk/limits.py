"""Checks of the numbers that users give, in decorators, options and control exceptions.

Each returns the value in its one canonical form, or raises `InvalidInput` naming the field and what it takes.
"""

from datetime import timedelta

from toril.domain.errors import InvalidInput
from toril.domain.retry import MAX_DELAY, Backoff

MAX_FACTOR = 1_000.0
"""The steepest backoff; retries that grow faster reach the cap at once and mean something else."""


def whole(value: object, field: str, *, low: int, high: int) -> int:
    """Return `value` where it is an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(
            f"{field} can't be {value!r}", field=field, hint=f"give a whole number from {low} to {high:,}"
        )
    return value


def number(value: object, field: str, *, low: float, high: float) -> float:
    """Return `value` as a float where it is a number from `low` to `high`; NaN is not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidInput(
            f"{field} can't be {value!r}", field=field, hint=f"give a number from {low:g} to {high:,.0f}"
        )
    return float(value)


def delay_seconds(value: object, field: str) -> float:
    """Return a delay in seconds, given as a number or a `timedelta`: 0 to `MAX_DELAY`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return _seconds(seconds, value, field, positive=False)


def timeout_seconds(value: object, field: str = "timeout") -> float:
    """Return a timeout in seconds, given as a number or a `timedelta`: above 0, at most `MAX_DELAY`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return _seconds(seconds, value, field, positive=True)


def check_backoff(backoff: object, field: str = "backoff") -> Backoff:
    """Return `backoff` where it is a `Backoff` whose numbers make sense."""
    if not isinstance(backoff, Backoff):
        raise InvalidInput(
            f"{field} can't be {backoff!r}", field=field, hint="give a toril.Backoff(type=…, delay=…)"
        )
    if backoff.type not in ("exponential", "fixed"):
        raise InvalidInput(
            f"{field}.type can't be {backoff.type!r}",
            field=f"{field}.type",
            hint="give 'exponential' or 'fixed'",
        )
    delay_seconds(backoff.delay, f"{field}.delay")
    number(backoff.factor, f"{field}.factor", low=1, high=MAX_FACTOR)
    delay_seconds(backoff.cap, f"{field}.cap")
    if not isinstance(backoff.jitter, bool):
        raise InvalidInput(
            f"{field}.jitter can't be {backoff.jitter!r}", field=f"{field}.jitter", hint="give True or False"
        )
    return backoff


def _seconds(seconds: object, given: object, field: str, *, positive: bool) -> float:
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        # False for NaN, and exact for integers too large for a float.
        in_range = 0 < seconds <= MAX_DELAY if positive else 0 <= seconds <= MAX_DELAY
        if in_range:
            return float(seconds)
    least = "more than 0" if positive else "0"
    raise InvalidInput(
        f"{field} can't be {given!r}",
        field=field,
        hint=f"give seconds (or a timedelta), from {least} to {MAX_DELAY:,.0f}",
    )
