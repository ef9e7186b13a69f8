"""Where a scenario takes place: its processes, what was submitted, and the judge of what came of it."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from bench.faults.ledger import VARIABLE, Record
from bench.faults.verdict import Judge, Verdict

from tests.integration.cli.conftest import ROOT, Running
from tests.integration.store.situations import new
from toril.devserver.access import free_port
from toril.operations.recording import JobRecorder

APP = "bench.faults.handlers:app"
SUBMITTER = str(ROOT / "bench" / "faults" / "submitter.py")
LEASE = 2.0
KILLED = 128 + signal.SIGKILL


class Stage:
    """One scenario's surroundings.

    Args:
        folder: for the ledger, and what processes print.
        environment: of the processes.
        judge: watches the database.
        recorder: submits, as an application in this process does.
        told: takes every verdict.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        judge: Judge,
        recorder: JobRecorder,
        told: Callable[[Verdict], None],
    ) -> None:
        self.folder = folder
        self.judge = judge
        self._environment = environment | {VARIABLE: str(folder / "ledger"), "TORIL_LEASE": str(LEASE)}
        self._recorder = recorder
        self._told = told
        self._started: list[Running] = []

    @property
    def record(self) -> Record:
        """What handlers have noted."""
        return Record(self.folder / "ledger")

    def start(self, *arguments: str, at: str = "", sabotage: Sequence[str] = (), **settings: str) -> Running:
        """Start a command, or a program that submits.

        Args:
            arguments: the command.
            at: the point at which it is to die.
            sabotage: further options of the saboteur.
            settings: as keywords: `redis_url=…`.
        """
        folder = self.folder / f"process{len(self._started)}"
        folder.mkdir()
        options = [*(("--at", at) if at else ()), *sabotage]
        module = (
            ("bench.faults.saboteur", *options, "--")
            if options or arguments[0].endswith(".py")
            else ("toril",)
        )
        changes = {f"TORIL_{name.upper()}": value for name, value in settings.items()}
        self._started.append(Running(folder, arguments, self._environment | changes, module))
        return self._started[-1]

    def worker(
        self, *, concurrency: int = 10, at: str = "", sabotage: Sequence[str] = (), **settings: str
    ) -> Running:
        """Start a worker; returns before it takes jobs."""
        arguments = ("worker", "--app", APP, "--concurrency", str(concurrency))
        return self.start(*arguments, at=at, sabotage=sabotage, **settings)

    async def working(self, *workers: Running) -> None:
        """Wait until workers take jobs."""
        await asyncio.gather(*(asyncio.to_thread(each.says, '"worker started"') for each in workers))

    def api(self, port: int, *, at: str = "", sabotage: Sequence[str] = (), **settings: str) -> Running:
        """Start an API; returns before it listens."""
        return self.start("api", "--port", str(port), at=at, sabotage=sabotage, **settings)

    async def listening(self, *apis: Running) -> None:
        """Wait until APIs listen."""
        await asyncio.gather(*(asyncio.to_thread(each.says, "listens on") for each in apis))

    async def submit(
        self, count: int, name: str = "work", seconds: float = 0.0, **options: float
    ) -> list[int]:
        """Submit jobs in one transaction, as an application does; return their ids."""
        jobs = [new(name, payload=f'{{"seconds": {seconds}}}', **options) for _ in range(count)]
        return [submitted.id for submitted in await self._recorder.submit_many(jobs)]

    async def killed(self, *victims: Running, within: float = 30.0) -> float:
        """Wait until processes have killed themselves; return when, on the monotonic clock."""
        for victim in victims:
            status = await asyncio.to_thread(victim.ended, within)
            assert status == KILLED, f"ended with {status} instead of dying:\n{victim.err}"
        return time.monotonic()

    async def stopped(self, *processes: Running) -> float:
        """Stop processes in order; return how long it took."""
        began = time.monotonic()
        for process in processes:
            process.tell(signal.SIGTERM)
        for process in processes:
            status = await asyncio.to_thread(process.ended, 30.0)
            assert status == 0, process.err
        return time.monotonic() - began

    async def ended(self, within: float = 30.0) -> float:
        """Wait until every job has ended; return when, on the monotonic clock."""
        deadline = time.monotonic() + within
        while unended := await self.judge.unended():
            said = "\n".join(f"--- {each.process.args!r}\n{each.err[-3000:]}" for each in self._started)
            assert time.monotonic() < deadline, f"{unended} jobs have not ended within {within:g} s\n{said}"
            await asyncio.sleep(0.05)
        return time.monotonic()

    async def verdict(
        self,
        scenario: str,
        accepted: Collection[int],
        *,
        allowed_extra: int = 0,
        faults: int = 1,
        recovered: float | None = None,
        figures: dict[str, float] | None = None,
        limits: dict[str, float] | None = None,
    ) -> Verdict:
        """Judge the scenario, have it shown, and make sure that all is well."""
        verdict = await self.judge.verdict(
            scenario,
            accepted,
            self.record,
            allowed_extra=allowed_extra,
            faults=faults,
            recovered=recovered,
            figures=figures,
            limits=limits,
        )
        self._told(verdict)
        verdict.assert_held()
        return verdict

    def close(self) -> None:
        """End what still runs."""
        for running in self._started:
            running.process.kill()
            running.process.wait()


def a_port() -> int:
    """Return a port on which an API can be started more than once."""
    return free_port()
