"""sdk/options.py: what can be said about one job when it is submitted."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from toril.domain.errors import InvalidInput
from toril.domain.job import MAX_PRIORITY
from toril.domain.retry import MAX_ATTEMPTS, MAX_DELAY, Backoff
from toril.sdk.options import NO_OPTIONS, OPTION_NAMES, read_options


def test_without_options_everything_is_as_the_handler_says() -> None:
    assert read_options() == NO_OPTIONS
    nothing: dict[str, Any] = dict.fromkeys(OPTION_NAMES)
    assert read_options(**nothing) == NO_OPTIONS


def test_times_are_seconds_or_timedeltas() -> None:
    assert read_options(delay=30).delay == 30.0
    assert read_options(delay=timedelta(minutes=1)).delay == 60.0
    assert read_options(timeout=timedelta(seconds=1.5)).timeout == 1.5


def test_a_backoff_becomes_json_in_seconds() -> None:
    options = read_options(backoff=Backoff(delay=1.5))
    assert options.backoff == '{"type":"exponential","delay":1.5,"factor":2.0,"cap":3600.0,"jitter":true}'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("delay", -1),
        ("delay", float("nan")),
        ("delay", float("inf")),
        ("delay", MAX_DELAY + 1),
        ("delay", timedelta(seconds=-1)),
        ("delay", "30"),
        ("delay", True),
        ("run_at", "2030-01-01"),
        ("run_at", datetime(2030, 1, 1)),  # noqa: DTZ001  # that is the point
        ("run_at", datetime.max.replace(tzinfo=UTC)),
        ("priority", -1),
        ("priority", MAX_PRIORITY + 1),
        ("priority", 1.0),
        ("attempts", 0),
        ("attempts", MAX_ATTEMPTS + 1),
        ("backoff", {"type": "fixed"}),
        ("timeout", 0),
        ("timeout", -0.1),
        ("timeout", float("nan")),
        ("queue", ""),
        ("queue", "a:b"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name_with_a_remedy(field: str, value: object) -> None:
    arguments: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput) as caught:
        read_options(**arguments)
    assert caught.value.field == field
    assert caught.value.hint


def test_a_backoff_is_refused_by_its_part() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_options(backoff=Backoff(delay=float("inf")))
    assert caught.value.field == "backoff.delay"


def test_delay_and_run_at_exclude_each_other() -> None:
    with pytest.raises(InvalidInput, match="exclude each other"):
        read_options(delay=0, run_at=datetime.now(UTC))


def test_a_naive_time_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(InvalidInput, match="no time zone") as caught:
        read_options(run_at=datetime(2030, 1, 1))  # noqa: DTZ001  # that is the point
    assert "tzinfo=UTC" in (caught.value.hint or "")


def test_times_of_the_calendars_first_day_can_be_moved_between_zones() -> None:
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    run_at = read_options(run_at=first).run_at
    assert run_at is not None
    assert run_at.astimezone(UTC).year == 1970
