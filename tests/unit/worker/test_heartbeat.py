"""When the heartbeat's thread judges that the event loop is blocked or wedged."""

import os
from uuid import uuid4

import pytest

from toril.domain.events import LoopBlocked, TelemetryEvent
from toril.runtime.clock import RecordClock
from toril.store.connection import Database
from toril.store.workers import WorkerCard
from toril.telemetry.progress import Progress
from toril.worker.heartbeat import EXIT_WEDGED, Heartbeat, Pulse


class Situation:
    """A heartbeat whose thread doesn't run: the test looks in its place."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[TelemetryEvent] = []
        self.event_loop = Progress(lambda: self.now).event_loop
        self.event_loop.moved()
        self._heartbeat = Heartbeat(
            Database("postgresql://"),
            WorkerCard(uuid4(), "host", 1, ["default"], 1, "0"),
            Pulse(every=3.0, blocked_after=4.0, wedged_after=5.0),
            event_loop=self.event_loop,
            clock=RecordClock(),
            running=lambda: ("a handler",),
            lost=lambda: None,
            emit=self.told.append,
        )

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self._heartbeat._watch()
            self.now += 0.5


@pytest.fixture
async def situation(monkeypatch: pytest.MonkeyPatch) -> Situation:
    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    return Situation()


async def test_a_process_that_was_paused_has_a_moment_in_which_its_loop_may_move(
    situation: Situation,
) -> None:
    for _ in range(3):
        situation.now += 3600
        situation.look(times=3)  # on waking, this thread may be the first
        situation.event_loop.moved()
        situation.look()
    assert situation.told == []


async def test_a_loop_that_moves_no_more_is_told_once_and_then_ends_the_process(situation: Situation) -> None:
    situation.look(times=8)  # 4 seconds
    assert situation.told == []
    with pytest.raises(SystemExit) as ended:
        situation.look(times=10)
    assert ended.value.code == EXIT_WEDGED
    assert situation.told == [
        LoopBlocked(5.5, ("a handler",), fatal=True)
    ]  # judged after four looks at which it stood still: by then it is both


async def test_a_loop_that_was_paused_and_is_wedged_too_ends_the_process(situation: Situation) -> None:
    situation.now += 3600
    with pytest.raises(SystemExit):
        situation.look(times=4)
    (blocked,) = situation.told
    assert isinstance(blocked, LoopBlocked)
    assert blocked.fatal
