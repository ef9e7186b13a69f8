"""Which loops are silent, for how long, and which for too long."""

import asyncio

from tests.conftest import eventually
from toril.telemetry.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_has_nothing_to_do_is_not_silent() -> None:
    progress = Progress(clock := Clock())
    loop = progress.follow("loop", 10)
    assert progress.silences() == []
    loop.begun()
    clock.now += 3
    assert progress.silences() == [("loop", 3.0, 10)]
    loop.idle()
    assert progress.silences() == []


def test_what_was_begun_and_never_done_counts_on() -> None:
    progress = Progress(clock := Clock())
    loop = progress.follow("loop", 10)
    loop.begun()
    clock.now += 8
    loop.begun()
    clock.now += 8
    (silence,) = progress.silences()
    assert (silence.seconds, silence.overdue) == (16, True)
    loop.moved()
    assert progress.silences() == [("loop", 0.0, 10)]


def test_the_loop_nearest_its_limit_comes_first() -> None:
    progress = Progress(clock := Clock())
    progress.follow("long silent, as it may be", 600).moved()
    clock.now += 100
    progress.follow("overdue", 1).moved()
    clock.now += 2
    assert [silence.loop for silence in progress.silences()] == ["overdue", "long silent, as it may be"]


def test_of_two_loops_of_one_name_the_last_is_followed() -> None:
    progress = Progress(Clock())
    progress.follow("loop", 10).begun()
    progress.follow("loop", 20).begun()
    assert progress.silences() == [("loop", 0.0, 20)]


async def test_the_event_loop_moves_by_itself_until_it_is_followed_no_longer() -> None:
    progress = Progress(clock := Clock())
    progress.start()
    clock.now += 3
    assert progress.silences() == [("event loop", 3.0, 5.0)]

    async def moved() -> bool:
        return progress.silences() == [("event loop", 0.0, 5.0)]

    await eventually(moved)
    progress.stop()
    await asyncio.sleep(0)
    assert progress.silences() == []
