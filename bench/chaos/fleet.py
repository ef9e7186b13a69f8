"""The processes that are struck, and the supervisor that starts them again, as one would in production.

Two workers, two APIs and the client. Each run of a process has a log of its own; one that ends though nobody
has struck it is remembered, with its last words, and counts against the system.
"""

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.programs import ROOT
from toril.domain.errors import ServerError
from toril.runtime.guarded import Guarded, Program, describe_exit, spawn

_LADDER = (("TERM", 60.0), ("KILL", 5.0))
_RESTART_AFTER = 0.3
_UP_WITHIN = 30.0
_LOOK = 0.05


class NotUp(Exception):
    """A process that was to be struck doesn't run, or doesn't work yet."""


@dataclass
class Member:
    """One place of the fleet, and the process that fills it at present.

    Attributes:
        name: "worker 1".
        command: makes the arguments after `python`, from the number of the run.
        environment: all of it.
        says: what it prints when it works.
        logs: the directory for its logs.
        runs: how often it has been started.
        pid: of the present run; 0 while it isn't known.
        ends: when each run ended, by its process id, on the monotonic clock; infinity while it runs.
        end: resolves to the exit status of the present run.
        struck: whether the end of the present run is our doing.
    """

    name: str
    command: Callable[[int], list[str]]
    environment: Mapping[str, str]
    says: str
    logs: Path
    runs: int = 0
    pid: int = 0
    ends: dict[int, float] = field(default_factory=dict)
    struck: bool = False
    process: Guarded | None = None
    end: "asyncio.Future[int] | None" = None

    @property
    def log(self) -> Path:
        """The log of the present run."""
        return self.logs / f"{self.name.replace(' ', '-').lower()}.{self.runs}.log"

    async def launch(self) -> None:
        """Start the next run."""
        self.runs += 1
        self.pid = 0
        self.struck = False
        self.end = asyncio.get_running_loop().create_future()
        output = os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        argv = [sys.executable, *self.command(self.runs)]
        try:
            self.process = spawn(Program(self.name, argv, _LADDER, self.environment, ROOT, output=output))
        finally:
            os.close(output)
        process = self.process
        self.pid = await asyncio.to_thread(lambda: process.pid)
        self.ends[self.pid] = math.inf

    def works(self) -> bool:
        """Whether the present run has said that it works."""
        running = self.pid and self.end is not None and not self.end.done()
        return bool(running) and self.says in self.log.read_text(errors="replace")

    def strike(self, number: signal.Signals) -> None:
        """Send the present run a signal that ends it."""
        self.struck = True
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


class Fleet:
    """Keeps its members running until it is told to stop them.

    Attributes:
        unasked: what is to be said of processes that ended by themselves.
    """

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self.unasked: list[str] = []

    @property
    def members(self) -> list[Member]:
        """All of them."""
        return list(self._members.values())

    def join(self, *members: Member) -> None:
        """Take in members, without starting them."""
        self._members |= {member.name: member for member in members}

    def start(self, *names: str) -> None:
        """Begin to keep these running."""
        for name in names:
            self._keeping[name] = asyncio.create_task(self._keep(self._members[name]), name=name)

    async def up(self, name: str) -> Member:
        """Wait until a member works, and return it.

        Raises:
            NotUp: it does not within half a minute.
        """
        member = self._members[name]
        try:
            async with asyncio.timeout(_UP_WITHIN):
                while not member.works():  # noqa: ASYNC110  # another process writes the file
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            said = f"It said last: {member.last_words()}" if member.runs else "It was never started."
            raise NotUp(f"{name} doesn't work after {_UP_WITHIN:g} s. {said}") from None
        return member

    async def stop(self, *names: str) -> dict[str, int]:
        """Stop these in order, all at once, and keep them no longer; return their exit statuses."""
        for name in names:
            member = self._members[name]
            if name in self._keeping:
                self._keeping.pop(name).cancel()
            member.strike(signal.SIGCONT)
            if member.process is not None:
                member.process.stop()
        statuses = {}
        for name in names:
            process = self._members[name].process
            if process is not None:
                statuses[name] = await asyncio.to_thread(process.wait)
        return statuses

    def kill(self) -> None:
        """End whatever still runs, at once."""
        for task in self._keeping.values():
            task.cancel()
        for member in self._members.values():
            if member.process is not None and member.process.running():
                with suppress(ProcessLookupError, ServerError):
                    os.kill(member.process.pid, signal.SIGKILL)
                member.process.wait()

    async def _keep(self, member: Member) -> None:
        while True:
            await member.launch()
            assert member.process is not None
            assert member.end is not None
            status = await member.process.ended()
            member.ends[member.pid] = time.monotonic()
            member.end.set_result(status)
            if not member.struck:
                said = f"{member.name} {describe_exit(status)} by itself ({member.log.name})"
                self.unasked.append(f"{said}: {member.last_words()}")
            await asyncio.sleep(_RESTART_AFTER)
