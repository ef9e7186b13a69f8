"""Durations as people write them and as they read them."""

from datetime import UTC, datetime, timedelta

import pytest

from toril.cli.times import ago, milliseconds, span
from toril.domain.errors import InvalidInput

NOW = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("1.5s", 1_500),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("0s", 0),
    ],
)
def test_a_written_duration_becomes_milliseconds(text: str, expected: float) -> None:
    assert milliseconds(text, flag="--delay") == expected


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5s!", "1y", "1e3s", "５s"])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInput, match="--delay can't be") as refused:
        milliseconds(text, flag="--delay")
    assert refused.value.hint


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0 ms"),
        (0.25, "250 ms"),
        (3.21, "3.2 s"),
        (45, "45 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7_200, "2 h"),
        (172_800, "2 d"),
        (31_536_000, "365 d"),
    ],
)
def test_a_duration_is_shown_in_the_unit_that_fits_it(seconds: float, expected: str) -> None:
    assert span(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "now"), (0.9, "now"), (3.7, "3 s ago"), (-3.7, "in 3 s"), (600, "10 min ago"), (-86_400, "in 24 h")],
)
def test_a_moment_is_shown_by_its_distance(seconds: float, expected: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == expected
