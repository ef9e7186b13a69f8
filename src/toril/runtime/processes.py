"""Keeps a family of child processes running: for `toril up` and for `toril worker --processes N`.

A child that ends unasked is started again after a growing delay, and the caller is told why. SIGINT,
SIGTERM and SIGHUP stop the family stage by stage, the last stage first, each child as gently as its ladder
allows; a second signal hurries everything. Children are guarded (`guarded.py`), so none outlives this
process, not even by kill -9. One event loop, one task per child, no threads.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from toril.domain.errors import ServerError
from toril.runtime.guarded import Guarded, Program, describe_exit, spawn

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STEADY_AFTER = 60.0  # a child that ran this long starts again with the first delay
MISCONFIGURED = 2  # the exit status by which our own commands say that starting them again is pointless
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child(Protocol):
    """Something that runs as one guarded process, again and again: a `Command`, an embedded server."""

    @property
    def name(self) -> str:
        """As messages call it."""

    @property
    def process(self) -> Guarded | None:
        """The latest run, if there was one."""

    def launch(self) -> Guarded:
        """Start it; don't wait until it is ready. A `ServerError` from here ends the whole family."""

    def last_words(self) -> str:
        """What a person should know about how it ended; empty when its output says so itself."""


class Command:
    """A child that is a plain program, printing to our own terminal."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.process: Guarded | None = None

    @property
    def name(self) -> str:
        return self._program.name

    def launch(self) -> Guarded:
        self.process = spawn(self._program)
        return self.process

    def last_words(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A child ended though nobody had asked it to.

    Args:
        name: which child.
        exit_status: 128 + n when signal n ended it.
        last_words: what it left to say, perhaps nothing.
        restart_in: seconds until it is started again.
    """

    name: str
    exit_status: int
    last_words: str
    restart_in: float

    def __str__(self) -> str:
        said = f" {self.last_words}" if self.last_words else ""
        return f"{self.name} {describe_exit(self.exit_status)}; restarting in {self.restart_in:g} s.{said}"


class Supervisor:
    """Runs children in stages, from `run()` until `stop()` or a signal.

    Args:
        stages: children in the order in which they depend on each other; stopped from the last to the first.
        on_ended: called for each child that ended unasked.
    """

    def __init__(self, stages: Sequence[Sequence[Child]], on_ended: Callable[[ChildEnded], None]) -> None:
        self._stages = stages
        self._on_ended = on_ended
        self._failure: ServerError | None = None
        self.stopping = asyncio.Event()
        """Set when the stop has begun."""
        self.starting = False
        """While true, a child that ends is an error that ends the family: restarting would only hide it."""

    async def run(self) -> None:
        """Keep every child running until told to stop; returns when all have ended.

        Raises:
            ServerError: a child can't be started, or said that it never could work. The others were stopped.
        """
        keepers = [[asyncio.create_task(self._keep(child)) for child in stage] for stage in self._stages]
        with self._signals():
            await self.stopping.wait()
            for stage, tasks in zip(reversed(self._stages), reversed(keepers), strict=True):
                for process in running(stage):
                    process.stop()
                await asyncio.gather(*tasks)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Begin to stop, or hurry when that has begun."""
        if self.stopping.is_set():
            for stage in self._stages:
                for process in running(stage):
                    process.hurry()
        self.stopping.set()

    def fail(self, error: ServerError) -> None:
        """Stop everything because of this error, which `run()` then raises."""
        self._failure = self._failure or error
        self.stopping.set()

    async def _keep(self, child: Child) -> None:
        delays, process = growing_delays(), child.process
        try:
            while not self.stopping.is_set():
                started = time.monotonic()
                exit_status = await (process or child.launch()).ended()
                process = None
                if self.stopping.is_set():
                    break
                if time.monotonic() - started > STEADY_AFTER:
                    delays = growing_delays()
                self._judge(child, exit_status)
                await self._pause(ChildEnded(child.name, exit_status, child.last_words(), next(delays)))
        except ServerError as error:
            self.fail(error)
        finally:
            self.stopping.set()  # a keeper ends only when all is to end

    def _judge(self, child: Child, exit_status: int) -> None:
        if self.starting or exit_status == MISCONFIGURED:
            raise ServerError(f"{child.name} {describe_exit(exit_status)}. {child.last_words()}".strip())

    async def _pause(self, ended: ChildEnded) -> None:
        self._on_ended(ended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), ended.restart_in)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def running(stage: Sequence[Child]) -> list[Guarded]:
    return [child.process for child in stage if child.process is not None and child.process.running()]


def growing_delays() -> Iterator[float]:
    delay = FIRST_DELAY
    while True:
        yield delay
        delay = min(delay * 2, LONGEST_DELAY)
