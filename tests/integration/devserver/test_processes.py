"""A family of processes: restarted when one falls, stopped in order, ended when one never could work."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from toril.domain.errors import ServerError
from toril.runtime.guarded import Program
from toril.runtime.processes import ChildEnded, Command, Supervisor

# Says in a file when it starts and when it stops; takes its time to stop when told so.
CHILD = """
import signal, sys, time
name, journal, delay = sys.argv[1], open(sys.argv[2], "a"), float(sys.argv[3])
def stop(*_):
    time.sleep(delay)
    print(name, "stopped", file=journal, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print(name, "started", file=journal, flush=True)
while True:
    signal.pause()
"""
LADDER = (("TERM", 600.0), ("KILL", 5.0))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.touch()
    return path


def child(name: str, journal: Path, delay: float = 0) -> Command:
    return Command(Program(name, [sys.executable, "-c", CHILD, name, journal, str(delay)], LADDER))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # it happens in another process
            await asyncio.sleep(0.01)


def lines(journal: Path, end: str) -> list[str]:
    return [line for line in journal.read_text().splitlines() if line.endswith(end)]


@asynccontextmanager
async def running(*stages: list[Command], ended: list[ChildEnded] | None = None) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(stages, on_ended=(ended if ended is not None else []).append)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await task


async def test_stages_are_stopped_from_the_last_to_the_first(journal: Path) -> None:
    async with running([child("server", journal)], [child("worker", journal, 0.2)], [child("api", journal)]):
        await until(lambda: len(lines(journal, "started")) == 3)
    assert lines(journal, "stopped") == ["api stopped", "worker stopped", "server stopped"]


async def test_a_child_that_falls_is_started_again_and_the_reason_told(journal: Path) -> None:
    ended: list[ChildEnded] = []
    worker = child("worker", journal)
    async with running([worker], ended=ended):
        await until(lambda: len(lines(journal, "started")) == 1)
        assert worker.process is not None
        os.kill(worker.process.pid, signal.SIGKILL)
        await until(lambda: len(lines(journal, "started")) == 2)
    assert [str(event) for event in ended] == ["worker was killed by SIGKILL; restarting in 0.5 s."]


async def test_each_fall_in_a_row_makes_the_delay_longer() -> None:
    ended: list[ChildEnded] = []
    async with running([Command(Program("it", [sys.executable, "-c", "exit(1)"]))], ended=ended):
        await until(lambda: len(ended) == 3)
    assert [event.restart_in for event in ended] == [0.5, 1.0, 2.0]


async def test_a_signal_stops_and_a_second_one_hurries(journal: Path) -> None:
    supervisor = Supervisor([[child("worker", journal, 600)]], on_ended=lambda _: None)
    task = asyncio.create_task(supervisor.run())
    await until(lambda: len(lines(journal, "started")) == 1)
    os.kill(os.getpid(), signal.SIGINT)
    await until(supervisor.stopping.is_set)
    os.kill(os.getpid(), signal.SIGINT)
    async with asyncio.timeout(15):
        await task
    assert lines(journal, "stopped") == []


async def test_a_child_that_says_that_it_never_can_work_ends_the_family(journal: Path) -> None:
    hopeless = Command(Program("The worker", [sys.executable, "-c", "exit(2)"]))
    other = child("api", journal)
    with pytest.raises(ServerError, match=r"The worker exited with status 2\."):
        await Supervisor([[hopeless], [other]], on_ended=lambda _: None).run()
    assert other.process is not None
    assert not other.process.running()


async def test_while_starting_any_end_is_an_error() -> None:
    supervisor = Supervisor(
        [[Command(Program("The API", [sys.executable, "-c", "exit(1)"]))]], lambda _: None
    )
    supervisor.starting = True
    with pytest.raises(ServerError, match=r"The API exited with status 1\."):
        await supervisor.run()


async def test_a_stop_during_the_delay_does_not_wait_for_it() -> None:
    ended: list[ChildEnded] = []
    async with asyncio.timeout(15), running([Command(Program("it", ["/nonexistent"]))], ended=ended):
        await until(lambda: len(ended) == 3)
    assert len(ended) == 3
