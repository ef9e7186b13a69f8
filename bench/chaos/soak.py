"""One chaos run: set the stage, load it, strike it, heal it, wait until every job has ended, judge."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.conductor import Conductor
from bench.chaos.display import Display, State
from bench.chaos.evidence import Life
from bench.chaos.findings import Result
from bench.chaos.fleet import NotUp
from bench.chaos.judgement import Case, judge
from bench.chaos.kinds import APIS, CLIENT, WORKERS
from bench.chaos.schedule import Planned
from bench.chaos.stage import Stage, set_stage
from bench.chaos.usage import Usage
from bench.failure import BenchError
from bench.faults.verdict import Judge
from toril.bootstrap import open_reader
from toril.domain.errors import Unavailable
from toril.domain.lifecycle import TERMINAL
from toril.settings import Settings
from toril.store.connection import Database
from toril.store.migrate import migrate
from toril.store.reader import Reader

STUCK_AFTER = 60.0
"""Seconds without a job's end after which what is left is given up as stuck."""
_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    Attributes:
        schedule: the faults.
        seconds: how long jobs are submitted.
        seed: what the schedule was drawn from, and jobs are.
        rate: submissions per second.
    """

    schedule: list[Planned]
    seconds: float
    seed: int
    rate: float


async def soak(order: Order, directory: Path, display: Display) -> Result:
    """Run it.

    Args:
        order: what to run.
        directory: an empty one for everything; it is not removed.
        display: told how it is going.

    Raises:
        TorilError: something could not even be started; says what.
    """
    display.step("Starting PostgreSQL and Valkey")
    with set_stage(directory, order.seed, order.rate) as stage:
        async with open_reader(Settings(database_url=stage.database_url)) as reader:
            return await Run(order, stage, reader, display).hold()


class Run:
    """One run on a stage that is set.

    Args:
        order: what to run.
        stage: where.
        reader: asks how many jobs have ended.
        display: told how it is going.
    """

    def __init__(self, order: Order, stage: Stage, reader: Reader, display: Display) -> None:
        self._order = order
        self._stage = stage
        self._reader = reader
        self._display = display
        self._usage = Usage(stage)
        self._judge = Judge(stage.database_url)
        self._complaints: list[str] = []

    async def hold(self) -> Result:
        """Run it from the first process to the verdict."""
        await self._begin()
        conductor = Conductor(self._stage, self._order.schedule)
        await self._strike(conductor)
        self._display.step("Waiting until every job has ended")
        await self._stop(CLIENT)
        drained = await self._drain()
        await self._stop(*WORKERS, *APIS)
        self._display.step("Judging")
        return await self._sum_up(conductor, drained)

    async def _begin(self) -> None:
        await migrate(Database(self._stage.database_url))
        await self._judge.watch()
        self._display.step("Starting two workers, two APIs and the client")
        try:
            for names in ((*WORKERS, *APIS), (CLIENT,)):
                self._stage.fleet.start(*names)
                for name in names:
                    await self._stage.fleet.up(name)
        except NotUp as error:
            raise BenchError(str(error)) from error

    async def _strike(self, conductor: Conductor) -> None:
        """Carry out the schedule, and submit until the time is up."""
        self._display.step("Submitting", self._order.seconds)
        began = time.monotonic()
        watching = asyncio.create_task(self._watch(conductor, began))
        try:
            await conductor.run()
            await asyncio.sleep(began + self._order.seconds - time.monotonic())
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, conductor: Conductor, began: float) -> None:
        """Show how it is going, and note who uses how much CPU."""
        accepted = done = backlog = 0
        while True:
            self._usage.look()
            accepted = count_lines(self._stage.accepted)
            with suppress(Unavailable):  # PostgreSQL is being struck
                done, backlog = await self._counts()
            faults = tuple(f"{strike.planned.kind}" for strike in conductor.under_way)
            self._display.show(State(time.monotonic() - began, faults, accepted, done, backlog))
            await asyncio.sleep(_LOOK)

    async def _counts(self) -> tuple[int, int]:
        """Return how many jobs have ended, and how many have not."""
        ended = unended = 0
        for queue in await self._reader.queue_counts():
            for status, number in queue.counts.items():
                if status.value in TERMINAL:
                    ended += number
                else:
                    unended += number
        return ended, unended

    async def _stop(self, *names: str) -> None:
        for name, status in (await self._stage.fleet.stop(*names)).items():
            if status:
                self._complaints.append(f"{name} ended with status {status} when it was stopped at the end")

    async def _drain(self) -> float | None:
        """Wait until every job has ended; return the seconds it took, or None if they are stuck."""
        began = moved_at = time.monotonic()
        least = -1
        while time.monotonic() - moved_at < STUCK_AFTER:
            left = await self._judge.unended()
            if not left:
                return time.monotonic() - began
            if left < least or least < 0:
                least, moved_at = left, time.monotonic()
            done, backlog = await self._counts()
            elapsed = time.monotonic() - began
            self._display.show(State(elapsed, (), count_lines(self._stage.accepted), done, backlog))
            await asyncio.sleep(_LOOK / 4)
        return None

    async def _sum_up(self, conductor: Conductor, drained: float | None) -> Result:
        stage, members = self._stage, self._stage.fleet.members
        lives = {pid: Life(member.name, ended) for member in members for pid, ended in member.ends.items()}
        notes = stage.second_notes()
        return await judge(
            Case(stage.database_url, stage.accepted, stage.ledger, notes, lives, conductor.strikes),
            seed=self._order.seed,
            rate=self._order.rate,
            cores=self._usage.cores(),
            drained=drained,
            complaints=[*self._complaints, *stage.fleet.unasked],
        )


def count_lines(file: Path) -> int:
    """Return how many lines a file has; one that is missing has none."""
    return file.read_bytes().count(b"\n") if file.exists() else 0
