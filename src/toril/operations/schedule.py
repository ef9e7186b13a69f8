"""When a job may run: `delay` and `run_at` as clients give them, checked. Pure; the time is an argument."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from toril.domain.errors import InvalidInput
from toril.domain.retry import MAX_DELAY
from toril.operations.decoding import shortened

_EXAMPLE = "2030-01-31T09:00:00+01:00"


class Schedule(NamedTuple):
    """Seconds from the commit, or an absolute time; neither means at once."""

    delay: float = 0.0
    run_at: datetime | None = None


AT_ONCE = Schedule()


def schedule(delay: float | None, run_at: float | str | None, now: datetime) -> Schedule:
    """Return when a job may run.

    Args:
        delay: milliseconds, within its range.
        run_at: ISO 8601 with an offset, or Unix time in milliseconds.
        now: the current time by our clock; a `run_at` that is past by it is kept: PostgreSQL's decides.

    Raises:
        InvalidInput: both are given (`conflicting_fields`), or `run_at` can't be read (`invalid_value`) or
            is more than ten years ahead (`out_of_range`).
    """
    if run_at is None:
        return Schedule(delay=delay / 1000) if delay else AT_ONCE
    if delay is not None:
        raise InvalidInput(
            "delay and run_at both say when to run.",
            code="conflicting_fields",
            field="run_at",
            hint="give one of them",
        )
    wait = _seconds_until(run_at, now)
    if wait > MAX_DELAY:
        raise InvalidInput(
            "run_at is more than ten years ahead.",
            code="out_of_range",
            field="run_at",
            hint="give an earlier time",
        )
    return Schedule(run_at=now + timedelta(seconds=max(wait, -MAX_DELAY)))


def _seconds_until(run_at: float | str, now: datetime) -> float:
    if isinstance(run_at, str):
        return (_parsed(run_at) - now).total_seconds()
    _refuse_seconds(run_at, now.timestamp())
    return run_at / 1000 - now.timestamp()


def _refuse_seconds(run_at: float, now: float) -> None:
    """Refuse Unix time in seconds: as milliseconds it would be 1970, and the job would run at once."""
    if now - 86_400 <= run_at <= now + MAX_DELAY:
        raise InvalidInput(
            "run_at looks like Unix time in seconds.",
            code="invalid_value",
            field="run_at",
            hint=f"give milliseconds: {run_at * 1000:.0f}",
        )


def _parsed(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"run_at is not an ISO 8601 time: {shortened(text)!r}.",
            code="invalid_value",
            field="run_at",
            hint=f"write it as {_EXAMPLE}, or as Unix time in milliseconds",
        ) from None
    if moment.tzinfo is None:
        raise InvalidInput(
            f"run_at has no offset from UTC: {shortened(text)!r}.",
            code="invalid_value",
            field="run_at",
            hint=f"add Z for UTC, or an offset as in {_EXAMPLE}",
        )
    return moment


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
