from datetime import UTC, datetime, timedelta

import pytest

from toril.domain.errors import InvalidInput
from toril.operations.schedule import AT_ONCE, Schedule, schedule

NOW = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(("delay", "expected"), [(None, AT_ONCE), (0, AT_ONCE), (1500, Schedule(delay=1.5))])
def test_a_delay_is_relative(delay: float | None, expected: Schedule) -> None:
    assert schedule(delay, None, NOW) == expected


@pytest.mark.parametrize(
    "run_at",
    [
        "2030-01-31T10:00:00+00:00",
        "2030-01-31T10:00:00Z",
        "2030-01-31T11:00+01:00",
        "20300131T100000Z",
        "2030-01-31 10:00:00.000Z",
        (NOW + timedelta(hours=1)).timestamp() * 1000,
    ],
)
def test_a_time_can_be_written_in_several_ways(run_at: float | str) -> None:
    assert schedule(None, run_at, NOW) == Schedule(run_at=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "run_at", ["2030-01-31T09:00:00Z", "1970-01-01T00:00:00Z", 0, NOW.timestamp() * 1000]
)
def test_a_time_that_is_not_ahead_by_our_clock_is_left_to_postgresqls(run_at: float | str) -> None:
    kept = schedule(None, run_at, NOW).run_at
    assert kept is not None
    assert kept <= NOW


@pytest.mark.parametrize(
    ("delay", "run_at", "code", "hint"),
    [
        (0, 0, "conflicting_fields", "give one of them"),
        (None, "2030-01-31T10:00:00", "invalid_value", "add Z"),
        (None, "2030-01-31", "invalid_value", "add Z"),
        (None, "in an hour", "invalid_value", "write it as"),
        (None, "", "invalid_value", "write it as"),
        (None, "2041-01-31T10:00:00Z", "out_of_range", "earlier"),
        (None, "9999-12-31T23:59:59-23:59", "out_of_range", "earlier"),
        (None, 1e15, "out_of_range", "earlier"),
        (None, NOW.timestamp(), "invalid_value", "give milliseconds"),
        (None, NOW.timestamp() + 3600, "invalid_value", "give milliseconds"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    delay: float | None, run_at: float | str, code: str, hint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        schedule(delay, run_at, NOW)

    assert (caught.value.code, caught.value.field) == (code, "run_at")
    assert hint in (caught.value.hint or "")
